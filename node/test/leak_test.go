package test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// forms are the shapes in which a text may lie on a disk.
func forms(text string) map[string][]byte {
	words := utf16.Encode([]rune(text))
	var le, be []byte
	for _, w := range words {
		le, be = binary.LittleEndian.AppendUint16(le, w), binary.BigEndian.AppendUint16(be, w)
	}
	out := map[string][]byte{"UTF-8": []byte(text), "UTF-16LE": le, "UTF-16BE": be, "hexadecimal": []byte(hex.EncodeToString([]byte(text)))}
	for shift, name := range []string{"base64", "base64 after one byte", "base64 after two bytes"} {
		// The characters that the neighbours take part in are cut off.
		b := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), text...))
		out[name] = []byte(b[[]int{0, 2, 3}[shift] : len(b)-2])
	}
	return out
}

// leaks says which marker lies in which file below the directories, in which
// form. What is compressed with gzip is looked into.
func leaks(t *testing.T, dirs ...string) (out []string) {
	t.Helper()
	files := 0
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			files++
			b, err := os.ReadFile(path)
			for _, what := range leaked(bytes.TrimRight(b, "\x00")) { // logs are allocated ahead
				out = append(out, what+" in "+path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files == 0 {
		t.Fatalf("nothing was searched in %v", dirs)
	}
	return out
}

func leaked(b []byte) (out []string) {
	for what, text := range markers {
		for form, needle := range forms(text) {
			if bytes.Contains(b, needle) {
				out = append(out, what+" as "+form)
			}
		}
	}
	for rest := b; ; rest = rest[1:] {
		i := bytes.Index(rest, []byte{0x1f, 0x8b, 8})
		if i < 0 {
			return out
		}
		rest = rest[i:]
		if r, err := gzip.NewReader(bytes.NewReader(rest)); err == nil {
			plain, _ := io.ReadAll(io.LimitReader(r, 16<<20)) // as far as it goes
			for _, what := range leaked(plain) {
				out = append(out, what+", compressed")
			}
		}
	}
}

func TestTheSearchForLeaksFindsThem(t *testing.T) {
	for what, text := range markers {
		for form, needle := range forms(text) {
			dir := t.TempDir()
			around := append(append(bytes.Repeat([]byte("…"), 100), needle...), "…"...)
			for name, b := range map[string][]byte{"plain": around, "packed": packed(around)} {
				if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			found := strings.Join(leaks(t, dir), "\n")
			if !strings.Contains(found, what+" as "+form+" in") || !strings.Contains(found, what+" as "+form+", compressed in") {
				t.Errorf("%s as %s: found %q", what, form, found)
			}
		}
	}
	for shift := range 3 { // base64 as an encoder writes it, wherever the text begins
		b := base64.StdEncoding.EncodeToString([]byte("abc"[:shift] + markers["title"] + "xyz"))
		if !strings.Contains(strings.Join(leaked([]byte(b)), " "), "title as base64") {
			t.Errorf("the title after %d bytes is not found in %s", shift, b)
		}
	}
}

func packed(b []byte) []byte {
	var out bytes.Buffer
	_, _ = out.WriteString("before")
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b) // to memory
	_ = w.Close()
	return out.Bytes()
}
