package seal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

var provider = must(sm.New(sm.Emmansun))

// part is a sealer and its twin at the other end.
func part(p sm.Provider) (sealer, opener *Sealer) {
	k, a := must(NewKey(rand.Reader)), must(NewAttempt(rand.Reader))
	return must(NewSealer(p, k, [16]byte{1}, 0, a)), must(NewSealer(p, k, [16]byte{1}, 0, a))
}

// sealAll returns the sealed chunks of plain.
func sealAll(t testing.TB, s *Sealer, plain []byte) [][]byte {
	var chunks [][]byte
	_, err := s.Seal(bytes.NewReader(plain), func(_ uint32, sealed []byte, _ crypto.Digest) error {
		chunks = append(chunks, bytes.Clone(sealed))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return chunks
}

func open(s *Sealer, chunks [][]byte) ([]byte, error) {
	var out bytes.Buffer
	err := s.Open(uint32(len(chunks)), func(i uint32) ([]byte, error) { return chunks[i], nil }, &out)
	return out.Bytes(), err
}

func TestAPartOfAnySizeComesBackWhole(t *testing.T) {
	both(t, func(t *testing.T, p sm.Provider) {
		for _, size := range []int{0, 1, 15, 16, 17, ChunkSize - 1, ChunkSize, ChunkSize + 1, 2 * ChunkSize, 2*ChunkSize + 1} {
			s, o := part(p)
			plain := pattern(size)
			chunks := sealAll(t, s, plain)
			if n := must(Chunks(int64(size))); int(n) != len(chunks) {
				t.Errorf("%d bytes: %d chunks, want %d", size, len(chunks), n)
			}
			if got, err := open(o, chunks); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
	})
}

func TestHowTheReaderCutsItsReadsDoesNotMatter(t *testing.T) {
	plain := pattern(ChunkSize + 100)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"half": iotest.HalfReader, "data with EOF": iotest.DataErrReader,
		"idle now and then": func(r io.Reader) io.Reader { return &idle{r: r} },
	} {
		s, o := part(provider)
		var chunks [][]byte
		_, err := s.Seal(wrap(bytes.NewReader(plain)), func(_ uint32, sealed []byte, _ crypto.Digest) error {
			chunks = append(chunks, bytes.Clone(sealed))
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := open(o, chunks); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// idle returns nothing on every second read.
type idle struct {
	r    io.Reader
	turn bool
}

func (i *idle) Read(p []byte) (int, error) {
	if i.turn = !i.turn; i.turn {
		return 0, nil
	}
	return i.r.Read(p[:min(len(p), 100_000)])
}

func TestAnUploadThatBreaksOffIsNotTakenForTheEnd(t *testing.T) {
	for _, broken := range []error{io.ErrUnexpectedEOF, errors.New("connection reset")} {
		s, _ := part(provider)
		r := io.MultiReader(bytes.NewReader(pattern(100)), iotest.ErrReader(broken))
		_, err := s.Seal(r, func(uint32, []byte, crypto.Digest) error { return errors.New("emitted") })
		if !errors.Is(err, broken) {
			t.Errorf("got %v, want %v", err, broken)
		}
	}
	s, _ := part(provider)
	if _, err := s.Seal(stalled{}, nil); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a stalled reader: %v", err)
	}
}

type stalled struct{}

func (stalled) Read([]byte) (int, error) { return 0, nil }

func TestEachWayToDamageAStreamHasItsClass(t *testing.T) {
	s, o := part(provider)
	chunks := sealAll(t, s, pattern(3*ChunkSize+7))
	at := func(is ...int) (out [][]byte) {
		for _, i := range is {
			out = append(out, chunks[i])
		}
		return out
	}
	altered := at(0, 1, 2, 3)
	altered[1] = bytes.Clone(altered[1])
	altered[1][77] ^= 4
	cut := at(0, 1, 2, 3)
	cut[3] = cut[3][:10]
	for name, c := range map[string]struct {
		chunks [][]byte
		want   error
	}{
		"whole": {at(0, 1, 2, 3), nil}, "no chunk": {nil, ErrTruncated},
		"last missing": {at(0, 1, 2), ErrTruncated}, "only the first": {at(0), ErrTruncated},
		"first missing": {at(1, 2, 3), ErrOrder}, "middle missing": {at(0, 2, 3), ErrOrder},
		"exchanged": {at(0, 2, 1, 3), ErrOrder}, "repeated": {at(0, 0, 1, 2, 3), ErrOrder},
		"last moved to the front": {at(3, 0, 1, 2), ErrOrder}, "last repeated": {at(0, 1, 2, 3, 3), ErrExtended},
		"altered": {altered, ErrChunk}, "a chunk cut short": {cut, ErrChunk},
	} {
		if _, err := open(o, c.chunks); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestOpenPassesOnTheErrorsOfBothEnds(t *testing.T) {
	s, o := part(provider)
	chunks, gone := sealAll(t, s, pattern(9)), errors.New("disk gone")
	err := o.Open(1, func(uint32) ([]byte, error) { return nil, gone }, io.Discard)
	if !errors.Is(err, gone) {
		t.Errorf("fetch: %v", err)
	}
	r, w := io.Pipe()
	r.CloseWithError(gone)
	if err := o.Open(1, func(uint32) ([]byte, error) { return chunks[0], nil }, w); !errors.Is(err, gone) {
		t.Errorf("write: %v", err)
	}
	s, _ = part(provider)
	if _, err := s.Seal(strings.NewReader("x"), func(uint32, []byte, crypto.Digest) error { return gone }); !errors.Is(err, gone) {
		t.Errorf("emit: %v", err)
	}
	if _, err := s.Seal(strings.NewReader("x"), nil); !errors.Is(err, ErrReuse) {
		t.Errorf("a failed attempt is taken up again: %v", err)
	}
}

func TestNoIndexIsSealedTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _ := part(provider)
		used := map[uint32]bool{}
		for _, i := range rapid.SliceOfN(rapid.Uint32Range(0, 12), 1, 40).Draw(t, "indexes") {
			if i == 12 {
				i = math.MaxUint32
			}
			_, err := s.SealChunk(nil, i, true, []byte("x"))
			if want := map[bool]error{true: ErrReuse}[used[i]]; !errors.Is(err, want) {
				t.Fatalf("index %d, used %t: %v", i, used[i], err)
			}
			used[i] = true
		}
	})
}

func TestSealingInOrderTakesConstantMemory(t *testing.T) {
	s, _ := part(provider)
	for _, i := range []uint32{1, 2, 3, 0, 5, 4, 6} {
		if err := s.claim(i); err != nil {
			t.Fatal(err)
		}
	}
	if s.below != 7 || len(s.sealed) != 0 {
		t.Errorf("watermark %d, %d held", s.below, len(s.sealed))
	}
}

func TestOnlyOneOfManyGoroutinesSealsAnIndex(t *testing.T) {
	both(t, func(t *testing.T, p sm.Provider) {
		s, o := part(p)
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := map[uint32]int{}
		for range 8 {
			wg.Go(func() {
				for i := range uint32(50) {
					sealed, err := s.SealChunk(nil, i, true, []byte{byte(i)})
					if err != nil {
						continue
					}
					plain, err := o.OpenChunk(nil, i, true, sealed)
					if err != nil || plain[0] != byte(i) {
						t.Error("opens wrongly", err)
					}
					mu.Lock()
					won[i]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		for i := range uint32(50) {
			if won[i] != 1 {
				t.Errorf("index %d sealed %d times", i, won[i])
			}
		}
	})
}

func TestAPartIsDividedInOneWayOnly(t *testing.T) {
	for _, c := range []struct {
		index uint32
		last  bool
		size  int
		want  error
	}{
		{0, true, 0, nil}, {1, true, 0, ErrSize}, {1, true, 1, nil}, {0, true, ChunkSize, nil},
		{0, true, ChunkSize + 1, ErrSize}, {0, false, ChunkSize, nil},
		{0, false, ChunkSize - 1, ErrSize}, {0, false, 0, ErrSize}, {0, false, ChunkSize + 1, ErrSize},
	} {
		s, _ := part(provider)
		if _, err := s.SealChunk(nil, c.index, c.last, make([]byte, c.size)); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for size, want := range map[int64]error{-1: ErrSize, math.MinInt64: ErrSize, math.MaxInt64: ErrSize, ChunkSize * math.MaxUint32: nil, ChunkSize*math.MaxUint32 + 1: ErrSize} {
		if _, err := Chunks(size); !errors.Is(err, want) {
			t.Errorf("Chunks(%d): %v", size, err)
		}
	}
}

func TestChunksAreSealedInPlace(t *testing.T) {
	both(t, func(t *testing.T, p sm.Provider) {
		rapid.Check(t, func(t *rapid.T) {
			s, o := part(p)
			plain := rapid.SliceOfN(rapid.Byte(), 1, 3000).Draw(t, "plain")
			buf := append(make([]byte, 0, len(plain)+Overhead), plain...)
			sealed := must(s.SealChunk(buf[:0], 4, true, buf))
			if &sealed[0] != &buf[0] {
				t.Fatal("copied")
			}
			if got, err := o.OpenChunk(sealed[:0], 4, true, sealed); err != nil || !bytes.Equal(got, plain) {
				t.Fatal(err)
			}
		})
	})
}

func TestNothingPrintsAKey(t *testing.T) {
	k := Key(bytes.Repeat([]byte{0xab}, 16))
	var log bytes.Buffer
	timeless := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{} // its digits may be those of the key
		}
		return a
	}}
	slog.New(slog.NewJSONHandler(&log, timeless)).Info("sealed", "key", k)
	slog.New(slog.NewTextHandler(&log, timeless)).Info("sealed", "key", k)
	text := k.String() + log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o"} {
		text += fmt.Sprintf(verb+verb+verb, k, &k, struct{ K Key }{k})
	}
	for _, leak := range []string{"ab", "AB", "171", "253"} {
		if strings.Contains(text, leak) {
			t.Errorf("%q in %s", leak, text)
		}
	}
}

func TestRandomnessThatEndsIsReported(t *testing.T) {
	pub := must(provider.GenerateKey(rand.Reader)).Public()
	dry := func() io.Reader { return bytes.NewReader(make([]byte, 8)) }
	_, e1 := NewKey(dry())
	_, e2 := NewAttempt(dry())
	_, e3 := SealNote(provider, dry(), pub, "c", nil)
	_, e4 := Wrap(provider, dry(), pub, [16]byte{}, Key{})
	for i, err := range []error{e1, e2, e3, e4} {
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d: %v", i+1, err)
		}
	}
}
