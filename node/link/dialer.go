package link

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	yizhanv1 "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// targetKey names, in the request's metadata, the domain that is called. A
// parent node may host several.
const targetKey = "yizhan-domain"

// DialerConfig says what a child's end of a link needs.
type DialerConfig struct {
	Self, Peer exchange.Domain // the child and its parent
	Endpoints  []string        // every replica of the parent
	// Dial opens a connection of its own on every call; it is called twice per
	// session, so that chunks have their own flow control. It must authenticate
	// the endpoint as Peer. See DialOptions.
	Dial func(ctx context.Context, endpoint string) (*grpc.ClientConn, error)
	// Why, when set, tells why the last connection that Dial opened did not come
	// about, nil when it did: gRPC passes on only that it failed. Its text is
	// shown to administrators. It is called concurrently with Dial.
	Why     func() error
	Station delivery.Station
	Options
}

// Dialer keeps the link from a child to its parent open.
type Dialer struct {
	cfg   DialerConfig
	line  line
	count Counters
	tasks sync.WaitGroup
}

// NewDialer checks the configuration.
func NewDialer(cfg DialerConfig) (*Dialer, error) {
	if !cfg.Self.Valid() || !cfg.Peer.Valid() || len(cfg.Endpoints) == 0 || cfg.Dial == nil || cfg.Station == nil {
		return nil, errors.New("link: a dialer needs both domains, endpoints, a way to dial and a station")
	}
	var err error
	if cfg.Options, err = cfg.Options.withDefaults(); err != nil {
		return nil, err
	}
	d := &Dialer{cfg: cfg}
	d.line = line{
		self: cfg.Self, peer: cfg.Peer, station: cfg.Station, opt: cfg.Options,
		count: &d.count, state: newState(cfg.Peer, DirectionUp, StateOff), tasks: &d.tasks,
		log: cfg.Log.With("link", string(cfg.Self)+">"+string(cfg.Peer)),
	}
	return d, nil
}

// Status tells where the link is. Queued and OldestMs are the station's to
// tell and stay zero.
func (d *Dialer) Status() exchange.LinkStatus { return d.count.status(d.line.state) }

// Counters counts since the start of the process.
func (d *Dialer) Counters() *Counters { return &d.count }

// Run keeps the link open until ctx ends, which it does when the local replica
// no longer leads. It returns when all its goroutines have ended, and may be
// called again afterwards, never twice at once.
func (d *Dialer) Run(ctx context.Context) {
	p := pacer{backoff: backoff{Retry: d.cfg.Retry, random: d.cfg.Random}, now: d.cfg.Now, replicas: len(d.cfg.Endpoints)}
	d.line.state.set(StateDialing)
	defer d.line.state.set(StateOff)
	for {
		healthy, c := d.attempt(ctx, d.cfg.Endpoints[p.current])
		d.tasks.Wait()
		if ctx.Err() != nil {
			return
		}
		if d.line.state.failed(c) {
			d.line.log.Warn("link: not connected", "code", c.code, "why", c.text)
		}
		wait := p.after(c, healthy)
		d.line.log.Debug("link: trying again", "code", c.code, "wait", wait)
		if !sleep(ctx, wait) {
			return
		}
	}
}

// attempt runs one session with one endpoint.
func (d *Dialer) attempt(ctx context.Context, endpoint string) (healthy bool, c *closure) {
	// The streams outlive ctx by the time it takes to say why they end.
	streamCtx, cancel := context.WithCancel(d.outgoing(ctx))
	defer cancel()
	conn, st, err := d.connect(ctx, streamCtx, endpoint)
	if conn != nil {
		defer conn.Close()
	}
	var a agreement
	if err == nil {
		a, err = d.greet(ctx, st)
	}
	if err != nil {
		d.count.Refused.Add(1)
		return false, closureOf(err)
	}
	s := newSession(ctx, &d.line, a, st)
	d.line.spawn(func() error { d.keepBulk(s, streamCtx, endpoint); return nil }, s.end)
	c = s.run()
	if !c.silent() {
		_ = st.CloseSend()
		sleepUntil(s.drained, linger)
	}
	return s.healthy.Load(), c
}

