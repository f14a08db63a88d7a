package audit

import (
	"bytes"
	"errors"
	"hash"
	"io"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/seal"
	"github.com/yizhan-exchange/yizhan/exchange"
)

var (
	errAltered = errors.New("chunk does not have its digest")
	errAbsent  = errors.New("chunk is not in the file")
)

// content checks every sealed chunk against the manifest and, when the key is
// disclosed, opens them.
func (v *verifier) content() {
	if v.manifest == nil {
		if len(v.names("content/")) > 0 {
			v.fail(ErrUnproven, "content", "清单有问题", "the manifest that names the chunks is not sound")
		}
		return
	}
	v.unexpected()
	if !v.indexed || v.table.Content == None {
		return
	}
	before := v.failed[ErrContent] + v.failed[ErrMissingContent] + v.failed[ErrOpen]
	if v.table.Content == Disclosed {
		v.disclosed()
	} else {
		v.sealed()
	}
	if v.failed[ErrContent]+v.failed[ErrMissingContent]+v.failed[ErrOpen] == before {
		v.pass("content", "content", "%d 个密封块与清单一致", "%d sealed chunks are those of the manifest", len(v.manifest.Chunks()))
	}
}

// unexpected reports chunks and keys that the mode or the manifest has no place
// for.
func (v *verifier) unexpected() {
	known := map[string]bool{}
	for p, part := range v.manifest.Parts {
		for c := range part.Chunks {
			known[chunkName(p, c)] = true
		}
	}
	for _, name := range v.names("content/") {
		if !known[name] || v.indexed && v.table.Content == None {
			v.fail(ErrUnexpectedEntry, name, "清单中没有此块", "the manifest has no such chunk, or the index says that there is no content")
		}
	}
	if v.indexed && v.table.Content != Disclosed && v.archive.files[nameKey] != nil {
		v.fail(ErrUnexpectedEntry, nameKey, "内容未披露，不应含密钥", "the index does not say that the content is disclosed")
	}
}

// chunk reads a sealed chunk into buf and compares its digest.
func (v *verifier) chunk(p, c int, buf []byte) ([]byte, error) {
	name := chunkName(p, c)
	data, sum, ok := v.digested(name, buf)
	switch {
	case !ok:
		if !v.bad[name] {
			v.fail(ErrMissingContent, name, "第 %d 部分第 %d 块", "chunk %[2]d of part %[1]d is not in the file", p, c)
		}
		return nil, errAbsent
	case sum != v.manifest.Parts[p].Chunks[c]:
		v.fail(ErrContent, name, "第 %d 部分第 %d 块", "chunk %[2]d of part %[1]d does not have the digest that the manifest signs", p, c)
		return nil, errAltered
	}
	return data, nil
}

func (v *verifier) sealed() {
	buf := make([]byte, maxChunk)
	for p, part := range v.manifest.Parts {
		for c := range part.Chunks {
			// A chunk that fails is recorded; the others are looked at all the same.
			_, _ = v.chunk(p, c, buf)
		}
	}
}

// disclosed opens the content with the key in the file.
func (v *verifier) disclosed() {
	data, ok := v.entry(nameKey, nil)
	var k seal.Key
	if !ok || len(data) != len(k) {
		v.fail(ErrKey, nameKey, "密钥缺失或长度不对", "the key is missing or of the wrong length")
		v.sealed()
		return
	}
	copy(k[:], data)
	if seal.CheckCommitment(v.Provider, v.manifest.ID, k, v.manifest.Commitment) != nil {
		v.fail(ErrKey, nameKey, "承诺不符", "SM3 of the key is not the commitment that the manifest signs")
		v.sealed()
		return
	}
	v.pass("key", nameKey, "所披露密钥与清单承诺一致", "the disclosed key is the one that the manifest commits to")
	if len(v.manifest.Parts) == 0 {
		v.fail(ErrOpen, nameManifest, "没有内容", "the manifest has no part 0, the header")
		return
	}
	var header bytes.Buffer
	if v.open(k, 0, &limited{w: &header, left: maxHeader}) {
		v.header(header.Bytes())
	}
	for p := 1; p < len(v.manifest.Parts); p++ {
		v.part(k, p)
	}
}

const maxHeader = 1 << 20

// open opens one part into w and reports whether it is whole.
func (v *verifier) open(k seal.Key, p int, w io.Writer) bool {
	part := v.manifest.Parts[p]
	s, err := seal.NewSealer(v.Provider, k, v.manifest.ID, uint32(p), part.Attempt)
	if err != nil {
		v.fail(ErrOpen, chunkName(p, 0), "%[2]s", "part %d: %s", p, err)
		return false
	}
	buf, count := make([]byte, maxChunk), &counter{w: w}
	err = s.Open(uint32(len(part.Chunks)), func(c uint32) ([]byte, error) { return v.chunk(p, int(c), buf) }, count)
	switch {
	case errors.Is(err, errAltered), errors.Is(err, errAbsent):
		return false
	case err != nil:
		v.fail(ErrOpen, chunkName(p, 0), "第 %[1]d 部分", "part %d: %s", p, err)
		return false
	case count.n != part.Size:
		v.fail(ErrOpen, chunkName(p, 0), "第 %[1]d 部分大小不符", "part %d has %d bytes, the manifest says %d", p, count.n, part.Size)
		return false
	}
	return true
}

// header reads part 0 and compares it with the parts.
func (v *verifier) header(data []byte) {
	h, err := exchange.Decode[exchange.Header](data)
	if err != nil || len(h.Files) != len(v.manifest.Parts)-1 {
		v.fail(ErrOpen, chunkName(0, 0), "标题信息无法读取", "the sealed header cannot be read, or lists other files than there are parts")
		return
	}
	for i, f := range h.Files {
		if f.Size != v.manifest.Parts[i+1].Size {
			v.fail(ErrOpen, chunkName(i+1, 0), "文件大小不符", "the header says %d bytes, the manifest %d", f.Size, v.manifest.Parts[i+1].Size)
			return
		}
	}
	v.report.Header = &h
}

// part opens one file, digests it, and hands it over when asked to.
func (v *verifier) part(k seal.Key, p int) {
	h, f := v.Provider.NewHash(), exchange.File{}
	w := io.Writer(h)
	if v.report.Header != nil {
		f = v.report.Header.Files[p-1]
		if v.Extract != nil {
			out, err := v.Extract(p-1, f)
			if err != nil {
				v.fail(ErrOpen, chunkName(p, 0), "无法写出", "the file cannot be written")
				return
			}
			w = io.MultiWriter(h, out)
		}
	}
	if v.open(k, p, w) && v.report.Header != nil {
		v.report.Files = append(v.report.Files, File{Name: f.Name, Size: f.Size, Main: f.Main, SM3: sumOf(h)})
	}
}

func sumOf(h hash.Hash) (d crypto.Digest) { h.Sum(d[:0]); return d }

// counter counts what it passes on.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// limited fails when more than left bytes are written.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	if l.left -= len(b); l.left < 0 {
		return 0, errors.New("the header is too long")
	}
	return l.w.Write(b)
}
