package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/content"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// Failures of Node that somebody can do something about.
var (
	// ErrRunning reports that the node has its stores open.
	ErrRunning = errors.New("the node is running")
	// ErrNothing reports a data directory without a replica of the domain.
	ErrNothing = errors.New("nothing is stored here")
)

// Node checks every replica that a node keeps. The node must be stopped: its
// stores are locked meanwhile. Provider and Anchor of the options are taken
// from its configuration. Reports come in the order of the configuration; the
// error tells which replica could not be checked.
func Node(ctx context.Context, conf *config.Node, o Options) ([]*Report, error) {
	p, err := sm.New(conf.Crypto.Provider)
	if err != nil {
		return nil, err
	}
	o.Provider = p
	var out []*Report
	for i := range conf.Domains {
		d := &conf.Domains[i]
		report, err := replica(ctx, filepath.Join(conf.Data, string(d.Domain)), d, o)
		if report != nil {
			out = append(out, report)
		}
		if err != nil {
			return out, fmt.Errorf("domain %s: %w", d.Domain, err)
		}
	}
	return out, nil
}

// replica checks what is in one directory. The ledger is opened first, because
// its lock tells whether the node is running.
func replica(ctx context.Context, dir string, d *config.Domain, o Options) (report *Report, err error) {
	for _, part := range []string{"state/state.db", "content/chunks"} {
		if _, err := os.Stat(filepath.Join(dir, part)); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s is missing", ErrNothing, filepath.Join(dir, part))
		}
	}
	if o.Signatures {
		if o.Anchor, err = trust.LoadAnchor(d.Anchor); err != nil {
			return nil, err
		}
	}
	state, err := store.Open(filepath.Join(dir, "state"), store.Options{Hash: o.Provider.Sum})
	if errors.Is(err, store.ErrInUse) {
		return nil, fmt.Errorf("%w: %w", ErrRunning, err)
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	chunks, err := content.Open(filepath.Join(dir, "content"), content.Options{Hash: o.Provider.Sum})
	if err != nil {
		return nil, err
	}
	err = state.View(func(r ledger.Reader) (err error) {
		report, err = Domain(ctx, r, chunks, o)
		return err
	})
	if report != nil {
		report.Domain, report.Replica = d.Domain, d.Replica
	}
	return report, err
}

// Replicas compares reports: replicas of one domain at equal index hold the
// same, or one of them is wrong.
func Replicas(reports ...*Report) []Finding {
	type place struct {
		domain exchange.Domain
		index  uint64
	}
	var out []Finding
	first := map[place]*Report{}
	for _, r := range reports {
		at := place{r.Domain, r.Index}
		other := first[at]
		if other == nil {
			first[at] = r
			continue
		}
		if other.Digest != r.Digest || other.AuditRoot != r.AuditRoot {
			out = append(out, Finding{Code: ReplicasDiverged, Object: string(r.Domain), Severity: Error,
				Message: fmt.Sprintf("%s and %s differ at index %d", other.Replica, r.Replica, r.Index)})
		}
	}
	return out
}
