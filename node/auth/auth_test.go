package auth_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/auth"
)

func sum(t testing.TB) func(...[]byte) crypto.Digest {
	t.Helper()
	p, err := sm.New(sm.Emmansun)
	if err != nil {
		t.Fatal(err)
	}
	return p.Sum
}

func newToken(t testing.TB, d exchange.Domain) auth.Token {
	t.Helper()
	tok, err := auth.NewToken(d, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

var liMing = exchange.Caller{Unit: "wjw@320582", Person: "li.ming", Duties: []exchange.Duty{exchange.Handler}}

type desk struct {
	*auth.Bearer
	tokens *auth.Static
	token  auth.Token
	now    time.Time
}

func open(t *testing.T) *desk {
	t.Helper()
	d := &desk{tokens: &auth.Static{}, token: newToken(t, "320582"), now: time.Unix(1_800_000_000, 0)}
	d.tokens.Add(d.token.Digest(sum(t)), liMing)
	var err error
	d.Bearer, err = auth.NewBearer(auth.BearerConfig{
		Tokens: d.tokens, Sum: sum(t), Burst: 3, Refill: time.Second, Now: func() time.Time { return d.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) code(authorization, source string) exchange.Code {
	_, err := d.Authenticate(context.Background(), authorization, source)
	return exchange.CodeOf(err)
}

func TestATokenNamesItsOwner(t *testing.T) {
	d := open(t)
	got, err := d.Authenticate(context.Background(), "Bearer "+d.token.Reveal(), "10.1.2.3:4711")
	if err != nil || got.Unit != liMing.Unit || got.Person != liMing.Person || !got.Has(exchange.Handler) {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestWhateverIsWrongTheAnswerIsTheSame(t *testing.T) {
	d := open(t)
	other := newToken(t, "320582")
	moved := strings.Replace(d.token.Reveal(), "320582", "320583", 1)
	var first string
	for i, a := range []string{
		"Bearer " + other.Reveal(), "Bearer " + moved, "Bearer yzt_320582_short", "Bearer x", "bearer " + d.token.Reveal() + "A",
	} {
		_, err := d.Authenticate(context.Background(), a, fmt.Sprintf("10.0.0.%d:1", i))
		if exchange.CodeOf(err) != exchange.Unauthenticated {
			t.Errorf("case %d: got %v", i, err)
		}
		if first == "" {
			first = err.Error()
		}
		if err.Error() != first {
			t.Errorf("case %d says %q, the first said %q", i, err, first)
		}
	}
	for _, a := range []string{"", "Basic abc", d.token.Reveal()} {
		if got := d.code(a, "10.0.1.1:1"); got != exchange.Unauthenticated {
			t.Errorf("%.5q…: got %v", a, got)
		}
	}
}

func TestAWithdrawnTokenEndsAtOnce(t *testing.T) {
	d := open(t)
	a := "Bearer " + d.token.Reveal()
	if got := d.code(a, "10.0.0.1:1"); got != "" {
		t.Fatal(got)
	}
	d.tokens.Remove("320582", d.token.Digest(sum(t)))
	if got := d.code(a, "10.0.0.1:1"); got != exchange.Unauthenticated {
		t.Errorf("got %v", got)
	}
}

func TestFailuresAreLimitedBySource(t *testing.T) {
	d := open(t)
	bad, good := "Bearer "+newToken(t, "320582").Reveal(), "Bearer "+d.token.Reveal()
	for range 3 {
		if got := d.code(bad, "10.0.0.1:1000"); got != exchange.Unauthenticated {
			t.Fatalf("got %v", got)
		}
	}
	if got := d.code(bad, "10.0.0.1:2000"); got != exchange.Exhausted {
		t.Errorf("another port of a blocked source: got %v", got)
	}
	if got := d.code(bad, "10.0.0.2:1000"); got != exchange.Unauthenticated {
		t.Errorf("another source: got %v", got)
	}
	if got := d.code(good, "10.0.0.1:1000"); got != exchange.Exhausted {
		t.Errorf("a token not yet seen, from a blocked source: got %v", got)
	}
	d.now = d.now.Add(1100 * time.Millisecond)
	if got := d.code(good, "10.0.0.1:1000"); got != "" {
		t.Errorf("after the wait: got %v", got)
	}
}

func TestANeighboursStaleTokenLocksNobodyOut(t *testing.T) {
	d := open(t)
	bad, good := "Bearer "+newToken(t, "320582").Reveal(), "Bearer "+d.token.Reveal()
	if got := d.code(good, "10.0.0.1:1"); got != "" {
		t.Fatal(got)
	}
	for range 50 {
		d.code(bad, "10.0.0.1:2")
	}
	if got := d.code(good, "10.0.0.1:3"); got != "" {
		t.Errorf("got %v", got)
	}
}

func TestOneHouseholdOfIPv6IsOneSource(t *testing.T) {
	d := open(t)
	bad := "Bearer " + newToken(t, "320582").Reveal()
	for i := range 3 {
		d.code(bad, fmt.Sprintf("[2001:db8::%d]:1", i))
	}
	if got := d.code(bad, "[2001:db8::ffff:1]:1"); got != exchange.Exhausted {
		t.Errorf("got %v", got)
	}
}

func TestSourcesAreBounded(t *testing.T) {
	d := open(t)
	for i := range 10_000 {
		d.code("Bearer x", fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255))
	}
	if n := d.Sources(); n > 4096 {
		t.Errorf("%d sources remembered", n)
	}
}

func TestATokenNeverPrintsItself(t *testing.T) {
	tok := newToken(t, "320582.health")
	secret := strings.TrimPrefix(tok.Reveal(), "yzt_320582.health_")
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", tok)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", tok)
	j, err := json.Marshal(map[string]any{"t": tok})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		fmt.Sprint(tok), fmt.Sprintf("%s %v %+v %#v %x %q", tok, tok, tok, tok, tok, tok), string(j), log.String(),
	} {
		if strings.Contains(s, secret) || !strings.Contains(s, "yzt_320582.health_") {
			t.Errorf("got %q", s)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add("yzt_320582_" + strings.Repeat("A", 43))
	f.Add("yzt_320582.health_" + strings.Repeat("_", 42) + "8")
	f.Add("yzt__")
	f.Fuzz(func(t *testing.T, s string) {
		tok, err := auth.ParseToken(s)
		if err == nil && tok.Reveal() != s {
			t.Errorf("%q is read as %q", s, tok.Reveal())
		}
		if err == nil && !tok.Domain().Valid() {
			t.Errorf("domain %q", tok.Domain())
		}
	})
}
