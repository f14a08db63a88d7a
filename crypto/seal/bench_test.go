package seal

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

func eachProvider(b *testing.B, f func(b *testing.B, p sm.Provider)) {
	for _, name := range []string{sm.Emmansun, sm.TJFOC} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			f(b, must(sm.New(name)))
		})
	}
}

func eachSize(b *testing.B, f func(b *testing.B, plain []byte)) {
	for _, size := range []int{4 << 10, 1 << 20, 8 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			f(b, pattern(size))
		})
	}
}

// BenchmarkSeal is the whole part: subkey, sealing, and the address of each chunk.
func BenchmarkSeal(b *testing.B) {
	eachProvider(b, func(b *testing.B, p sm.Provider) {
		eachSize(b, func(b *testing.B, plain []byte) {
			b.ReportAllocs()
			for b.Loop() {
				s, _ := part(p)
				if _, err := s.Seal(bytes.NewReader(plain), func(uint32, []byte, crypto.Digest) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

func BenchmarkOpen(b *testing.B) {
	eachProvider(b, func(b *testing.B, p sm.Provider) {
		eachSize(b, func(b *testing.B, plain []byte) {
			s, o := part(p)
			chunks := sealAll(b, s, plain)
			fetch := func(i uint32) ([]byte, error) { return chunks[i], nil }
			b.ReportAllocs()
			for b.Loop() {
				if err := o.Open(uint32(len(chunks)), fetch, io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

func BenchmarkNewSealer(b *testing.B) {
	eachProvider(b, func(b *testing.B, p sm.Provider) {
		for b.Loop() {
			must(NewSealer(p, Key{1}, [16]byte{1}, 1, Attempt{1}))
		}
	})
}

// BenchmarkEnvelope4KiB is what a small filing costs its sender: key, sealing,
// commitment and one wrap.
func BenchmarkEnvelope4KiB(b *testing.B) {
	eachProvider(b, func(b *testing.B, p sm.Provider) {
		pub, plain := must(p.GenerateKey(rand.Reader)).Public(), pattern(4<<10)
		b.SetBytes(4 << 10)
		for b.Loop() {
			k, a := must(NewKey(rand.Reader)), must(NewAttempt(rand.Reader))
			s := must(NewSealer(p, k, [16]byte{1}, 0, a))
			must(s.Seal(bytes.NewReader(plain), func(uint32, []byte, crypto.Digest) error { return nil }))
			Commit(p, [16]byte{1}, k)
			must(Wrap(p, rand.Reader, pub, [16]byte{1}, k))
		}
	})
}

func BenchmarkUnwrap(b *testing.B) {
	eachProvider(b, func(b *testing.B, p sm.Provider) {
		key := must(p.GenerateKey(rand.Reader))
		der := must(Wrap(p, rand.Reader, key.Public(), [16]byte{1}, Key{1}))
		for b.Loop() {
			must(Unwrap(key, [16]byte{1}, der))
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	eachProvider(b, func(b *testing.B, p sm.Provider) {
		key := must(p.GenerateKey(rand.Reader))
		s := must(crypto.Sign(key, crypto.ContextReceipt, make([]byte, 400)))
		for b.Loop() {
			must(Verify(p, key.Public(), crypto.ContextReceipt, s))
		}
	})
}
