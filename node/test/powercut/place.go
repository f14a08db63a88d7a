package powercut

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Place is a directory with a disk in it whose power can be cut.
type Place struct {
	Dir  string
	Disk *Disk

	t     testing.TB
	mount *mounted
}

// NewPlace mounts an empty disk until the test ends, or skips the test where
// none can be mounted.
func NewPlace(t testing.TB) *Place {
	t.Helper()
	if err := Supported(); err != nil {
		t.Skipf("no disk whose power can be cut: /dev/fuse is needed, and to be root: %v", err)
	}
	p := &Place{Dir: filepath.Join(t.TempDir(), "disk"), Disk: NewDisk(), t: t}
	if err := os.Mkdir(p.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.mount, err = mount(p.Disk, p.Dir); err != nil {
		t.Skipf("no disk whose power can be cut: mounting: %v", err)
	}
	t.Cleanup(p.Take)
	return p
}

// Put mounts a disk in place of the one that was taken out.
func (p *Place) Put(d *Disk) {
	p.t.Helper()
	p.Take()
	var err error
	if p.mount, err = mount(d, p.Dir); err != nil {
		p.t.Fatalf("mounting at %s: %v", p.Dir, err)
	}
	p.Disk = d
}

// Take unmounts the disk; nobody may have a file of it open.
func (p *Place) Take() {
	p.t.Helper()
	if p.mount == nil {
		return
	}
	if err := p.mount.unmount(); err != nil {
		p.t.Errorf("unmounting %s: %v", p.Dir, err)
	}
	p.mount = nil
}

// Cut takes the power away and gives it back.
func (p *Place) Cut(loss Loss, seed uint64) {
	p.t.Helper()
	p.Put(p.Disk.Cut(loss, seed))
}

// Everywhere cuts the power before each call that act makes to change or sync
// something, with each kind of loss in turn (with all of them by -tags soak), and has check look at what is left.
// act works in dir, closes what it opens, and returns what it was promised: the
// last value of what it may hold the disk to. It meets errors once power is
// gone.
func Everywhere[T any](t *testing.T, act func(dir string) T, check func(t *testing.T, dir string, promised T)) {
	t.Helper()
	for calls := 1; ; calls++ {
		for loss := LoseAll; loss < losses; loss++ {
			if !each && loss != Loss(calls%int(losses)) {
				continue
			}
			p := NewPlace(t)
			p.Disk.FailFrom(calls)
			promised := act(p.Dir)
			if !p.Disk.Off() {
				t.Logf("power was cut before each of %d calls", calls-1)
				return
			}
			ok := t.Run(fmt.Sprintf("%d-%s", calls, loss), func(t *testing.T) {
				p.Cut(loss, uint64(calls))
				check(t, p.Dir, promised)
			})
			p.Take()
			if !ok {
				return
			}
		}
	}
}
