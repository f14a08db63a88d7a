package link

import (
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	yizhanv1 "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// plan asks for chunks as places become free. Nothing is asked for while there
// is no credit: chunks are what fills a disk.
func (b *bulk) plan() error {
	tick := time.NewTicker(recheck)
	defer tick.Stop()
	for {
		changed := b.station.Changed()
		if err := b.ask(); err != nil {
			return err
		}
		select {
		case <-b.ctx.Done():
			return nil
		case <-b.wake:
		case <-tick.C:
		case <-changed:
			sleep(b.ctx, replan) // changes come in crowds
		}
	}
}

func (b *bulk) ask() error {
	if !b.wants.free(time.Now()) || b.opt.grant() == (Window{}) {
		return nil
	}
	ask, err := b.choose()
	if len(ask) == 0 || err != nil {
		return err
	}
	b.count.ChunksRequested.Add(uint64(len(ask)))
	w := &yizhanv1.Want{}
	for _, d := range ask {
		w.Addresses = append(w.Addresses, d[:])
	}
	b.hand(b.small, &yizhanv1.BulkFrame{Kind: &yizhanv1.BulkFrame_Want{Want: w}})
	return nil
}

// choose reads further down the station's list while everything on it is in
// flight or set aside.
func (b *bulk) choose() ([]crypto.Digest, error) {
	for n := 2 * b.opt.ChunksInFlight; ; n *= 4 {
		wanted, err := b.station.Wanted(b.peer, n)
		if err != nil {
			return nil, err
		}
		ask := b.wants.choose(wanted, time.Now())
		if len(ask) > 0 || len(wanted) < n || n > maxDeferred {
			return ask, nil
		}
	}
}

// serve answers what the peer asked for, in its order. It holds one chunk while
// the writer sends another, and waits here for the bandwidth cap, so that what
// is asked for in the other direction passes by.
func (b *bulk) serve() error {
	for {
		select {
		case <-b.ctx.Done():
			return nil
		case d := <-b.asked:
			b.answer(d)
		}
	}
}

func (b *bulk) answer(d crypto.Digest) {
	data, err := b.station.Chunk(b.ctx, b.peer, d)
	if err != nil || len(data) == 0 || len(data) > maxChunk {
		m := &yizhanv1.Missing{Address: d[:]}
		b.hand(b.small, &yizhanv1.BulkFrame{Kind: &yizhanv1.BulkFrame_Missing{Missing: m}})
		return
	}
	if b.opt.Limit != nil && !sleep(b.ctx, b.opt.Limit(len(data))) {
		return
	}
	b.hand(b.large, &yizhanv1.BulkFrame{Kind: &yizhanv1.BulkFrame_Chunk{Chunk: &yizhanv1.Chunk{Address: d[:], Data: data}}})
}

func (b *bulk) hand(to chan *yizhanv1.BulkFrame, f *yizhanv1.BulkFrame) {
	select {
	case to <- f:
	case <-b.ctx.Done():
	}
}

// write is the only goroutine that sends; what is small goes first.
func (b *bulk) write() error {
	for {
		f := b.pick()
		if f == nil {
			return nil
		}
		if b.stream.Send(f) != nil {
			sleep(b.ctx, linger) // read learns why
			return &closure{code: codeLost, text: "the connection ended"}
		}
		if c := f.GetChunk(); c != nil {
			b.count.ChunksSent.Add(1)
			b.count.ChunkBytesSent.Add(uint64(len(c.GetData())))
		}
	}
}

// pick waits for the next frame, or returns nil at the end.
func (b *bulk) pick() *yizhanv1.BulkFrame {
	select {
	case f := <-b.small:
		return f
	default:
	}
	select {
	case f := <-b.small:
		return f
	case f := <-b.large:
		return f
	case <-b.ctx.Done():
		return nil
	}
}
