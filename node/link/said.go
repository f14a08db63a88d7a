package link

import (
	"github.com/yizhan-exchange/yizhan/exchange"
)

// Said is what a peer said that it has of what was sent to it, in its greeting
// and in the acknowledgements since: a check holds it against the ledger.
type Said struct {
	Peer  exchange.Domain
	Epoch [16]byte                    // the numbering that it speaks of
	UpTo  [exchange.ClassCount]uint64 // last sequence of each class that it has committed
}

// greeted notes what the peer's greeting says. A peer that does not know the
// numbering has said nothing about it.
func (s *state) greeted(a *agreement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = nil
	if a.theirs.ReceiveEpoch == a.mine.SendEpoch {
		s.said = &Said{Peer: s.s.Peer, Epoch: a.mine.SendEpoch, UpTo: cursors(a.theirs.ReceiveNext, a.theirs.ReceiveEpoch, a.mine.SendEpoch)}
	}
}

// heard notes an acknowledgement.
func (s *state) heard(c exchange.Class, upTo uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.said != nil {
		s.said.UpTo[c] = upTo
	}
}

// tell returns what the peer said last, false when there is no session in which
// it spoke of this numbering.
func (s *state) tell() (Said, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.said == nil || s.s.State != StateConnected {
		return Said{}, false
	}
	return *s.said, true
}

// Said tells what the superior said that it has.
func (d *Dialer) Said() (Said, bool) { return d.line.state.tell() }

// Said tells what the subordinates of a domain said that they have.
func (s *Server) Said(local exchange.Domain) (out []Said) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, l := range s.links {
		if p.local != local {
			continue
		}
		if said, ok := l.state.tell(); ok {
			out = append(out, said)
		}
	}
	return out
}
