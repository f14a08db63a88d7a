package powercut

import (
	"context"
	"slices"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Create implements fs.NodeCreater.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.disk.enterToChange(); errno != 0 {
		return nil, nil, 0, errno
	}
	defer n.disk.mu.Unlock()
	e := n.entry.names[name]
	switch {
	case e != nil && flags&syscall.O_EXCL != 0:
		return nil, nil, 0, syscall.EEXIST
	case e != nil && flags&syscall.O_TRUNC != 0:
		n.disk.change(e, write{truncate: true})
	case e == nil:
		e = n.disk.newEntry(false, mode&0o777)
		n.disk.rename(set{n.entry, name, e})
	}
	return n.child(ctx, e, out), nil, fuse.FOPEN_KEEP_CACHE, 0
}

// Mkdir implements fs.NodeMkdirer.
func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.disk.enterToChange(); errno != 0 {
		return nil, errno
	}
	defer n.disk.mu.Unlock()
	if n.entry.names[name] != nil {
		return nil, syscall.EEXIST
	}
	e := n.disk.newEntry(true, mode&0o777)
	n.disk.rename(set{n.entry, name, e})
	return n.child(ctx, e, out), 0
}

// Unlink implements fs.NodeUnlinker.
func (n *node) Unlink(_ context.Context, name string) syscall.Errno { return n.remove(name, false) }

// Rmdir implements fs.NodeRmdirer.
func (n *node) Rmdir(_ context.Context, name string) syscall.Errno { return n.remove(name, true) }

func (n *node) remove(name string, dir bool) syscall.Errno {
	if errno := n.disk.enterToChange(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	e := n.entry.names[name]
	switch {
	case e == nil:
		return syscall.ENOENT
	case e.dir != dir:
		return syscall.ENOTDIR
	case len(e.names) > 0:
		return syscall.ENOTEMPTY
	}
	n.disk.rename(set{n.entry, name, nil})
	return 0
}

// Rename implements fs.NodeRenamer.
func (n *node) Rename(_ context.Context, name string, newParent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if errno := n.disk.enterToChange(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	to := newParent.(*node).entry
	e, over := n.entry.names[name], to.names[newName]
	switch {
	case flags != 0:
		return syscall.EINVAL
	case e == nil:
		return syscall.ENOENT
	case e == over:
		return 0
	case over != nil && len(over.names) > 0:
		return syscall.ENOTEMPTY
	}
	n.disk.rename(set{to, newName, e}, set{n.entry, name, nil})
	return 0
}

// OpendirHandle implements fs.NodeOpendirHandler.
func (n *node) OpendirHandle(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.disk.enter(); errno != 0 {
		return nil, 0, errno
	}
	defer n.disk.mu.Unlock()
	h := &dirHandle{node: n}
	for name, e := range n.entry.names {
		mode := uint32(syscall.S_IFREG)
		if e.dir {
			mode = syscall.S_IFDIR
		}
		h.left = append(h.left, fuse.DirEntry{Name: name, Ino: e.inode, Mode: mode})
	}
	slices.SortFunc(h.left, func(a, b fuse.DirEntry) int { return len(a.Name) - len(b.Name) })
	return h, 0, 0
}

// dirHandle is an open directory: the names it had, and a way to sync it.
type dirHandle struct {
	node *node
	left []fuse.DirEntry
	next int
}

var (
	_ fs.FileReaddirenter = (*dirHandle)(nil)
	_ fs.FileFsyncdirer   = (*dirHandle)(nil)
	_ fs.FileSeekdirer    = (*dirHandle)(nil)
)

// Readdirent implements fs.FileReaddirenter.
func (h *dirHandle) Readdirent(context.Context) (*fuse.DirEntry, syscall.Errno) {
	if h.next >= len(h.left) {
		return nil, 0
	}
	e := h.left[h.next]
	h.next++
	e.Off = uint64(h.next)
	return &e, 0
}

// Seekdir implements fs.FileSeekdirer.
func (h *dirHandle) Seekdir(_ context.Context, offset uint64) syscall.Errno {
	h.next = int(offset)
	return 0
}

// Fsyncdir implements fs.FileFsyncdirer.
func (h *dirHandle) Fsyncdir(context.Context, uint32) syscall.Errno {
	return h.node.disk.sync(func() { h.node.disk.syncDir(h.node.entry) })
}
