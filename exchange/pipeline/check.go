package pipeline

import (
	"fmt"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/casework"
	"github.com/yizhan-exchange/yizhan/exchange/form"
	"github.com/yizhan-exchange/yizhan/exchange/official"
)

const longestExpiry = 366 * 24 * 3600 // seconds

func field(name string, i int) string { return fmt.Sprintf("%s[%d]", name, i) }

// check reports everything wrong with a submission at once: recipients,
// elements, sizes, form rules. Nothing is stored.
func (d *Domain) check(f *federation, caller exchange.Caller, s exchange.Submission) (*submission, error) {
	from, known := f.party(caller.Unit)
	if !known {
		return nil, exchange.Errorf(exchange.Denied, opSubmit, "unit %s is not in the directory", caller.Unit)
	}
	to, problems := d.resolve(f, s)
	w := &submission{key: s.Key, caller: caller, question: s}
	w.manifest.From, w.manifest.To = caller.Unit, form.Recipients(to)
	switch s.Kind {
	case "document":
		problems = append(problems, d.checkDocument(f, w, from, to)...)
	case "case", "query":
		problems = append(problems, d.checkCase(w, from, to)...)
	default:
		problems.Add("kind", "kind.unknown", "the kind must be document, case or query", "类型应为 document（公文）、case（办件）或 query（查询）", "", "set kind")
	}
	if s.ExpiresIn < 0 {
		problems.Add("expires_in_seconds", "expiry.negative", "the expiry lies in the past", "有效期不能为负", "", "leave it out for the domain's default")
	}
	if s.ExpiresIn > longestExpiry {
		problems.Add("expires_in_seconds", "expiry.long", "the expiry lies more than 366 days ahead", "有效期不得超过 366 天", "", "leave it out for the domain's default")
	}
	return w, merge(problems).Err(opSubmit)
}

func (d *Domain) checkDocument(f *federation, w *submission, from form.Party, to []form.Addressee) exchange.Problems {
	s := w.question
	draft := official.Draft{From: from, To: to, Type: s.Type, Number: s.Number, Title: s.Title, Signer: s.Signer, Date: s.Date,
		Urgency: s.Urgency, Secrecy: s.Secrecy, Copies: s.Copies, Disclosure: s.Disclosure, DisclosureReason: s.DisclosureReason,
		Files: s.Files, Remarks: s.Remarks, Find: f.book.Domain}
	e, problems := official.Read(draft, official.Limits{Limits: d.Limits})
	m := &w.manifest
	m.Kind, m.Type, m.Urgency = exchange.Document, e.Type.Code, e.Urgency
	m.Secrecy, m.Years, m.WorkSecret, m.Disclosure = e.Secrecy.Grade, e.Secrecy.Years, e.Secrecy.Work, e.Disclosure
	if len(problems) > 0 {
		return problems
	}
	w.header = e.Header(draft)
	findings := official.CheckRouting(official.RoutingFacts{Kind: m.Kind, Type: e.Type, From: from, To: to, Title: s.Title, Find: f.book.Domain})
	for _, finding := range findings {
		reason := finding.Reason("kernel")
		if official.Refused([]official.Finding{finding}) {
			w.routing = append(w.routing, reason)
		} else {
			w.warnings = append(w.warnings, reason.Code+" "+reason.Chinese+" / "+reason.English)
		}
	}
	return nil
}

func (d *Domain) checkCase(w *submission, from form.Party, to []form.Addressee) exchange.Problems {
	s := w.question
	draft := casework.Draft{From: from, To: to, Kind: s.Type, Title: s.Title, CaseNo: s.CaseNo, Fields: s.Fields, Urgency: s.Urgency,
		Secrecy: s.Secrecy, Share: s.Share, LegalBasis: s.ShareBasis, Files: s.Files, Remarks: s.Remarks}
	e, problems := casework.Read(draft, casework.Limits{Limits: d.Limits})
	m := &w.manifest
	m.Kind, m.Type, m.Urgency, m.Share = exchange.Case, e.Kind.Code, e.Urgency, e.Share
	if s.Kind == "query" {
		m.Kind = exchange.Query
	}
	m.Secrecy, m.Years, m.WorkSecret = e.Secrecy.Grade, e.Secrecy.Years, e.Secrecy.Work
	if len(problems) == 0 {
		w.header = e.Header(draft)
	}
	return problems
}

// resolve reads recipients as people write them: a unit's address, or its
// Chinese name when that is unique. Unknown ones get near matches.
func (d *Domain) resolve(f *federation, s exchange.Submission) ([]form.Addressee, exchange.Problems) {
	var out []form.Addressee
	var problems exchange.Problems
	add := func(list []string, name string, role exchange.Role) {
		for i, text := range list {
			party, found := f.lookup(text)
			if !found {
				problems = append(problems, f.unknownRecipient(field(name, i), text))
			}
			out = append(out, form.Addressee{Party: party, Role: role})
		}
	}
	add(s.To, "to", exchange.Main)
	add(s.Cc, "cc", exchange.Copy)
	return out, problems
}

// lookup finds one recipient by address or by its exact Chinese name.
func (f *federation) lookup(text string) (form.Party, bool) {
	text = strings.TrimSpace(text)
	if u := exchange.Unit(text); u.Valid() {
		return f.party(u)
	}
	var hit []exchange.UnitInfo
	for _, info := range f.book.Units(text) {
		if info.Name == text {
			hit = append(hit, info)
		}
	}
	if len(hit) == 1 {
		return f.party(hit[0].Unit)
	}
	return form.Party{Unit: exchange.UnitInfo{Unit: exchange.Unit(text)}}, false
}

func (f *federation) unknownRecipient(name, text string) exchange.Problem {
	var candidates []form.Candidate
	for _, info := range f.book.Units("") {
		candidates = append(candidates, form.Candidate{Name: string(info.Unit), Alias: []string{info.Name}})
	}
	remedy := "yizhan units lists everybody that can be reached"
	if near := form.Suggest(text, candidates); len(near) > 0 {
		remedy = "did you mean " + strings.Join(near, ", ") + "?"
	}
	message, chinese := "no such unit", "查无此单位"
	if u := exchange.Unit(text); u.Valid() {
		if _, known := f.book.Domain(u.Domain()); !known {
			message, chinese = "no such domain "+string(u.Domain()), "查无此交换域 "+string(u.Domain())
		}
	}
	return exchange.Problem{Field: name, Code: "recipients.unknown", Message: message, Chinese: chinese, Remedy: remedy}
}

// merge drops repeated problems of one field that say the same: an unknown
// recipient is not also malformed.
func merge(p exchange.Problems) exchange.Problems {
	unknown := map[string]bool{}
	for _, q := range p {
		if q.Code == "recipients.unknown" {
			unknown[q.Field] = true
		}
	}
	var out exchange.Problems
	for _, q := range p {
		if q.Code == "recipients.form" && unknown[q.Field] {
			continue
		}
		out = append(out, q)
	}
	return out
}