func (d *Dialer) outgoing(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(context.WithoutCancel(ctx), targetKey, string(d.cfg.Peer))
}

// connect opens a connection and the message stream on it.
func (d *Dialer) connect(ctx, streamCtx context.Context, endpoint string) (*grpc.ClientConn, yizhanv1.Link_MessagesClient, error) {
	conn, err := d.cfg.Dial(ctx, endpoint)
	if err != nil {
		return nil, nil, transport(err)
	}
	st, err := within(ctx, &d.line, handshakeLimit, func() (yizhanv1.Link_MessagesClient, error) {
		return yizhanv1.NewLinkClient(conn).Messages(streamCtx, grpc.MaxCallRecvMsgSize(maxFrame))
	})
	if err != nil {
		return conn, nil, d.explained(transport(err))
	}
	return conn, st, nil
}

// explained says why there is no connection, where that is known. How soon it
// is tried again stays the same: a superior that is still starting refuses too.
func (d *Dialer) explained(c *closure) *closure {
	if d.cfg.Why == nil || c.remote {
		return c
	}
	why := d.cfg.Why()
	if why == nil {
		return c
	}
	return &closure{code: c.code, text: clean(why.Error(), 400), cause: why}
}

// greet shakes hands, and tells the parent when its welcome is not taken.
func (d *Dialer) greet(ctx context.Context, st yizhanv1.Link_MessagesClient) (a agreement, err error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeLimit)
	defer cancel()
	err = d.line.guard(func() (err error) { a, err = d.line.dial(ctx, st); return err })
	if c := closureOf(err); err != nil && !c.silent() {
		_ = st.Send(c.frame()) // best effort: the session never began
		_ = st.CloseSend()
		_, _ = within(ctx, &d.line, linger, st.Recv)
	}
	return a, err
}

// keepBulk keeps the second stream open for as long as the session lives.
func (d *Dialer) keepBulk(s *session, streamCtx context.Context, endpoint string) {
	b := backoff{Retry: Retry{d.cfg.Retry.Base, min(d.cfg.Retry.Ceiling, maxDefer)}, random: d.cfg.Random}
	for s.ctx.Err() == nil {
		before := d.count.ChunksSent.Load() + d.count.ChunksReceived.Load()
		c := d.bulk(s, streamCtx, endpoint)
		if d.count.ChunksSent.Load()+d.count.ChunksReceived.Load() > before {
			b.reset()
		}
		wait := b.next()
		if c.pace() == slow {
			wait = b.slow()
		}
		d.line.log.Debug("link: bulk stream ended", "code", c.code, "wait", wait)
		sleep(s.ctx, wait)
	}
}

func (d *Dialer) bulk(s *session, streamCtx context.Context, endpoint string) *closure {
	streamCtx, cancel := context.WithCancel(streamCtx)
	defer cancel()
	stop := context.AfterFunc(s.ctx, cancel)
	defer stop()
	conn, err := d.cfg.Dial(streamCtx, endpoint)
	if err != nil {
		return transport(err)
	}
	defer conn.Close()
	st, err := yizhanv1.NewLinkClient(conn).Bulk(streamCtx, grpc.MaxCallRecvMsgSize(maxFrame))
	if err != nil {
		return transport(err)
	}
	if err := st.Send(bulkHelloFrame(s.id)); err != nil {
		_, err = st.Recv() // io.EOF from Send hides the status
		return transport(err)
	}
	return newBulk(s.ctx, s, st).run()
}

func bulkHelloFrame(id [16]byte) *yizhanv1.BulkFrame {
	return &yizhanv1.BulkFrame{Kind: &yizhanv1.BulkFrame_Hello{Hello: &yizhanv1.BulkHello{Session: id[:]}}}
}
