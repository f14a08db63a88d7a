package official

import (
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/calendar"
	"github.com/yizhan-exchange/yizhan/exchange/form"
)

// Draft is what a sender hands in for a document, as it was written.
type Draft struct {
	From             form.Party
	To               []form.Addressee
	Type             string          // 文种, name or code
	Number           string          // 发文字号
	Title            string          // 标题
	Signer           string          // 签发人
	Date             string          // 成文日期; "" leaves it open
	Urgency          string          // 紧急程度; "" is 平件
	Secrecy          string          // 密级和保密期限, or 工作秘密
	Derived          bool            // the mark is inherited from a classified source
	Copies           string          // 份号
	Disclosure       string          // 公开属性; "" is unset
	DisclosureReason string          // for 依申请公开 and 不予公开
	Files            []exchange.File // exactly one is the text (正文)
	Remarks          string          // 附注
	Find             Lookup          // for directions; nil leaves distant relations unknown
}

// Elements are the elements of a draft in the types of the domain root.
type Elements struct {
	Type       Type
	Number     Number
	Date       calendar.Date
	Urgency    exchange.Urgency
	Secrecy    Secrecy
	Disclosure exchange.Disclosure
}

// Limits bound a document and choose the tables it is judged by. The zero
// value means the limits of the domain root and the built-in tables.
type Limits struct {
	form.Limits
	Tables *Tables
}

// Check returns everything wrong with a draft at once, in the order of its
// fields, each with its clause and a remedy; nil when it may be sent. Whether
// it may go where it is addressed is the routing rules' question
// (CheckRouting), except that the type has to fit the direction.
func Check(d Draft, limits Limits) exchange.Problems {
	_, problems := Read(d, limits)
	return problems
}

// Read is Check that also returns the elements it understood. The elements are
// complete only when there are no problems.
func Read(d Draft, limits Limits) (Elements, exchange.Problems) {
	c := newChecker(d, limits)
	form.CheckRecipients(&c.Report, d.From, d.To, c.limits.Limits)
	c.checkType()
	c.checkNumber()
	c.checkTitle()
	c.checkSigner()
	c.checkDate()
	c.checkUrgency()
	c.checkSecrecy()
	c.checkCopies()
	c.checkDisclosure()
	c.checkFiles()
	form.CheckNote(&c.Report, "remarks", d.Remarks, form.MaxRemarks)
	return c.found, c.Problems
}

// Header returns the sealed description of a draft that passed, with the
// elements in their standard form.
func (e Elements) Header(d Draft) exchange.Header {
	h := exchange.Header{
		Title: d.Title, Number: d.Number, Signer: d.Signer,
		Copies: d.Copies, Files: d.Files, Remarks: d.Remarks,
	}
	if !e.Date.IsZero() {
		h.Date = e.Date.Chinese()
	}
	return h
}
