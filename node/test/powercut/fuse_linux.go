package powercut

import (
	"context"
	"errors"
	"io"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Supported says why no disk can be mounted here, nil when one can.
func Supported() error {
	if os.Geteuid() != 0 {
		return errors.New("only root may mount a disk")
	}
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// mounted is a disk at a directory.
type mounted struct {
	dir    string
	server *fuse.Server
}

// mount shows d at dir. Only root may: nothing else is installed or needed.
func mount(d *Disk, dir string) (*mounted, error) {
	long := time.Hour // nobody else changes anything
	server, err := fs.Mount(dir, &node{disk: d, entry: d.root}, &fs.Options{
		EntryTimeout: &long, AttrTimeout: &long,
		Logger: log.New(io.Discard, "", 0),
		MountOptions: fuse.MountOptions{
			DirectMountStrict: true, FsName: "powercut", Name: "powercut", DisableXAttrs: true,
			MaxWrite: 1 << 20, Logger: log.New(io.Discard, "", 0),
		},
	})
	if err != nil {
		return nil, err
	}
	return &mounted{dir, server}, keepFromChildren()
}

// keepFromChildren closes the connections to the kernel in programs that are
// started from now on, which the library does not. A program that had one would
// keep its own disk from ending with the process that serves it, and hang.
func keepFromChildren() error {
	const open = "/proc/self/fd"
	all, err := os.ReadDir(open)
	if err != nil {
		return err
	}
	for _, e := range all {
		if to, err := os.Readlink(filepath.Join(open, e.Name())); err == nil && to == "/dev/fuse" {
			fd, err := strconv.Atoi(e.Name())
			if err != nil {
				return err
			}
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}

// unmount also takes away a disk that somebody has a file of open or mapped, as
// a program does that met the loss of power: it ends there.
func (m *mounted) unmount() error {
	err := syscall.Unmount(m.dir, 0)
	if errors.Is(err, syscall.EBUSY) {
		return syscall.Unmount(m.dir, syscall.MNT_DETACH)
	}
	if err == nil {
		m.server.Wait()
	}
	return err
}

// node shows an entry through FUSE. Every answer comes from the entry.
type node struct {
	fs.Inode
	disk  *Disk
	entry *entry
}

var (
	_ fs.NodeLookuper       = (*node)(nil)
	_ fs.NodeGetattrer      = (*node)(nil)
	_ fs.NodeSetattrer      = (*node)(nil)
	_ fs.NodeStatfser       = (*node)(nil)
	_ fs.NodeOpener         = (*node)(nil)
	_ fs.NodeReader         = (*node)(nil)
	_ fs.NodeWriter         = (*node)(nil)
	_ fs.NodeAllocater      = (*node)(nil)
	_ fs.NodeFsyncer        = (*node)(nil)
	_ fs.NodeFlusher        = (*node)(nil)
	_ fs.NodeCreater        = (*node)(nil)
	_ fs.NodeMkdirer        = (*node)(nil)
	_ fs.NodeUnlinker       = (*node)(nil)
	_ fs.NodeRmdirer        = (*node)(nil)
	_ fs.NodeRenamer        = (*node)(nil)
	_ fs.NodeOpendirHandler = (*node)(nil)
)

func (e *entry) attributes(out *fuse.Attr) {
	out.Ino, out.Mode, out.Nlink, out.Blksize = e.inode, e.mode, 1, pageSize
	if e.dir {
		out.Mode |= syscall.S_IFDIR
		return
	}
	out.Mode |= syscall.S_IFREG
	out.Size = uint64(e.data.size)
	out.Blocks = uint64(len(e.data.at)) * pageSize / sector
}

// child makes the inode of an entry, or finds it.
func (n *node) child(ctx context.Context, e *entry, out *fuse.EntryOut) *fs.Inode {
	e.attributes(&out.Attr)
	return n.NewInode(ctx, &node{disk: n.disk, entry: e}, fs.StableAttr{Mode: out.Mode & syscall.S_IFMT, Ino: e.inode})
}

// Lookup implements fs.NodeLookuper.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.disk.enter(); errno != 0 {
		return nil, errno
	}
	defer n.disk.mu.Unlock()
	e := n.entry.names[name]
	if e == nil {
		return nil, syscall.ENOENT
	}
	return n.child(ctx, e, out), 0
}

// Getattr implements fs.NodeGetattrer.
func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if errno := n.disk.enter(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	n.entry.attributes(&out.Attr)
	return 0
}

// Setattr implements fs.NodeSetattrer.
func (n *node) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if errno := n.disk.enterToChange(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	if mode, ok := in.GetMode(); ok {
		n.entry.mode = mode & 0o777
	}
	if size, ok := in.GetSize(); ok {
		if errno := n.disk.room(int64(size) - n.entry.data.size); errno != 0 {
			return errno
		}
		n.disk.change(n.entry, write{offset: int64(size), truncate: true})
	}
	n.entry.attributes(&out.Attr)
	return 0
}

// Open implements fs.NodeOpener.
func (n *node) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.disk.enter(); errno != 0 {
		return nil, 0, errno
	}
	defer n.disk.mu.Unlock()
	if flags&syscall.O_TRUNC != 0 {
		n.disk.change(n.entry, write{truncate: true})
	}
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

// Read implements fs.NodeReader.
func (n *node) Read(_ context.Context, _ fs.FileHandle, to []byte, offset int64) (fuse.ReadResult, syscall.Errno) {
	if errno := n.disk.enter(); errno != 0 {
		return nil, errno
	}
	defer n.disk.mu.Unlock()
	return fuse.ReadResultData(to[:n.entry.data.read(to, offset)]), 0
}

// Write implements fs.NodeWriter.
func (n *node) Write(_ context.Context, _ fs.FileHandle, b []byte, offset int64) (uint32, syscall.Errno) {
	if errno := n.disk.enterToChange(); errno != 0 {
		return 0, errno
	}
	defer n.disk.mu.Unlock()
	if errno := n.disk.room(offset + int64(len(b)) - n.entry.data.size); errno != 0 {
		return 0, errno
	}
	n.disk.change(n.entry, write{offset: offset, data: append([]byte(nil), b...)})
	return uint32(len(b)), 0
}

// Allocate implements fs.NodeAllocater.
func (n *node) Allocate(_ context.Context, _ fs.FileHandle, offset, size uint64, mode uint32) syscall.Errno {
	if errno := n.disk.enterToChange(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	if mode != 0 {
		return syscall.EOPNOTSUPP
	}
	end := int64(offset + size)
	if errno := n.disk.room(end - n.entry.data.size); errno != 0 {
		return errno
	}
	if end > n.entry.data.size {
		n.disk.change(n.entry, write{offset: end, truncate: true})
	}
	return 0
}

// Flush implements fs.NodeFlusher: closing a file promises nothing, and the
// kernel need not ask again. A test that ends while it has a file open would
// wait for itself otherwise.
func (n *node) Flush(context.Context, fs.FileHandle) syscall.Errno { return syscall.ENOSYS }

// Fsync implements fs.NodeFsyncer.
func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	return n.disk.sync(func() { n.disk.syncFile(n.entry) })
}

func (d *Disk) sync(keep func()) syscall.Errno {
	for start := time.Now(); time.Since(start) < d.syncDelay(); {
		time.Sleep(5 * time.Millisecond)
	}
	if errno := d.enterToChange(); errno != 0 {
		return errno
	}
	defer d.mu.Unlock()
	if d.failSyncs > 0 {
		d.failSyncs--
		return syscall.EIO
	}
	keep()
	return 0
}

// Statfs implements fs.NodeStatfser.
func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	if errno := n.disk.enter(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	total, free := n.disk.space()
	out.Bsize, out.Frsize, out.NameLen = pageSize, pageSize, 255
	out.Blocks, out.Bfree, out.Bavail = uint64(total)/pageSize, uint64(free)/pageSize, uint64(free)/pageSize
	out.Files, out.Ffree = 1<<20, 1<<20
	return 0
}
