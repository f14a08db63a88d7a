package sm

import (
	"crypto/rand"
	"fmt"
	"testing"
)

func eachProvider(b *testing.B, f func(b *testing.B, p Provider)) {
	for _, name := range []string{Emmansun, TJFOC} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			f(b, must(New(name)))
		})
	}
}

func eachSize(b *testing.B, f func(b *testing.B, buf []byte)) {
	for _, size := range []int{64, 4 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			f(b, make([]byte, size, size+TagSize))
		})
	}
}

func BenchmarkSM3(b *testing.B) {
	eachProvider(b, func(b *testing.B, p Provider) {
		eachSize(b, func(b *testing.B, buf []byte) {
			for b.Loop() {
				p.Sum(buf)
			}
		})
	})
}

func BenchmarkGCMSeal(b *testing.B) {
	eachProvider(b, func(b *testing.B, p Provider) {
		aead, nonce := must(p.NewGCM(make([]byte, KeySize))), make([]byte, NonceSize)
		eachSize(b, func(b *testing.B, buf []byte) {
			for b.Loop() {
				aead.Seal(buf[:0], nonce, buf, nil)
			}
		})
	})
}

func BenchmarkGCMOpen(b *testing.B) {
	eachProvider(b, func(b *testing.B, p Provider) {
		aead, nonce := must(p.NewGCM(make([]byte, KeySize))), make([]byte, NonceSize)
		eachSize(b, func(b *testing.B, buf []byte) {
			sealed := aead.Seal(nil, nonce, buf, nil)
			for b.Loop() {
				if _, err := aead.Open(buf[:0], nonce, sealed, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

func BenchmarkNewGCM(b *testing.B) {
	eachProvider(b, func(b *testing.B, p Provider) {
		for b.Loop() {
			must(p.NewGCM(make([]byte, KeySize)))
		}
	})
}

func BenchmarkSign(b *testing.B) {
	eachProvider(b, func(b *testing.B, p Provider) {
		key, msg := must(p.GenerateKey(rand.Reader)), make([]byte, 4<<10)
		for b.Loop() {
			must(key.Sign(msg))
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	eachProvider(b, func(b *testing.B, p Provider) {
		key, msg := must(p.GenerateKey(rand.Reader)), make([]byte, 4<<10)
		sig := must(key.Sign(msg))
		for b.Loop() {
			if err := p.Verify(key.Public(), msg, sig); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEncrypt(b *testing.B) {
	eachProvider(b, func(b *testing.B, p Provider) {
		pub, secret := must(p.GenerateKey(rand.Reader)).Public(), make([]byte, KeySize)
		for b.Loop() {
			must(p.Encrypt(rand.Reader, pub, secret))
		}
	})
}

func BenchmarkUnwrap(b *testing.B) {
	eachProvider(b, func(b *testing.B, p Provider) {
		key := must(p.GenerateKey(rand.Reader))
		der := must(p.Encrypt(rand.Reader, key.Public(), make([]byte, KeySize)))
		for b.Loop() {
			must(key.Unwrap(der))
		}
	})
}

func BenchmarkGenerateKey(b *testing.B) {
	eachProvider(b, func(b *testing.B, p Provider) {
		for b.Loop() {
			must(p.GenerateKey(rand.Reader))
		}
	})
}

func BenchmarkSelfTest(b *testing.B) {
	eachProvider(b, func(b *testing.B, p Provider) {
		w := must(Witness(p.Name()))
		for b.Loop() {
			if err := SelfTest(p, w); err != nil {
				b.Fatal(err)
			}
		}
	})
}
