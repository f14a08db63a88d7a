package contenttest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/content"
)

// Memory is a content.Store in memory, and a content.Peer of the name it was
// made with. Fault, when set, runs before each call of either and may wait or
// fail.
type Memory struct {
	name  exchange.Replica
	hash  content.Hash
	id    [16]byte
	mu    sync.Mutex
	kept  map[crypto.Digest][]byte
	fault func(ctx context.Context, call string) error
}

var _ content.Store = (*Memory)(nil)

// NewMemory returns an empty store.
func NewMemory(name exchange.Replica, hash content.Hash) *Memory {
	m := &Memory{name: name, hash: hash, kept: map[crypto.Digest][]byte{}}
	copy(m.id[:], "store of "+name)
	return m
}

// SetFault replaces the fault; nil for none. call is "put", "get", "has".
func (m *Memory) SetFault(f func(ctx context.Context, call string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = f
}

func (m *Memory) before(ctx context.Context, call string) error {
	m.mu.Lock()
	f := m.fault
	m.mu.Unlock()
	if f != nil {
		if err := f(ctx, call); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Damage changes one bit of a kept chunk.
func (m *Memory) Damage(a crypto.Digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := bytes.Clone(m.kept[a])
	b[0] ^= 1
	m.kept[a] = b
}

// Len returns how many chunks are kept.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.kept)
}

// ID implements content.Store.
func (m *Memory) ID() [16]byte { return m.id }

// Put implements content.Store.
func (m *Memory) Put(ctx context.Context, a crypto.Digest, data []byte) error {
	if err := m.before(ctx, "put"); err != nil {
		return err
	}
	switch {
	case len(data) > content.MaxChunk:
		return exchange.Errorf(exchange.Invalid, "memory", "too large")
	case m.hash(data) != a:
		return exchange.Errorf(exchange.Corrupt, "memory", "wrong digest")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept[a] = bytes.Clone(data)
	return nil
}

// Get implements content.Store.
func (m *Memory) Get(ctx context.Context, a crypto.Digest) ([]byte, error) {
	if err := m.before(ctx, "get"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.kept[a]
	switch {
	case !ok:
		return nil, exchange.Errorf(exchange.NotFound, "memory", "no such chunk")
	case m.hash(data) != a:
		return nil, exchange.Errorf(exchange.Corrupt, "memory", "damaged")
	}
	return data, nil
}

// Has implements content.Store.
func (m *Memory) Has(ctx context.Context, addresses []crypto.Digest) ([]bool, error) {
	if err := m.before(ctx, "has"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]bool, len(addresses))
	for i, a := range addresses {
		_, out[i] = m.kept[a]
	}
	return out, nil
}

// Delete implements content.Store.
func (m *Memory) Delete(ctx context.Context, a crypto.Digest) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.kept, a)
	return ctx.Err()
}

// Walk implements content.Store.
func (m *Memory) Walk(ctx context.Context, fn func(content.Info) error) error {
	m.mu.Lock()
	kept := maps.Clone(m.kept)
	m.mu.Unlock()
	order := slices.SortedFunc(maps.Keys(kept), func(a, b crypto.Digest) int { return bytes.Compare(a[:], b[:]) })
	for _, a := range order {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(content.Info{Address: a, Size: int64(len(kept[a]))}); err != nil {
			return err
		}
	}
	return nil
}

// Stat implements content.Store.
func (m *Memory) Stat(context.Context) (content.Stat, error) {
	return content.Stat{Free: 1 << 40, Total: 1 << 40}, nil
}

// Peer returns the store as another replica sees it.
func (m *Memory) Peer() content.Peer { return peer{m} }

type peer struct{ m *Memory }

func (p peer) Replica() exchange.Replica { return p.m.name }

func (p peer) Put(ctx context.Context, a crypto.Digest, data []byte) ([16]byte, error) {
	return p.m.id, p.m.Put(ctx, a, data)
}

func (p peer) Get(ctx context.Context, a crypto.Digest) ([]byte, error) { return p.m.Get(ctx, a) }

func (p peer) Has(ctx context.Context, addresses []crypto.Digest) ([16]byte, []bool, error) {
	stored, err := p.m.Has(ctx, addresses)
	return p.m.id, stored, err
}

func newEndedContext() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx, cancel
}
