package facts_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"pgregory.net/rapid"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/policy/facts"
)

// conforms compares a value with the schema, both ways: nothing missing,
// nothing more, no word outside its enumeration.
func conforms(n *facts.Node, t *ast.Term, at string) error {
	switch v := t.Value.(type) {
	case ast.Object:
		return object(n, v, at)
	case *ast.Array:
		if n.Type != "array" {
			return fmt.Errorf("%s is a list, not a %s", at, n.Type)
		}
		for i := range v.Len() {
			if err := conforms(n.Items, v.Elem(i), fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
		return nil
	case ast.String:
		if n.Type != "string" || (n.Enum != nil && !slices.Contains(n.Enum, string(v))) {
			return fmt.Errorf("%s may not be %s", at, v)
		}
		return nil
	case ast.Number:
		return is(n, "number", at)
	case ast.Boolean:
		return is(n, "boolean", at)
	}
	return fmt.Errorf("%s has an unknown form", at)
}

func is(n *facts.Node, kind, at string) error {
	if n.Type != kind {
		return fmt.Errorf("%s is a %s, not a %s", at, kind, n.Type)
	}
	return nil
}

func object(n *facts.Node, o ast.Object, at string) error {
	if o.Len() != len(n.Fields) {
		return fmt.Errorf("%s has %d fields, not %d: %v", at, o.Len(), len(n.Fields), o.Keys())
	}
	for name, f := range n.Fields {
		t := o.Get(ast.StringTerm(name))
		if t == nil {
			return fmt.Errorf("%s.%s is missing", at, name)
		}
		if err := conforms(f, t, at+"."+name); err != nil {
			return err
		}
	}
	return nil
}

func drawDomain(t *rapid.T) exchange.DomainInfo {
	d := rapid.SampledFrom([]exchange.Domain{"000000", "320000", "320500", "320582", "320102"}).Draw(t, "domain")
	return exchange.DomainInfo{
		Domain: d, Parent: tree[d],
		Level: exchange.Level(rapid.IntRange(0, 5).Draw(t, "level")), Ceiling: exchange.Grade(rapid.IntRange(0, 3).Draw(t, "ceiling")),
	}
}

func drawParty(t *rapid.T) facts.Party {
	return facts.Party{Domain: drawDomain(t), Known: true, Unit: exchange.UnitInfo{
		Unit: rapid.SampledFrom([]exchange.Unit{"", "wjw@320500", "bgs@320582", "x"}).Draw(t, "unit"),
		Line: rapid.SampledFrom([]string{"", "health"}).Draw(t, "line"), Office: rapid.Bool().Draw(t, "office"),
	}}
}

// TestInputIsTotal draws every kind of question, sensible or not: as long as it
// is one the kernel lets pass on to rules, the input has exactly the shape of
// the schema.
func TestInputIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := facts.Question{
			Point: rapid.SampledFrom([]exchange.Point{"submit", "relay", "receive", "open"}).Draw(t, "point"),
			Kind:  exchange.Kind(rapid.IntRange(1, 3).Draw(t, "kind")), Secrecy: exchange.Grade(rapid.IntRange(0, 3).Draw(t, "secrecy")),
			Share: exchange.ShareClass(rapid.IntRange(0, 3).Draw(t, "share")), Years: rapid.Uint8().Draw(t, "years"),
			Disclosure: exchange.Disclosure(rapid.IntRange(0, 3).Draw(t, "disclosure")), Urgency: exchange.Urgency(rapid.IntRange(0, 2).Draw(t, "urgency")),
			Type: rapid.String().Draw(t, "type"), Self: drawDomain(t), Peer: drawDomain(t), From: drawParty(t),
			Parent: func(d exchange.Domain) exchange.Domain { return tree[d] },
		}
		if rapid.Bool().Draw(t, "actor") {
			q.Actor.Person, q.Actor.Unit = "p", "wjw@320500"
		}
		for range rapid.IntRange(0, 4).Draw(t, "recipients") {
			q.To = append(q.To, facts.Recipient{Party: drawParty(t), Role: exchange.Role(rapid.IntRange(0, 1).Draw(t, "role")), Elsewhere: rapid.Bool().Draw(t, "elsewhere")})
		}
		f := facts.Of(&q)
		if !f.RoutesKnown {
			t.Fatal("the tree has no gap")
		}
		if err := conforms(facts.Schema, f.Input(), "input"); err != nil {
			t.Fatal(err)
		}
	})
}

