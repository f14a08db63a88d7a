package link

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	yizhanv1 "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// maxSessions bounds the children of one node that are connected at once.
const maxSessions = 4096

// ServerConfig says what a parent's end of its links needs. The functions are
// called concurrently.
type ServerConfig struct {
	// Station returns the station of a domain hosted here.
	Station func(local exchange.Domain) (delivery.Station, bool)
	// Leading returns the term in which this replica leads a hosted domain now,
	// 0 while it does not. A session belongs to one term.
	Leading func(local exchange.Domain) uint64
	// PeerDomain returns the authenticated domain of the caller.
	PeerDomain func(ctx context.Context) (exchange.Domain, error)
	// LocalDomain returns the domain that this end of the connection
	// authenticated as. Nil: the domain that the caller asks for.
	LocalDomain func(ctx context.Context) (exchange.Domain, error)
	Options
}

// Server is the parents' end of all links of one node. It implements
// yizhanv1.LinkServer. Who is a child is decided by the station.
type Server struct {
	yizhanv1.UnimplementedLinkServer
	cfg    ServerConfig
	count  Counters
	tasks  sync.WaitGroup
	mu     sync.Mutex
	closed bool
	links  map[pair]*child
}

type pair struct{ local, peer exchange.Domain }

// child is one link as seen by the parent. The greeting mutex orders
// handshakes, so that the session registered last is the one opened last.
type child struct {
	line
	greeting sync.Mutex
	session  *session // guarded by Server.mu; nil: not connected
}

// NewServer checks the configuration.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Station == nil || cfg.Leading == nil || cfg.PeerDomain == nil {
		return nil, errors.New("link: a server needs stations, leadership and authenticated peers")
	}
	var err error
	if cfg.Options, err = cfg.Options.withDefaults(); err != nil {
		return nil, err
	}
	return &Server{cfg: cfg, links: map[pair]*child{}}, nil
}

// Messages implements yizhanv1.LinkServer.
func (s *Server) Messages(st yizhanv1.Link_MessagesServer) error {
	return s.handle(func() error { return s.messages(st) })
}

// handle counts a call and recovers its panics, unless the server is closed.
func (s *Server) handle(f func() error) error {
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.tasks.Add(1)
	}
	s.mu.Unlock()
	if closed {
		return status.Error(codes.Unavailable, "this node is shutting down")
	}
	defer s.tasks.Done()
	err := guard(&s.count, s.cfg.Log, f)
	if errors.As(err, new(*closure)) {
		return status.Error(codes.Internal, "a defect; see the log of this replica")
	}
	return err
}

func (s *Server) messages(st yizhanv1.Link_MessagesServer) error {
	l, err := s.child(st.Context())
	if err != nil {
		return err
	}
	ss, err := s.accept(st, l)
	if err != nil {
		return s.refuse(st, l, closureOf(err))
	}
	ss.run()
	s.unregister(l, ss)
	return nil // a Close frame has said why
}

// refuse says why no session begins. That a child looks for the leader is
// ordinary, and an attempt beside an open session says nothing about the link.
func (s *Server) refuse(st stream, l *child, c *closure) error {
	s.count.Refused.Add(1)
	if c.code != codeNotLeader {
		s.mu.Lock()
		if l.session == nil {
			l.state.failed(c)
		}
		s.mu.Unlock()
		l.log.Warn("link: refused", "code", c.code, "cause", c.cause)
	}
	if c.silent() {
		return status.Error(codes.Aborted, c.code)
	}
	return st.Send(c.frame())
}

// child returns the link that a call belongs to, making it at the first
// contact.
func (s *Server) child(ctx context.Context) (*child, error) {
	key, err := s.identify(ctx)
	if err != nil {
		return nil, err
	}
	station, ok := s.cfg.Station(key.local)
	if !ok {
		return nil, status.Error(codes.NotFound, "the domain is not hosted here")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.links[key]
	if c == nil {
		if len(s.links) >= maxSessions {
			return nil, status.Error(codes.Unavailable, "too many links")
		}
		c = &child{line: line{
			self: key.local, peer: key.peer, station: station, opt: s.cfg.Options,
			count: &s.count, state: newState(key.peer, DirectionDown, StateDialing), tasks: &s.tasks,
			log: s.cfg.Log.With("link", string(key.peer)+">"+string(key.local)),
		}}
		s.links[key] = c
	}
	return c, nil
}

// identify returns the two ends of a call. What the channel authenticated
// wins; a caller that asks for another domain is mistaken.
func (s *Server) identify(ctx context.Context) (pair, error) {
	peer, err := s.cfg.PeerDomain(ctx)
	if err != nil || !peer.Valid() {
		return pair{}, status.Error(codes.Unauthenticated, "no authenticated domain")
	}
	md, _ := metadata.FromIncomingContext(ctx)
	var asked exchange.Domain
	if v := md.Get(targetKey); len(v) == 1 {
		asked = exchange.Domain(v[0])
	}
	if s.cfg.LocalDomain == nil {
		return pair{asked, peer}, nil
	}
	local, err := s.cfg.LocalDomain(ctx)
	if err != nil || (asked != "" && asked != local) {
		return pair{}, status.Error(codes.Unauthenticated, "the channel was made for another domain")
	}
	return pair{local, peer}, nil
}

// Bulk implements yizhanv1.LinkServer. It joins the session that the same peer
// has open, and ends with it.
func (s *Server) Bulk(st yizhanv1.Link_BulkServer) error {
	return s.handle(func() error { return s.bulk(st) })
}

func (s *Server) bulk(st yizhanv1.Link_BulkServer) error {
	l, err := s.child(st.Context())
	if err != nil {
		return err
	}
	f, err := within(st.Context(), &l.line, handshakeLimit, st.Recv)
	if err != nil {
		return err
	}
	ss := s.session(l, f.GetHello().GetSession())
	if ss == nil {
		return status.Error(codes.FailedPrecondition, "no such session")
	}
	c := newBulk(ss.ctx, ss, st).run()
	return status.Error(codes.Aborted, c.code)
}

// Release ends the sessions of a domain that this replica no longer leads. The
// server also notices by itself, within a fraction of a heartbeat.
func (s *Server) Release(local exchange.Domain) {
	s.endAll(func(p pair) bool { return p.local == local }, &closure{code: codeNotLeader, text: "another replica leads"})
}

// Close ends all sessions and refuses new ones. It returns when everything has
// stopped, or fails when ctx ends first. Call it before stopping the gRPC
// server, which waits for open streams.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.endAll(func(pair) bool { return true }, &closure{code: codeShutdown, text: "this node is shutting down", after: time.Second})
	done := make(chan struct{})
	go func() { s.tasks.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Server) endAll(which func(pair) bool, why *closure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, l := range s.links {
		if which(p) && l.session != nil {
			l.session.end(why)
		}
	}
}

// Counters counts over all links since the start of the process.
func (s *Server) Counters() *Counters { return &s.count }

// Status tells where the links of a domain are, in order of the peers' names.
// Children that have not called since the start are not listed.
func (s *Server) Status(local exchange.Domain) []exchange.LinkStatus {
	leading := s.cfg.Leading(local)
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []exchange.LinkStatus
	for p, l := range s.links {
		if p.local == local {
			st := s.count.status(l.state) // counts are of all children together
			if leading == 0 {
				st.State = StateOff
			}
			out = append(out, st)
		}
	}
	return sorted(out)
}
