// Package auth authenticates calls: who is the person, of which unit, with
// which duties. Tokens are random; only their SM3 digests are stored.
package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

const (
	tokenPrefix  = "yzt_"
	secretSize   = 32
	maxTokenSize = 128 // longer text is never a token
	tokenContext = "yizhan/token/v1\n"
)

// ErrToken reports text that is not a token. It never repeats the text.
var ErrToken = errors.New("a token has the form yzt_DOMAIN_SECRET")

// base64url without padding, and strict: a token has one spelling.
var secretForm = base64.RawURLEncoding.Strict()

// Token is a bearer token: 32 random bytes and the domain that knows whose it
// is, "yzt_320582_…". Printing one by fmt, slog or JSON shows no secret.
type Token struct {
	domain exchange.Domain
	secret [secretSize]byte
}

// NewToken makes a token of a domain from a source of randomness.
func NewToken(d exchange.Domain, random io.Reader) (Token, error) {
	t := Token{domain: d}
	if !d.Valid() {
		return Token{}, fmt.Errorf("%w: %q is not a domain", ErrToken, d)
	}
	if _, err := io.ReadFull(random, t.secret[:]); err != nil {
		return Token{}, fmt.Errorf("reading randomness for a token: %w", err)
	}
	return t, nil
}

// ParseToken reads the text of a token.
func ParseToken(s string) (Token, error) {
	rest, ok := strings.CutPrefix(s, tokenPrefix)
	if !ok || len(s) > maxTokenSize || strings.ContainsAny(s, "\r\n") {
		return Token{}, ErrToken
	}
	domain, secret, ok := strings.Cut(rest, "_")
	t := Token{domain: exchange.Domain(domain)}
	if !ok || !t.domain.Valid() || len(secret) != secretForm.EncodedLen(secretSize) {
		return Token{}, ErrToken
	}
	if _, err := secretForm.Decode(t.secret[:], []byte(secret)); err != nil {
		return Token{}, ErrToken
	}
	return t, nil
}

// Domain is the domain that knows whose token it is.
func (t Token) Domain() exchange.Domain { return t.domain }

// Reveal returns the text of the token, to be shown once to its owner.
func (t Token) Reveal() string {
	return tokenPrefix + string(t.domain) + "_" + secretForm.EncodeToString(t.secret[:])
}

// Digest is what is stored instead of the token. sum is SM3 of the provider in
// use. The domain is covered, so a token never counts in another domain.
func (t Token) Digest(sum func(parts ...[]byte) crypto.Digest) crypto.Digest {
	return sum([]byte(tokenContext), []byte(t.domain), []byte{'\n'}, t.secret[:])
}

// Format implements fmt.Formatter: no verb shows the secret.
func (t Token) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, tokenPrefix+string(t.domain)+"_…")
}

// MarshalText implements encoding.TextMarshaler, without the secret, for logs.
func (t Token) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(t)), nil }
