package pipeline_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/audit"
)

func filing(key string, content string) (exchange.Submission, func(int) (io.Reader, error)) {
	return exchange.Submission{Key: key, Kind: "case", To: []string{"wjw@320500"}, Type: "上报件", Title: "医疗机构设置审批",
		Fields: []byte(`{"applicant":"某医院"}`), Files: []exchange.File{{Name: "申请表.pdf", Size: int64(len(content))}}}, texts(content)
}

func notice(key string) (exchange.Submission, func(int) (io.Reader, error)) {
	return exchange.Submission{Key: key, Kind: "document", To: []string{"wjw@320500", "wjw@320582"}, Type: "通知", Number: "苏卫发〔2026〕12号",
		Title: "关于做好冬季防控工作的通知", Date: "2026年11月20日", Files: []exchange.File{{Name: "正文.ofd", Size: 6, Main: true}}}, texts("正文")
}

func states(t *testing.T, f *federation, u exchange.Unit, id exchange.ID) string {
	t.Helper()
	tracking, err := f.of(u).Track(as(u), id.String())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range tracking.Deliveries {
		var receipts []string
		for _, r := range d.Receipts {
			receipts = append(receipts, r.State+"@"+string(r.Domain))
		}
		out = append(out, string(d.To)+"="+d.State+" ["+strings.Join(receipts, " ")+"]")
	}
	return strings.Join(out, "; ")
}

func TestAFilingGoesUpAndItsReceiptsComeBack(t *testing.T) {
	f := newFederation(t)
	sender, recipient := exchange.Unit("wjw@320582"), exchange.Unit("wjw@320500")
	s, open := filing("k1", "附件内容")
	done, err := f.of(sender).Submit(as(sender), s, open)
	if err != nil {
		t.Fatal(err)
	}
	f.settle()
	want := "wjw@320500=arrived [accepted@320582 arrived@320500]"
	if got := states(t, f, sender, done.ID); got != want {
		t.Fatalf("after travel: %s, want %s", got, want)
	}
	box, err := f.of(recipient).Inbox(as(recipient), exchange.ListQuery{})
	if err != nil || len(box.Items) != 1 || box.Items[0].Type != "上报件" || box.Items[0].Title != "医疗机构设置审批" {
		t.Fatalf("the inbox shows %+v, %v", box.Items, err)
	}
	if _, err := f.of(recipient).Sign(as(recipient), done.ID.String()); err != nil {
		t.Fatal(err)
	}
	f.settle()
	want = "wjw@320500=signed [accepted@320582 arrived@320500 signed@320500]"
	if got := states(t, f, sender, done.ID); got != want {
		t.Fatalf("after signing: %s, want %s", got, want)
	}
	var got bytes.Buffer
	err = f.of(recipient).Fetch(as(recipient), done.ID.String(), nil, func(int, exchange.File) (io.Writer, error) { return &got, nil })
	if err != nil || got.String() != "附件内容" {
		t.Fatalf("fetched %q, %v", got.String(), err)
	}
	prove(t, f, sender, done.ID)
	prove(t, f, recipient, done.ID)
}

// prove exports evidence and verifies it with the anchor alone.
func prove(t *testing.T, f *federation, u exchange.Unit, id exchange.ID) {
	t.Helper()
	var file bytes.Buffer
	if err := f.of(u).ExportEvidence(as(u), id.String(), "", &file); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Verify(bytes.NewReader(file.Bytes()), int64(file.Len()), f.anchor, audit.Options{}); err != nil {
		t.Fatalf("evidence of %s: %v", u, err)
	}
}

func TestADocumentFansOutAndOneRecipientReturnsIt(t *testing.T) {
	f := newFederation(t)
	sender := exchange.Unit("wjw@320000")
	s, open := notice("k1")
	done, err := f.of(sender).Submit(as(sender), s, open)
	if err != nil {
		t.Fatal(err)
	}
	f.settle()
	if _, err := f.of("wjw@320500").Sign(as("wjw@320500"), done.ID.String()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.of("wjw@320582").Return(as("wjw@320582"), done.ID.String(), "not_ours", "应送教育局"); err != nil {
		t.Fatal(err)
	}
	f.settle()
	want := "wjw@320500=signed [accepted@320000 arrived@320500 signed@320500]; " +
		"wjw@320582=returned [accepted@320000 relayed@320500 arrived@320582 returned@320582]"
	if got := states(t, f, sender, done.ID); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	tracking, _ := f.of(sender).Track(as(sender), done.ID.String())
	receipts := tracking.Deliveries[1].Receipts
	if note := receipts[len(receipts)-1].Note; note != "应送教育局" {
		t.Fatalf("the sender reads the note %q", note)
	}
	prove(t, f, sender, done.ID)
}

func TestLargeContentIsPulledChunkByChunk(t *testing.T) {
	f := newFederation(t)
	sender, recipient := exchange.Unit("wjw@320582"), exchange.Unit("wjw@320000")
	content := strings.Repeat("0123456789abcdef", 1<<16*3) + "end"
	s, open := filing("k1", content)
	s.To = []string{string(recipient)}
	done, err := f.of(sender).Submit(as(sender), s, open)
	if err != nil {
		t.Fatal(err)
	}
	f.settle()
	want := "wjw@320000=arrived [accepted@320582 relayed@320500 arrived@320000]"
	if got := states(t, f, sender, done.ID); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	var got bytes.Buffer
	err = f.of(recipient).Fetch(as(recipient), done.ID.String(), nil, func(int, exchange.File) (io.Writer, error) { return &got, nil })
	if err != nil || got.String() != content {
		t.Fatalf("fetched %d bytes, %v", got.Len(), err)
	}
	prove(t, f, recipient, done.ID)
	if n := f.at[city].chunks.puts; n != 5 {
		t.Fatalf("the city stored %d chunks, want 5", n)
	}
}

func TestARetryReturnsTheOriginalReceiptAndOtherContentIsRefused(t *testing.T) {
	f := newFederation(t)
	sender := exchange.Unit("wjw@320582")
	st := f.of(sender)
	st.log.lose = func(c ledgerCommand) error {
		if c.Submit == nil {
			return nil
		}
		st.log.lose = nil
		return exchange.Errorf(exchange.Unknown, "test", "the answer was lost")
	}
	s, open := filing("k1", "内容")
	if _, err := st.Submit(as(sender), s, open); exchange.CodeOf(err) != exchange.Unknown {
		t.Fatalf("a lost answer gives %v", err)
	}
	first, err := st.Submit(as(sender), s, open)
	if err != nil || !first.Replayed {
		t.Fatalf("the retry gives %v, replayed %v", err, first.Replayed)
	}
	second, err := st.Submit(as(sender), s, open)
	if err != nil || second.ID != first.ID || !bytes.Equal(second.Receipt.Signed.Bytes, first.Receipt.Signed.Bytes) || second.Receipt.Signed.Sig != first.Receipt.Signed.Sig {
		t.Fatalf("retries differ: %v", err)
	}
	if _, err := st.Submit(as(sender), s, texts("别的")); exchange.CodeOf(err) != exchange.Conflict {
		t.Fatalf("other content gives %v", err)
	}
	list, err := st.Outbox(as(sender), exchange.ListQuery{})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("the outbox has %d items, %v", len(list.Items), err)
	}
}

