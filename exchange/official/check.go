package official

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/form"
)

// checker judges one draft.
type checker struct {
	form.Report
	draft      Draft
	limits     Limits
	found      Elements
	typed      bool        // the type is known
	directions []Direction // of each recipient
}

func newChecker(d Draft, limits Limits) *checker {
	limits.Limits = limits.WithDefaults()
	if limits.Tables == nil {
		limits.Tables = tables()
	}
	catalogue, _ := loadProblems()
	c := &checker{draft: d, limits: limits, Report: form.Report{Catalogue: catalogue}}
	for _, to := range d.To[:min(len(d.To), limits.Recipients)] {
		rel := Relate(d.From.Domain, to.Domain, d.Find)
		c.directions = append(c.directions, DirectionOf(d.From, to.Party, rel))
	}
	return c
}

func (c *checker) checkType() {
	if c.draft.Type == "" {
		c.Add("type", "document.type.missing")
		return
	}
	t, ok := c.limits.Tables.ParseType(c.draft.Type)
	if !ok {
		c.unknownType()
		return
	}
	c.found.Type, c.typed = t, true
	for i, way := range c.directions {
		to := c.draft.To[i]
		if to.Role == exchange.Main && to.Unit.Unit != c.draft.From.Unit.Unit {
			c.checkDirection(i, way)
		}
	}
}

func (c *checker) unknownType() {
	if near := c.limits.Tables.SuggestTypes(c.draft.Type); len(near) > 0 {
		c.Add("type", "document.type.near", strings.Join(near, "、"))
		return
	}
	c.Add("type", "document.type.unknown")
}

func (c *checker) checkDirection(i int, way Direction) {
	t, field := c.found.Type, fmt.Sprintf("to[%d]", i)
	to := c.draft.To[i].Domain.Domain
	switch {
	case t.SameDomain && to != "" && to != c.draft.From.Domain.Domain:
		c.Add(field, "document.type.outside", t.Name)
	case t.SameDomain || way == AnyDirection || !slices.Contains(t.Refuse, way):
	case t.Code == codeRequest && way == Parallel:
		c.Add(field, "document.type.letter")
	default:
		c.Add(field, "document.type.direction", t.Name, way.String(), way.Chinese())
	}
}

func (c *checker) checkTitle() {
	if strings.TrimSpace(c.draft.Title) == "" {
		c.Add("title", "document.title.missing")
		return
	}
	form.CheckLine(&c.Report, "title", c.draft.Title, form.MaxTitle)
}

// upward reports whether the draft goes to a superior (上行文).
func (c *checker) upward() bool {
	return upward(c.found.Type, c.draft.To, c.directions)
}

// upward reports whether a document is addressed to a superior. A letter (函)
// is between equals even when the recipient happens to stand higher.
func upward(t Type, to []form.Addressee, ways []Direction) bool {
	if t.Code == codeLetter {
		return false
	}
	for i, way := range ways {
		if to[i].Role == exchange.Main && way == Up {
			return true
		}
	}
	return t.Direction == Up
}

func (c *checker) checkNumber() {
	n, numbering := c.draft.Number, c.found.Type.Numbering
	switch {
	case n == "" && (!c.typed || numbering == NumberOptional):
		return
	case numbering == NumberOptional || numbering == NumberOrdinal:
		if v, ok := ParseOrdinal(n); ok {
			c.found.Number = v
			return
		}
	}
	v, err := ParseNumber(n)
	if err != nil {
		c.AddFaults("number", CheckNumber(n)...)
	}
	c.found.Number = v
}

func (c *checker) checkSigner() {
	switch {
	case strings.TrimSpace(c.draft.Signer) != "":
		form.CheckLine(&c.Report, "signer", c.draft.Signer, form.MaxShort)
	case c.upward():
		c.Add("signer", "document.signer.missing")
	}
}

func (c *checker) checkDate() {
	if c.draft.Date == "" {
		return
	}
	d, f := readDate(c.draft.Date)
	if f != nil {
		c.AddFaults("date", f)
		return
	}
	c.found.Date = d
}

func (c *checker) checkUrgency() {
	u, ok := exchange.ParseUrgency(c.draft.Urgency)
	switch {
	case ok:
		c.found.Urgency = u
	case c.draft.Urgency == "特提" || c.draft.Urgency == "平急":
		c.Add("urgency", "document.urgency.telegram")
	default:
		c.Add("urgency", "document.urgency.unknown")
	}
}

func (c *checker) checkSecrecy() {
	s, f := c.limits.Tables.readSecrecy(c.draft.Secrecy)
	if f != nil {
		c.AddFaults("secrecy", f)
		return
	}
	c.found.Secrecy = s
	most, known := c.limits.Tables.Authority[c.draft.From.Domain.Level]
	if !c.draft.Derived && known && s.Grade > most {
		c.Add("secrecy", "document.secrecy.authority", s.Grade)
	}
}

var copiesForm = regexp.MustCompile(`^[0-9]{6}$`)

func (c *checker) checkCopies() {
	switch {
	case c.draft.Copies == "" && c.found.Secrecy.Grade != exchange.Unclassified:
		c.Add("copies", "document.copies.missing")
	case c.draft.Copies != "" && (!copiesForm.MatchString(c.draft.Copies) || c.draft.Copies == "000000"):
		c.Add("copies", "document.copies.form")
	}
}

func (c *checker) checkDisclosure() {
	d, ok := exchange.ParseDisclosure(c.draft.Disclosure)
	if !ok {
		c.Add("disclosure", "document.disclosure.unknown")
		return
	}
	c.found.Disclosure = d
	reasoned := strings.TrimSpace(c.draft.DisclosureReason) != ""
	if !reasoned && (d == exchange.DisclosureOnRequest || d == exchange.DisclosureRefused) {
		c.Add("disclosure_reason", "document.disclosure.reason", d)
	}
	if c.found.Secrecy.Protected() && (d == exchange.DisclosureActive || d == exchange.DisclosureOnRequest) {
		c.Add("disclosure", "document.disclosure.secret")
	}
	form.CheckNote(&c.Report, "disclosure_reason", c.draft.DisclosureReason, form.MaxRemarks)
}

func (c *checker) checkFiles() {
	texts := 0
	for _, f := range c.draft.Files {
		if f.Main {
			texts++
		}
	}
	switch {
	case len(c.draft.Files) == 0:
		c.Add("files", "document.files.none")
	case texts == 0:
		c.Add("files", "document.files.text")
	case texts > 1:
		c.Add("files", "document.files.texts", texts)
	}
	form.CheckFiles(&c.Report, c.draft.Files, c.limits.Limits)
}
