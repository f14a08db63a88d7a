package pipeline_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/seal"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// TestTheRelayCannotRead takes everything that the city keeps of exchanges that
// passed through it, and its keys.
func TestTheRelayCannotRead(t *testing.T) {
	f := newFederation(t)
	content := "机密正文内容" + strings.Repeat("0123456789", 8)
	var ids []exchange.ID
	for i, size := range []int{1, 2000} { // inline, and in chunks
		whole := strings.Repeat(content, size)
		s, open := filing(string(rune('a'+i)), whole)
		s.To, s.CaseNo, s.Remarks = []string{"wjw@320000"}, "案件编号-0042", "附注说明"
		done := must(f.of(filer).Submit(as(filer), s, open))
		ids = append(ids, done.ID)
	}
	f.settle()
	for _, id := range ids {
		must(f.of("wjw@320000").Return(as("wjw@320000"), id.String(), "not_ours", "应送教育局办理"))
	}
	f.settle()
	kept := f.everything(city)
	for _, secret := range []string{"医疗机构设置审批", "申请表.pdf", "某医院", "applicant", "案件编号-0042", "附注说明", "机密正文内容", "0123456789012", "应送教育局办理"} {
		if bytes.Contains(kept, []byte(secret)) {
			t.Errorf("the relay reads %q", secret)
		}
	}
	for _, id := range ids {
		f.cannotUnwrap(city, id)
		if ex, _ := f.find(province, id); len(ex.M.Wraps) != 2 {
			t.Errorf("%d wraps, want the recipient's and the origin's", len(ex.M.Wraps))
		}
	}
	if at := f.everything(province); !bytes.Contains(kept, ids[0][:]) || !bytes.Contains(at, ids[0][:]) {
		t.Error("the search does not find what is there")
	}
}

// everything is every row and chunk of a domain.
func (f *federation) everything(d exchange.Domain) []byte {
	var out bytes.Buffer
	st := f.at[d]
	for table := ledger.Table(1); table < ledger.TableEnd; table++ {
		st.log.rows.Scan(table, nil, nil, func(k, v []byte) bool { out.Write(k); out.WriteByte(0); out.Write(v); return true })
	}
	for _, chunk := range st.chunks.data {
		out.Write(chunk)
	}
	return out.Bytes()
}

func (f *federation) cannotUnwrap(d exchange.Domain, id exchange.ID) {
	f.t.Helper()
	ex, ok := f.find(d, id)
	if !ok {
		f.t.Fatalf("%s did not pass through %s", id, d)
	}
	for _, w := range ex.M.Wraps {
		if _, err := seal.Unwrap(f.at[d].vault.keys.Encrypt, id, w.Data); err == nil {
			f.t.Errorf("%s opens the wrap of %s", d, w.Domain)
		}
	}
	for n, r := range receiptsOf(f, d, id) {
		if body, err := exchange.Decode[exchange.Receipt](mustReceipt(f, r)); err == nil && len(body.Note) > 0 {
			if _, err := seal.OpenNote(f.p, f.at[d].vault.keys.Encrypt, "yizhan/note/return/v1", body.Note); err == nil {
				f.t.Errorf("%s opens the note of receipt %d", d, n)
			}
		}
	}
}

func mustReceipt(f *federation, s crypto.Signed) []byte {
	body, ok := s.Body(crypto.ContextReceipt)
	if !ok {
		f.t.Fatal("not a receipt")
	}
	return body
}
