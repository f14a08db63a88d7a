package audit_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
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

func TestEvidenceIsVerifiedWithTheAnchorAlone(t *testing.T) {
	x := arrive(t)
	x.StateUnits(exchange.Units{Domain: dt.County, Number: 1, NotAfter: sent + 1000, Units: []exchange.UnitInfo{{Unit: "wjw@320582", Name: "昆山市卫生健康委员会"}}})
	for _, mode := range []audit.Content{audit.None, audit.Sealed, audit.Disclosed} {
		for _, name := range []string{sm.Emmansun, sm.TJFOC} {
			t.Run(string(mode)+" "+name, func(t *testing.T) {
				r, err := x.verify(x.export(t, mode), audit.Options{Provider: must(sm.New(name))})
				if err != nil {
					t.Fatalf("%v\n%s", err, r.Text("en"))
				}
				if r.Exchange != x.m.ID || r.Origin != dt.County || r.Root != dt.Province || r.Content != mode || r.Manifest == nil {
					t.Errorf("report %+v", r)
				}
				states := []exchange.State{exchange.SignedFor, exchange.Returned}
				for i, d := range r.Deliveries {
					if d.State != states[i] || len(d.Steps) != 4 || d.Steps[0].State != exchange.Accepted || d.At == 0 {
						t.Errorf("delivery %d: %+v", i, d)
					}
				}
				if disclosed := mode == audit.Disclosed; disclosed != (r.Header != nil) || disclosed != (len(r.Files) == 1) {
					t.Errorf("header %v, files %v", r.Header, r.Files)
				}
			})
		}
	}
}

func TestTheSameEvidenceGivesTheSameBytes(t *testing.T) {
	x := arrive(t)
	e := x.evidence(t, audit.Disclosed)
	first := export(t, e)
	e.Receipts = slices.Clone(e.Receipts)
	slices.Reverse(e.Receipts)
	e.Receipts = append(e.Receipts, e.Receipts[0])
	if !bytes.Equal(first, export(t, e)) {
		t.Error("the order of the receipts shows")
	}
}

func TestDisclosedFilesCanBeExtracted(t *testing.T) {
	x := arrive(t)
	var out bytes.Buffer
	_, err := x.verify(x.export(t, audit.Disclosed), audit.Options{Extract: func(i int, f exchange.File) (io.Writer, error) {
		if i != 0 || f.Name != "请示.ofd" {
			t.Errorf("%d %+v", i, f)
		}
		return &out, nil
	}})
	if err != nil || !strings.HasPrefix(out.String(), body) || int64(out.Len()) != x.m.Parts[1].Size {
		t.Errorf("%v, %d bytes", err, out.Len())
	}
}

func TestAReportIsReadableInBothLanguages(t *testing.T) {
	x := arrive(t)
	file := x.export(t, audit.Sealed)
	r, _ := x.verify(file, audit.Options{})
	for lang, words := range map[string][]string{
		"zh": {"核验通过", "已签收", "已退文", "320582", "li.si"}, "en": {"VERIFIED", "signed", "returned", "What this proves"},
	} {
		text := r.Text(lang)
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%s: no %q in\n%s", lang, w, text)
			}
		}
		if strings.Contains(text, "%!") {
			t.Errorf("%s: a format is wrong in\n%s", lang, text)
		}
	}
	u := unpack(t, file)
	u.data["manifest.bin"][100] ^= 1
	r, _ = x.verify(u.pack(t, x.Provider, true), audit.Options{})
	if text := r.Text("zh"); !strings.Contains(text, "核验未通过") || !strings.Contains(text, "清单被改动") {
		t.Error(text)
	}
}

