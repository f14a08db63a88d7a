package audit_test

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/seal"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/audit"
	dt "github.com/yizhan-exchange/yizhan/exchange/directory/directorytest"
)

var sent = dt.Begin.Add(30 * 24 * time.Hour)

const body = "关于请求支持疾控中心建设的请示\n"

// trip is one document from a county to its province and to a sibling county,
// with everything that the origin knows at the end.
type trip struct {
	*dt.Federation
	manifest crypto.Signed
	m        exchange.Manifest
	receipts []crypto.Signed
	chunks   map[crypto.Digest][]byte
	key      seal.Key
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// submit makes a sealed exchange of the county and its manifest.
func submit(t testing.TB, f *dt.Federation) *trip {
	t.Helper()
	x := &trip{Federation: f, chunks: map[crypto.Digest][]byte{}, key: must(seal.NewKey(rand.Reader))}
	x.m = exchange.Manifest{
		ID: must(exchange.NewID(sent, rand.Reader)), Kind: exchange.Document, From: "wjw@320582", Type: "0B",
		To:      []exchange.Recipient{{Unit: "wjw@320000"}, {Unit: "bgs@320583", Role: exchange.Copy}},
		Created: sent, NotAfter: sent.Add(5 * 24 * time.Hour),
	}
	file := body + strings.Repeat("x", seal.ChunkSize) // two chunks
	header := exchange.Encode(exchange.Header{Title: "请示", Files: []exchange.File{{Name: "请示.ofd", Size: int64(len(file)), Main: true}}})
	x.m.Parts = []exchange.Part{x.part(0, string(header)), x.part(1, file)}
	x.m.Commitment = seal.Commit(f.Provider, x.m.ID, x.key)
	x.manifest = must(crypto.Sign(f.Domains[dt.County].Sign, crypto.ContextManifest, exchange.Encode(x.m)))
	return x
}

func (x *trip) part(n uint32, plain string) exchange.Part {
	attempt := must(seal.NewAttempt(rand.Reader))
	s := must(seal.NewSealer(x.Provider, x.key, x.m.ID, n, attempt))
	p := exchange.Part{Attempt: attempt}
	p.Size = must(s.Seal(strings.NewReader(plain), func(_ uint32, sealed []byte, addr crypto.Digest) error {
		p.Chunks, x.chunks[addr] = append(p.Chunks, addr), bytes.Clone(sealed)
		return nil
	}))
	return p
}

// receipt signs one and adds it; after is the index of the one before, -1 none.
func (x *trip) receipt(state exchange.State, d exchange.Domain, after int, minutes int, unit exchange.Unit, deliveries ...uint16) int {
	return x.receiptBy(x.Domains[d].Sign, state, d, after, minutes, unit, deliveries...)
}

func (x *trip) receiptBy(key sm.PrivateKey, state exchange.State, d exchange.Domain, after int, minutes int, unit exchange.Unit, deliveries ...uint16) int {
	r := exchange.Receipt{
		State: state, Exchange: x.m.ID, Manifest: x.Provider.Sum(x.manifest.Bytes), Domain: d, Deliveries: deliveries,
		At: sent.Add(time.Duration(minutes) * time.Minute), Unit: unit,
	}
	if unit != "" {
		r.Person = "li.si"
	}
	if after >= 0 {
		r.Prev = x.Provider.Sum(x.receipts[after].Bytes)
	}
	x.receipts = append(x.receipts, must(crypto.Sign(key, crypto.ContextReceipt, exchange.Encode(r))))
	return len(x.receipts) - 1
}

// arrive takes the exchange to both recipients; the province signs for it, the
// sibling county returns it.
func arrive(t testing.TB) *trip {
	x := submit(t, dt.Three(t))
	accepted := x.receipt(exchange.Accepted, dt.County, -1, 0, "", 0, 1)
	relayed := x.receipt(exchange.Relayed, dt.City, accepted, 1, "", 0, 1)
	up := x.receipt(exchange.Arrived, dt.Province, relayed, 2, "", 0)
	across := x.receipt(exchange.Arrived, dt.Sibling, relayed, 3, "", 1)
	x.receipt(exchange.SignedFor, dt.Province, up, 60, "wjw@320000", 0)
	x.receipt(exchange.Returned, dt.Sibling, across, 70, "bgs@320583", 1)
	return x
}

func (x *trip) evidence(t testing.TB, mode audit.Content) audit.Evidence {
	t.Helper()
	proofs, err := audit.Proofs(x.Book(sent), x.manifest, x.receipts)
	if err != nil {
		t.Fatal(err)
	}
	e := audit.Evidence{
		Manifest: x.manifest, Receipts: x.receipts, Directory: proofs, Units: x.Units, Content: mode,
		Chunk: func(d crypto.Digest) ([]byte, error) { return x.chunks[d], nil },
	}
	if mode == audit.Disclosed {
		e.Key = &x.key
	}
	return e
}

func (x *trip) export(t testing.TB, mode audit.Content) []byte {
	t.Helper()
	return export(t, x.evidence(t, mode))
}

func export(t testing.TB, e audit.Evidence) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := audit.Export(&b, e); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (x *trip) verify(file []byte, o audit.Options) (*audit.Report, error) {
	return audit.Verify(bytes.NewReader(file), int64(len(file)), x.Anchor, o)
}

// unpacked is an evidence file as names and bytes, in order.
type unpacked struct {
	names []string
	data  map[string][]byte
}

func unpack(t testing.TB, file []byte) *unpacked {
	t.Helper()
	u := &unpacked{data: map[string][]byte{}}
	for _, f := range must(zip.NewReader(bytes.NewReader(file), int64(len(file)))).File {
		rc := must(f.Open())
		u.names = append(u.names, f.Name)
		u.data[f.Name] = must(io.ReadAll(rc))
		rc.Close()
	}
	return u
}

// pack writes the entries again. reindex brings the index up to date, as
// somebody would who wants to hide a change.
func (u *unpacked) pack(t testing.TB, p sm.Provider, reindex bool) []byte {
	t.Helper()
	if reindex {
		u.reindex(t, p)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range u.names {
		if u.data[name] == nil {
			continue
		}
		d := u.data[name]
		w := must(z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(d), CompressedSize64: uint64(len(d)), UncompressedSize64: uint64(len(d))}))
		must(w.Write(d))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (u *unpacked) reindex(t testing.TB, p sm.Provider) {
	var table map[string]any
	if err := json.Unmarshal(u.data["index.json"], &table); err != nil {
		t.Fatal(err)
	}
	var entries []map[string]any
	for _, name := range slices.Sorted(slices.Values(u.names)) {
		if d := u.data[name]; d != nil && name != "index.json" {
			entries = append(entries, map[string]any{"name": name, "size": len(d), "sm3": p.Sum(d).String()})
		}
	}
	table["entries"] = entries
	u.data["index.json"] = must(json.Marshal(table))
}

// find returns the entry whose name has the prefix and the suffix.
func (u *unpacked) find(t testing.TB, prefix, suffix string) string {
	t.Helper()
	for _, n := range u.names {
		if strings.HasPrefix(n, prefix) && strings.HasSuffix(n, suffix) {
			return n
		}
	}
	t.Fatalf("no entry %s…%s", prefix, suffix)
	return ""
}

// drop removes a statement.
func (u *unpacked) drop(stem string) {
	for _, end := range []string{".bin", ".sig", ".key"} {
		u.data[stem+end] = nil
	}
}

// wantOnly checks that the failures are of one class, consequences aside, and
// that the first of them names the object.
func wantOnly(t *testing.T, r *audit.Report, err error, class *audit.Class, object string) {
	t.Helper()
	var e *exchange.Error
	if !errors.As(err, &e) || !errors.Is(err, class) {
		t.Fatalf("got %v, want %v", err, class)
	}
	if !strings.Contains(e.Message, object) || !strings.Contains(e.Message, class.English) {
		t.Errorf("message %q does not name %q and %q", e.Message, object, class.English)
	}
	for _, c := range r.Failed() {
		if c.Name != class.Code && c.Name != audit.ErrUnproven.Code {
			t.Errorf("also %s at %s: %s", c.Name, c.Object, c.Detail)
		}
		if c.Chinese == "" || c.Detail == "" {
			t.Errorf("%s at %s has no words", c.Name, c.Object)
		}
	}
}
