// Package powercut runs programs on a disk whose power can be cut: what they
// did not sync is dropped, as far as the seed says. The disk is a file system
// in memory, mounted through /dev/fuse, that remembers for each file and each
// directory what was synced. DESIGN.md says what it takes a machine for.
package powercut

import (
	"slices"
	"sync"
	"syscall"
	"time"
)

// Disk is what a program sees, and beside it what would be left.
type Disk struct {
	mu      sync.Mutex
	root    *entry
	changes []*change // of names, in order, that no sync of a directory has kept
	inodes  uint64
	off     bool
	delay   time.Duration
	limit   int64 // bytes that files may have, 0 when there is none

	calls, failFrom, failSyncs int
}

// NewDisk returns an empty disk.
func NewDisk() *Disk {
	d := &Disk{}
	d.root = d.newEntry(true, 0o700)
	return d
}

// entry is a file or a directory.
type entry struct {
	inode uint64
	mode  uint32
	dir   bool

	names, kept map[string]*entry // of a directory: as seen, as synced
	data, safe  pages             // of a file: as seen, as synced
	writes      []write           // of a file: not synced, in order
}

func (d *Disk) newEntry(dir bool, mode uint32) *entry {
	d.inodes++
	e := &entry{inode: d.inodes, dir: dir, mode: mode}
	if dir {
		e.names, e.kept = map[string]*entry{}, map[string]*entry{}
	} else {
		e.data, e.safe = newPages(), newPages()
	}
	return e
}

// change is one creation, removal or renaming. It is kept as a whole.
type change struct{ sets []set }

// set gives a name in a directory another meaning, nil removes it.
type set struct {
	in   *entry
	name string
	to   *entry
}

// rename applies a change of names to what is seen, and remembers it.
func (d *Disk) rename(sets ...set) {
	for _, s := range sets {
		if s.to == nil {
			delete(s.in.names, s.name)
		} else {
			s.in.names[s.name] = s.to
		}
	}
	d.changes = append(d.changes, &change{sets})
}

func (s set) keep() {
	if s.to == nil {
		delete(s.in.kept, s.name)
	} else {
		s.in.kept[s.name] = s.to
	}
}

// syncDir keeps what happened to the names of one directory, and to no other.
func (d *Disk) syncDir(dir *entry) {
	var later []*change
	for _, c := range d.changes {
		if !slices.ContainsFunc(c.sets, func(s set) bool { return s.in == dir }) {
			later = append(later, c)
			continue
		}
		for _, s := range c.sets {
			s.keep()
			later = supersede(later, s)
		}
	}
	d.changes = later
}

// supersede removes earlier changes of a name that a later one has overtaken.
func supersede(earlier []*change, by set) []*change {
	for _, c := range earlier {
		c.sets = slices.DeleteFunc(c.sets, func(s set) bool { return s.in == by.in && s.name == by.name })
	}
	return slices.DeleteFunc(earlier, func(c *change) bool { return len(c.sets) == 0 })
}

// syncFile keeps the bytes and the size of one file, and not its name.
func (d *Disk) syncFile(e *entry) {
	for _, w := range e.writes {
		e.safe.apply(w)
	}
	e.writes = nil
}

// enter takes the lock while there is power.
func (d *Disk) enter() syscall.Errno {
	d.mu.Lock()
	if d.off {
		d.mu.Unlock()
		return syscall.EIO
	}
	return 0
}

// enterToChange is enter for a call that changes or syncs something.
func (d *Disk) enterToChange() syscall.Errno {
	if errno := d.enter(); errno != 0 {
		return errno
	}
	if d.calls++; d.calls == d.failFrom {
		d.off = true
		d.mu.Unlock()
		return syscall.EIO
	}
	return 0
}

// FailFrom takes the power away before the call of that number, from 1, which
// changes or syncs something.
func (d *Disk) FailFrom(call int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls, d.failFrom = 0, call
}

// FailSync makes that many syncs fail, and none after them.
func (d *Disk) FailSync(times int) { d.mu.Lock(); defer d.mu.Unlock(); d.failSyncs = times }

// Off tells whether the power is gone.
func (d *Disk) Off() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.off }

// SetSyncDelay makes every sync take so long from now on: a drive that fails
// slowly.
func (d *Disk) SetSyncDelay(delay time.Duration) { d.mu.Lock(); defer d.mu.Unlock(); d.delay = delay }

func (d *Disk) syncDelay() time.Duration { d.mu.Lock(); defer d.mu.Unlock(); return d.delay }

// change records a write to a file and shows it.
func (d *Disk) change(e *entry, w write) {
	e.data.apply(w)
	e.writes = append(e.writes, w)
}

// plenty is the size of a disk without a limit.
const plenty = 64 << 30

// SetLimit makes the disk so large, 0 for as large as one wishes. What is there
// already stays.
func (d *Disk) SetLimit(bytes int64) { d.mu.Lock(); defer d.mu.Unlock(); d.limit = bytes }

// space returns how large the disk is and how much of it is free.
func (d *Disk) space() (total, free int64) {
	total = plenty
	if d.limit > 0 {
		total = d.limit
	}
	return total, max(0, total-d.used())
}

func (d *Disk) used() (used int64) {
	seen := map[*entry]bool{}
	var walk func(*entry)
	walk = func(e *entry) {
		for _, child := range e.names {
			if !seen[child] {
				seen[child] = true
				used += child.data.size
				walk(child)
			}
		}
	}
	walk(d.root)
	return used
}

// Used is how many bytes files have.
func (d *Disk) Used() int64 { d.mu.Lock(); defer d.mu.Unlock(); return d.used() }

// room refuses what does not fit.
func (d *Disk) room(more int64) syscall.Errno {
	if d.limit == 0 || more <= 0 {
		return 0
	}
	if _, free := d.space(); more > free {
		return syscall.ENOSPC
	}
	return 0
}
