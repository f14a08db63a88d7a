package audit

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
)

// archive is an opened evidence file whose entries have names, sizes and kinds
// that the format knows. Entries are stored, never compressed, so what is read
// is never more than the file itself.
type archive struct {
	files map[string]*zip.File
	odd   []string // names that have no place in the format
}

// open reads the list of entries and refuses what could exhaust the reader.
func open(r io.ReaderAt, size int64) (*archive, string) {
	if why := checkEnd(r, size); why != "" {
		return nil, why
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, "the list of entries cannot be read"
	}
	if len(z.File) > maxEntries {
		return nil, "the file has too many entries"
	}
	a := &archive{files: map[string]*zip.File{}}
	total, folded := uint64(0), map[string]bool{}
	for _, f := range z.File {
		k, ok := kindOf(f.Name)
		if !ok {
			a.odd = append(a.odd, f.Name)
			continue
		}
		if f.Method != zip.Store || f.Flags&1 != 0 || f.CompressedSize64 != f.UncompressedSize64 || f.UncompressedSize64 > k.max {
			return nil, "entry " + f.Name + " is compressed, encrypted or too large"
		}
		if total += f.UncompressedSize64; total > uint64(size) || folded[strings.ToLower(f.Name)] {
			return nil, "entries overlap or repeat a name, at " + f.Name
		}
		folded[strings.ToLower(f.Name)] = true
		a.files[f.Name] = f
	}
	return a, ""
}

// The end of a ZIP file (APPNOTE 4.3.14 to 4.3.16).
const (
	endSize       = 22
	end64Size     = 56
	locatorSize   = 20
	maxDirectory  = maxEntries * 256
	endSignature  = "PK\x05\x06"
	end64Locator  = "PK\x06\x07"
	end64         = "PK\x06\x06"
	entryAtOnce   = 0xffffffff
	offsetInEnd   = 16
	offsetIn64    = 48
	offsetLocator = 8
)

// checkEnd checks that the file ends where a ZIP file without a comment ends,
// and that its list of entries is of bounded size, before anybody reads it.
func checkEnd(r io.ReaderAt, size int64) string {
	const cut = "the file does not end as a ZIP file does; it was cut short, or something was appended"
	end := make([]byte, endSize)
	if size < endSize || readAt(r, end, size-endSize) != nil || !bytes.HasPrefix(end, []byte(endSignature)) {
		return cut
	}
	start := int64(binary.LittleEndian.Uint32(end[offsetInEnd:]))
	if start == entryAtOnce {
		if start = listOf64(r, size); start < 0 {
			return cut
		}
	}
	if start > size || size-start > maxDirectory {
		return "the list of entries is too long"
	}
	return ""
}

// listOf64 returns the offset of the list in a file beyond 4 GiB, or -1.
func listOf64(r io.ReaderAt, size int64) int64 {
	tail := make([]byte, end64Size)
	at := size - endSize - locatorSize
	if at < 0 || readAt(r, tail[:locatorSize], at) != nil || !bytes.HasPrefix(tail, []byte(end64Locator)) {
		return -1
	}
	at = int64(binary.LittleEndian.Uint64(tail[offsetLocator:]))
	if at < 0 || at > size || readAt(r, tail, at) != nil || !bytes.HasPrefix(tail, []byte(end64)) {
		return -1
	}
	return int64(binary.LittleEndian.Uint64(tail[offsetIn64:]))
}

func readAt(r io.ReaderAt, b []byte, at int64) error {
	_, err := io.ReadFull(io.NewSectionReader(r, at, int64(len(b))), b)
	return err
}

// read returns an entry into buf. sound is false when its checksum does not
// hold; the bytes are returned all the same, for the signature says more.
func (a *archive) read(name string, buf []byte) (data []byte, sound bool, err error) {
	f := a.files[name]
	rc, err := f.Open()
	if err != nil {
		return nil, false, err
	}
	defer rc.Close()
	if n := int(f.UncompressedSize64); cap(buf) < n {
		buf = make([]byte, n)
	} else {
		buf = buf[:n]
	}
	if _, err = io.ReadFull(rc, buf); err != nil && !errors.Is(err, zip.ErrChecksum) {
		return nil, false, err
	}
	if err == nil {
		_, err = rc.Read(make([]byte, 1)) // the checksum is compared at the end
	}
	return buf, err == io.EOF, nil
}
