package sim

import (
	"context"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// bulk is the second stream of a session: the end that lacks chunks asks for a
// few at a time, and sets aside for a while what it does not get.
type bulk struct {
	asked  addresses
	asking bool
	again  bool // another look is planned
}

const inFlight = 4

func (b *bulk) init() { b.asked = addresses{} }

// pull looks for missing chunks, unless it is looking already.
func (e *end) pull() {
	if !e.open || e.closed || e.bulk.asking || e.p.gone() != nil {
		return
	}
	e.bulk.asking = true
	e.w.spawn("pull", func() {
		defer func() { e.bulk.asking = false }()
		e.ask()
	})
}

func (e *end) ask() {
	aside := 0
	for _, until := range e.bulk.asked {
		if until > e.w.now {
			aside++
		}
	}
	wanted, err := e.p.station.Wanted(e.peer, aside+2*inFlight) // what is absent holds nothing up
	if err != nil {
		e.w.expect("looking for chunks", err, exchange.Unavailable, exchange.Unknown, exchange.Stale, exchange.Conflict)
		e.lookAgain()
		return
	}
	for _, a := range wanted {
		if e.bulk.asked[a] > e.w.now {
			e.lookAgain()
			continue
		}
		e.bulk.asked[a] = e.w.now.Add(2 * time.Second)
		e.send(25*time.Millisecond, func(to *end) { to.w.spawn("serve", func() { to.serve(a) }) })
	}
	if len(wanted) > 0 {
		e.lookAgain()
	}
}

func (e *end) lookAgain() {
	if e.bulk.again {
		return
	}
	e.bulk.again = true
	e.w.after(e.w.between(500*time.Millisecond, 1500*time.Millisecond), func() {
		e.bulk.again = false
		e.pull()
	})
}

// serve answers with a chunk, or not at all.
func (e *end) serve(a crypto.Digest) {
	data, err := e.p.station.Chunk(context.Background(), e.peer, a)
	if err != nil {
		e.w.expect("serving a chunk", err, exchange.NotFound, exchange.Unavailable, exchange.Unknown)
		return
	}
	if e.w.hits(LostChunk, 1, 4) {
		return
	}
	e.send(120*time.Millisecond, func(to *end) { to.w.spawn("store", func() { to.store(a, data) }) })
}

// store keeps a chunk that was asked for. One that nobody waits for any more,
// because it came twice, is refused and does no harm.
func (e *end) store(a crypto.Digest, data []byte) {
	e.w.stats.Chunks++
	err := e.p.station.PutChunk(oneByOne(), e.session, a, data)
	if err != nil {
		e.w.expect("storing a chunk", err, exchange.Denied, exchange.Unavailable, exchange.Unknown, exchange.Stale, exchange.Conflict)
	}
	e.pull()
}
