package pipeline_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

func TestSigningTwiceReturnsTheOriginalReceipt(t *testing.T) {
	f := newFederation(t)
	id := f.file("k1", "内容").String()
	f.settle()
	st := f.of(clerk)
	first := must(st.Sign(as(clerk), id))
	other := exchange.WithCaller(context.Background(), exchange.Caller{Unit: clerk, Person: "li.si", Duties: []exchange.Duty{exchange.Clerk}})
	again := must(st.Sign(other, id))
	if !again.Replayed || first.Replayed || !bytes.Equal(again.Receipt.Signed.Bytes, first.Receipt.Signed.Bytes) || again.Receipt.Person != "zhang.san" {
		t.Fatalf("first %+v, again %+v", first.Receipt, again.Receipt)
	}
	if _, err := st.Return(as(clerk), id, "not_ours", ""); exchange.CodeOf(err) != exchange.Conflict {
		t.Fatalf("returning what was signed for gives %v", err)
	}
}

func TestAReturnNeedsAReason(t *testing.T) {
	f := newFederation(t)
	id := f.file("k1", "内容").String()
	f.settle()
	_, err := f.of(clerk).Return(as(clerk), id, "", strings.Repeat("长", 4096))
	var e *exchange.Error
	if !asError(err, &e) || e.Code != exchange.Invalid || len(e.Problems) != 2 {
		t.Fatalf("got %v", err)
	}
	holds(t, e, fault{field: "reason", problem: "return.reason", clause: "条例 第二十四条(三)"})
	holds(t, e, fault{field: "note", problem: "return.note"})
	if got := states(t, f, filer, must(exchange.ParseID(id))); !strings.HasPrefix(got, "wjw@320500=arrived") {
		t.Fatal(got)
	}
}

func TestNothingIsLeftToRecallAfterSigning(t *testing.T) {
	f := newFederation(t)
	id := f.file("k1", "内容").String()
	f.settle()
	must(f.of(clerk).Sign(as(clerk), id))
	must(f.of(filer).Recall(as(filer), id, nil, "")) // the signature is not known here yet
	f.settle()
	if got := states(t, f, filer, must(exchange.ParseID(id))); !strings.HasPrefix(got, "wjw@320500=signed") {
		t.Fatalf("the recall and the signature crossed: %s", got)
	}
	if _, err := f.of(filer).Recall(as(filer), id, nil, ""); exchange.CodeOf(err) != exchange.Conflict {
		t.Fatalf("recalling what was signed for gives %v", err)
	}
}

// TestARecallThatTravelsWithItsExchangeFindsIt: both were queued while the link
// was down, and arrive in one batch.
func TestARecallThatTravelsWithItsExchangeFindsIt(t *testing.T) {
	for _, size := range []int{10, 100 << 10} { // inline, and waiting for chunks
		f := newFederation(t)
		id := f.file("k1", strings.Repeat("x", size))
		must(f.of(filer).Recall(as(filer), id.String(), nil, "recipient"))
		f.settle()
		if held := f.held(city, county); len(held) != 0 {
			t.Fatalf("held %q", held)
		}
		if got := states(t, f, filer, id); !strings.HasPrefix(got, "wjw@320500=recalled") {
			t.Fatal(got)
		}
		if rows := f.at[city].log.rows.Rows(ledger.TableWaiting); rows != 0 {
			t.Fatal("the chunks of what was recalled are still waited for")
		}
		prove(t, f, filer, id)
	}
}

// half brings a large filing to the city without its chunks, and returns the
// session and what is wanted.
func half(t *testing.T, f *federation, contents ...string) (ids []exchange.ID, pull func(n int) error) {
	t.Helper()
	for i, content := range contents {
		ids = append(ids, f.file(string(rune('a'+i)), content))
	}
	ctx := context.Background()
	a, b := f.at[county], f.at[city]
	s := must(b.Open(ctx, county, must(a.Greet(ctx, city))))
	rows := must(a.Next(city, exchange.ClassOrdinary, 0, 100, 1<<20))
	if err := b.Receive(ctx, s, rows); err != nil {
		t.Fatal(err)
	}
	wanted := must(b.Wanted(county, 1000))
	return ids, func(n int) error {
		return b.PutChunk(ctx, s, wanted[n], must(a.Chunk(ctx, city, wanted[n])))
	}
}

