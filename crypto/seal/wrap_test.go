package seal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

func TestAKeyWrappedByOneProviderIsUnwrappedByTheOther(t *testing.T) {
	both(t, func(t *testing.T, p sm.Provider) {
		w := must(sm.Witness(p.Name()))
		d := must(p.GenerateKey(rand.Reader)).Scalar()
		mine, theirs := must(p.ParseKey(d)), must(w.ParseKey(d))
		rapid.Check(t, func(t *rapid.T) {
			k := Key(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "k"))
			x := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "exchange"))
			der := must(Wrap(p, rand.Reader, mine.Public(), x, k))
			got, err := Unwrap(theirs, x, der)
			if err != nil || got != k {
				t.Fatal(err)
			}
			if err := CheckCommitment(w, x, got, Commit(p, x, k)); err != nil {
				t.Fatal(err)
			}
			other := x
			other[rapid.IntRange(0, 15).Draw(t, "byte")] ^= 1
			if _, err := Unwrap(theirs, other, der); !errors.Is(err, ErrExchange) {
				t.Fatalf("moved to another exchange: %v", err)
			}
		})
	})
}

func TestAnotherKeyOrExchangeDoesNotMatchTheCommitment(t *testing.T) {
	x, k := [16]byte{1}, Key{2}
	c := Commit(provider, x, k)
	for _, err := range []error{
		CheckCommitment(provider, [16]byte{3}, k, c), CheckCommitment(provider, x, Key{3}, c),
		CheckCommitment(provider, x, k, crypto.Digest{}),
	} {
		if !errors.Is(err, ErrCommitment) {
			t.Error(err)
		}
	}
}

func TestWrapAndNoteRefuseAPublicKeyOffTheCurve(t *testing.T) {
	both(t, func(t *testing.T, p sm.Provider) {
		if _, err := Wrap(p, rand.Reader, crypto.PublicKey{1}, [16]byte{}, Key{}); !errors.Is(err, sm.ErrPublicKey) {
			t.Error(err)
		}
		if _, err := SealNote(p, rand.Reader, crypto.PublicKey{1}, "c", nil); !errors.Is(err, sm.ErrPublicKey) {
			t.Error(err)
		}
	})
}

func TestANoteReachesOnlyItsReaderUnderItsContext(t *testing.T) {
	both(t, func(t *testing.T, p sm.Provider) {
		w := must(sm.Witness(p.Name()))
		key := must(w.GenerateKey(rand.Reader))
		stranger := must(p.GenerateKey(rand.Reader))
		rapid.Check(t, func(t *rapid.T) {
			note := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "note")
			sealed := must(SealNote(p, rand.Reader, key.Public(), "return", note))
			if got, err := OpenNote(w, key, "return", sealed); err != nil || !bytes.Equal(got, note) {
				t.Fatal(err)
			}
			if _, err := OpenNote(p, stranger, "return", sealed); !errors.Is(err, sm.ErrDecrypt) {
				t.Fatalf("a stranger: %v", err)
			}
			if _, err := OpenNote(w, key, "returned", sealed); !errors.Is(err, ErrNote) {
				t.Fatalf("another context: %v", err)
			}
			sealed[rapid.IntRange(0, len(sealed)-1).Draw(t, "altered")] ^= 1
			if _, err := OpenNote(w, key, "return", sealed); err == nil {
				t.Fatal("an altered note opens")
			}
		})
	})
}

func TestANoteHasALimit(t *testing.T) {
	key := must(provider.GenerateKey(rand.Reader))
	if _, err := SealNote(provider, rand.Reader, key.Public(), "c", make([]byte, MaxNote+1)); !errors.Is(err, ErrSize) {
		t.Error(err)
	}
	sealed := must(SealNote(provider, rand.Reader, key.Public(), "c", make([]byte, MaxNote)))
	if _, err := OpenNote(provider, key, "c", sealed); err != nil {
		t.Error(err)
	}
}

func TestAStatementIsVerifiedForItsKeyItsContextAndItsBytes(t *testing.T) {
	both(t, func(t *testing.T, p sm.Provider) {
		w := must(sm.Witness(p.Name()))
		key, other := must(p.GenerateKey(rand.Reader)), must(p.GenerateKey(rand.Reader))
		s := must(crypto.Sign(key, crypto.ContextReceipt, []byte("body")))
		if body, err := Verify(w, key.Public(), crypto.ContextReceipt, s); err != nil || string(body) != "body" {
			t.Fatalf("%q %v", body, err)
		}
		altered, renamed, swapped := s, s, s
		altered.Bytes = append(bytes.Clone(s.Bytes), '!')
		renamed.Key = other.KeyID()
		swapped.Sig = must(other.Sign(s.Bytes))
		for name, c := range map[string]struct {
			pub     crypto.PublicKey
			context string
			s       crypto.Signed
			want    error
		}{
			"altered":                {key.Public(), crypto.ContextReceipt, altered, sm.ErrSignature},
			"another key":            {other.Public(), crypto.ContextReceipt, s, ErrWrongKey},
			"another key named":      {key.Public(), crypto.ContextReceipt, renamed, ErrWrongKey},
			"named key did not sign": {other.Public(), crypto.ContextReceipt, renamed, sm.ErrSignature},
			"another context":        {key.Public(), crypto.ContextVoid, s, ErrContext},
			"signed by another":      {key.Public(), crypto.ContextReceipt, swapped, sm.ErrSignature},
			"no signature":           {key.Public(), crypto.ContextReceipt, crypto.Signed{Bytes: s.Bytes, Key: s.Key}, sm.ErrSignature},
			"off the curve": {crypto.PublicKey{1}, crypto.ContextReceipt,
				crypto.Signed{Bytes: s.Bytes, Key: sm.KeyIDOf(p, crypto.PublicKey{1}), Sig: s.Sig}, sm.ErrPublicKey},
		} {
			if body, err := Verify(p, c.pub, c.context, c.s); !errors.Is(err, c.want) || body != nil {
				t.Errorf("%s: %q, %v, want %v", name, body, err, c.want)
			}
		}
	})
}
