package pipeline_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// request is an upward document without a fault: a county's office asks its
// city's.
func request(key string) exchange.Submission {
	return exchange.Submission{Key: key, Kind: "document", To: []string{"bgs@320500"}, Type: "请示", Number: "张政发〔2026〕3号", Title: "关于新建医院的请示",
		Signer: "李四", Date: "2026年11月20日", Files: []exchange.File{{Name: "正文.ofd", Size: 6, Main: true}}}
}

// TestEachFaultOfASubmissionIsNamed holds the first stage of the road: what is
// wrong, in which field, by which clause, and what to do.
func TestEachFaultOfASubmissionIsNamed(t *testing.T) {
	f := newFederation(t)
	sender := exchange.Unit("bgs@320582")
	st := f.of(sender)
	if _, err := st.Submit(as(sender), request("good"), texts("正文")); err != nil {
		t.Fatalf("the document without a fault: %v", err)
	}
	before, puts := st.log.rows.Clone(), st.chunks.puts
	for _, c := range faults {
		t.Run(c.name, func(t *testing.T) {
			s := request("bad")
			c.spoil(&s)
			_, err := st.Submit(as(sender), s, texts("正文", "x", "x"))
			var e *exchange.Error
			if !asError(err, &e) || e.Code != c.code {
				t.Fatalf("got %v (%s), want %s", err, exchange.CodeOf(err), c.code)
			}
			holds(t, e, c)
			if !equal(before, &st.log.rows) || st.chunks.puts != puts {
				t.Error("something was stored")
			}
		})
	}
}

func holds(t *testing.T, e *exchange.Error, c fault) {
	t.Helper()
	for _, p := range e.Problems {
		if p.Field == c.field && p.Code == c.problem {
			if p.Message == "" || p.Chinese == "" || p.Remedy == "" || p.Clause != c.clause || !strings.Contains(p.Message+p.Remedy, c.says) {
				t.Errorf("the problem is %+v, want clause %q and the words %q", p, c.clause, c.says)
			}
			return
		}
	}
	t.Errorf("no problem %s of field %s in %+v", c.problem, c.field, e.Problems)
}

// equal compares all rows but the ledger's time.
func equal(a, b ledger.Reader) bool {
	for table := ledger.TableMeta + 1; table < ledger.TableEnd; table++ {
		if dump(a, table) != dump(b, table) {
			return false
		}
	}
	return true
}

func dump(r ledger.Reader, table ledger.Table) string {
	var out bytes.Buffer
	r.Scan(table, nil, nil, func(k, v []byte) bool { fmt.Fprintf(&out, "%x=%x\n", k, v); return true })
	return out.String()
}

type fault struct {
	name                         string
	spoil                        func(*exchange.Submission)
	code                         exchange.Code
	field, problem, clause, says string
}

