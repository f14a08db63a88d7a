package seal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

// FuzzOpenChunk looks for bytes that open without having been sealed, and for
// a difference between the providers.
func FuzzOpenChunk(f *testing.F) {
	v := golden(f)
	for _, c := range v.Chunks {
		f.Add(c.Index, c.Last, []byte(c.Sealed))
	}
	witness := must(sm.Witness(provider.Name()))
	f.Fuzz(func(t *testing.T, index uint32, last bool, sealed []byte) {
		s := v.sealer(provider)
		plain, err := s.OpenChunk(nil, index, last, sealed)
		other, errOther := v.sealer(witness).OpenChunk(nil, index, last, sealed)
		if (err == nil) != (errOther == nil) || !bytes.Equal(plain, other) {
			t.Fatalf("providers differ: %v, %v", err, errOther)
		}
		if err != nil {
			if !errors.Is(err, ErrChunk) {
				t.Fatalf("class: %v", err)
			}
			return
		}
		if again := must(s.SealChunk(nil, index, last, plain)); !bytes.Equal(again, sealed) {
			t.Fatal("opens, but was not sealed")
		}
	})
}

func FuzzUnwrap(f *testing.F) {
	v := golden(f)
	key := must(provider.ParseKey(v.D))
	for _, c := range v.Wraps {
		f.Add([]byte(c.DER))
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		k, err := Unwrap(key, [16]byte(v.Exchange), der)
		if err == nil && k != Key(v.Key) {
			t.Fatal("a key that was never wrapped")
		}
		if err != nil && !errors.Is(err, sm.ErrDecrypt) && !errors.Is(err, ErrWrap) && !errors.Is(err, ErrExchange) {
			t.Fatalf("class: %v", err)
		}
	})
}

func FuzzOpenNote(f *testing.F) {
	v := golden(f)
	key := must(provider.ParseKey(v.D))
	for _, c := range v.Notes {
		f.Add(c.Context, []byte(c.Sealed))
	}
	f.Fuzz(func(t *testing.T, context string, sealed []byte) {
		_, err := OpenNote(provider, key, context, sealed)
		if err != nil && !errors.Is(err, sm.ErrDecrypt) && !errors.Is(err, ErrNote) {
			t.Fatalf("class: %v", err)
		}
		if err == nil && context != "yizhan/return/v1" {
			t.Fatalf("opens under %q", context)
		}
	})
}

// FuzzStream seals what the fuzzer wrote and damages the stream at one place.
func FuzzStream(f *testing.F) {
	f.Add([]byte("content"), uint32(3), byte(1))
	f.Fuzz(func(t *testing.T, plain []byte, at uint32, flip byte) {
		k := must(NewKey(rand.Reader))
		s := must(NewSealer(provider, k, [16]byte{}, 0, Attempt{}))
		chunks := sealAll(t, s, plain)
		chunk := chunks[int(at)%len(chunks)]
		chunk[int(at)%len(chunk)] ^= flip
		got, err := open(s, chunks)
		if (err == nil) != (flip == 0) || (err == nil && !bytes.Equal(got, plain)) {
			t.Fatalf("flip %x: %v", flip, err)
		}
	})
}
