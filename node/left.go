package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// leftFile remembers that this replica's part in its domain has ended: it may be
// started again where it can reach nobody who would tell it so once more.
const leftFile = "left.json"

// left is the file.
type left struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// leave ends this replica's part in its domain. What it holds stays where it is
// and is not served any more; the node stays for the others that it hosts.
func (h *hosted) leave(why error) {
	h.noteLeft(why)
	h.group.Stop(why)
	for _, d := range h.node.order {
		if h.node.hosted[d].gone() == nil {
			return
		}
	}
	select {
	case <-h.node.up:
		h.node.api.SetServing(false)
	case <-h.node.ctx.Done():
	}
}

// noteLeft remembers why, here and on the disk.
func (h *hosted) noteLeft(why error) {
	if h.left.Swap(&why) != nil {
		return
	}
	if err := writeLeft(h.node.dir(h.config, leftFile), left{why.Error(), time.Now()}); err != nil {
		h.node.log.Error("this replica has left its domain, which could not be noted; do not start it again", "domain", h.config.Domain, "err", err)
	}
}

// gone tells callers to go elsewhere when this replica has left its domain.
func (h *hosted) gone() error {
	if why := h.left.Load(); why != nil {
		return exchange.Errorf(exchange.Unavailable, "node.left", "this node hosts %s no more: %w", h.config.Domain, *why)
	}
	return nil
}

// loadLeft reads what an earlier process noted.
func (h *hosted) loadLeft() error {
	l, found, err := readLeft(h.node.dir(h.config, ""))
	if found && err == nil {
		why := errors.New(l.Reason)
		h.left.Store(&why)
	}
	return err
}

func readLeft(dir string) (l left, found bool, err error) {
	b, err := os.ReadFile(filepath.Join(dir, leftFile))
	if errors.Is(err, fs.ErrNotExist) {
		return l, false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &l)
	}
	if err != nil {
		return l, true, fmt.Errorf("whether this replica has left its domain cannot be read: %w", err)
	}
	return l, true, nil
}

func writeLeft(path string, l left) error {
	b, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