func TestPolicyRefusesAndExplains(t *testing.T) {
	f := newFederation(t)
	sender := exchange.Unit("wjw@320582")
	s, open := filing("k1", "内容")
	s.Kind, s.Type, s.To, s.Fields, s.Signer, s.Number, s.Date = "document", "请示", []string{"wjw@320000"}, nil, "李四", "张卫〔2026〕3号", "2026年11月20日"
	s.Files[0].Main = true
	_, err := f.of(sender).Submit(as(sender), s, open)
	if exchange.CodeOf(err) != exchange.Denied {
		t.Fatalf("a skipped level gives %v", err)
	}
	var e *exchange.Error
	if !asError(err, &e) || len(e.Problems) == 0 || e.Problems[0].Code != "R1" {
		t.Fatalf("reasons: %+v", e)
	}
	id := e.Message[len(e.Message)-26:]
	records, err := f.of(sender).ExplainPolicy(as(sender), id)
	if err != nil || len(records) != 1 || records[0].Allow {
		t.Fatalf("explain gives %v, %v", records, err)
	}
}

func TestARecallWithdrawsWhatIsNotSigned(t *testing.T) {
	f := newFederation(t)
	sender := exchange.Unit("wjw@320000")
	s, open := notice("k1")
	done, err := f.of(sender).Submit(as(sender), s, open)
	if err != nil {
		t.Fatal(err)
	}
	f.settle()
	if _, err := f.of("wjw@320500").Sign(as("wjw@320500"), done.ID.String()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.of(sender).Recall(as(sender), done.ID.String(), nil, "content"); err != nil {
		t.Fatal(err)
	}
	f.settle()
	want := "wjw@320500=signed [accepted@320000 arrived@320500 signed@320500]; " +
		"wjw@320582=recalled [accepted@320000 relayed@320500 arrived@320582 recalled@320582]"
	if got := states(t, f, sender, done.ID); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	if _, err := f.of("wjw@320582").Sign(as("wjw@320582"), done.ID.String()); exchange.CodeOf(err) != exchange.Conflict {
		t.Fatalf("signing what was recalled gives %v", err)
	}
	prove(t, f, sender, done.ID)
}

func TestTheSenderReadsWhatItSent(t *testing.T) {
	f := newFederation(t)
	sender := exchange.Unit("wjw@320000")
	s, open := notice("k1")
	done, err := f.of(sender).Submit(as(sender), s, open)
	if err != nil {
		t.Fatal(err)
	}
	list, err := f.of(sender).Outbox(as(sender), exchange.ListQuery{})
	if err != nil || len(list.Items) != 1 || list.Items[0].Title != s.Title || list.Items[0].Number != s.Number {
		t.Fatalf("the outbox shows %+v, %v", list.Items, err)
	}
	if _, err := f.of(sender).Show(as(sender), done.ID.String()); err != nil {
		t.Fatal(err)
	}
}

func TestEverythingWrongIsToldAtOnce(t *testing.T) {
	f := newFederation(t)
	sender := exchange.Unit("wjw@320582")
	_, err := f.of(sender).Submit(as(sender), exchange.Submission{Key: "k", Kind: "document", To: []string{"wjv@320500"}, Type: "请是",
		Number: "张卫[2026]3号", Date: "2026年02月30日", Files: []exchange.File{{Name: "../x", Size: 1, Main: true}}}, texts("x"))
	var e *exchange.Error
	if !asError(err, &e) || e.Code != exchange.Invalid {
		t.Fatalf("got %v", err)
	}
	fields := map[string]string{}
	for _, p := range e.Problems {
		fields[p.Field] = p.Code + " " + p.Remedy
	}
	for _, field := range []string{"to[0]", "type", "number", "title", "date", "files[0].name"} {
		if fields[field] == "" {
			t.Errorf("nothing said about %s: %v", field, fields)
		}
	}
	if !strings.Contains(fields["to[0]"], "wjw@320500") {
		t.Errorf("no near match for the recipient: %s", fields["to[0]"])
	}
}
