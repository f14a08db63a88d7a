package test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/seal"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/content"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// host is what somebody has who took over a machine: its disk, and what opens
// its key store.
type host struct {
	provider  sm.Provider
	keys      []crypto.Opener // every private key in the store
	manifests map[exchange.ID]exchange.Manifest
	inline    map[crypto.Digest][]byte
	chunks    *content.Local
}

// openHost opens everything below the directory of a stopped process.
func openHost(t *testing.T, dir string) *host {
	t.Helper()
	n, err := config.Load(filepath.Join(dir, "node.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d := n.Domains[0]
	h := &host{manifests: map[exchange.ID]exchange.Manifest{}, inline: map[crypto.Digest][]byte{}}
	if h.provider, err = sm.New(n.Crypto.Provider); err != nil {
		t.Fatal(err)
	}
	h.keys = everyKey(t, h.provider, d)
	if h.chunks, err = content.Open(filepath.Join(n.Data, string(d.Domain), "content"), content.Options{Hash: h.provider.Sum}); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(filepath.Join(n.Data, string(d.Domain), "state"), store.Options{Hash: h.provider.Sum})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.View(h.read); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return h
}

func everyKey(t *testing.T, p sm.Provider, d config.Domain) (out []crypto.Opener) {
	t.Helper()
	lock, err := d.Unlock.Lock()
	if err != nil {
		t.Fatal(err)
	}
	vault, err := trust.OpenStore(d.Keys, p, rand.Reader, lock)
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(d.Keys, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		var id crypto.KeyID
		if n, err := hex.Decode(id[:], []byte(strings.TrimSuffix(file.Name(), ".pem"))); err != nil || n != len(id) {
			t.Fatalf("%s names no key: %v", file.Name(), err)
		}
		opener, ok := vault.Opener(id)
		if !ok {
			t.Fatalf("the key %s does not open", id)
		}
		out = append(out, opener)
	}
	if len(out) != 4 { // to sign and to encrypt, of the domain and of the replica
		t.Fatalf("%d keys in %s", len(out), d.Keys)
	}
	return out
}

func (h *host) read(r ledger.Reader) (err error) {
	r.Scan(ledger.TableExchange, nil, nil, func(key, _ []byte) bool {
		var x ledger.Stored
		if x, _, err = ledger.Find(r, exchange.ID(key)); err == nil {
			h.manifests[x.M.ID] = x.M
		}
		return err == nil
	})
	r.Scan(ledger.TableInline, nil, nil, func(_, value []byte) bool {
		h.inline[h.provider.Sum(value)] = bytes.Clone(value)
		return true
	})
	return err
}

// unlock tries every key on every wrap, whoever a wrap says that it is for.
func (h *host) unlock(m exchange.Manifest) (k seal.Key, ok bool) {
	for _, w := range m.Wraps {
		for _, key := range h.keys {
			if k, err := seal.Unwrap(key, m.ID, w.Data); err == nil {
				return k, true
			}
		}
	}
	return k, false
}

func (h *host) opensNone(t *testing.T, ids map[exchange.ID]*client.Client) {
	t.Helper()
	for id := range ids {
		m, ok := h.manifests[id]
		if !ok {
			t.Fatalf("%s is not stored; nothing was tried", id)
		}
		if _, ok := h.unlock(m); ok {
			t.Errorf("a key of the host opens %s of %s", id, m.From)
		}
	}
}

// opens is the other side: what was sent to this domain opens with the same
// keys, tried in the same way.
func (h *host) opens(t *testing.T, id exchange.ID, want []byte) {
	t.Helper()
	m := h.manifests[id]
	k, ok := h.unlock(m)
	if !ok {
		t.Fatalf("no key of the host opens %s, which was sent to it", id)
	}
	header, err := exchange.Decode[exchange.Header](h.part(t, m, k, 0))
	if err != nil || header.Title != markers["title"] || header.Files[0].Name != markers["file name"] {
		t.Errorf("the header is %+v, %v", header, err)
	}
	if got := h.part(t, m, k, 1); !bytes.Equal(got, want) || len(leaked(got)) == 0 {
		t.Errorf("%d bytes of %d came back", len(got), len(want))
	}
}

func (h *host) part(t *testing.T, m exchange.Manifest, k seal.Key, i int) []byte {
	t.Helper()
	s, err := seal.NewSealer(h.provider, k, m.ID, uint32(i), m.Parts[i].Attempt)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = s.Open(uint32(len(m.Parts[i].Chunks)), func(n uint32) ([]byte, error) {
		if b, ok := h.inline[m.Parts[i].Chunks[n]]; ok {
			return b, nil
		}
		return h.chunks.Get(context.Background(), m.Parts[i].Chunks[n])
	}, &out)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
