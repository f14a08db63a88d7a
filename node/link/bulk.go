package link

import (
	"context"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	yizhanv1 "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

const (
	maxAsked = 256 // addresses the peer may have asked for and not been answered
	replan   = 10 * time.Millisecond
	recheck  = time.Second
)

// bulk moves chunks over one stream, in both directions: it pulls what the
// station here wants and serves what the peer asks for. It belongs to a
// session and may be replaced within it.
type bulk struct {
	*line
	session delivery.Session
	stream  bulkStream
	wants   *wants
	wake    chan struct{}            // the planner
	small   chan *yizhanv1.BulkFrame // Want and Missing
	large   chan *yizhanv1.BulkFrame // Chunk
	asked   chan crypto.Digest       // by the peer
	arrived chan arrival             // at most ChunksInFlight
	ctx     context.Context
	end     context.CancelCauseFunc
}

type arrival struct {
	address crypto.Digest
	data    []byte
}

func newBulk(ctx context.Context, s *session, st bulkStream) *bulk {
	b := &bulk{
		line: s.line, session: s.session, stream: st,
		wants: newWants(s.opt.ChunksInFlight),
		wake:  make(chan struct{}, 1),
		small: make(chan *yizhanv1.BulkFrame), large: make(chan *yizhanv1.BulkFrame),
		asked: make(chan crypto.Digest, maxAsked), arrived: make(chan arrival, s.opt.ChunksInFlight),
	}
	b.ctx, b.end = context.WithCancelCause(ctx)
	if old := s.bulk.Swap(b); old != nil {
		old.end(&closure{code: codeReplaced, text: "a newer bulk stream takes over"})
	}
	return b
}

// run moves chunks until the stream or the session ends.
func (b *bulk) run() *closure {
	b.spawn(b.read, b.end)
	b.spawn(b.write, b.end)
	b.spawn(b.plan, b.end)
	b.spawn(b.serve, b.end)
	for range chunkWriters {
		b.spawn(b.store, b.end)
	}
	<-b.ctx.Done()
	return closureOf(context.Cause(b.ctx))
}

// read dispatches; all it hands on is bounded, so it never waits.
func (b *bulk) read() error {
	for {
		f, err := b.stream.Recv()
		if err != nil {
			return transport(err)
		}
		if err := b.dispatch(f); err != nil {
			return err
		}
	}
}

func (b *bulk) dispatch(f *yizhanv1.BulkFrame) error {
	switch k := f.GetKind().(type) {
	case *yizhanv1.BulkFrame_Want:
		return b.want(k.Want)
	case *yizhanv1.BulkFrame_Chunk:
		return b.chunk(k.Chunk)
	case *yizhanv1.BulkFrame_Missing:
		d, err := address(k.Missing.GetAddress())
		if err != nil {
			return err
		}
		if b.wants.missing(d, time.Now()) {
			b.count.ChunksMissing.Add(1)
			signal(b.wake)
		}
		return nil
	}
	return violation("a frame that has no place in an open bulk stream")
}

func (b *bulk) want(w *yizhanv1.Want) error {
	for _, raw := range w.GetAddresses() {
		d, err := address(raw)
		if err != nil {
			return err
		}
		select {
		case b.asked <- d:
		default:
			return violation("more chunks were asked for than may wait")
		}
	}
	return nil
}

// chunk accepts only what was asked for: nothing else may take memory here.
func (b *bulk) chunk(c *yizhanv1.Chunk) error {
	d, err := address(c.GetAddress())
	if err != nil {
		return err
	}
	if len(c.GetData()) == 0 || len(c.GetData()) > maxChunk {
		return violation("a chunk without a permitted size")
	}
	if !b.wants.arrived(d) {
		return violation("a chunk that was not asked for")
	}
	b.count.ChunksReceived.Add(1)
	b.count.ChunkBytesReceived.Add(uint64(len(c.GetData())))
	b.arrived <- arrival{d, c.GetData()} // has room for all in flight
	return nil
}

func address(raw []byte) (d crypto.Digest, err error) {
	if len(raw) != len(d) {
		return d, violation("an address is not 32 bytes")
	}
	return crypto.Digest(raw), nil
}

// store hands arrived chunks to the station. Several run at once; order is
// free.
func (b *bulk) store() error {
	for {
		select {
		case <-b.ctx.Done():
			return nil
		case a := <-b.arrived:
			if err := b.put(a); err != nil {
				return err
			}
			signal(b.wake)
		}
	}
}

// put ends the stream only when the two ends disagree. A chunk that nobody
// waits for any more, or that is corrupt, is set aside; a store that cannot
// take any makes the pulling pause.
func (b *bulk) put(a arrival) error {
	err := b.station.PutChunk(b.ctx, b.session, a.address, a.data)
	switch exchange.CodeOf(err) {
	case "":
		b.count.ChunksStored.Add(1)
		b.wants.stored(a.address, time.Now())
	case exchange.Conflict:
		return err
	case exchange.Denied, exchange.NotFound, exchange.Corrupt, exchange.Invalid:
		b.count.ChunksRejected.Add(1)
		b.wants.rejected(a.address, false, time.Now())
	default:
		b.log.Warn("link: chunk not stored", "address", a.address.Short(), "code", exchange.CodeOf(err))
		b.wants.rejected(a.address, true, time.Now())
	}
	return nil
}
