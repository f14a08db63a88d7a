package sm

import (
	"errors"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// both runs a test once for each provider, with the other as its witness.
func both(t *testing.T, f func(t *testing.T, p, witness Provider)) {
	for _, name := range []string{Emmansun, TJFOC} {
		t.Run(name, func(t *testing.T) {
			p, err := New(name)
			if err != nil {
				t.Fatal(err)
			}
			w, err := Witness(name)
			if err != nil {
				t.Fatal(err)
			}
			f(t, p, w)
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestTheDefaultProviderIsEmmansunAndTheOtherOneIsItsWitness(t *testing.T) {
	for name, want := range map[string][2]string{
		"":       {Emmansun, TJFOC},
		Emmansun: {Emmansun, TJFOC},
		TJFOC:    {TJFOC, Emmansun},
	} {
		got := [2]string{must(New(name)).Name(), must(Witness(name)).Name()}
		if got != want {
			t.Errorf("New, Witness(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestAnUnknownProviderIsRefusedByName(t *testing.T) {
	if _, err := New("openssl"); !errors.Is(err, ErrUnknownProvider) {
		t.Errorf("New: %v", err)
	}
	if _, err := Witness("openssl"); !errors.Is(err, ErrUnknownProvider) {
		t.Errorf("Witness: %v", err)
	}
}

func TestAKeyIsNamedByTheDigestOfItsPoint(t *testing.T) {
	both(t, func(t *testing.T, p, w Provider) {
		v := must(loadKnownAnswers()).Sign[0]
		key := must(p.ParseKey(v.D))
		if key.Public() != joinPoint(v.Px, v.Py) {
			t.Fatalf("public point differs from the standard's example")
		}
		want := crypto.KeyID(w.Sum(v.Px, v.Py))
		if key.KeyID() != want || KeyIDOf(p, key.Public()) != want {
			t.Errorf("key id is not SM3(X‖Y)")
		}
	})
}