var tree = map[exchange.Domain]exchange.Domain{
	"320582": "320500", "320583": "320500", "320102": "320100", "320500": "320000", "320100": "320000", "320000": "000000",
	"329001": "320000",                     // a county directly under its province
	"110001": "110002", "110002": "110001", // a circle
	"440100": "440000", // another tree
}

func question(from, to exchange.Domain) *facts.Question {
	info := func(d exchange.Domain) exchange.DomainInfo { return exchange.DomainInfo{Domain: d, Parent: tree[d]} }
	return &facts.Question{
		Point: exchange.PointRelay, Kind: exchange.Document, Type: "07", From: facts.Party{Domain: info(from)},
		To:     []facts.Recipient{{Party: facts.Party{Domain: info(to), Unit: exchange.UnitInfo{Unit: exchange.Unit("a@" + to)}}}},
		Parent: func(d exchange.Domain) exchange.Domain { return tree[d] },
	}
}

func TestRelations(t *testing.T) {
	for _, c := range []struct {
		from, to  exchange.Domain
		direction facts.Direction
		skips     bool
	}{
		{"320582", "320582", facts.Inside, false},
		{"320582", "320500", facts.Up, false},
		{"320582", "320000", facts.Up, true},
		{"320582", "000000", facts.Up, true},
		{"329001", "320000", facts.Up, false},
		{"320000", "320500", facts.Down, false},
		{"320000", "320582", facts.Down, true},
		{"320582", "320583", facts.Parallel, false},
		{"320582", "320100", facts.Parallel, false},
		{"320102", "320582", facts.Parallel, false},
		{"320582", "440100", facts.Unrelated, false},
		{"110001", "110002", facts.Unrelated, false},
		{"320582", "", facts.Unrelated, false},
	} {
		f := facts.Of(question(c.from, c.to))
		if g := f.Groups[0]; g.Direction != c.direction || g.Skips != c.skips {
			t.Errorf("%s to %s: %v skips %v", c.from, c.to, g.Direction, g.Skips)
		}
	}
}

// TestRecipientsAlikeAreOneGroup keeps the cost of a rule apart from the
// length of the list.
func TestRecipientsAlikeAreOneGroup(t *testing.T) {
	q := question("320500", "320582")
	for i := range 90 {
		r := q.To[0]
		r.Domain.Domain = exchange.Domain(fmt.Sprintf("3206%02d", i))
		r.Domain.Parent = "320500"
		r.Unit.Unit = exchange.Unit("a@" + r.Domain.Domain)
		q.To = append(q.To, r)
	}
	f := facts.Of(q)
	if len(f.Groups) != 1 || len(f.Groups[0].Units) != 91 || len(f.Groups[0].Domains) != 91 {
		t.Fatalf("%d groups", len(f.Groups))
	}
}

func TestElsewhereIsReadOnlyForCopies(t *testing.T) {
	q := question("320582", "320000")
	q.To = append(q.To, facts.Recipient{Elsewhere: true, Party: facts.Party{Unit: exchange.UnitInfo{Unit: "a@320500"}}})
	f := facts.Of(q)
	if len(f.Groups) != 1 || !f.Groups[0].Copied || f.Mains != 2 {
		t.Fatalf("%+v", f.Groups)
	}
	q.Point = exchange.PointSubmit
	if f = facts.Of(q); len(f.Groups) != 2 || f.RoutesKnown {
		t.Fatal("a submission can leave a recipient unjudged")
	}
}

func TestValuesOfAnotherVersionAreInvalid(t *testing.T) {
	for name, with := range map[string]func(*facts.Question){
		"point": func(q *facts.Question) { q.Point = "later" }, "kind": func(q *facts.Question) { q.Kind = 9 },
		"urgency": func(q *facts.Question) { q.Urgency = 9 }, "secrecy": func(q *facts.Question) { q.Secrecy = 9 },
		"share": func(q *facts.Question) { q.Share = 9 }, "disclosure": func(q *facts.Question) { q.Disclosure = 9 },
		"role": func(q *facts.Question) { q.To[0].Role = 9 },
	} {
		q := question("320582", "320500")
		if !q.Valid() {
			t.Fatal("the question is not valid to begin with")
		}
		if with(q); q.Valid() {
			t.Errorf("%s passes", name)
		}
	}
}