// TestOneChangedByteHasItsOwnMessage changes one byte of each kind of entry: on
// the medium, in a file packed again, and in one whose index was made to agree.
func TestOneChangedByteHasItsOwnMessage(t *testing.T) {
	x := arrive(t)
	file := x.export(t, audit.Disclosed)
	cases := []struct {
		entry string
		class *audit.Class
	}{
		{"manifest.bin", audit.ErrManifest},
		{"manifest.sig", audit.ErrManifest},
		{"receipts/02-relayed-320500.bin", audit.ErrReceipt},
		{"receipts/06-returned-320583.bin", audit.ErrReceipt},
		{"receipts/01-accepted-320582.sig", audit.ErrReceipt},
		{"certificates/320582-sign.pem", audit.ErrCertificate},
		{"directory/320000-1.bin", audit.ErrDirectory},
		{"directory/320500-1.bin", audit.ErrDirectory},
		{"content/1-1.bin", audit.ErrContent},
		{"content/0-0.bin", audit.ErrContent},
		{"key.bin", audit.ErrKey},
	}
	for _, c := range cases {
		for _, how := range []string{"on the medium", "packed again", "index made to agree"} {
			t.Run(c.entry+" "+how, func(t *testing.T) {
				u := unpack(t, file)
				data := u.data[c.entry]
				at := len(data) / 2
				var changed []byte
				if how == "on the medium" {
					changed = bytes.Clone(file)
					changed[bytes.Index(changed, data)+at] ^= 1
				} else {
					u.data[c.entry] = bytes.Clone(data)
					u.data[c.entry][at] ^= 1
					changed = u.pack(t, x.Provider, how == "index made to agree")
				}
				r, err := x.verify(changed, audit.Options{})
				wantOnly(t, r, err, c.class, strings.TrimSuffix(strings.TrimSuffix(c.entry, ".bin"), ".sig"))
			})
		}
	}
}

func TestAnIndexThatDoesNotMatchIsFound(t *testing.T) {
	x := arrive(t)
	file := x.export(t, audit.Sealed)
	u := unpack(t, file)
	u.data["index.json"] = bytes.Replace(u.data["index.json"], []byte(`"returned"`), []byte(`"signed"`), 1)
	r, err := x.verify(u.pack(t, x.Provider, false), audit.Options{})
	wantOnly(t, r, err, audit.ErrMissingReceipt, "deliveries/1")
	u = unpack(t, file)
	u.data["README.txt"][5] ^= 1
	r, err = x.verify(u.pack(t, x.Provider, false), audit.Options{})
	wantOnly(t, r, err, audit.ErrIndex, "README.txt")
	for _, bad := range []string{"", "{}", `{"format":"yizhan/evidence/v2"}`, string(unpack(t, file).data["index.json"]) + "x"} {
		u.data["index.json"] = []byte(bad)
		r, err = x.verify(u.pack(t, x.Provider, false), audit.Options{})
		wantOnly(t, r, err, audit.ErrIndex, "index.json")
	}
	u.data["index.json"] = nil
	r, err = x.verify(u.pack(t, x.Provider, false), audit.Options{})
	wantOnly(t, r, err, audit.ErrMissingEntry, "index.json")
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	x := arrive(t)
	file := x.export(t, audit.Sealed)
	cases := []struct {
		name, stem string
		reindex    bool
		class      *audit.Class
		object     string
	}{
		{"a receipt in the middle", "receipts/02-relayed-320500", true, audit.ErrMissingReceipt, "receipts/03-arrived-320000"},
		{"the first receipt", "receipts/01-accepted-320582", true, audit.ErrMissingReceipt, "receipts/02-relayed-320500"},
		{"the last receipt", "receipts/06-returned-320583", true, audit.ErrMissingReceipt, "deliveries/1"},
		{"a receipt the index lists", "receipts/02-relayed-320500", false, audit.ErrMissingEntry, "receipts/02-relayed-320500"},
		{"the city's directory", "directory/320500-1", true, audit.ErrMissingDirectory, "certificates/320582-sign.pem"},
		{"the root's directory", "directory/320000-1", true, audit.ErrAnchor, "directory/320500-1"},
		{"a directory the index lists", "directory/320500-1", false, audit.ErrMissingEntry, "directory/320500-1"},
		{"the manifest", "manifest", true, audit.ErrMissingEntry, "manifest"},
		{"a chunk", "content/1-0", true, audit.ErrMissingContent, "content/1-0.bin"},
		{"a chunk the index lists", "content/1-0", false, audit.ErrMissingEntry, "content/1-0.bin"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			u := unpack(t, file)
			u.drop(c.stem)
			r, err := x.verify(u.pack(t, x.Provider, c.reindex), audit.Options{})
			wantFirst(t, r, err, c.class, c.object)
		})
	}
}

