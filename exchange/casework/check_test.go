package casework

import (
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/form"
)

func party(unit exchange.Unit) form.Party {
	return form.Party{Unit: exchange.UnitInfo{Unit: unit}, Domain: exchange.DomainInfo{Domain: unit.Domain()}}
}

// filing is a filing from a county to its city that passes.
func filing() Draft {
	return Draft{
		From: party("wjw@320582"), To: []form.Addressee{{Party: party("wjw@320500")}}, Kind: "上报件",
		Title: "医疗机构设置审批", CaseNo: "320582-2026-000017", Fields: []byte(`{"name":"x","beds":[1,2]}`), Share: "有条件",
		Files: []exchange.File{{Name: "申请表.pdf", Size: 4096}},
	}
}

func TestACorrectFilingHasNoProblems(t *testing.T) {
	if got := Check(filing(), Limits{}); len(got) > 0 {
		t.Fatal(got)
	}
}
