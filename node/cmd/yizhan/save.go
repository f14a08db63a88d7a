package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yizhan-exchange/yizhan/exchange"
)

const opSave = "save"

// saver writes files into one directory and nowhere else. A file appears under
// its name only when it is whole and synced, and readable only by its owner.
type saver struct {
	root  *os.Root
	dir   string
	force bool
	used  map[string]int
}

func newSaver(dir string, force bool) (*saver, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, exchange.Errorf(exchange.Invalid, opSave, "%s", reasonOf(dir, err))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, exchange.Errorf(exchange.Invalid, opSave, "%s", reasonOf(dir, err))
	}
	return &saver{root: root, dir: dir, force: force, used: map[string]int{}}, nil
}

func (s *saver) close() { _ = s.root.Close() }

// pending is a file that is being written.
type pending struct {
	*os.File
	saver      *saver
	temp, name string
}

// create begins a file. Names come from other bodies: they are only names.
// Two files of one name in the same exchange are numbered.
func (s *saver) create(name string) (*pending, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if strings.HasPrefix(name, ".") {
		name = "_" + name // never a hidden file
	}
	name = s.number(name)
	if _, err := s.root.Lstat(name); err == nil && !s.force {
		return nil, s.exists(name)
	}
	temp := ".yizhan-" + strings.ToLower(rand.Text())
	f, err := s.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, exchange.Errorf(exchange.Internal, opSave, "%s", reasonOf(s.dir, err))
	}
	return &pending{f, s, temp, name}, nil
}

func (s *saver) number(name string) string {
	s.used[name]++
	n := s.used[name]
	if n == 1 {
		return name
	}
	ext := filepath.Ext(name)
	return fmt.Sprintf("%s (%d)%s", strings.TrimSuffix(name, ext), n, ext)
}

// commit makes the file appear.
func (p *pending) commit() (string, error) {
	err := errors.Join(p.Sync(), p.Close())
	if err == nil {
		err = p.appear()
	}
	if err != nil {
		p.drop()
		if errors.Is(err, fs.ErrExist) {
			return "", p.saver.exists(p.name)
		}
		return "", exchange.Errorf(exchange.Internal, opSave, "%s", reasonOf(p.name, err))
	}
	return filepath.Join(p.saver.dir, p.name), nil
}

// appear gives the file its name. A link fails where a name is taken; a file
// system without links is looked at first.
func (p *pending) appear() error {
	root := p.saver.root
	if p.saver.force {
		return root.Rename(p.temp, p.name)
	}
	err := root.Link(p.temp, p.name)
	if err == nil || errors.Is(err, fs.ErrExist) {
		if err == nil {
			_ = root.Remove(p.temp)
		}
		return err
	}
	if _, err := root.Lstat(p.name); err == nil {
		return fs.ErrExist
	}
	return root.Rename(p.temp, p.name)
}

// drop forgets a file that did not become whole.
func (p *pending) drop() {
	_ = p.Close()
	_ = p.saver.root.Remove(p.temp)
}

func (s *saver) exists(name string) error {
	var p exchange.Problems
	p.Add("name", "file.exists", filepath.Join(s.dir, name)+" is there already", "文件已存在", "", "choose another --out, or overwrite with --force")
	return &exchange.Error{Code: exchange.Conflict, Op: opSave, Message: "nothing is overwritten", Problems: p}
}

// checkName refuses whatever is more than a name.
func checkName(name string) error {
	var p exchange.Problems
	bad := func(r rune) bool { return unicode.IsControl(r) || reverses(r) || strings.ContainsRune(`/\:`, r) }
	switch {
	case name == "" || name == "." || name == "..", strings.ContainsFunc(name, bad):
		p.Add("name", "file.name", fmt.Sprintf("%q is not a plain file name", name), "文件名含有路径或控制字符", "", "the other files can be fetched with --file N; tell the sender")
	case !utf8.ValidString(name) || len(name) > 240:
		p.Add("name", "file.name", "the file name is not UTF-8 or too long", "文件名编码不正确或过长", "", "the other files can be fetched with --file N; tell the sender")
	}
	if len(p) == 0 {
		return nil
	}
	return &exchange.Error{Code: exchange.Denied, Op: opSave, Message: "a file cannot be saved under its name", Problems: p}
}