var faults = []fault{
	{"an unknown unit", func(s *exchange.Submission) { s.To[0] = "bgz@320500" }, exchange.Invalid, "to[0]", "recipients.unknown", "", "bgs@320500"},
	{"an unknown domain", func(s *exchange.Submission) { s.To[0] = "bgs@320501" }, exchange.Invalid, "to[0]", "recipients.unknown", "", "320501"},
	{"an unknown copy", func(s *exchange.Submission) { s.Cc = []string{"市卫健委"} }, exchange.Invalid, "cc[0]", "recipients.unknown", "", ""},
	{"no recipient", func(s *exchange.Submission) { s.To = nil }, exchange.Invalid, "to", "recipients.none", "条例 第九条(八)", ""},
	{"a number in the wrong brackets", func(s *exchange.Submission) { s.Number = "张政发[2026]3号" }, exchange.Invalid, "number", "document.number.brackets", "GB/T 9704-2012 §7.2.5", "〔"},
	{"a number with 第", func(s *exchange.Submission) { s.Number = "张政发〔2026〕第3号" }, exchange.Invalid, "number", "document.number.ordinal", "GB/T 9704-2012 §7.2.5", "第"},
	{"a day that does not exist", func(s *exchange.Submission) { s.Date = "2026年2月30日" }, exchange.Invalid, "date", "document.date.day", "条例 第九条(十二)", ""},
	{"an upward document without 签发人", func(s *exchange.Submission) { s.Signer = "" }, exchange.Invalid, "signer", "document.signer.missing", "条例 第九条(六)", ""},
	{"an empty file", func(s *exchange.Submission) { s.Files[0].Size = 0 }, exchange.Invalid, "files[0].size", "files.size.empty", "", ""},
	{"no file", func(s *exchange.Submission) { s.Files = nil }, exchange.Invalid, "files", "document.files.none", "条例 第九条(九)", ""},
	{"more than the published limit", func(s *exchange.Submission) { s.Files[0].Size = exchange.MaxContent + 1 }, exchange.Invalid, "files", "files.size.total", "", "4 GiB"},
	{"65 attachments", func(s *exchange.Submission) {
		for i := range 65 {
			s.Files = append(s.Files, exchange.File{Name: fmt.Sprintf("附件%d.pdf", i), Size: 1})
		}
	}, exchange.Invalid, "files", "files.many", "", "64"},
	{"a path in a file name", func(s *exchange.Submission) { s.Files[0].Name = "../正文.ofd" }, exchange.Invalid, "files[0].name", "files.name.separator", "", ""},
	{"a folder as file name", func(s *exchange.Submission) { s.Files[0].Name = ".." }, exchange.Invalid, "files[0].name", "files.name.relative", "", ""},
	{"NUL in a file name", func(s *exchange.Submission) { s.Files[0].Name = "正文\x00.ofd" }, exchange.Invalid, "files[0].name", "files.name.nul", "", ""},
	{"a bidirectional override in a file name", func(s *exchange.Submission) { s.Files[0].Name = "正文\u202efdp.exe" }, exchange.Invalid, "files[0].name", "files.name.bidi", "", ""},
	{"a file shorter than stated", func(s *exchange.Submission) { s.Files[0].Size = 7 }, exchange.Invalid, "files[0]", "file.size", "", ""},
	{"a file longer than stated", func(s *exchange.Submission) { s.Files[0].Size = 5 }, exchange.Invalid, "files[0]", "file.size", "", ""},
	{"no key", func(s *exchange.Submission) { s.Key = "" }, exchange.Invalid, "idempotency_key", "key.form", "", ""},
	{"a key for other content", func(s *exchange.Submission) { s.Key, s.Title = "good", "关于另一件事的请示" }, exchange.Conflict, "idempotency_key", "key.conflict", "", ""},
	{"an unknown kind", func(s *exchange.Submission) { s.Kind = "letter" }, exchange.Invalid, "kind", "kind.unknown", "", ""},
	{"an expiry in the past", func(s *exchange.Submission) { s.ExpiresIn = -1 }, exchange.Invalid, "expires_in_seconds", "expiry.negative", "", ""},
	{"an expiry beyond counting", func(s *exchange.Submission) { s.ExpiresIn = 1 << 62 }, exchange.Invalid, "expires_in_seconds", "expiry.long", "", ""},
}

func TestAnUploadThatBreaksOffStoresNothing(t *testing.T) {
	f := newFederation(t)
	sender := exchange.Unit("bgs@320582")
	st := f.of(sender)
	before := st.log.rows.Clone()
	broken := func(int) (io.Reader, error) {
		return io.MultiReader(strings.NewReader("正"), &failing{}), nil
	}
	if _, err := st.Submit(as(sender), request("k"), broken); exchange.CodeOf(err) != exchange.Unavailable {
		t.Fatalf("got %v", err)
	}
	if !equal(before, &st.log.rows) {
		t.Error("something was stored")
	}
}

type failing struct{}

func (*failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestLimitsArePublished(t *testing.T) {
	f := newFederation(t)
	c, err := f.at[county].Capabilities(as("bgs@320582"))
	if err != nil || c.MaxContent != exchange.MaxContent || c.MaxFiles != exchange.MaxFiles || c.MaxRecipients != exchange.MaxRecipients {
		t.Fatalf("%+v, %v", c, err)
	}
}