func TestANewLeaderGoesOnWithAChunkTransfer(t *testing.T) {
	f := newFederation(t)
	ids, pull := half(t, f, strings.Repeat("x", 3<<20), strings.Repeat("y", 1<<20))
	if err := pull(0); err != nil {
		t.Fatal(err)
	}
	f.at[city].Lead()
	f.at[county].Lead()
	for _, n := range []int{5, 4, 1, 2, 3} { // what the session still had in flight, in any order
		if err := pull(n); err != nil {
			t.Fatalf("chunk %d after the change of leader: %v", n, err)
		}
	}
	f.settle()
	for _, id := range ids {
		if got := states(t, f, filer, id); !strings.HasPrefix(got, "wjw@320500=arrived") {
			t.Fatal(got)
		}
	}
	if puts := f.at[city].chunks.puts; puts != 6 {
		t.Fatalf("%d chunks were stored, want each of 6 once", puts)
	}
}

func TestAChunkOfOtherBytesIsRefused(t *testing.T) {
	f := newFederation(t)
	ctx := context.Background()
	_, pull := half(t, f, strings.Repeat("x", 100<<10))
	b := f.at[city]
	s := must(b.Open(ctx, county, must(f.at[county].Greet(ctx, city))))
	wanted := must(b.Wanted(county, 10))
	if err := b.PutChunk(ctx, s, wanted[0], []byte("other")); exchange.CodeOf(err) != exchange.Corrupt {
		t.Fatalf("other bytes give %v", err)
	}
	if err := b.PutChunk(ctx, s, f.p.Sum([]byte("stray")), []byte("stray")); exchange.CodeOf(err) != exchange.Denied {
		t.Fatalf("a stray chunk gives %v", err)
	}
	if b.chunks.puts != 0 {
		t.Fatal("it was stored")
	}
	if _, err := f.at[county].Chunk(ctx, sibling, wanted[0]); exchange.CodeOf(err) != exchange.NotFound {
		t.Fatalf("another neighbour's fetching gives %v", err)
	}
	for n := range wanted {
		if err := pull(n); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOneArrivalThatCannotBeCompletedDoesNotStopTheOthers: the key that the
// first was wrapped for is not there.
func TestOneArrivalThatCannotBeCompletedDoesNotStopTheOthers(t *testing.T) {
	f := newFederation(t)
	first := true
	f.alter = func(from, _ exchange.Domain, m *exchange.Message) {
		if from != county || m.Envelope == nil || !first {
			return
		}
		first = false
		manifest, _ := ledger.DecodeManifest(m.Envelope.Manifest)
		for i := range manifest.Wraps {
			manifest.Wraps[i].Key[0] ^= 1
		}
		m.Envelope.Manifest = f.resign(manifest, county)
		r, _ := ledger.DecodeReceipt(m.Envelope.Custody[0])
		r.Manifest = f.p.Sum(m.Envelope.Manifest.Bytes)
		m.Envelope.Custody[0] = f.signAs(county, crypto.ContextReceipt, r)
	}
	f.file("k1", strings.Repeat("x", 100<<10))
	two := f.file("k2", strings.Repeat("y", 100<<10))
	f.pump(county, city, tolerant)
	f.pump(county, city, tolerant)
	ex, ok := f.find(city, two)
	if !ok || ex.Waiting {
		t.Fatal("the second did not arrive")
	}
}

func TestWhoMaySeeWhat(t *testing.T) {
	f := newFederation(t)
	id := f.file("k1", "内容").String()
	f.settle()
	st := f.of(clerk)
	if _, err := st.Track(as("bgs@320500"), id); exchange.CodeOf(err) != exchange.NotFound {
		t.Errorf("another unit's tracking gives %v", err)
	}
	if _, err := st.Show(as("bgs@320500"), id); exchange.CodeOf(err) != exchange.NotFound {
		t.Errorf("another unit's opening gives %v", err)
	}
	if _, err := st.Sign(as("bgs@320500"), id); exchange.CodeOf(err) != exchange.NotFound {
		t.Errorf("another unit's signing gives %v", err)
	}
	auditor := withDuties("bgs@320500", exchange.Auditor)
	if _, err := st.Track(auditor, id); err != nil {
		t.Errorf("the auditor's tracking gives %v", err)
	}
	for name, open := range map[string]func() error{
		"show":     func() error { _, err := st.Show(auditor, id); return err },
		"fetch":    func() error { return st.Fetch(auditor, id, nil, nil) },
		"disclose": func() error { return st.ExportEvidence(auditor, id, "disclosed", &bytes.Buffer{}) },
		"sign":     func() error { _, err := st.Sign(auditor, id); return err },
	} {
		if err := open(); exchange.CodeOf(err) != exchange.Denied {
			t.Errorf("the auditor's %s gives %v", name, err)
		}
	}
	if _, err := st.Track(as(filer), id); exchange.CodeOf(err) != exchange.Unauthenticated {
		t.Errorf("a person of another domain gets %v", err)
	}
}

func TestASuspendedUnitNeitherSendsNorReceives(t *testing.T) {
	f := newFederation(t)
	var prev crypto.Signed
	_ = f.at[county].log.View(func(r ledger.Reader) error {
		prev, _, _ = ledger.Get[crypto.Signed](r, ledger.TableUnits, []byte(county))
		return nil
	})
	two := must(directory.SignUnits(f.at[county].vault.keys.Sign, exchange.Units{Domain: county, Number: 2, Prev: f.p.Sum(prev.Bytes), NotAfter: f.clock.read().Add(time.Hour),
		Units: []exchange.UnitInfo{{Unit: filer, Name: "张家港市卫生健康委员会", Suspended: true}}}))
	if res := must(f.at[county].log.Propose(context.Background(), ledger.Command{Time: f.clock.read(), Statement: &ledger.Statement{Units: &two}})); res.Code != "" {
		t.Fatal(res.Message)
	}
	f.settle()
	s, open := filing("k1", "内容")
	_, err := f.of(filer).Submit(as(filer), s, open)
	denied(t, err, "unit.suspended")
	s.To = []string{string(filer)}
	_, err = f.of(clerk).Submit(as(clerk), s, open)
	denied(t, err, "unit.suspended")
}

func denied(t *testing.T, err error, code string) {
	t.Helper()
	var e *exchange.Error
	if !asError(err, &e) || e.Code != exchange.Denied || len(e.Problems) == 0 || e.Problems[0].Code != code || e.Problems[0].Chinese == "" {
		t.Errorf("got %v %+v, want %s", err, e, code)
	}
}

func TestWhatNobodyTakesInTimeIsGivenUp(t *testing.T) {
	f := newFederation(t)
	ctx := context.Background()
	sender := exchange.Unit("wjw@320000")
	s, open := notice("k1")
	s.ExpiresIn = 3600
	done := must(f.of(sender).Submit(as(sender), s, open))
	f.pump(province, city)
	f.pump(city, province)
	if n, err := f.at[province].ExpireDue(ctx); n != 0 || err != nil {
		t.Fatalf("before the deadline %d were ended, %v", n, err)
	}
	f.clock.advance(2 * time.Hour)
	if n, err := f.at[province].ExpireDue(ctx); n != 2 || err != nil {
		t.Fatalf("%d were ended, %v", n, err)
	}
	want := "wjw@320500=expired [accepted@320000 arrived@320500 expired@320000]; wjw@320582=bounced [accepted@320000 relayed@320500 bounced@320000]"
	if got := states(t, f, sender, done.ID); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	if n, err := f.at[province].ExpireDue(ctx); n != 0 || err != nil {
		t.Fatalf("a second time %d were ended, %v", n, err)
	}
	prove(t, f, sender, done.ID)
	f.settle()
	must(f.of("wjw@320582").Sign(as("wjw@320582"), done.ID.String()))
	f.settle()
	if got := states(t, f, sender, done.ID); !strings.Contains(got, "wjw@320582=signed [accepted@320000 relayed@320500 bounced@320000 arrived@320582 signed@320582]") {
		t.Fatalf("the recipient's own word does not stand: %s", got)
	}
	prove(t, f, sender, done.ID)
}
