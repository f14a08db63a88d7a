package journal

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// image is a log of three batches in one segment, and where the batches end.
type image struct {
	dir, segment string
	bytes        []byte
	ends         []int64 // in sectors
	lasts        []uint64
}

func newImage(t testing.TB) *image {
	t.Helper()
	m := &image{dir: t.TempDir()}
	l, err := Open(m.dir, Options{Segment: 64 * sectorSize})
	must(t, err)
	next := uint64(1)
	for _, n := range []uint64{4, 1, 6} {
		add(t, l, next, n)
		next += n
		m.ends, m.lasts = append(m.ends, l.segments[0].end), append(m.lasts, next-1)
	}
	m.segment = l.segments[0].path
	must(t, l.Close())
	m.bytes, err = os.ReadFile(m.segment)
	must(t, err)
	return m
}

// put makes another directory in which the segment has these bytes.
func (m *image) put(t testing.TB, b []byte) string {
	t.Helper()
	dir := t.TempDir()
	list, err := os.ReadFile(filepath.Join(m.dir, metaFile))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, metaFile), list, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, filepath.Base(m.segment)), b, 0o600))
	return dir
}

// TestATornLastBatchIsForgotten loses any sectors of the last batch.
func TestATornLastBatchIsForgotten(t *testing.T) {
	m := newImage(t)
	from, to := m.ends[1], m.ends[2]
	if to-from < 4 {
		t.Fatalf("the last batch has %d sectors", to-from)
	}
	for lost := uint(1); lost < 1<<(to-from); lost++ {
		b := append([]byte(nil), m.bytes...)
		for i := range to - from {
			if lost&(1<<i) != 0 {
				clear(b[(from+i)*sectorSize : (from+i+1)*sectorSize])
			}
		}
		l := open(t, m.put(t, b))
		holds(t, l, 1, m.lasts[1])
		add(t, l, m.lasts[1]+1, 2) // shorter than what was torn
		l = again(t, l)
		holds(t, l, 1, m.lasts[1]+2)
		must(t, l.Close())
	}
}

// TestAFlippedBitIsNeverTheEnd flips each bit of the log in turn. It is found
// when the log is opened, wherever it is: also in the last batch, which a crash
// might have torn, but not like this. A bit behind the end is told, too.
func TestAFlippedBitIsNeverTheEnd(t *testing.T) {
	m := newImage(t)
	end := m.ends[2] * sectorSize
	r := rand.New(rand.NewPCG(1, 2))
	dir := m.put(t, m.bytes)
	path := filepath.Join(dir, filepath.Base(m.segment))
	for bit := 0; bit < int(end)*8; bit += 1 + r.IntN(80) {
		b := append([]byte(nil), m.bytes...)
		b[bit/8] ^= 1 << (bit % 8)
		must(t, os.WriteFile(path, b, 0o600))
		_, err := Open(dir, Options{Segment: small})
		if damage := new(DamageError); !errors.As(err, &damage) {
			t.Fatalf("bit %d of sector %d: %v", bit%(8*sectorSize), bit/8/sectorSize, err)
		}
	}
}

// TestALostBatchInTheMiddleIsNotTheEnd zeroes whole sectors of synced batches.
func TestALostBatchInTheMiddleIsNotTheEnd(t *testing.T) {
	m := newImage(t)
	for sector := int64(0); sector < m.ends[1]; sector++ {
		b := append([]byte(nil), m.bytes...)
		clear(b[sector*sectorSize : (sector+1)*sectorSize])
		if _, err := Open(m.put(t, b), Options{Segment: small}); !errors.As(err, new(*DamageError)) {
			t.Errorf("sector %d: %v", sector, err)
		}
	}
}

func TestDamageWhileOpenIsFoundWhenRead(t *testing.T) {
	l := open(t, t.TempDir())
	add(t, l, 1, 5)
	f, err := os.OpenFile(l.segments[0].path, os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt([]byte{0xff}, sectorSize+sectorHeader+10)
	must(t, errors.Join(err, f.Close()))
	if b, err := l.Read(1); !errors.As(err, new(*DamageError)) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// TestALeftoverOfRollingIsForgotten: a segment that is in no list.
func TestALeftoverOfRollingIsForgotten(t *testing.T) {
	l := open(t, t.TempDir())
	add(t, l, 1, 30)
	must(t, os.WriteFile(l.path(listed{ID: l.meta.NextID, Base: 31}), []byte("half made"), 0o600))
	l = again(t, l)
	must(t, os.WriteFile(l.path(listed{ID: l.meta.NextID, Base: 31}), []byte("half made"), 0o600))
	for i := uint64(31); i < 60; i += 3 {
		add(t, l, i, 3)
	}
	holds(t, again(t, l), 1, 60)
}
