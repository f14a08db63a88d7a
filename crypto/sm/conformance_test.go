package sm

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"hash"
	"math/big"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// The conformance suite: what every provider must do, alone and together with
// the other one.

func TestPublishedKnownAnswersAreReproduced(t *testing.T) {
	v := must(loadKnownAnswers())
	both(t, func(t *testing.T, p, _ Provider) {
		for _, check := range []struct {
			name string
			run  func(Provider, *knownAnswers) error
		}{
			{"sm3", knownDigest}, {"sm4-gcm", knownGCM}, {"sm2-sign", knownSign},
			{"sm2-verify", knownVerify}, {"sm2-encrypt", knownEncrypt}, {"sm2-decrypt", knownDecrypt},
		} {
			if err := check.run(p, v); err != nil {
				t.Errorf("%s: %v", check.name, err)
			}
		}
	})
}

func TestTheHashKeepsTheContractOfHashHash(t *testing.T) {
	both(t, func(t *testing.T, p, w Provider) {
		rapid.Check(t, func(t *rapid.T) {
			parts := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 5000), 0, 5).Draw(t, "parts")
			prefix := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "prefix")
			h := p.NewHash()
			for i, part := range parts {
				if n, err := h.Write(part); n != len(part) || err != nil {
					t.Fatalf("Write = %d, %v", n, err)
				}
				want := w.Sum(parts[:i+1]...)
				for range 2 { // Sum appends, and does not change the state
					if got := h.Sum(prefix[:len(prefix):len(prefix)]); !bytes.Equal(got, append(prefix, want[:]...)) {
						t.Fatalf("Sum(prefix) is not prefix‖digest")
					}
				}
			}
			if p.Sum(parts...) != w.Sum(bytes.Join(parts, nil)) {
				t.Fatalf("Sum of parts differs from Sum of their concatenation")
			}
			h.Reset()
			if got, want := h.Sum(nil), w.Sum(); !bytes.Equal(got, want[:]) {
				t.Fatalf("Reset does not start again")
			}
			if h.Size() != 32 || h.BlockSize() != 64 {
				t.Fatalf("sizes %d, %d", h.Size(), h.BlockSize())
			}
		})
	})
}

func TestLongWritesAreHashedWholeHoweverTheyAreCut(t *testing.T) {
	msg := freshBytes(3*4096 + 17)
	both(t, func(t *testing.T, p, w Provider) {
		for _, cut := range []int{0, 1, 63, 64, 4095, 4096, 4097, len(msg)} {
			if p.Sum(msg[:cut], msg[cut:]) != w.Sum(msg) {
				t.Errorf("cut at %d", cut)
			}
		}
	})
}

func TestHMACAndHKDFAgreeOverBothHashes(t *testing.T) {
	both(t, func(t *testing.T, p, w Provider) {
		derive := func(p Provider) []byte {
			m := hmac.New(func() hash.Hash { return p.NewHash() }, []byte("key"))
			m.Write([]byte("message"))
			return m.Sum(must(hkdf.Key(p.NewHash, []byte("secret"), []byte("salt"), "info", 80)))
		}
		if !bytes.Equal(derive(p), derive(w)) {
			t.Error("HMAC or HKDF differ")
		}
	})
}

func TestWhatOneSealsTheOtherOpens(t *testing.T) {
	both(t, func(t *testing.T, p, w Provider) {
		rapid.Check(t, func(t *rapid.T) {
			key := rapid.SliceOfN(rapid.Byte(), KeySize, KeySize).Draw(t, "key")
			nonce := rapid.SliceOfN(rapid.Byte(), NonceSize, NonceSize).Draw(t, "nonce")
			plain := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "plain")
			aad := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "aad")
			a, b := must(p.NewGCM(key)), must(w.NewGCM(key))
			if a.NonceSize() != NonceSize || a.Overhead() != TagSize {
				t.Fatalf("nonce %d, tag %d", a.NonceSize(), a.Overhead())
			}
			sealed := a.Seal(nil, nonce, plain, aad)
			got, err := b.Open(nil, nonce, sealed, aad)
			if err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("the witness does not open: %v", err)
			}
			sealed[rapid.IntRange(0, len(sealed)-1).Draw(t, "altered")] ^= 1
			if _, err := b.Open(nil, nonce, sealed, aad); err == nil {
				t.Fatalf("the witness opens an altered ciphertext")
			}
		})
	})
}