// wantFirst is wantOnly for what has other failures in its wake.
func wantFirst(t *testing.T, r *audit.Report, err error, class *audit.Class, object string) {
	t.Helper()
	failed := r.Failed()
	if err == nil || len(failed) == 0 {
		t.Fatalf("verified")
	}
	if failed[0].Name != class.Code || failed[0].Object != object {
		t.Errorf("first %s at %s (%s), want %s at %s", failed[0].Name, failed[0].Object, failed[0].Detail, class.Code, object)
	}
	for _, c := range failed {
		if c.Name != class.Code && c.Name != audit.ErrUnproven.Code {
			t.Logf("also %s at %s: %s", c.Name, c.Object, c.Detail)
		}
	}
}

func TestAnotherAnchorIsNotEnough(t *testing.T) {
	x, other := arrive(t), dt.Three(t)
	file := x.export(t, audit.Sealed)
	r, err := audit.Verify(bytes.NewReader(file), int64(len(file)), other.Anchor, audit.Options{})
	wantOnly(t, r, err, audit.ErrAnchor, "directory/320000-1")
	anchor := x.Anchor
	anchor.Root = "330000"
	r, err = audit.Verify(bytes.NewReader(file), int64(len(file)), anchor, audit.Options{})
	wantOnly(t, r, err, audit.ErrAnchor, "directory/320000-1")
}

func TestReceiptsSwappedBetweenTwoExchangesAreForeign(t *testing.T) {
	x := arrive(t)
	y := submit(t, x.Federation)
	y.receipt(exchange.Accepted, dt.County, -1, 0, "", 0, 1)
	u, w := unpack(t, x.export(t, audit.None)), unpack(t, y.export(t, audit.None))
	for _, end := range []string{".bin", ".sig", ".key"} {
		u.data["receipts/01-accepted-320582"+end] = w.data["receipts/01-accepted-320582"+end]
	}
	r, err := x.verify(u.pack(t, x.Provider, true), audit.Options{})
	wantOnly(t, r, err, audit.ErrForeign, "receipts/01-accepted-320582")
}

func TestOnlyThoseOnTheRoadMaySpeak(t *testing.T) {
	cases := map[string]struct {
		build  func(x *trip)
		class  *audit.Class
		object string
	}{
		"a domain that is not on the road": {func(x *trip) {
			a := x.receipt(exchange.Accepted, dt.County, -1, 0, "", 0)
			x.receipt(exchange.Relayed, dt.Far, a, 1, "", 0)
		}, audit.ErrRoad, "receipts/02-relayed-320100"},
		"a sibling in the recipient's name": {func(x *trip) {
			a := x.receipt(exchange.Accepted, dt.County, -1, 0, "", 0)
			b := x.receipt(exchange.Relayed, dt.City, a, 1, "", 0)
			x.receiptBy(x.Domains[dt.Sibling].Sign, exchange.Arrived, dt.Province, b, 2, "", 0)
		}, audit.ErrForged, "receipts/03-arrived-320000"},
		"the city skipped": {func(x *trip) {
			a := x.receipt(exchange.Accepted, dt.County, -1, 0, "", 0)
			x.receipt(exchange.Arrived, dt.Province, a, 2, "", 0)
		}, audit.ErrRoad, "receipts/02-arrived-320000"},
		"the city says that it arrived": {func(x *trip) {
			a := x.receipt(exchange.Accepted, dt.County, -1, 0, "", 0)
			x.receipt(exchange.Arrived, dt.City, a, 2, "", 0)
		}, audit.ErrRoad, "receipts/02-arrived-320500"},
		"another unit signs for it": {func(x *trip) {
			a := x.receipt(exchange.Accepted, dt.County, -1, 0, "", 0)
			b := x.receipt(exchange.Relayed, dt.City, a, 1, "", 0)
			c := x.receipt(exchange.Arrived, dt.Province, b, 2, "", 0)
			x.receipt(exchange.SignedFor, dt.Province, c, 3, "bgs@320000", 0)
		}, audit.ErrRoad, "receipts/04-signed-320000"},
		"signed for before it arrived": {func(x *trip) {
			a := x.receipt(exchange.Accepted, dt.County, -1, 0, "", 0)
			b := x.receipt(exchange.Relayed, dt.City, a, 1, "", 0)
			x.receipt(exchange.SignedFor, dt.Province, b, 3, "wjw@320000", 0)
		}, audit.ErrRoad, "receipts/03-signed-320000"},
		"accepted by the city": {func(x *trip) {
			x.receipt(exchange.Accepted, dt.City, -1, 0, "", 0)
		}, audit.ErrRoad, "receipts/01-accepted-320500"},
		"of a delivery that the one before does not cover": {func(x *trip) {
			a := x.receipt(exchange.Accepted, dt.County, -1, 0, "", 0)
			x.receipt(exchange.Relayed, dt.City, a, 1, "", 0, 1)
		}, audit.ErrRoad, "receipts/02-relayed-320500"},
		"of a recipient that there is not": {func(x *trip) {
			x.receipt(exchange.Accepted, dt.County, -1, 0, "", 0, 7)
		}, audit.ErrReceipt, "receipts/01-accepted-320582"},
		"in no order": {func(x *trip) {
			x.receipt(exchange.Accepted, dt.County, -1, 0, "", 1, 0)
		}, audit.ErrReceipt, "receipts/01-accepted-320582"},
		"after its key's period": {func(x *trip) {
			x.receipt(exchange.Accepted, dt.County, -1, 2*365*24*60, "", 0)
		}, audit.ErrPeriod, "receipts/01-accepted-320582"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			x := submit(t, dt.Three(t))
			c.build(x)
			e := x.evidence0(t)
			r, err := x.verify(export(t, e), audit.Options{})
			wantFirst(t, r, err, c.class, c.object)
		})
	}
}

