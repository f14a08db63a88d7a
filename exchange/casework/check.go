package casework

import (
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/form"
	"github.com/yizhan-exchange/yizhan/exchange/official"
)

// Draft is what a sender hands in for a case, as it was written.
type Draft struct {
	From       form.Party
	To         []form.Addressee
	Kind       string          // kind of case, name or code
	Title      string          // 事项名称
	CaseNo     string          // the sender's own number of the case (办件编号); may be ""
	Fields     []byte          // one JSON object, or empty
	Urgency    string          // "" is 平件
	Secrecy    string          // 密级和保密期限, or 工作秘密
	Share      string          // 共享类型: 无条件, 有条件, 不予; "" is unset
	LegalBasis string          // of a refusal to share
	Files      []exchange.File // materials; none is required when there are fields
	Remarks    string
}

// Limits bound a case and choose the tables it is judged by. The zero value
// means the limits of the domain root and the built-in tables.
type Limits struct {
	form.Limits
	Tables *Tables
}

// Elements are the elements of a draft in the types of the domain root.
type Elements struct {
	Kind    Kind
	Urgency exchange.Urgency
	Secrecy official.Secrecy
	Share   exchange.ShareClass
}

// Check returns everything wrong with a draft at once, in the order of its
// fields, each with its clause where a law refuses; nil when it may be filed.
func Check(d Draft, limits Limits) exchange.Problems {
	_, problems := Read(d, limits)
	return problems
}

// Read is Check that also returns the elements it understood. The elements are
// complete only when there are no problems.
func Read(d Draft, limits Limits) (Elements, exchange.Problems) {
	limits.Limits = limits.WithDefaults()
	if limits.Tables == nil {
		limits.Tables = tables()
	}
	catalogue, _ := loadProblems()
	c := &checker{draft: d, limits: limits, Report: form.Report{Catalogue: catalogue}}
	form.CheckRecipients(&c.Report, d.From, d.To, limits.Limits)
	c.checkMain()
	c.checkKind()
	form.CheckLine(&c.Report, "title", d.Title, form.MaxTitle)
	if d.CaseNo != "" {
		form.CheckLine(&c.Report, "case_no", d.CaseNo, form.MaxShort)
	}
	c.checkUrgency()
	c.checkShare()
	c.checkContent()
	form.CheckNote(&c.Report, "remarks", d.Remarks, form.MaxRemarks)
	return c.found, c.Problems
}

// Header returns the sealed description of a draft that passed.
func (e Elements) Header(d Draft) exchange.Header {
	return exchange.Header{Title: d.Title, CaseNo: d.CaseNo, Fields: d.Fields, Files: d.Files, Remarks: d.Remarks}
}

// checker judges one draft.
type checker struct {
	form.Report
	draft  Draft
	limits Limits
	found  Elements
}

// checkMain refuses a second main recipient: one body handles a case, and its
// clocks are that body's.
func (c *checker) checkMain() {
	if n := form.Count(c.draft.To, exchange.Main); n > 1 {
		c.Add("to", "case.to.main", n)
	}
}

func (c *checker) checkKind() {
	k, ok := c.limits.Tables.ParseKind(c.draft.Kind)
	if ok {
		c.found.Kind = k
		return
	}
	if near := c.limits.Tables.SuggestKinds(c.draft.Kind); len(near) > 0 {
		c.Add("kind", "case.kind.near", strings.Join(near, "、"))
		return
	}
	c.Add("kind", "case.kind.unknown")
}

func (c *checker) checkUrgency() {
	u, ok := exchange.ParseUrgency(c.draft.Urgency)
	if !ok {
		c.Add("urgency", "case.urgency.unknown")
	}
	c.found.Urgency = u
}

// checkShare keeps state and work secrets out of sharing (国务院令第809号), and
// asks a refusal for its legal basis.
func (c *checker) checkShare() {
	secrecy, err := official.ParseSecrecy(c.draft.Secrecy)
	if err != nil {
		c.Add("secrecy", "case.secrecy.form")
	}
	share, ok := exchange.ParseShareClass(c.draft.Share)
	if !ok {
		c.Add("share", "case.share.unknown")
	}
	c.found.Secrecy, c.found.Share = secrecy, share
	if share == exchange.ShareRefused && strings.TrimSpace(c.draft.LegalBasis) == "" {
		c.Add("legal_basis", "case.share.basis")
	}
	if secrecy.Protected() {
		c.Add("secrecy", "case.secrecy.shared")
	}
	form.CheckNote(&c.Report, "legal_basis", c.draft.LegalBasis, form.MaxRemarks)
}

func (c *checker) checkContent() {
	if len(c.draft.Fields) > 0 {
		if f := CheckFields(c.draft.Fields); f != nil {
			c.AddFaults("fields", f)
		}
	} else if len(c.draft.Files) == 0 {
		c.Add("fields", "case.empty")
	}
	form.CheckFiles(&c.Report, c.draft.Files, c.limits.Limits)
}