func TestAKeyOfTheWrongSizeIsRefused(t *testing.T) {
	both(t, func(t *testing.T, p, _ Provider) {
		for _, n := range []int{0, 15, 17, 24, 32} {
			if _, err := p.NewGCM(make([]byte, n)); !errors.Is(err, ErrKey) {
				t.Errorf("SM4 key of %d bytes: %v", n, err)
			}
		}
		order := order.Bytes()
		low := new(big.Int).Sub(new(big.Int).SetBytes(order), big.NewInt(1)).Bytes()
		for name, d := range map[string][]byte{
			"empty": nil, "31 bytes": make([]byte, 31), "33 bytes": make([]byte, 33),
			"zero": make([]byte, 32), "n-1": low, "n": order, "all ones": bytes.Repeat([]byte{0xff}, 32),
		} {
			if _, err := p.ParseKey(d); !errors.Is(err, ErrKey) {
				t.Errorf("scalar %s: %v", name, err)
			}
		}
	})
}

func TestTheSmallestAndLargestKeysWork(t *testing.T) {
	both(t, func(t *testing.T, p, w Provider) {
		one := append(make([]byte, 31), 1)
		for _, d := range [][]byte{one, maxScalar} {
			key, msg := must(p.ParseKey(d)), []byte("edge")
			if !bytes.Equal(key.Scalar(), d) || must(w.ParseKey(d)).Public() != key.Public() {
				t.Fatalf("scalar or point differ for %x", d)
			}
			if err := w.Verify(key.Public(), msg, must(key.Sign(msg))); err != nil {
				t.Errorf("sign with %x: %v", d, err)
			}
			secret := bytes.Repeat([]byte{7}, MinSecret)
			if got, err := key.Unwrap(must(w.Encrypt(rand.Reader, key.Public(), secret))); err != nil || !bytes.Equal(got, secret) {
				t.Errorf("unwrap with %x: %v", d, err)
			}
		}
	})
}

func TestTheSameRandomnessMakesTheSameKey(t *testing.T) {
	seed := bytes.Repeat([]byte("yizhan"), 20)
	var keys []crypto.PublicKey
	both(t, func(t *testing.T, p, _ Provider) {
		keys = append(keys, must(p.GenerateKey(bytes.NewReader(seed))).Public())
	})
	if keys[0] != keys[1] {
		t.Error("providers make different keys")
	}
}