// evidence0 carries all statements of the federation, needed or not.
func (x *trip) evidence0(t testing.TB) audit.Evidence {
	e := audit.Evidence{Manifest: x.manifest, Receipts: x.receipts, Directory: x.Statements, Content: audit.None}
	return e
}

func TestEveryEndOfADeliveryIsProved(t *testing.T) {
	cases := map[string]struct {
		build func(x *trip) exchange.State
	}{
		"accepted": {func(x *trip) exchange.State { return exchange.Accepted }},
		"refused on the way in": {func(x *trip) exchange.State {
			x.receipt(exchange.Refused, dt.City, 0, 1, "", 0)
			return exchange.Refused
		}},
		"bounced by the origin": {func(x *trip) exchange.State {
			b := x.receipt(exchange.Relayed, dt.City, 0, 1, "", 0)
			x.receipt(exchange.Bounced, dt.County, b, 9000, "", 0)
			return exchange.Bounced
		}},
		"recalled where it arrived": {func(x *trip) exchange.State {
			b := x.receipt(exchange.Relayed, dt.City, 0, 1, "", 0)
			c := x.receipt(exchange.Arrived, dt.Province, b, 2, "", 0)
			x.receipt(exchange.Recalled, dt.Province, c, 3, "", 0)
			return exchange.Recalled
		}},
		"signed for after the origin gave up": {func(x *trip) exchange.State {
			b := x.receipt(exchange.Relayed, dt.City, 0, 1, "", 0)
			c := x.receipt(exchange.Arrived, dt.Province, b, 2, "", 0)
			x.receipt(exchange.SignedFor, dt.Province, c, 3, "wjw@320000", 0)
			x.receipt(exchange.Expired, dt.County, b, 9000, "", 0)
			return exchange.SignedFor
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			x := submit(t, dt.Three(t))
			x.receipt(exchange.Accepted, dt.County, -1, 0, "", 0, 1)
			want := c.build(x)
			r, err := x.verify(x.export(t, audit.None), audit.Options{})
			if err != nil || r.Deliveries[0].State != want || r.Deliveries[1].State != exchange.Accepted {
				t.Errorf("%v\n%s", err, r.Text("en"))
			}
		})
	}
}

func TestADeliveryWithinOneDomainIsProved(t *testing.T) {
	x := submit(t, dt.Three(t))
	x.m.To = []exchange.Recipient{{Unit: "bgs@320582"}}
	x.manifest = must(crypto.Sign(x.Domains[dt.County].Sign, crypto.ContextManifest, exchange.Encode(x.m)))
	a := x.receipt(exchange.Accepted, dt.County, -1, 0, "", 0)
	b := x.receipt(exchange.Arrived, dt.County, a, 0, "", 0)
	x.receipt(exchange.SignedFor, dt.County, b, 5, "bgs@320582", 0)
	if r, err := x.verify(x.export(t, audit.None), audit.Options{}); err != nil || r.Deliveries[0].State != exchange.SignedFor {
		t.Errorf("%v\n%s", err, r.Text("en"))
	}
}

