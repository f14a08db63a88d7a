package facts

import "github.com/yizhan-exchange/yizhan/exchange"

// Facts is a Question with its relations and comparisons worked out.
type Facts struct {
	*Question
	Groups []Group // recipients that this decision is about

	Up, Down, Parallel, Inside bool // some recipient lies that way
	Mains                      int  // main recipients among all, judged here or not
	SelfFits, PeerFits         bool // the grade is within the ceiling of that network
	AllFit                     bool // and within that of every recipient's
	UnitsCleared               bool // and within the clearance of every recipient unit
	TypesFit                   bool // the type may be addressed to every recipient
	Directive                  bool // a document that binds those below
	ActorCleared               bool
	ActorConcerned             bool // the actor's unit sends or receives this
	Leaves                     bool // some recipient is outside the sender's domain
	RoutesKnown                bool // no recipient is Unrelated
}

// Group is a set of recipients alike in every fact. A document to ninety
// counties is one group, so the cost of a rule does not grow with the list.
type Group struct {
	Profile
	Units   []exchange.Unit
	Domains []exchange.Domain
}

// Profile is what rules may know about a recipient besides its name.
type Profile struct {
	Level     exchange.Level
	Line      string
	Role      exchange.Role
	Direction Direction
	Skips     bool // it lies more than one level away
	Copied    bool // every body between is itself addressed
	Known     bool // stated by the directory
	Active    bool // neither the unit nor its domain is suspended
	Office    bool // general office
	SameLine  bool // one vertical line, or neither party has one
	TypeFits  bool // the type of document may be addressed in this direction
	Fits      bool // grade within the ceiling of the recipient's network
	Cleared   bool // grade within the recipient unit's clearance
	Here      bool // in the deciding domain
}

// Of works out the facts of a question. It never fails: what cannot be
// established comes out as the value that rules refuse.
func Of(q *Question) *Facts {
	f := &Facts{
		Question: q, RoutesKnown: true, AllFit: true, UnitsCleared: true, TypesFit: true,
		Directive:    q.Kind == exchange.Document && directive(q.Type),
		SelfFits:     q.Secrecy <= q.Self.Ceiling,
		PeerFits:     q.Peer.Domain == "" || q.Secrecy <= q.Peer.Ceiling,
		ActorCleared: q.Secrecy <= q.Actor.Clearance,
	}
	from := q.chainOf(&q.From.Domain)
	var last exchange.Domain
	var direction Direction
	var skipped []exchange.Domain
	for i := range q.To {
		r := &q.To[i]
		if r.Role == exchange.Main {
			f.Mains++
		}
		if !q.judged(r) {
			continue
		}
		if r.Domain.Domain != last || last == "" {
			to := q.chainOf(&r.Domain)
			direction, skipped = relate(&from, &to)
			last = r.Domain.Domain
		}
		f.add(r, q.profile(r, direction, skipped))
	}
	f.ActorConcerned = q.concerns(q.Actor.Unit)
	return f
}

func (q *Question) profile(r *Recipient, d Direction, skipped []exchange.Domain) Profile {
	return Profile{
		Level: r.Domain.Level, Line: line(&r.Party), Role: r.Role, Direction: d,
		Skips: len(skipped) > 0, Copied: q.copied(skipped),
		Known:    r.named(),
		Active:   !r.Unit.Suspended && !r.Domain.Suspended,
		Office:   r.Unit.Office,
		SameLine: line(&r.Party) == line(&q.From),
		TypeFits: typeFits(q.Kind, q.Type, r.Role, d),
		Fits:     q.Secrecy <= r.Domain.Ceiling,
		Cleared:  q.Secrecy <= r.Unit.Clearance,
		Here:     r.Domain.Domain == q.Self.Domain,
	}
}

// named reports whether the party is known and its unit really is of the
// domain it came with.
func (p *Party) named() bool {
	return p.Known && p.Unit.Unit.Local() != "" && p.Unit.Unit.Domain() == p.Domain.Domain
}

// Named reports whether the sender is known and consistent.
func (f *Facts) Named() bool { return f.From.named() }

// line is the unit's own vertical line, or that of its domain.
func line(p *Party) string {
	if p.Unit.Line != "" {
		return p.Unit.Line
	}
	return p.Domain.Domain.Line()
}

func (f *Facts) add(r *Recipient, p Profile) {
	f.AllFit = f.AllFit && p.Fits
	f.UnitsCleared = f.UnitsCleared && p.Cleared
	f.TypesFit = f.TypesFit && p.TypeFits
	f.RoutesKnown = f.RoutesKnown && p.Direction != Unrelated
	f.Up = f.Up || p.Direction == Up
	f.Down = f.Down || p.Direction == Down
	f.Parallel = f.Parallel || p.Direction == Parallel
	f.Inside = f.Inside || p.Direction == Inside
	f.Leaves = f.Leaves || p.Direction != Inside
	g := f.group(p)
	g.Units = append(g.Units, r.Unit.Unit)
	if n := len(g.Domains); n == 0 || g.Domains[n-1] != r.Domain.Domain {
		g.Domains = append(g.Domains, r.Domain.Domain)
	}
}

// group finds or opens the group of a profile. There are few, so it looks at
// the newest first rather than hashing.
func (f *Facts) group(p Profile) *Group {
	for i := len(f.Groups) - 1; i >= 0; i-- {
		if f.Groups[i].Profile == p {
			return &f.Groups[i]
		}
	}
	f.Groups = append(f.Groups, Group{Profile: p})
	return &f.Groups[len(f.Groups)-1]
}

// concerns reports whether the unit sends the exchange or is one of the
// recipients judged here.
func (q *Question) concerns(u exchange.Unit) bool {
	if u == "" {
		return false
	}
	if u == q.From.Unit.Unit {
		return true
	}
	for i := range q.To {
		if q.judged(&q.To[i]) && q.To[i].Unit.Unit == u {
			return true
		}
	}
	return false
}