func TestABrokenRandomSourceMakesNoKey(t *testing.T) {
	both(t, func(t *testing.T, p, _ Provider) {
		for name, b := range map[string][]byte{
			"dry": {1, 2, 3}, "stuck at ones": bytes.Repeat([]byte{0xff}, 4096), "stuck at zero": make([]byte, 4096),
		} {
			if _, err := p.GenerateKey(bytes.NewReader(b)); !errors.Is(err, ErrKey) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestWhatOneSignsTheOtherVerifies(t *testing.T) {
	both(t, func(t *testing.T, p, w Provider) {
		rapid.Check(t, func(t *rapid.T) {
			key := must(p.ParseKey(scalars().Draw(t, "d")))
			msg := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "msg")
			sig := must(key.Sign(msg))
			if err := w.Verify(key.Public(), msg, sig); err != nil {
				t.Fatalf("the witness refuses: %v", err)
			}
			if err := w.Verify(key.Public(), append(msg, 0), sig); !errors.Is(err, ErrSignature) {
				t.Fatalf("a longer message verifies: %v", err)
			}
			sig[rapid.IntRange(0, 63).Draw(t, "altered")] ^= byte(1 << rapid.IntRange(0, 7).Draw(t, "bit"))
			if err := w.Verify(key.Public(), msg, sig); !errors.Is(err, ErrSignature) {
				t.Fatalf("an altered signature verifies: %v", err)
			}
		})
	})
}

func TestWhatOneEncryptsTheOtherUnwraps(t *testing.T) {
	both(t, func(t *testing.T, p, w Provider) {
		rapid.Check(t, func(t *rapid.T) {
			d := scalars().Draw(t, "d")
			key := must(w.ParseKey(d))
			secret := rapid.SliceOfN(rapid.Byte(), MinSecret, 200).Draw(t, "secret")
			der := must(p.Encrypt(rand.Reader, key.Public(), secret))
			got, err := key.Unwrap(der)
			if err != nil || !bytes.Equal(got, secret) {
				t.Fatalf("the witness does not unwrap: %v", err)
			}
			der[rapid.IntRange(0, len(der)-1).Draw(t, "altered")] ^= byte(1 << rapid.IntRange(0, 7).Draw(t, "bit"))
			for _, opener := range []Provider{p, w} {
				if got, err := must(opener.ParseKey(d)).Unwrap(der); !errors.Is(err, ErrDecrypt) || got != nil {
					t.Fatalf("%s unwraps an altered ciphertext: %v", opener.Name(), err)
				}
			}
		})
	})
}

func TestCiphertextIsCanonicalDER(t *testing.T) {
	both(t, func(t *testing.T, p, _ Provider) {
		key := must(p.GenerateKey(rand.Reader))
		for range 40 { // a coordinate with a leading zero or a high bit comes up
			der := must(p.Encrypt(rand.Reader, key.Public(), make([]byte, 40)))
			c := must(parseCiphertext(der))
			if !bytes.Equal(must(c.marshal()), der) {
				t.Fatalf("not canonical: %x", der)
			}
		}
	})
}

func TestOnlyShortSecretsAreEncrypted(t *testing.T) {
	both(t, func(t *testing.T, p, _ Provider) {
		pub := must(p.GenerateKey(rand.Reader)).Public()
		for n, want := range map[int]error{0: ErrSecretSize, MinSecret - 1: ErrSecretSize, MinSecret: nil, MaxSecret: nil, MaxSecret + 1: ErrSecretSize} {
			if _, err := p.Encrypt(rand.Reader, pub, make([]byte, n)); !errors.Is(err, want) {
				t.Errorf("%d bytes: %v, want %v", n, err, want)
			}
		}
		if _, err := p.Encrypt(rand.Reader, crypto.PublicKey{1}, make([]byte, 16)); !errors.Is(err, ErrPublicKey) {
			t.Errorf("off the curve: %v", err)
		}
		if _, err := p.Encrypt(bytes.NewReader(nil), pub, make([]byte, 16)); err == nil {
			t.Error("encrypts without randomness")
		}
	})
}

func TestOneKeyServesManyGoroutines(t *testing.T) {
	both(t, func(t *testing.T, p, w Provider) {
		key := must(p.GenerateKey(rand.Reader))
		secret := bytes.Repeat([]byte{9}, 32)
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for range 4 {
					msg := []byte{byte(g)}
					if err := p.Verify(key.Public(), msg, must(key.Sign(msg))); err != nil {
						t.Error(err)
					}
					got, err := key.Unwrap(must(w.Encrypt(rand.Reader, key.Public(), secret)))
					if err != nil || !bytes.Equal(got, secret) {
						t.Error("unwrap", err)
					}
					aead := must(p.NewGCM(secret[:KeySize]))
					sealed := aead.Seal(nil, make([]byte, NonceSize), msg, nil)
					if _, err := must(w.NewGCM(secret[:KeySize])).Open(nil, make([]byte, NonceSize), sealed, nil); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	})
}

// scalars draws private keys, small ones included.
func scalars() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		d := make([]byte, 32)
		b := rapid.SliceOfN(rapid.Byte(), 1, 32).Draw(t, "scalar")
		copy(d[32-len(b):], b)
		if !scalarInRange(d) {
			d = append(make([]byte, 31), 1)
		}
		return d
	})
}
