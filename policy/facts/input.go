package facts

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// terms are shared by all inputs: OPA treats terms as immutable.
func terms(words []string) []*ast.Term {
	out := make([]*ast.Term, len(words))
	for i, w := range words {
		out[i] = ast.StringTerm(w)
	}
	return out
}

var (
	gradeTerms      = terms(gradeWords)
	urgencyTerms    = terms(urgencyWords)
	disclosureTerms = terms(disclosureWords)
	shareTerms      = terms(shareWords)
	kindTerms       = terms(kindWords)
	levelTerms      = terms(levelWords)
	roleTerms       = terms(roleWords)
	directionTerms  = terms(directionWords[:])
	invalidTerm     = ast.StringTerm("invalid")
	emptyTerm       = ast.StringTerm("")
)

func pick(from []*ast.Term, i uint8) *ast.Term {
	if int(i) < len(from) {
		return from[i]
	}
	return invalidTerm
}

func str[T ~string](s T) *ast.Term {
	if s == "" {
		return emptyTerm
	}
	return ast.StringTerm(string(s))
}

var keys = map[string]*ast.Term{}

// key returns the shared term of a field's name; it is called only while
// package variables are set up.
func key(name string) *ast.Term {
	t, ok := keys[name]
	if !ok {
		t = ast.StringTerm(name)
		keys[name] = t
	}
	return t
}

var (
	kPoint, kKind, kType, kUrgency     = key("point"), key("kind"), key("type"), key("urgency")
	kSecrecy, kClassified, kYears      = key("secrecy"), key("classified"), key("years")
	kWorkSecret, kDisclosure, kShare   = key("work_secret"), key("disclosure"), key("share")
	kMains, kLeaves, kSelf, kPeer      = key("mains"), key("leaves"), key("self"), key("peer")
	kFrom, kAny, kFits, kActor, kTo    = key("from"), key("any"), key("fits"), key("actor"), key("to")
	kDomain, kLevel, kCeiling          = key("domain"), key("level"), key("ceiling")
	kPresent, kUnit, kLine, kOffice    = key("present"), key("unit"), key("line"), key("office")
	kUp, kDown, kParallel, kInside     = key("up"), key("down"), key("parallel"), key("inside")
	kAll, kHandler, kClerk, kConcerned = key("all"), key("handler"), key("clerk"), key("concerned")
	kCleared, kUnits, kDomains, kRole  = key("cleared"), key("units"), key("domains"), key("role")
	kDirection, kSkips, kCopied        = key("direction"), key("skips"), key("copied")
	kSameLine, kTypeFits               = key("same_line"), key("type_fits")
	kWithinNet, kHere, kDirective      = key("within_net"), key("here"), key("directive")
)

type field = [2]*ast.Term

func flagTerm(b bool) *ast.Term { return ast.InternedTerm(b) }

// Input is the facts as rules read them, of exactly the shape of Schema.
func (f *Facts) Input() *ast.Term {
	return ast.ObjectTerm(
		field{kPoint, str(f.Point)},
		field{kKind, pick(kindTerms, uint8(f.Kind))},
		field{kType, str(f.Type)},
		field{kUrgency, pick(urgencyTerms, uint8(f.Urgency))},
		field{kSecrecy, pick(gradeTerms, uint8(f.Secrecy))},
		field{kClassified, flagTerm(f.Secrecy > exchange.Unclassified)},
		field{kYears, ast.InternedTerm(int(f.Years))},
		field{kWorkSecret, flagTerm(f.WorkSecret)},
		field{kDisclosure, pick(disclosureTerms, uint8(f.Disclosure))},
		field{kShare, pick(shareTerms, uint8(f.Share))},
		field{kMains, ast.InternedTerm(f.Mains)},
		field{kDirective, flagTerm(f.Directive)},
		field{kTypeFits, flagTerm(f.TypesFit)},
		field{kLeaves, flagTerm(f.Leaves)},
		field{kSelf, domainTerm(&f.Self)},
		field{kPeer, f.peerTerm()},
		field{kFrom, f.fromTerm()},
		field{kAny, f.anyTerm()},
		field{kFits, f.fitsTerm()},
		field{kActor, f.actorTerm()},
		field{kTo, f.toTerm()},
	)
}

