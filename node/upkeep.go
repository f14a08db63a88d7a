package node

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/backup"
	"github.com/yizhan-exchange/yizhan/node/replica"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// currentTimeout bounds how long a backup or a check waits to be told what the
// domain committed last. Without a majority it goes on with what is here.
const currentTimeout = 5 * time.Second

const opBackup = "node.backup"

// upkeep is exchange.Upkeep over one hosted domain.
type upkeep struct{ h *hosted }

// busy lets one copy of a ledger be made at a time: each needs as much room as
// the ledger has.
type busy struct{ on atomic.Bool }

func (n *Node) upkeepOf(d exchange.Domain) (exchange.Upkeep, bool) {
	h := n.hosted[d]
	if h == nil {
		return nil, false
	}
	return upkeep{h}, true
}

// MakeBackup implements exchange.Upkeep.
func (u upkeep) MakeBackup(ctx context.Context, w io.Writer) error {
	h := u.h
	s, err := h.backupSource()
	if err != nil {
		return err
	}
	h.current(ctx)
	copied, err := h.copyState(opBackup)
	if err != nil {
		return err
	}
	s.At, s.State = h.node.options.Clock(), copied
	defer h.dropCopy(copied)
	st, err := backup.Make(ctx, w, s)
	if err != nil {
		return err
	}
	h.node.log.Info("backup made", "domain", h.config.Domain, "index", st.Contents.Index, "chunks", st.Contents.Chunks, "missing", st.Contents.Missing)
	return nil
}

// Snapshot implements exchange.Upkeep.
func (u upkeep) Snapshot(ctx context.Context) (exchange.Snapshot, error) {
	if err := u.h.group.Snapshot(ctx); err != nil {
		return exchange.Snapshot{}, err
	}
	s := u.h.group.Status()
	return exchange.Snapshot{Replica: u.h.config.Replica, Index: s.Snapshot, Applied: s.Applied}, nil
}

// backupSource is what a backup is made of, but for the state.
func (h *hosted) backupSource() (s backup.Source, err error) {
	n, c := h.node, h.config
	if c.BackupKey == "" {
		return s, exchange.Errorf(exchange.Invalid, opBackup, "node.yaml names no backup_key for %s: make a pair with \"yizhan cluster backup-key\", keep its private half away from the machines, and name the public half", c.Domain)
	}
	s = backup.Source{Domain: c.Domain, Replica: c.Replica, Program: n.options.Version, Provider: n.provider, Random: n.options.Random,
		Clock: n.options.Clock, Chunk: h.content.Get, Lock: backup.LockKind(c.Unlock)}
	if s.Offline, err = backup.LoadPublic(c.BackupKey, n.provider); err != nil {
		return s, exchange.Errorf(exchange.Invalid, opBackup, "backup_key of %s cannot be used: %w", c.Domain, err)
	}
	keys, pair, err := h.vault.DomainIdentity()
	if err != nil {
		return s, err
	}
	s.Signer, s.Pair = keys.Sign, pair
	s.Files, err = backup.Files(n.config, c, h.vault, n.options.ConfigDir)
	return s, err
}

// current waits, for a while, until this replica has what the domain committed
// last.
func (h *hosted) current(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, currentTimeout)
	defer cancel()
	router := &replica.Router{Self: h.config.Replica, Group: h.group, Client: h.peers.Client}
	if err := router.ReadCurrent(ctx); err != nil {
		h.node.log.Warn("what is copied may be behind: nobody could tell what was committed last", "domain", h.config.Domain, "err", err)
	}
}

// copyState makes a copy of the ledger, if there is room for it and no other
// copy. Give it to dropCopy.
func (h *hosted) copyState(op string) (*store.Copy, error) {
	if h.copying.on.Swap(true) {
		return nil, exchange.Errorf(exchange.Exhausted, op, "a backup or a check of %s is being made on replica %s already; wait for it, or ask another replica", h.config.Domain, h.config.Replica)
	}
	c, err := h.copyWithRoom(op)
	if err != nil {
		h.copying.on.Store(false)
	}
	return c, err
}

func (h *hosted) copyWithRoom(op string) (*store.Copy, error) {
	snap, err := h.store.Snapshot()
	if err != nil {
		return nil, err
	}
	need := uint64(snap.Size())
	if err := snap.Close(); err != nil {
		return nil, err
	}
	if s, err := h.local.Stat(h.node.ctx); err == nil && s.Free < need+s.Reserved {
		return nil, exchange.Errorf(exchange.Exhausted, op, "a copy of the ledger needs %d MiB and leaves less free than limits.free_disk on replica %s: make room, or ask another replica", need>>20, h.config.Replica)
	}
	return h.store.Copy()
}

func (h *hosted) dropCopy(c *store.Copy) {
	if err := c.Close(); err != nil {
		h.node.log.Warn("a copy of the ledger could not be removed; the next start removes it", "domain", h.config.Domain, "err", err)
	}
	h.copying.on.Store(false)
}
