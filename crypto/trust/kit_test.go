package trust

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

const county = "320582"

var (
	begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	noon  = begin.Add(30 * 24 * time.Hour)
	year  = 365 * 24 * time.Hour
	quick = Cost{Passes: 1, Memory: 64, Threads: 1}
)

// both runs a test with either provider.
func both(t *testing.T, run func(t *testing.T, p sm.Provider)) {
	t.Helper()
	for _, name := range []string{sm.Emmansun, sm.TJFOC} {
		t.Run(name, func(t *testing.T) {
			p, err := sm.New(name)
			check(t, err)
			run(t, p)
		})
	}
}

func provider(t testing.TB) sm.Provider {
	p, err := sm.New("")
	check(t, err)
	return p
}

// authority is a root valid for ten years from begin that issues at noon.
func authority(t testing.TB, p sm.Provider) *CA {
	t.Helper()
	ca, err := NewCA(p, rand.Reader, "Trial Root", begin, 10*year)
	check(t, err)
	return ca.WithValidity(noon, year)
}

func newKeys(t testing.TB, p sm.Provider) Keys {
	t.Helper()
	sign, err := p.GenerateKey(rand.Reader)
	check(t, err)
	encrypt, err := p.GenerateKey(rand.Reader)
	check(t, err)
	return Keys{Sign: sign, Encrypt: encrypt}
}

func issue(t testing.TB, ca *CA, p sm.Provider, domain string) (Keys, Pair) {
	t.Helper()
	k := newKeys(t, p)
	pair, err := ca.IssuePair(domain, k.Sign.Public(), k.Encrypt.Public())
	check(t, err)
	return k, pair
}

func verifier(t testing.TB, p sm.Provider, cas ...*CA) *Verifier {
	t.Helper()
	v, err := NewVerifier(p, anchorOf(cas...))
	check(t, err)
	return v
}

func anchorOf(cas ...*CA) Anchor {
	a := Anchor{Root: "320000"}
	for _, ca := range cas {
		a.CAs = append(a.CAs, ca.Certificate.Raw)
	}
	return a
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused fails the test unless err is of the class.
func refused(t testing.TB, err, class error) {
	t.Helper()
	if !errors.Is(err, class) {
		t.Fatalf("got %v, want %v", err, class)
	}
}

func mustURL(t testing.TB, s string) *url.URL {
	u, err := url.Parse(s)
	check(t, err)
	return u
}

// printed is what careless logging could show of a value.
func printed(v any) string { return fmt.Sprintf("%v %+v %#v %s %x %q", v, v, v, v, v, v) }

func hexOf(b []byte) string { return hex.EncodeToString(b) }

func pemOf(c *Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: c.Raw})
}
