package audit

import (
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
)

// Tolerance is how far times of different signers may be out of order before
// Verify warns, unless Options say otherwise.
const Tolerance = 5 * time.Minute

// Options of Verify. The zero value is right for most.
type Options struct {
	Provider  sm.Provider // nil is the default one
	Tolerance time.Duration
	// Directory are statements that the verifier holds from elsewhere: a later
	// revocation, say. They are judged together with those in the file.
	Directory []crypto.Signed
	// Covered tells of checkpoints of other domains that cover a statement, and
	// lets one outlive the revocation of its key, as earlier receipts do.
	Covered directory.Covered
	// Extract receives the plaintext of each disclosed file. What it got must be
	// discarded unless Verify returns no error.
	Extract func(index int, f exchange.File) (io.Writer, error)
}

// Verify checks an evidence file against a trust anchor. The report is never
// nil and holds every finding; the error is its Err. Memory is bounded by the
// statements in the file and two chunks.
func Verify(r io.ReaderAt, size int64, anchor trust.Anchor, o Options) (*Report, error) {
	v := &verifier{
		Options: o, report: &Report{Root: exchange.Domain(anchor.Root)},
		bad: map[string]bool{}, failed: map[*Class]int{}, odd: map[string]string{}, byDigest: map[crypto.Digest]*receipt{},
		vouched: map[exchange.Domain]map[crypto.Digest]exchange.Time{},
	}
	var err error
	if v.Provider, err = providerOr(o.Provider); err != nil {
		return v.report, err
	}
	if v.Tolerance == 0 {
		v.Tolerance = Tolerance
	}
	v.book = directory.NewBook(v.Provider, anchor)
	a, why := open(r, size)
	if a == nil {
		v.fail(ErrArchive, "file", "%s", "%s", why)
		return v.report, v.report.Err()
	}
	v.archive = a
	for _, step := range []func(){
		v.index, v.directory, v.certificates, v.readReceipts, v.readManifest, v.checkReceipts,
		v.road, v.units, v.content, v.claims, v.leftovers, v.conclude,
	} {
		step()
	}
	return v.report, v.report.Err()
}

type verifier struct {
	Options
	archive *archive
	table   index
	indexed bool              // the index can be relied on
	report  *Report           //
	bad     map[string]bool   // objects with a failure
	failed  map[*Class]int    // how many of each
	odd     map[string]string // entries whose checksum or digest does not hold, and which

	book     *directory.Book
	stated   []exchange.Directory // of the statements in the book
	manifest *exchange.Manifest   // nil unless its signature holds
	digest   crypto.Digest        // of the manifest's signed bytes
	receipts []*receipt
	byDigest map[crypto.Digest]*receipt
	vouching []*receipt // signed with unrevoked keys; filled when a key is revoked
	vouched  map[exchange.Domain]map[crypto.Digest]exchange.Time
}

// index reads index.json and compares the names it lists with those there are.
func (v *verifier) index() {
	for _, name := range v.archive.odd {
		v.fail(ErrUnexpectedEntry, "file", "%q", "the format has no entry called %q", name)
	}
	if v.archive.files[nameIndex] == nil {
		v.fail(ErrMissingEntry, nameIndex, "缺少索引", "the index is missing")
		return
	}
	data, sound, err := v.archive.read(nameIndex, nil)
	table, ok := decodeIndex(data)
	if err != nil || !sound || !ok {
		v.fail(ErrIndex, nameIndex, "索引无法读取", "the index was altered or is of another version")
		return
	}
	v.table, v.indexed = table, true
	v.report.Exchange, v.report.Content = table.Exchange, table.Content
	listed := map[string]bool{nameIndex: true}
	for _, e := range table.Entries {
		if listed[e.Name] = true; v.archive.files[e.Name] == nil && !v.bad[stem(e.Name)] {
			v.fail(ErrMissingEntry, stem(e.Name), "%s", "%s is listed in the index and is not in the file", e.Name)
		}
	}
	for _, name := range v.names("") {
		if !listed[name] && !v.bad[stem(name)] {
			v.fail(ErrUnexpectedEntry, stem(name), "%s", "%s is not listed in the index", name)
		}
	}
	if v.failed[ErrMissingEntry]+v.failed[ErrUnexpectedEntry] == 0 {
		v.pass("index", nameIndex, "%d 个条目齐全", "%d entries, none missing, none added", len(table.Entries))
	}
}

