package audit_test

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange/audit"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
	dt "github.com/yizhan-exchange/yizhan/exchange/directory/directorytest"
)

type bookType = directory.Book

func newBook(x *trip) *directory.Book { return directory.NewBook(x.Provider, x.Anchor) }

func TestATruncatedFileIsDamaged(t *testing.T) {
	x := arrive(t)
	file := x.export(t, audit.None)
	for _, n := range []int{0, 1, 21, len(file) / 2, len(file) - 1} {
		r, err := x.verify(file[:n], audit.Options{})
		wantOnly(t, r, err, audit.ErrArchive, "file")
	}
	r, err := x.verify(append(bytes.Clone(file), 0), audit.Options{})
	wantOnly(t, r, err, audit.ErrArchive, "file")
}

func TestAnEntryThatDoesNotBelongIsFound(t *testing.T) {
	x := arrive(t)
	file := x.export(t, audit.Sealed)
	for name, reindex := range map[string]bool{
		"notes.txt": true, "../escape": true, "content/../../etc/passwd": true, "receipts/\x00": true, "a\\b": true,
		"content/9-0.bin": true, "content/1-2.bin": true, "key.bin": true, "content/1-02.bin": true, "receipts/": true,
		"receipts/07-signed-320582.txt": true, "certificates/999999-sign.pem": false, "README.txt/x": true,
	} {
		t.Run(strings.ToValidUTF8(name, "?"), func(t *testing.T) {
			u := unpack(t, file)
			u.names = append(u.names, name)
			u.data[name] = []byte("0123456789abcdef")
			if name == "receipts/" {
				u.data[name] = []byte{}
			}
			r, err := x.verify(u.pack(t, x.Provider, reindex), audit.Options{})
			wantFirst(t, r, err, audit.ErrUnexpectedEntry, r.Failed()[0].Object)
		})
	}
}

func TestABombIsNotRead(t *testing.T) {
	x := arrive(t)
	write := func(headers ...*zip.FileHeader) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, h := range headers {
			w := must(z.CreateHeader(h))
			must(w.Write(make([]byte, 4096)))
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	raw := func(size uint64) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		must(z.CreateRaw(&zip.FileHeader{Name: "manifest.bin", CompressedSize64: size, UncompressedSize64: size}))
		z.Close()
		return b.Bytes()
	}
	for name, file := range map[string][]byte{
		"compressed":   write(&zip.FileHeader{Name: "content/0-0.bin", Method: zip.Deflate}),
		"a name twice": write(&zip.FileHeader{Name: "manifest.bin"}, &zip.FileHeader{Name: "manifest.bin"}),
		"huge":         raw(1 << 40),
		"overlapping":  raw(400 << 10),
	} {
		t.Run(name, func(t *testing.T) {
			r, err := x.verify(file, audit.Options{})
			wantOnly(t, r, err, audit.ErrArchive, "file")
		})
	}
}

func TestTooManyEntriesAreNotRead(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b) // ZIP64, because of the number
	for range 1 << 16 {
		must(z.CreateRaw(&zip.FileHeader{Name: "manifest.bin"}))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	x := submit(t, dt.Three(t))
	r, err := x.verify(b.Bytes(), audit.Options{})
	wantOnly(t, r, err, audit.ErrArchive, "file")
	if !strings.Contains(err.Error(), "too many entries") {
		t.Error(err)
	}
}

func FuzzVerify(f *testing.F) {
	x := arrive(f)
	small := x.export(f, audit.None)
	f.Add(small)
	f.Add(small[:len(small)/2])
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	good := unpack(f, small)
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 1<<20 {
			t.Skip()
		}
		r, err := x.verify(file, audit.Options{})
		if r == nil || (err == nil) != (len(r.Failed()) == 0) {
			t.Fatalf("report and error differ: %v", err)
		}
		_ = r.Text("zh")
		if err == nil && !bytes.Equal(unpack(t, file).data["manifest.bin"], good.data["manifest.bin"]) {
			t.Fatal("something else was verified")
		}
	})
}

// FuzzEntry changes one entry of a sound file.
func FuzzEntry(f *testing.F) {
	x := arrive(f)
	file := x.export(f, audit.None)
	for i := range unpack(f, file).names {
		f.Add(uint8(i), uint16(40), byte(1), true)
	}
	f.Fuzz(func(t *testing.T, entry uint8, at uint16, flip byte, reindex bool) {
		u := unpack(t, file)
		name := u.names[int(entry)%len(u.names)]
		data := u.data[name]
		data[int(at)%len(data)] ^= flip
		r, err := x.verify(u.pack(t, x.Provider, reindex && name != "index.json"), audit.Options{})
		free := flip == 0 || name == "index.json" || name == "README.txt" && reindex
		if err == nil && !free {
			t.Fatalf("%s byte %d: verified\n%s", name, at, r.Text("en"))
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	x := arrive(b)
	for _, mode := range []audit.Content{audit.None, audit.Sealed, audit.Disclosed} {
		file := x.export(b, mode)
		b.Run(string(mode), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(file)))
			for b.Loop() {
				must(x.verify(file, audit.Options{}))
			}
		})
	}
}

func BenchmarkExport(b *testing.B) {
	x := arrive(b)
	e := x.evidence(b, audit.Sealed)
	b.ReportAllocs()
	for b.Loop() {
		export(b, e)
	}
}
