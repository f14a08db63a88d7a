package seal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"math"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

func TestAPairKeyWrapsForOneRecipientAndOneExchange(t *testing.T) {
	both(t, func(t *testing.T, p sm.Provider) {
		witness := must(sm.Witness(p.Name()))
		key := must(witness.GenerateKey(rand.Reader))
		w, announcement, err := NewPairWrapper(p, rand.Reader, "320582", "320500", key.Public())
		if err != nil {
			t.Fatal(err)
		}
		o := must(NewPairOpener(witness, key, "320582", "320500", announcement))
		if o.ID() != w.ID() {
			t.Fatal("ids differ")
		}
		seen := map[string]bool{}
		rapid.Check(t, func(t *rapid.T) {
			k := Key(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "k"))
			x := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "exchange"))
			wrap := must(w.Wrap(x, k))
			if nonce := string(wrap[16:24]); seen[nonce] || len(wrap) != PairWrapSize {
				t.Fatal("a nonce comes again, or the size is wrong")
			} else {
				seen[nonce] = true
			}
			if got, err := o.Unwrap(x, wrap); err != nil || got != k {
				t.Fatal(err)
			}
			if id, ok := PairIDOf(wrap); !ok || id != w.ID() {
				t.Fatal("id is not readable")
			}
			other := x
			other[rapid.IntRange(0, 15).Draw(t, "byte")] ^= 1
			bad := bytes.Clone(wrap)
			bad[rapid.IntRange(0, len(bad)-1).Draw(t, "altered")] ^= 1
			_, e1 := o.Unwrap(other, wrap)
			_, e2 := o.Unwrap(x, bad)
			_, e3 := o.Unwrap(x, wrap[:len(wrap)-1])
			for _, err := range []error{e1, e2, e3} {
				if !errors.Is(err, ErrWrap) {
					t.Fatal(err)
				}
			}
		})
	})
}

func TestAnAnnouncementIsForItsTwoDomainsAndItsKey(t *testing.T) {
	key, stranger := must(provider.GenerateKey(rand.Reader)), must(provider.GenerateKey(rand.Reader))
	_, a, err := NewPairWrapper(provider, rand.Reader, "320582", "320500", key.Public())
	if err != nil {
		t.Fatal(err)
	}
	wrap := must(Wrap(provider, rand.Reader, key.Public(), [16]byte{}, Key{}))
	for name, c := range map[string]struct {
		opener            crypto.Opener
		origin, recipient string
		announcement      []byte
		want              error
	}{
		"a stranger":           {stranger, "320582", "320500", a, sm.ErrDecrypt},
		"exchanged":            {key, "320500", "320582", a, ErrWrap},
		"the names cut anew":   {key, "3205823", "20500", a, ErrWrap},
		"another origin":       {key, "320583", "320500", a, ErrWrap},
		"a wrap of one key":    {key, "320582", "320500", wrap, ErrWrap},
		"altered":              {key, "320582", "320500", append(bytes.Clone(a[:len(a)-1]), a[len(a)-1]^1), sm.ErrDecrypt},
		"the right one, still": {key, "320582", "320500", a, nil},
	} {
		if _, err := NewPairOpener(provider, c.opener, c.origin, c.recipient, c.announcement); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, _, err := NewPairWrapper(provider, rand.Reader, "a", "b", crypto.PublicKey{1}); !errors.Is(err, sm.ErrPublicKey) {
		t.Error(err)
	}
	if _, _, err := NewPairWrapper(provider, bytes.NewReader(nil), "a", "b", key.Public()); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if _, err := Unwrap(key, [16]byte{}, a); !errors.Is(err, ErrWrap) {
		t.Errorf("an announcement passes for a content key: %v", err)
	}
}

func TestTwoProcessesNeverShareAPairKey(t *testing.T) {
	pub := must(provider.GenerateKey(rand.Reader)).Public()
	a, _, _ := NewPairWrapper(provider, rand.Reader, "a", "b", pub)
	b, _, _ := NewPairWrapper(provider, rand.Reader, "a", "b", pub)
	if a.ID() == b.ID() || bytes.Equal(must(a.Wrap([16]byte{}, Key{}))[24:], must(b.Wrap([16]byte{}, Key{}))[24:]) {
		t.Error("the same key")
	}
}

func TestASpentPairKeyWrapsNothing(t *testing.T) {
	key := must(provider.GenerateKey(rand.Reader))
	w, a, _ := NewPairWrapper(provider, rand.Reader, "a", "b", key.Public())
	w.next = math.MaxUint64 - 1
	o := must(NewPairOpener(provider, key, "a", "b", a))
	if _, err := o.Unwrap([16]byte{}, must(w.Wrap([16]byte{}, Key{}))); err != nil {
		t.Error(err)
	}
	if _, err := w.Wrap([16]byte{}, Key{}); !errors.Is(err, ErrReuse) {
		t.Error(err)
	}
}

func TestAPairKeyServesManyGoroutines(t *testing.T) {
	both(t, func(t *testing.T, p sm.Provider) {
		key := must(p.GenerateKey(rand.Reader))
		w, a, _ := NewPairWrapper(p, rand.Reader, "a", "b", key.Public())
		o := must(NewPairOpener(p, key, "a", "b", a))
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for i := range 100 {
					x, k := [16]byte{byte(g)}, Key{byte(i)}
					if got, err := o.Unwrap(x, must(w.Wrap(x, k))); err != nil || got != k {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	})
}

func BenchmarkPairWrapAndUnwrap(b *testing.B) {
	eachProvider(b, func(b *testing.B, p sm.Provider) {
		key := must(p.GenerateKey(rand.Reader))
		w, a, _ := NewPairWrapper(p, rand.Reader, "a", "b", key.Public())
		o := must(NewPairOpener(p, key, "a", "b", a))
		for b.Loop() {
			must(o.Unwrap([16]byte{1}, must(w.Wrap([16]byte{1}, Key{1}))))
		}
	})
}