func TestTimesOutOfOrderAreAWarning(t *testing.T) {
	x := submit(t, dt.Three(t))
	a := x.receipt(exchange.Accepted, dt.County, -1, 30, "", 0, 1)
	x.receipt(exchange.Relayed, dt.City, a, 1, "", 0, 1)
	r, err := x.verify(x.export(t, audit.None), audit.Options{})
	if err != nil || !slices.ContainsFunc(r.Checks, func(c audit.Check) bool { return c.Warning }) {
		t.Errorf("%v\n%s", err, r.Text("en"))
	}
	r, _ = x.verify(x.export(t, audit.None), audit.Options{Tolerance: time.Hour})
	if slices.ContainsFunc(r.Checks, func(c audit.Check) bool { return c.Warning }) {
		t.Error("a warning within the tolerance")
	}
}

// lost lets the city revoke the county's key as of that minute after sending.
func (x *trip) lost(minutes int) crypto.Signed {
	old := x.Domains[dt.County].Sign.KeyID()
	x.Join(dt.County, dt.City, exchange.County, "昆山市")
	d := x.Directory(dt.City, 2)
	_, d.Prev = x.Book(sent).Next(dt.City)
	d.Revoked = []exchange.Revocation{{Key: old, Since: sent.Add(time.Duration(minutes) * time.Minute)}}
	return x.State(d)
}

func TestARevokedKeyProvesWhatOthersSawBefore(t *testing.T) {
	for minutes, class := range map[int]*audit.Class{10: nil, 0: audit.ErrRevoked} {
		x := arrive(t)
		file := x.export(t, audit.None)
		r, err := x.verify(file, audit.Options{Directory: []crypto.Signed{x.lost(minutes)}})
		if class == nil {
			if err != nil {
				t.Errorf("revoked %d minutes later: %v\n%s", minutes, err, r.Text("en"))
			}
			continue
		}
		wantFirst(t, r, err, class, "manifest")
	}
}

func TestEvidenceMadeAfterARevocationCarriesIt(t *testing.T) {
	for minutes, class := range map[int]*audit.Class{10: nil, 0: audit.ErrRevoked} {
		x := arrive(t)
		x.lost(minutes)
		file := x.export(t, audit.None)
		if _, ok := unpack(t, file).data["directory/320500-2.bin"]; !ok {
			t.Fatal("the revocation is not in the file")
		}
		r, err := x.verify(file, audit.Options{})
		if class != nil {
			wantFirst(t, r, err, class, "manifest")
		} else if err != nil {
			t.Errorf("%v\n%s", err, r.Text("en"))
		}
	}
}

func TestARevokedKeyDoesNotVouchForItself(t *testing.T) {
	x := submit(t, dt.Three(t))
	x.receipt(exchange.Accepted, dt.County, -1, 0, "", 0, 1)
	file := x.export(t, audit.None)
	revocation := x.lost(10)
	r, err := x.verify(file, audit.Options{Directory: []crypto.Signed{revocation}})
	wantFirst(t, r, err, audit.ErrRevoked, "manifest")
	checkpoint := func(crypto.Digest) (exchange.Time, bool) { return sent.Add(time.Minute), true }
	if r, err = x.verify(file, audit.Options{Directory: []crypto.Signed{revocation}, Covered: checkpoint}); err != nil {
		t.Errorf("covered by a checkpoint: %v\n%s", err, r.Text("en"))
	}
}

func TestAStatementThatWasOverWhenItWasUsedProvesNothing(t *testing.T) {
	f := dt.New(t, dt.Province)
	f.Join(dt.Province, "", exchange.Province, "江苏省")
	f.Join(dt.City, dt.Province, exchange.City, "苏州市")
	f.Join(dt.Sibling, dt.City, exchange.County, "张家港市")
	f.Join(dt.County, dt.City, exchange.County, "昆山市")
	f.State(f.Directory(dt.Province, 1))
	d := f.Directory(dt.City, 1)
	d.NotAfter = sent - 1
	f.State(d)
	x := submit(t, f)
	x.receipt(exchange.Accepted, dt.County, -1, 0, "", 0, 1)
	r, err := x.verify(export(t, x.evidence0(t)), audit.Options{})
	wantFirst(t, r, err, audit.ErrPeriod, "manifest")
}

