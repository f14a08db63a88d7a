package pipeline

import (
	"bytes"
	"context"
	"io"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/seal"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

func bytesReader(b []byte) io.Reader { return bytes.NewReader(b) }

// unwrap opens the exchange's key with the domain's own, and checks that the
// manifest committed to it.
func (d *Domain) unwrap(m *exchange.Manifest) (seal.Key, error) {
	for _, w := range m.Wraps {
		if w.Domain != d.Domain {
			continue
		}
		opener, ok := d.Vault.Opener(w.Key)
		if !ok {
			return seal.Key{}, exchange.Errorf(exchange.Unavailable, "pipeline.open", "the key %s that the exchange was wrapped for is not in the key store", w.Key.Short())
		}
		k, err := seal.Unwrap(opener, m.ID, w.Data)
		if err != nil {
			return seal.Key{}, exchange.Errorf(exchange.Corrupt, "pipeline.open", "the wrapped key does not open: %w", err)
		}
		if err := seal.CheckCommitment(d.Provider, m.ID, k, m.Commitment); err != nil {
			return seal.Key{}, exchange.Errorf(exchange.Corrupt, "pipeline.open", "the wrapped key is not the one committed to: %w", err)
		}
		return k, nil
	}
	return seal.Key{}, exchange.Errorf(exchange.Denied, "pipeline.open", "the exchange was not sealed for %s", d.Domain)
}

// chunk returns a sealed chunk of an exchange, by its place in Manifest.Chunks
// and its address there, from the ledger or the content store.
func (d *Domain) chunk(ctx context.Context, id exchange.ID, place uint32, address crypto.Digest) (data []byte, err error) {
	err = d.Log.View(func(r ledger.Reader) error {
		if raw := r.Get(ledger.TableInline, ledger.InlineKey(id, place)); raw != nil {
			data = bytes.Clone(raw)
		}
		return nil
	})
	if err != nil || data != nil {
		return data, err
	}
	return d.Content.Get(ctx, address)
}

// chunks returns how to get the sealed chunks of an exchange by address.
func (d *Domain) chunks(ctx context.Context, m *exchange.Manifest) func(crypto.Digest) ([]byte, error) {
	places := map[crypto.Digest]uint32{}
	for i, address := range m.Chunks() {
		places[address] = uint32(i)
	}
	return func(address crypto.Digest) ([]byte, error) { return d.chunk(ctx, m.ID, places[address], address) }
}

// openPart writes the plaintext of one part.
func (d *Domain) openPart(ctx context.Context, m *exchange.Manifest, k seal.Key, part int, w io.Writer) error {
	p := m.Parts[part]
	s, err := seal.NewSealer(d.Provider, k, m.ID, uint32(part), p.Attempt)
	if err != nil {
		return err
	}
	before := 0
	for _, earlier := range m.Parts[:part] {
		before += len(earlier.Chunks)
	}
	return s.Open(uint32(len(p.Chunks)), func(i uint32) ([]byte, error) {
		return d.chunk(ctx, m.ID, uint32(before)+i, p.Chunks[i])
	}, w)
}

// header opens part 0.
func (d *Domain) header(ctx context.Context, m *exchange.Manifest, k seal.Key) (exchange.Header, error) {
	var b bytes.Buffer
	if len(m.Parts) == 0 {
		return exchange.Header{}, exchange.Errorf(exchange.Corrupt, "pipeline.open", "the manifest has no parts")
	}
	if err := d.openPart(ctx, m, k, 0, &b); err != nil {
		return exchange.Header{}, exchange.Errorf(exchange.Corrupt, "pipeline.open", "the header does not open: %w", err)
	}
	h, err := exchange.Decode[exchange.Header](b.Bytes())
	if err == nil && len(h.Files) != len(m.Parts)-1 {
		err = exchange.Errorf(exchange.Corrupt, "pipeline.open", "the header lists %d files, the manifest %d", len(h.Files), len(m.Parts)-1)
	}
	return h, err
}
