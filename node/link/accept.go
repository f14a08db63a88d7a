package link

import (
	"context"
	"crypto/subtle"

	yizhanv1 "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// accept shakes hands, registers the session and welcomes the child, in this
// order: the child may open the bulk stream at once.
func (s *Server) accept(st stream, l *child) (*session, error) {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeLimit)
	defer cancel()
	f, err := within(ctx, &l.line, handshakeLimit, st.Recv)
	if err != nil {
		return nil, transport(err)
	}
	if f.GetHello() == nil {
		return nil, violation("the first frame is no greeting")
	}
	term := s.cfg.Leading(l.self)
	if term == 0 {
		return nil, notLeading()
	}
	ss, welcome, err := s.open(ctx, st, l, f.GetHello(), term)
	if err != nil {
		return nil, err
	}
	if err := st.Send(welcome); err != nil {
		ss.end(transport(err))
		s.unregister(l, ss)
		return nil, transport(err)
	}
	return ss, nil
}

func notLeading() *closure { return &closure{code: codeNotLeader, text: "another replica leads"} }

// open opens the session in a term. The leader of a later term, this replica or
// another, has said that all sessions before it are over: one that was still
// being opened meanwhile would wait for ever for rows that the station holds
// back.
func (s *Server) open(ctx context.Context, st stream, l *child, h *yizhanv1.Hello, term uint64) (*session, *yizhanv1.Frame, error) {
	l.greeting.Lock()
	defer l.greeting.Unlock()
	a, welcome, err := l.welcome(ctx, h)
	if err != nil {
		return nil, nil, err
	}
	ss := newSession(context.Background(), &l.line, a, st)
	ss.leading = func() bool { return s.cfg.Leading(l.self) == term }
	err = s.register(l, ss)
	if err == nil && !ss.leading() {
		err = notLeading()
		s.unregister(l, ss)
	}
	if err != nil {
		ss.end(err)
		return nil, nil, err
	}
	return ss, welcome, nil
}

// register makes the session the link's only one. The station has fenced by
// term already; this also covers a station that is slow to learn.
func (s *Server) register(l *child, ss *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return &closure{code: codeShutdown, text: "this node is shutting down"}
	}
	if old := l.session; old != nil {
		if old.theirs.Term > ss.theirs.Term {
			return &closure{code: codeFenced, text: "a session of a higher term is open"}
		}
		old.end(&closure{code: codeReplaced, text: "a newer session takes over"})
	}
	l.session = ss
	return nil
}

// unregister forgets an ended session, unless a newer one has taken its place.
func (s *Server) unregister(l *child, ss *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.session == ss {
		l.session = nil
	} else if l.session != nil {
		l.state.connected(false)
	}
}

// session returns the open session of a link if id names it.
func (s *Server) session(l *child, id []byte) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.session == nil || subtle.ConstantTimeCompare(id, l.session.id[:]) != 1 {
		return nil
	}
	return l.session
}
