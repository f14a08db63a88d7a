// Package wire converts between the types of the domain and the messages of
// the API, both ways, for the server and the client alike. Encode functions
// cannot fail. Decode functions fail with Corrupt when the other side sent
// something that is not well formed; they never guess.
package wire

import (
	"encoding/hex"
	"math"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// decoder remembers the first thing that was not well formed.
type decoder struct{ err error }

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = exchange.Errorf(exchange.Corrupt, "wire.decode", "the message holds no well-formed %s", what)
	}
}

func (d *decoder) id(s string) exchange.ID {
	if s == "" {
		return exchange.ID{}
	}
	id, err := exchange.ParseID(s)
	if err != nil {
		d.fail("exchange id")
	}
	return id
}

func (d *decoder) digest(s string) crypto.Digest {
	if s == "" {
		return crypto.Digest{}
	}
	v, err := crypto.ParseDigest(s)
	if err != nil {
		d.fail("digest")
	}
	return v
}

func (d *decoder) key(s string) (k crypto.KeyID) {
	if s == "" {
		return k
	}
	if n, err := hex.DecodeString(s); err != nil || copy(k[:], n) != len(k) || len(n) != len(k) {
		d.fail("key id")
	}
	return k
}

func (d *decoder) signature(der []byte) crypto.Signature {
	if len(der) == 0 {
		return crypto.Signature{}
	}
	s, err := crypto.ParseSignature(der)
	if err != nil {
		d.fail("signature")
	}
	return s
}

func encodeID(id exchange.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

func encodeDigest(v crypto.Digest) string {
	if v.IsZero() {
		return ""
	}
	return v.String()
}

// each converts a list; an empty one becomes nil.
func each[A, B any](in []A, convert func(A) B) []B {
	if len(in) == 0 {
		return nil
	}
	out := make([]B, len(in))
	for i, v := range in {
		out[i] = convert(v)
	}
	return out
}

// texts converts between lists of named strings.
func texts[B, A ~string](in []A) []B {
	return each(in, func(v A) B { return B(v) })
}

// small converts a count, which is never negative and never huge.
func small(n int) uint32 { return uint32(max(0, min(int64(n), math.MaxUint32))) }
