package official

import (
	"fmt"
	"slices"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/form"
)

// RoutingFacts are what the routing rules are judged on. All but Title is
// known wherever the manifest and the directory are, so that every hop comes
// to the same findings.
type RoutingFacts struct {
	Kind  exchange.Kind // rules are for documents only
	Type  Type
	From  form.Party
	To    []form.Addressee
	Title string // "" where it is sealed
	Find  Lookup
}

// CheckRouting returns every routing rule that a document breaks, in the order
// of the rules. Exchanges of other kinds have no findings.
func CheckRouting(f RoutingFacts) []Finding {
	if f.Kind != exchange.Document {
		return nil
	}
	r := &routing{RoutingFacts: f}
	for _, to := range f.To {
		rel := Relate(f.From.Domain, to.Domain, f.Find)
		r.relations = append(r.relations, rel)
		r.ways = append(r.ways, DirectionOf(f.From, to.Party, rel))
	}
	var out []Finding
	for _, rule := range []func() []Finding{
		r.skippedLevels, r.oneMain, r.reportAsks, r.dualLeadership, r.superiorCopied,
		r.directives, r.otherLines, r.requests,
	} {
		out = append(out, rule()...)
	}
	return out
}

// routing judges one document.
type routing struct {
	RoutingFacts
	relations []Relation
	ways      []Direction
}

func at(i int) string { return fmt.Sprintf("to[%d]", i) }

// reaches reports whether a unit of the domain is among the recipients.
func (r *routing) reaches(d exchange.Domain) bool {
	return slices.ContainsFunc(r.To, func(a form.Addressee) bool { return a.Unit.Unit.Domain() == d })
}

// reachesOffice reports whether a general office of the domain is among the
// recipients.
func (r *routing) reachesOffice(d exchange.Domain) bool {
	return slices.ContainsFunc(r.To, func(a form.Addressee) bool {
		return a.Unit.Office && a.Unit.Unit.Domain() == d
	})
}

// skippedLevels is R1: each body between the sender and a superior recipient
// gets a copy. A letter (函) skips nobody. Where the directory cannot tell, a
// recipient of a higher level is taken as a superior.
func (r *routing) skippedLevels() (out []Finding) {
	if r.Type.Code == codeLetter {
		return nil
	}
	for i, rel := range r.relations {
		to := r.To[i].Domain
		if rel.Kind == KinshipUnknown && to.Level < r.From.Domain.Level {
			out = append(out, finding("R1.unknown", at(i), to.Domain))
		}
		if rel.Kind != Superior {
			continue
		}
		missed := slices.DeleteFunc(slices.Clone(rel.Skipped), r.reaches)
		if len(missed) > 0 {
			out = append(out, finding("R1", at(i), r.names(missed)))
		}
	}
	return out
}

// names writes domains with their names where the directory has them.
func (r *routing) names(domains []exchange.Domain) string {
	var words []string
	for _, d := range domains {
		word := string(d)
		if r.Find != nil {
			if info, ok := r.Find(d); ok && info.Name != "" {
				word = info.Name + " " + word
			}
		}
		words = append(words, word)
	}
	return strings.Join(words, "、")
}

// oneMain is R2: an upward document has in principle one main recipient, a 请示
// always, and no copy to a subordinate.
func (r *routing) oneMain() (out []Finding) {
	if !upward(r.Type, r.To, r.ways) {
		return nil
	}
	switch n := form.Count(r.To, exchange.Main); {
	case n > 1 && r.Type.Code == codeRequest:
		out = append(out, finding("R2", "to", n))
	case n > 1:
		out = append(out, finding("R2.principle", "to", n))
	}
	for i, way := range r.ways {
		if way == Down && r.To[i].Role == exchange.Copy {
			out = append(out, finding("R2.copy", at(i)))
		}
	}
	return out
}

// reportAsks is the part of R5 that a title can show.
func (r *routing) reportAsks() []Finding {
	if r.Type.Code == codeReport && strings.Contains(r.Title, "请示") {
		return []Finding{finding("R5", "title")}
	}
	return nil
}

// dualLeadership is R7: a unit of a vertical line stands under its line and
// under its own government, and the other of the two gets a copy where needed.
func (r *routing) dualLeadership() []Finding {
	for i, way := range r.ways {
		to := r.To[i]
		switch {
		case to.Role != exchange.Main || !sameLine(r.From, to.Party) || r.relations[i].Kind == Same:
		case way == Up && !r.reachesOffice(r.From.Unit.Unit.Domain()):
			return []Finding{finding("R7", at(i))}
		case way == Down && !r.reachesOffice(to.Unit.Unit.Domain()):
			return []Finding{finding("R7.down", at(i))}
		}
	}
	return nil
}

func sameLine(a, b form.Party) bool { return a.Line() != "" && a.Line() == b.Line() }

// superiorCopied is R8: an important downward document is copied to the
// sender's direct superior.
func (r *routing) superiorCopied() []Finding {
	parent := r.From.Domain.Parent
	down := slices.Contains(r.ways, Down)
	if !r.Type.Important || !down || parent == "" || r.reaches(parent) {
		return nil
	}
	return []Finding{finding("R8", "to", r.names([]exchange.Domain{parent}))}
}

// directives is R9: only a general office issues directive documents to a
// lower government, for which its general office stands.
func (r *routing) directives() (out []Finding) {
	if !r.Type.Directive || r.From.Unit.Office {
		return nil
	}
	for i, rel := range r.relations {
		to := r.To[i]
		if rel.Kind == Subordinate && to.Unit.Office && to.Role == exchange.Main {
			out = append(out, finding("R9", at(i), r.Type.Name))
		}
	}
	return out
}

// otherLines is R10: a department writes to lower departments within its
// remit, which for another line is for the sender to confirm.
func (r *routing) otherLines() (out []Finding) {
	for i, rel := range r.relations {
		to := r.To[i].Party
		departments := !r.From.Unit.Office && !to.Unit.Office
		differ := r.From.Line() != "" && to.Line() != "" && r.From.Line() != to.Line()
		if rel.Kind == Subordinate && departments && differ && r.Type.Code != codeLetter {
			out = append(out, finding("R10", at(i)))
		}
	}
	return out
}

// requests is R13: a 请示 goes only to a superior; others are asked by 函.
func (r *routing) requests() (out []Finding) {
	if r.Type.Code != codeRequest {
		return nil
	}
	for i, way := range r.ways {
		if r.To[i].Role == exchange.Main && (way == Parallel || way == Down) {
			out = append(out, finding("R13", at(i)))
		}
	}
	return out
}
