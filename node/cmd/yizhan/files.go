package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// localFiles are the files of one submission. They are streamed from disk, one
// open at a time.
type localFiles struct {
	paths    []string
	headers  []exchange.File
	total    int64
	progress *progress
	current  *os.File
}

// gather looks at every file before anything is sent, and finds everything
// wrong with them at once. The first is the text (正文) when hasMain.
func (a *app) gather(paths []string, hasMain bool) (*localFiles, error) {
	l := &localFiles{paths: paths}
	var p exchange.Problems
	for i, path := range paths {
		info, err := os.Stat(path)
		field := fmt.Sprintf("files[%d]", i)
		switch {
		case err != nil:
			p.Add(field, "file.missing", reasonOf(path, err), "文件无法读取", "", "check the path")
			continue
		case !info.Mode().IsRegular():
			p.Add(field, "file.irregular", path+" is not a regular file", "不是普通文件", "", "pack a folder into one file first")
			continue
		}
		l.headers = append(l.headers, exchange.File{Name: filepath.Base(path), Size: info.Size(), Main: hasMain && i == 0})
		l.total += info.Size()
	}
	if len(paths) > exchange.MaxFiles {
		p.Add("files", "files.many", fmt.Sprintf("%d files; at most %d go together", len(paths), exchange.MaxFiles), "文件数量超限", "", "pack attachments together")
	}
	if l.total > exchange.MaxContent {
		p.Add("files", "files.large", fmt.Sprintf("%s; at most %s go together", bytesOf(l.total), bytesOf(exchange.MaxContent)), "文件总大小超限", "", "send them separately")
	}
	l.progress = a.newProgress("sending", l.total)
	return l, p.Err("send.files")
}

func reasonOf(path string, err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Sprintf("%s: %v", path, err)
}

// open implements the argument of exchange.Service.Submit. A retry begins
// again from 0.
func (l *localFiles) open(i int) (io.Reader, error) {
	l.close()
	if i == 0 {
		l.progress.restart()
	}
	f, err := os.Open(l.paths[i])
	if err != nil {
		return nil, exchange.Errorf(exchange.Invalid, "send.files", "%s", reasonOf(l.paths[i], err))
	}
	l.current = f
	return io.TeeReader(f, l.progress), nil
}

func (l *localFiles) close() {
	if l.current != nil {
		_ = l.current.Close() // only read
		l.current = nil
	}
}