// names lists the entries under a folder, in order.
func (v *verifier) names(folder string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(v.archive.files)) {
		if strings.HasPrefix(name, folder) {
			out = append(out, name)
		}
	}
	return out
}

// stems lists the statements under a folder, in order.
func (v *verifier) stems(folder string) []string {
	var out []string
	for _, name := range v.names(folder) {
		out = append(out, stem(name))
	}
	return slices.Compact(out)
}

// entry reads one entry and notes whether its checksum and digest hold.
func (v *verifier) entry(name string, buf []byte) ([]byte, bool) {
	data, _, ok := v.digested(name, buf)
	return data, ok
}

// digested is entry with the SM3 digest of the bytes.
func (v *verifier) digested(name string, buf []byte) (data []byte, sum crypto.Digest, ok bool) {
	if v.archive.files[name] == nil {
		return nil, sum, false
	}
	data, sound, err := v.archive.read(name, buf)
	if err != nil {
		v.fail(ErrArchive, stem(name), "%s", "%s cannot be read", name)
		return nil, sum, false
	}
	sum = v.Provider.Sum(data)
	if !sound {
		v.odd[name] = "checksum"
	} else if !v.asIndexed(name, len(data), sum) {
		v.odd[name] = "digest in the index"
	}
	return data, sum, true
}

// asIndexed reports whether an entry is what the index says, if it says anything.
func (v *verifier) asIndexed(name string, size int, sum crypto.Digest) bool {
	i, ok := slices.BinarySearchFunc(v.table.Entries, name, func(e indexEntry, n string) int { return strings.Compare(e.Name, n) })
	if !ok {
		return true // what is not listed is reported as unexpected
	}
	e := v.table.Entries[i]
	return e.Size == int64(size) && e.SM3 == sum.String()
}

// touched reports whether any entry of an object differs from the index.
func (v *verifier) touched(object string) bool {
	for _, end := range []string{"", ".bin", ".sig", ".key"} {
		if v.odd[object+end] != "" {
			return true
		}
	}
	return false
}

// signed reads a statement. When it cannot be read the failure is recorded.
func (v *verifier) signed(object string, altered *Class) (s crypto.Signed, ok bool) {
	bytes, b := v.entry(object+".bin", nil)
	der, c := v.entry(object+".sig", nil)
	key, d := v.entry(object+".key", nil)
	if !b || !c || !d {
		if !v.bad[object] {
			v.fail(ErrMissingEntry, object, "三个文件不全", "one of .bin, .sig and .key is missing")
		}
		return s, false
	}
	sig, err := crypto.ParseSignature(der)
	id, err2 := hex.DecodeString(strings.TrimSuffix(string(key), "\n"))
	if err != nil || err2 != nil || len(id) != len(s.Key) || string(key) != hex.EncodeToString(id)+"\n" {
		v.fail(altered, object, "签名或密钥标识无法读取", "the signature or the key id cannot be read")
		return s, false
	}
	s = crypto.Signed{Bytes: bytes, Sig: sig}
	copy(s.Key[:], id)
	return s, true
}

// leftovers reports entries that differ from the index and were not found bad
// by anything that says more.
func (v *verifier) leftovers() {
	v.entry(nameReadme, nil)
	for _, name := range slices.Sorted(maps.Keys(v.odd)) {
		object := stem(name)
		if v.bad[object] {
			continue
		}
		k, _ := kindOf(name)
		class := k.altered
		if class != ErrContent {
			class = ErrIndex
		}
		v.fail(class, object, "%[1]s", "%[1]s does not match its %[2]s", name, v.odd[name])
	}
}