func TestEvidenceSurvivesARotationInTheMiddle(t *testing.T) {
	x := submit(t, dt.Three(t))
	a := x.receipt(exchange.Accepted, dt.County, -1, 0, "", 0, 1)
	b := x.receipt(exchange.Relayed, dt.City, a, 1, "", 0, 1)
	x.Join(dt.City, dt.Province, exchange.City, "苏州市")
	d := x.Directory(dt.Province, 2)
	_, d.Prev = x.Book(sent).Next(dt.Province)
	d.NotBefore = sent.Add(2 * time.Minute)
	x.State(d)
	c := x.receipt(exchange.Arrived, dt.Province, b, 5, "", 0)
	x.receipt(exchange.SignedFor, dt.Province, c, 6, "wjw@320000", 0)
	x.receipt(exchange.Refused, dt.City, b, 7, "", 1)
	book := x.Book0(t)
	e := x.evidence0(t)
	e.Directory = must(audit.Proofs(book, x.manifest, x.receipts))
	file := export(t, e)
	if r, err := x.verify(file, audit.Options{}); err != nil {
		t.Errorf("%v\n%s", err, r.Text("en"))
	}
	if u := unpack(t, file); u.find(t, "certificates/320500-sign-", ".pem") == "" {
		t.Error("the second certificate has no name of its own")
	}
}

// Book0 is the book of all statements as history.
func (x *trip) Book0(t testing.TB) (b *bookType) {
	b = newBook(x)
	for _, s := range x.Statements {
		b = must(b.WithPast(s))
	}
	return b
}

func TestADisclosedKeyMustBeTheOneCommittedTo(t *testing.T) {
	x := arrive(t)
	u := unpack(t, x.export(t, audit.Disclosed))
	other := must(seal.NewKey(rand.Reader))
	u.data["key.bin"] = other[:]
	r, err := x.verify(u.pack(t, x.Provider, true), audit.Options{})
	wantOnly(t, r, err, audit.ErrKey, "key.bin")
	e := x.evidence(t, audit.Disclosed)
	e.Key = &other
	if err := audit.Export(io.Discard, e); exchange.CodeOf(err) != exchange.Corrupt {
		t.Errorf("exported: %v", err)
	}
}

func TestAnExportThatCannotBeMadeIsRefused(t *testing.T) {
	x := arrive(t)
	for name, change := range map[string]func(*audit.Evidence){
		"an unknown mode":      func(e *audit.Evidence) { e.Content = "all" },
		"no chunks":            func(e *audit.Evidence) { e.Chunk = nil },
		"a key for nothing":    func(e *audit.Evidence) { e.Key = &x.key },
		"no key":               func(e *audit.Evidence) { e.Content = audit.Disclosed },
		"no manifest":          func(e *audit.Evidence) { e.Manifest = crypto.Signed{} },
		"no receipt":           func(e *audit.Evidence) { e.Receipts = []crypto.Signed{x.manifest} },
		"no directory":         func(e *audit.Evidence) { e.Directory = []crypto.Signed{x.manifest} },
		"no units":             func(e *audit.Evidence) { e.Units = []crypto.Signed{x.manifest} },
		"another chunk's data": func(e *audit.Evidence) { e.Chunk = func(crypto.Digest) ([]byte, error) { return []byte{1}, nil } },
	} {
		e := x.evidence(t, audit.Sealed)
		change(&e)
		if err := audit.Export(io.Discard, e); exchange.CodeOf(err) != exchange.Invalid && exchange.CodeOf(err) != exchange.Corrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAReportIsPlainJSON(t *testing.T) {
	x := arrive(t)
	r, _ := x.verify(x.export(t, audit.Sealed), audit.Options{})
	b := must(json.Marshal(r))
	if !bytes.Contains(b, []byte(`"state":"signed"`)) || !bytes.Contains(b, []byte(x.m.ID.String())) {
		t.Errorf("%s", b)
	}
}
