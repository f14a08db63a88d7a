package link

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Protocol versions spoken by this build, inclusive.
const (
	ProtocolMin = 1
	ProtocolMax = 1
)

const (
	maxMessage     = 480 << 10         // bytes of one message (link.proto); a ledger entry stays under 512 KiB
	maxChunk       = 1<<20 + 64<<10    // 1 MiB of ciphertext and its tags
	maxFrame       = maxChunk + 64<<10 // what gRPC may hand over
	batchRows      = 256               // rows of one Station.Receive
	batchBytes     = maxMessage        // bytes of one Station.Receive: they share one ledger entry
	closedLimit    = 3 * time.Second   // for telling the station that a session ended
	readRows       = 64                // rows of one Station.Next
	readBytes      = 256 << 10         // bytes of one Station.Next
	ackEvery       = 250 * time.Millisecond
	ackRows        = 256
	handshakeLimit = 10 * time.Second
	linger         = time.Second // how long an ended session may still say why
	chunkWriters   = 4           // concurrent Station.PutChunk
)

// Window bounds what may be in flight towards a receiver: sent and not yet
// committed there.
type Window struct {
	Bytes    uint64
	Messages uint32
}

// Retry is a range of waiting times. Waits are drawn with full jitter: evenly
// between zero and Base doubled per failure, never above Ceiling.
type Retry struct {
	Base    time.Duration
	Ceiling time.Duration
}

// Options are the settings that both ends share. The zero value is right for
// most links.
type Options struct {
	// Window is the most that is granted to the peer. Zero: 2 MiB and 1024
	// messages, enough for 40 MB/s at 50 ms and not more than eight seconds
	// of a 2 Mbit/s line.
	Window Window
	// Credits says how much more may be taken in now: nothing while the disk
	// is below its watermark. Nil: always the whole window. It is called often
	// and must not block.
	Credits func() (bytes uint64, messages uint32)
	// Retry paces attempts after failures. Zero: 1 s to 15 min.
	Retry Retry
	// Heartbeat is the interval of heartbeats, Dead the silence after which a
	// session is given up. Zero: 5 s and 20 s.
	Heartbeat, Dead time.Duration
	// ChunksInFlight bounds chunks asked for and not yet stored, at most 24: the
	// memory of a link follows from it. Zero: 8.
	ChunksInFlight int
	// Limit says how long to wait before n more bytes of chunks are sent; see
	// Bandwidth. Nil: not at all.
	Limit func(n int) time.Duration
	// Revoked reports whether the peer's certificates have been revoked. It is
	// asked at each handshake and some times per heartbeat after it. Nil: never.
	Revoked func(peer exchange.Domain) bool
	// Now is the wall clock, for greetings and skew. Nil: time.Now.
	Now func() time.Time
	// Random is uniform in [0, 1), for jitter. Nil: math/rand.
	Random func() float64
	// Log never receives content. Nil: slog.Default.
	Log *slog.Logger
}

var errOptions = errors.New("link: Dead must exceed Heartbeat, Retry.Ceiling must not be below Retry.Base, ChunksInFlight must be 1 to 24")

// withDefaults fills what is unset and rejects what contradicts itself.
func (o Options) withDefaults() (Options, error) {
	setDefault(&o.Window.Bytes, 2<<20)
	setDefault(&o.Window.Messages, 1024)
	setDefault(&o.Retry.Base, time.Second)
	setDefault(&o.Retry.Ceiling, max(15*time.Minute, o.Retry.Base))
	setDefault(&o.Heartbeat, 5*time.Second)
	setDefault(&o.Dead, 4*o.Heartbeat)
	setDefault(&o.ChunksInFlight, 8)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Heartbeat < 0 || o.Dead <= o.Heartbeat || o.Retry.Base < 0 || o.Retry.Ceiling < o.Retry.Base || o.ChunksInFlight < 1 || o.ChunksInFlight > 24 {
		return o, errOptions
	}
	return o, nil
}

func setDefault[T comparable](v *T, def T) {
	var unset T
	if *v == unset {
		*v = def
	}
}

// grant is what the peer may have in flight now.
func (o *Options) grant() Window {
	w := o.Window
	if o.Credits != nil {
		b, m := o.Credits()
		w = Window{min(w.Bytes, b), min(w.Messages, m)}
	}
	if w.Bytes == 0 || w.Messages == 0 {
		return Window{} // one without the other admits nothing
	}
	return w
}

// sleep waits for d or the end of ctx, and reports whether it waited in full.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// sleepUntil waits for done, at most for limit.
func sleepUntil(done <-chan struct{}, limit time.Duration) {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
}
