// Package contenttest holds the suite that every content.Store passes, and a
// store in memory that fails on request. Only tests import it.
package contenttest

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/content"
)

// Opened is a store under test and a way to damage what it keeps.
type Opened struct {
	Store  content.Store
	Hash   content.Hash
	Damage func(address crypto.Digest) // changes one bit of the stored copy
}

// Chunk returns the i-th test chunk.
func Chunk(hash content.Hash, i int) content.Chunk {
	data := bytes.Repeat(fmt.Appendf(nil, "chunk %d ", i), 100+i)
	return content.Chunk{Address: hash(data), Data: data}
}

// Run holds a store to the contract of content.Store. open returns an empty
// one.
func Run(t *testing.T, open func(t *testing.T) Opened) {
	for name, test := range map[string]func(*testing.T, Opened){
		"keeps and returns":                keeps,
		"refuses what is not its address":  refusesWrong,
		"refuses oversize":                 refusesOversize,
		"misses are NotFound":              misses,
		"keeping twice is keeping once":    idempotent,
		"damage is detected and mended":    mends,
		"walks in ascending order":         walks,
		"concurrent puts of the same":      concurrent,
		"has room and an identity":         describes,
		"an ended context is not answered": obeysContext,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func put(t *testing.T, s content.Store, c content.Chunk) {
	t.Helper()
	if err := s.Put(t.Context(), c.Address, c.Data); err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, code exchange.Code) {
	t.Helper()
	if got := exchange.CodeOf(err); got != code {
		t.Fatalf("code %q, want %q: %v", got, code, err)
	}
}

func keeps(t *testing.T, o Opened) {
	for i := range 20 {
		c := Chunk(o.Hash, i)
		put(t, o.Store, c)
		got, err := o.Store.Get(t.Context(), c.Address)
		if err != nil || !bytes.Equal(got, c.Data) {
			t.Fatalf("chunk %d: %d bytes, %v", i, len(got), err)
		}
	}
	largest := make([]byte, content.MaxChunk)
	put(t, o.Store, content.Chunk{Address: o.Hash(largest), Data: largest})
	put(t, o.Store, content.Chunk{Address: o.Hash(nil)})
}

func refusesWrong(t *testing.T, o Opened) {
	a, b := Chunk(o.Hash, 1), Chunk(o.Hash, 2)
	wantCode(t, o.Store.Put(t.Context(), a.Address, b.Data), exchange.Corrupt)
	_, err := o.Store.Get(t.Context(), a.Address)
	wantCode(t, err, exchange.NotFound)
}

func refusesOversize(t *testing.T, o Opened) {
	data := make([]byte, content.MaxChunk+1)
	wantCode(t, o.Store.Put(t.Context(), o.Hash(data), data), exchange.Invalid)
}

func misses(t *testing.T, o Opened) {
	c, d := Chunk(o.Hash, 1), Chunk(o.Hash, 2)
	put(t, o.Store, d)
	_, err := o.Store.Get(t.Context(), c.Address)
	wantCode(t, err, exchange.NotFound)
	stored, err := o.Store.Has(t.Context(), []crypto.Digest{c.Address, d.Address})
	if err != nil || stored[0] || !stored[1] {
		t.Fatalf("%v, %v", stored, err)
	}
	if err := o.Store.Delete(t.Context(), c.Address); err != nil {
		t.Fatal(err)
	}
	if err := o.Store.Delete(t.Context(), d.Address); err != nil {
		t.Fatal(err)
	}
	_, err = o.Store.Get(t.Context(), d.Address)
	wantCode(t, err, exchange.NotFound)
}

func idempotent(t *testing.T, o Opened) {
	c := Chunk(o.Hash, 1)
	put(t, o.Store, c)
	put(t, o.Store, c)
	if got := walk(t, o.Store); len(got) != 1 {
		t.Fatalf("%d chunks", len(got))
	}
}

func mends(t *testing.T, o Opened) {
	c := Chunk(o.Hash, 1)
	put(t, o.Store, c)
	o.Damage(c.Address)
	_, err := o.Store.Get(t.Context(), c.Address)
	wantCode(t, err, exchange.Corrupt)
	put(t, o.Store, c)
	if _, err := o.Store.Get(t.Context(), c.Address); err != nil {
		t.Fatal(err)
	}
}

func walk(t *testing.T, s content.Store) (out []content.Info) {
	t.Helper()
	err := s.Walk(t.Context(), func(i content.Info) error {
		out = append(out, i)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func walks(t *testing.T, o Opened) {
	sizes := map[crypto.Digest]int{}
	for i := range 30 {
		c := Chunk(o.Hash, i)
		put(t, o.Store, c)
		sizes[c.Address] = len(c.Data)
	}
	var last crypto.Digest
	for _, i := range walk(t, o.Store) {
		if bytes.Compare(last[:], i.Address[:]) >= 0 || sizes[i.Address] != int(i.Size) {
			t.Fatalf("%v after %s", i, last.Short())
		}
		last = i.Address
		delete(sizes, i.Address)
	}
	if len(sizes) != 0 {
		t.Fatalf("%d chunks were not seen", len(sizes))
	}
}

func concurrent(t *testing.T, o Opened) {
	c := Chunk(o.Hash, 1)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if err := o.Store.Put(t.Context(), c.Address, c.Data); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(walk(t, o.Store)) != 1 {
		t.Fatal("not one chunk")
	}
}

func describes(t *testing.T, o Opened) {
	if o.Store.ID() == [16]byte{} {
		t.Fatal("no identity")
	}
	if s, err := o.Store.Stat(t.Context()); err != nil || s.Free == 0 {
		t.Fatalf("%+v, %v", s, err)
	}
}

func obeysContext(t *testing.T, o Opened) {
	ctx, cancel := newEndedContext()
	defer cancel()
	c := Chunk(o.Hash, 1)
	if err := o.Store.Put(ctx, c.Address, c.Data); err == nil {
		t.Fatal("kept")
	}
	if _, err := o.Store.Get(ctx, c.Address); err == nil {
		t.Fatal("returned")
	}
}
