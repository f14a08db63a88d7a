package directory

import (
	"bytes"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// MaxStatement bounds one signed statement, in bytes, so that it fits in an
// entry of the log with room to spare.
const MaxStatement = 448 << 10

// read decodes a directory statement and checks what it says by itself. It
// proves nothing yet.
func (b *Book) read(s crypto.Signed) (*statement, error) {
	body, err := bodyOf(s, crypto.ContextDirectory)
	if err != nil {
		return nil, err
	}
	d, ok := decode[exchange.Directory](body)
	if !ok {
		return nil, fail(ErrMalformed, "the directory statement cannot be read; ask its issuer to send it again")
	}
	st := &statement{Directory: d, signed: s, digest: b.provider.Sum(s.Bytes)}
	return st, st.check()
}

// decode reads a body that is in its one deterministic encoding, so that no two
// readers understand it differently.
func decode[T any](body []byte) (T, bool) {
	v, err := exchange.Decode[T](body)
	return v, err == nil && bytes.Equal(exchange.Encode(v), body)
}

func bodyOf(s crypto.Signed, context string) ([]byte, error) {
	if len(s.Bytes) > MaxStatement {
		return nil, fail(ErrMalformed, "the statement has %d bytes, at most %d", len(s.Bytes), MaxStatement)
	}
	body, ok := s.Body(context)
	if !ok {
		return nil, fail(ErrContext, "the bytes do not begin with %q", context)
	}
	return body, nil
}

func (st *statement) check() error {
	switch {
	case !st.Issuer.Valid():
		return fail(ErrMalformed, "%q is not the name of a domain", st.Issuer)
	case !numbered(st.Number, st.Prev):
		return fail(ErrMalformed, "directory %d of %s: number 1, and only it, has no statement before it", st.Number, st.Issuer)
	case st.NotBefore <= 0 || st.NotBefore >= st.NotAfter:
		return fail(ErrMalformed, "directory %d of %s ends before it begins", st.Number, st.Issuer)
	}
	seen := map[exchange.Domain]bool{}
	for i := range st.Children {
		c := &st.Children[i]
		if !c.Domain.Valid() || c.Level.String() == "" || seen[c.Domain] {
			return fail(ErrMalformed, "directory %d of %s lists %q twice, without a level, or under a name no domain has", st.Number, st.Issuer, c.Domain)
		}
		seen[c.Domain] = true
	}
	for _, r := range st.Revoked {
		if r.Key == (crypto.KeyID{}) || r.Since <= 0 {
			return fail(ErrMalformed, "directory %d of %s revokes without a key or a time", st.Number, st.Issuer)
		}
	}
	return nil
}

// numbered reports whether a number and a Prev go together.
func numbered(number uint64, prev crypto.Digest) bool {
	return number > 0 && (number == 1) == prev.IsZero()
}

// self returns what the root states about itself.
func (st *statement) self() (exchange.DomainInfo, bool) {
	for _, c := range st.Children {
		if c.Domain == st.Issuer {
			return c, true
		}
	}
	return exchange.DomainInfo{}, false
}
