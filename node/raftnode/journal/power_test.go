package journal

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"github.com/yizhan-exchange/yizhan/node/test/powercut"
)

// promised is what a log said that it keeps.
type promised struct {
	first, last uint64
	term        byte
	cut         bool // a cut began whose end is not known
	open        bool
}

// live appends, rolls, cuts at both ends and keeps values, until the power goes.
func live(dir string) (p promised) {
	l, err := Open(dir+"/log", Options{Segment: small})
	if err != nil {
		return p
	}
	p.open = true
	defer func() { _ = l.Close() }()
	for i := uint64(1); i <= 8; i++ {
		next := p.last + 1
		if l.Append(next, entries(next, 3)) != nil {
			return p
		}
		p.first, p.last = max(1, p.first), next+2
		if i%3 == 0 {
			if l.Set("term", []byte{byte(i)}) != nil {
				return p
			}
			p.term = byte(i)
		}
		if i == 5 || i == 7 {
			p.cut = true
			if l.CutTail(p.last-4) != nil {
				return p
			}
			p.last -= 4
			if i == 7 {
				if l.CutHead(9) != nil {
					return p
				}
				p.first = 9
			}
			p.cut = false
		}
	}
	return p
}

// TestEveryCrashIsSurvived cuts the power before each call to the disk. What
// was promised is there, and the log goes on.
func TestEveryCrashIsSurvived(t *testing.T) {
	powercut.Everywhere(t, live, func(t *testing.T, dir string, p promised) {
		l, err := Open(dir+"/log", Options{Segment: small})
		must(t, err)
		defer func() { _ = l.Close() }()
		last := l.Last()
		if !p.cut && (last < p.last || p.first != 0 && l.First() != p.first) || last < p.last-min(p.last, 4) {
			t.Fatalf("it has %d to %d and promised %+v", l.First(), last, p)
		}
		if term, err := l.Get("term"); err != nil || p.term != 0 && (len(term) != 1 || term[0] < p.term) {
			t.Fatalf("term %v, %v; promised %d", term, err, p.term)
		}
		for i := l.First(); i <= last && i > 0; i++ {
			if b, err := l.Read(i); err != nil || !bytes.Equal(b, entry(i)) {
				t.Fatalf("index %d: %v", i, err)
			}
		}
		add(t, l, last+1, 5)
		again := open(t, l.dir)
		holds(t, again, max(1, l.First()), last+5)
		must(t, again.Close())
	})
}

// TestWantOfRoomIsNotTheEnd fills the disk under a log. A refused append leaves
// nothing, and the next succeeds when there is room, without a restart.
func TestWantOfRoomIsNotTheEnd(t *testing.T) {
	p := powercut.NewPlace(t)
	l := open(t, p.Dir)
	defer func() { must(t, l.Close()) }()
	add(t, l, 1, 3)
	refused := 0
	for i := range int64(40) {
		last := l.Last()
		p.Disk.SetLimit(p.Disk.Used() + i%8*700)
		err := l.Append(last+1, entries(last+1, 4))
		if err != nil {
			refused++
			if !errors.Is(err, ErrNoRoom) || !errors.Is(err, syscall.ENOSPC) || l.Last() != last {
				t.Fatalf("it has up to %d: %v", l.Last(), err)
			}
			p.Disk.SetLimit(0)
			if err := l.Append(last+1, entries(last+1, 2)); err != nil {
				t.Fatalf("there was room, after %d refusals: %v", refused, err)
			}
		}
		holds(t, l, 1, l.Last())
	}
	if refused < 5 {
		t.Errorf("%d refusals", refused)
	}
	last := l.Last()
	p.Disk.SetLimit(p.Disk.Used() + 100)
	if err := l.Append(last+1, entries(last+1, 4)); err == nil {
		t.Error("it fits")
	}
	must(t, l.Close())
	p.Cut(powercut.LoseSome, 3)
	l = open(t, p.Dir)
	holds(t, l, 1, last)
}

// TestAFailedSyncIsNotTriedAgain: the next one that succeeds proves nothing.
func TestAFailedSyncIsNotTriedAgain(t *testing.T) {
	p := powercut.NewPlace(t)
	l := open(t, p.Dir)
	add(t, l, 1, 3)
	p.Disk.FailSync(1)
	if err := l.Append(4, entries(4, 1)); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if err := l.Append(4, entries(4, 1)); !errors.Is(err, syscall.EIO) {
		t.Fatalf("it goes on: %v", err)
	}
	holds(t, l, 1, 3)
	must(t, l.Close())
}
