package seal

import (
	"bytes"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

//go:embed testdata/vectors.json
var vectorFile []byte

type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

// goldenVectors were computed by an independent implementation.
type goldenVectors struct {
	D, Key, Exchange, Attempt, Commitment octets
	Part                                  uint32
	Chunks                                []struct {
		Name, Class   string
		Index         uint32
		Last          bool
		Sealed, Plain octets
	}
	Stream []struct {
		Name      string
		Size      int
		Addresses []octets
	}
	Wraps []struct {
		Name, Class string
		DER         octets
	}
	Notes []struct {
		Name, Class, Context string
		Sealed, Note         octets
	}
}

var classes = map[string]error{
	"": nil, "chunk": ErrChunk, "exchange": ErrExchange, "wrap": ErrWrap,
	"note": ErrNote, "decrypt": sm.ErrDecrypt,
}

func golden(t testing.TB) goldenVectors {
	var v goldenVectors
	if err := json.Unmarshal(vectorFile, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v goldenVectors) sealer(p sm.Provider) *Sealer {
	return must(NewSealer(p, Key(v.Key), [16]byte(v.Exchange), v.Part, Attempt(v.Attempt)))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// both runs a test over each provider.
func both(t *testing.T, f func(t *testing.T, p sm.Provider)) {
	for _, name := range []string{sm.Emmansun, sm.TJFOC} {
		t.Run(name, func(t *testing.T) { f(t, must(sm.New(name))) })
	}
}

func TestChunksMatchTheGoldenVectorsAndTheirClassesOfFailure(t *testing.T) {
	v := golden(t)
	both(t, func(t *testing.T, p sm.Provider) {
		for _, c := range v.Chunks {
			t.Run(c.Name, func(t *testing.T) {
				s := v.sealer(p)
				plain, err := s.OpenChunk(nil, c.Index, c.Last, c.Sealed)
				if !errors.Is(err, classes[c.Class]) {
					t.Fatalf("got %v, want %v", err, classes[c.Class])
				}
				if err != nil {
					return
				}
				sealed, err := s.SealChunk(nil, c.Index, c.Last, plain)
				if err != nil || !bytes.Equal(plain, c.Plain) || !bytes.Equal(sealed, c.Sealed) {
					t.Errorf("opened %x, sealed %x, %v", plain, sealed, err)
				}
			})
		}
	})
}

func TestStreamsMatchTheGoldenAddresses(t *testing.T) {
	v := golden(t)
	both(t, func(t *testing.T, p sm.Provider) {
		for _, c := range v.Stream {
			t.Run(c.Name, func(t *testing.T) {
				var got []crypto.Digest
				size, err := v.sealer(p).Seal(bytes.NewReader(pattern(c.Size)), func(index uint32, sealed []byte, addr crypto.Digest) error {
					if int(index) != len(got) || addr != p.Sum(sealed) {
						t.Errorf("chunk %d has address %v", index, addr)
					}
					got = append(got, addr)
					return nil
				})
				if err != nil || size != int64(c.Size) || len(got) != len(c.Addresses) {
					t.Fatalf("%d chunks of %d bytes, %v", len(got), size, err)
				}
				for i := range got {
					if !bytes.Equal(got[i][:], c.Addresses[i]) {
						t.Errorf("address %d is %v", i, got[i])
					}
				}
			})
		}
	})
}

func TestWrapsMeetTheirClassesOfFailure(t *testing.T) {
	v := golden(t)
	both(t, func(t *testing.T, p sm.Provider) {
		key := must(p.ParseKey(v.D))
		for _, c := range v.Wraps {
			t.Run(c.Name, func(t *testing.T) {
				k, err := Unwrap(key, [16]byte(v.Exchange), c.DER)
				if !errors.Is(err, classes[c.Class]) {
					t.Fatalf("got %v, want %v", err, classes[c.Class])
				}
				if want := Key(v.Key); (err == nil && k != want) || (err != nil && k != Key{}) {
					t.Errorf("wrong key with %v", err)
				}
			})
		}
	})
}

func TestNotesMeetTheirClassesOfFailure(t *testing.T) {
	v := golden(t)
	both(t, func(t *testing.T, p sm.Provider) {
		key := must(p.ParseKey(v.D))
		for _, c := range v.Notes {
			t.Run(c.Name, func(t *testing.T) {
				note, err := OpenNote(p, key, c.Context, c.Sealed)
				if !errors.Is(err, classes[c.Class]) || !bytes.Equal(note, c.Note) {
					t.Errorf("got %q, %v, want %v", note, err, classes[c.Class])
				}
			})
		}
	})
}

func TestTheCommitmentMatchesTheGoldenVector(t *testing.T) {
	v := golden(t)
	both(t, func(t *testing.T, p sm.Provider) {
		d := Commit(p, [16]byte(v.Exchange), Key(v.Key))
		if !bytes.Equal(d[:], v.Commitment) {
			t.Errorf("commitment %v", d)
		}
	})
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}