func domainTerm(d *exchange.DomainInfo) *ast.Term {
	return ast.ObjectTerm(
		field{kDomain, str(d.Domain)},
		field{kLevel, pick(levelTerms, uint8(d.Level))},
		field{kCeiling, pick(gradeTerms, uint8(d.Ceiling))},
	)
}

var noPeer = peerTerm(&exchange.DomainInfo{})

func (f *Facts) peerTerm() *ast.Term {
	if f.Peer.Domain == "" {
		return noPeer
	}
	return peerTerm(&f.Peer)
}

func peerTerm(d *exchange.DomainInfo) *ast.Term {
	return ast.ObjectTerm(
		field{kPresent, flagTerm(d.Domain != "")},
		field{kDomain, str(d.Domain)},
		field{kLevel, pick(levelTerms, uint8(d.Level))},
		field{kCeiling, pick(gradeTerms, uint8(d.Ceiling))},
	)
}

func (f *Facts) fromTerm() *ast.Term {
	return ast.ObjectTerm(
		field{kUnit, str(f.From.Unit.Unit)},
		field{kDomain, str(f.From.Domain.Domain)},
		field{kLevel, pick(levelTerms, uint8(f.From.Domain.Level))},
		field{kLine, str(line(&f.From))},
		field{kOffice, flagTerm(f.From.Unit.Office)},
	)
}

// flags makes the object of every combination of the keys, indexed by bit.
func flags(keys ...*ast.Term) []*ast.Term {
	out := make([]*ast.Term, 1<<len(keys))
	for i := range out {
		var fields []field
		for bit, k := range keys {
			fields = append(fields, field{k, flagTerm(i>>bit&1 == 1)})
		}
		out[i] = ast.ObjectTerm(fields...)
	}
	return out
}

func combine(values ...bool) (i int) {
	for bit, v := range values {
		if v {
			i |= 1 << bit
		}
	}
	return i
}

var (
	anyTerms  = flags(kUp, kDown, kParallel, kInside)
	fitsTerms = flags(kSelf, kPeer, kAll, kUnits)
)

func (f *Facts) anyTerm() *ast.Term { return anyTerms[combine(f.Up, f.Down, f.Parallel, f.Inside)] }

func (f *Facts) fitsTerm() *ast.Term {
	return fitsTerms[combine(f.SelfFits, f.PeerFits, f.AllFit, f.UnitsCleared)]
}

var noActor = (&Facts{Question: &Question{}}).actorTermOf()

func (f *Facts) actorTerm() *ast.Term {
	if f.Actor.Person == "" {
		return noActor
	}
	return f.actorTermOf()
}

func (f *Facts) actorTermOf() *ast.Term {
	return ast.ObjectTerm(
		field{kUnit, str(f.Actor.Unit)},
		field{kHandler, flagTerm(f.Actor.Has(exchange.Handler))},
		field{kClerk, flagTerm(f.Actor.Has(exchange.Clerk))},
		field{kConcerned, flagTerm(f.ActorConcerned)},
		field{kCleared, flagTerm(f.ActorCleared)},
	)
}

func (f *Facts) toTerm() *ast.Term {
	out := make([]*ast.Term, len(f.Groups))
	for i := range f.Groups {
		out[i] = f.Groups[i].term()
	}
	return ast.ArrayTerm(out...)
}

func (g *Group) term() *ast.Term {
	return ast.ObjectTerm(
		field{kUnits, namesTerm(g.Units)},
		field{kDomains, namesTerm(g.Domains)},
		field{kLevel, pick(levelTerms, uint8(g.Level))},
		field{kLine, str(g.Line)},
		field{kRole, pick(roleTerms, uint8(g.Role))},
		field{kDirection, pick(directionTerms, uint8(g.Direction))},
		field{kSkips, flagTerm(g.Skips)},
		field{kCopied, flagTerm(g.Copied)},
		field{kOffice, flagTerm(g.Office)},
		field{kSameLine, flagTerm(g.SameLine)},
		field{kTypeFits, flagTerm(g.TypeFits)},
		field{kWithinNet, flagTerm(g.Fits)},
		field{kCleared, flagTerm(g.Cleared)},
		field{kHere, flagTerm(g.Here)},
	)
}

func namesTerm[T ~string](names []T) *ast.Term {
	out := make([]*ast.Term, len(names))
	for i, n := range names {
		out[i] = str(n)
	}
	return ast.ArrayTerm(out...)
}
