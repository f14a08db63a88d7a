package api

import (
	"context"
	"hash/maphash"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/tap"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	"github.com/yizhan-exchange/yizhan/node/api/admission"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// Room is what the callers of a node may take up together.
type Room struct {
	Submissions int           // open at once; a quarter is kept for 特急
	Content     int64         // bytes that submissions hold in memory
	MostUrgent  int           // 特急 of one unit a minute that go before the others
	Readers     int           // downloads at once, four times as many watches; a quarter for one unit
	Connections int           // at once, half of them from one address
	Waiting     int           // submissions of one class, at most
	Patience    time.Duration // how long a submission waits before it is refused
}

// DefaultRoom is right for a node of a county.
func DefaultRoom() Room {
	return Room{Submissions: 32, Content: 128 << 20, MostUrgent: 60, Readers: 64, Connections: 4096, Waiting: 256, Patience: 2 * time.Second}
}

const (
	callsAtOnce    = 256 // questions and acts, which last milliseconds
	officersAtOnce = 32  // of the administrators' services, so that they get in during a storm
	watchesPerSeat = 4
	refusalsLogged = 10 * time.Second // one line for all refusals of this time
)

// entrance admits calls before anything of them is read or authenticated. It
// runs in the goroutine of the connection and waits for nothing.
type entrance struct {
	door                              *admission.Door
	readers, watches, calls, officers *admission.Seats
	known                             callers
	room                              Room
	limits                            Limits
	kinds                             map[string]kind // set once, before the first call
	refusals                          refusals
}

// kind tells what a method takes up.
type kind struct {
	free   bool // for load balancers
	door   bool // a submission
	stream bool
	seats  *admission.Seats
}

func newEntrance(r Room, l Limits, log refusals) *entrance {
	return &entrance{
		door:    admission.NewDoor(admission.Limits{Submissions: r.Submissions, Content: r.Content, MostUrgent: r.MostUrgent, Waiting: r.Waiting, Patience: r.Patience}, time.Now),
		readers: admission.NewSeats("downloads", "下载", r.Readers),
		watches: admission.NewSeats("watches", "跟踪", r.Readers*watchesPerSeat),
		calls:   admission.NewSeats("calls", "调用", callsAtOnce), officers: admission.NewSeats("calls of officers", "管理调用", officersAtOnce),
		known: newCallers(), room: r, limits: l, refusals: log,
	}
}

// kindsOf classes every method that the server serves.
func (e *entrance) kindsOf(services map[string]grpc.ServiceInfo) map[string]kind {
	out := map[string]kind{}
	for service, info := range services {
		for _, m := range info.Methods {
			full := "/" + service + "/" + m.Name
			out[full] = e.kindOf(full, service, m.IsServerStream)
		}
	}
	return out
}

func (e *entrance) kindOf(method, service string, stream bool) kind {
	k := kind{stream: stream, seats: e.calls}
	switch {
	case foreign[method].public:
		k.free, k.seats = true, nil
	case method == pb.Exchange_Submit_FullMethodName:
		k.door, k.stream, k.seats = true, true, nil
	case method == pb.Exchange_Watch_FullMethodName:
		k.seats = e.watches
	case service != pb.Exchange_ServiceDesc.ServiceName:
		k.seats = e.officers
	case stream:
		k.seats = e.readers
	}
	return k
}

// entry is what a call holds while it lasts. Its context ends with the call,
// when its time is over, or when its reader has stalled.
type entry struct {
	ticket *admission.Ticket
	seat   *admission.Seat
	end    context.CancelCauseFunc
}

type entryKey struct{}

// entryOf returns the entry of a call, nil when nothing counts it.
func entryOf(ctx context.Context) *entry {
	e, _ := ctx.Value(entryKey{}).(*entry)
	return e
}

// tap implements tap.ServerInHandle.
func (e *entrance) tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	k, known := e.kinds[info.FullMethodName]
	if !known || k.free {
		return ctx, nil // what is not known is refused by gRPC itself
	}
	in := &entry{}
	var err error
	if k.door {
		in.ticket, err = e.door.Arrive(e.claim(ctx, info.Header))
	} else {
		in.seat, err = k.seats.Take()
	}
	if err != nil {
		e.refusals.add()
		return ctx, asStatus(visible(err, false, ""))
	}
	return e.bound(ctx, in, k.stream), nil
}

// bound makes the context of a call that was let in. The grace lets the
// method's own deadline, which can say more, be first.
func (e *entrance) bound(ctx context.Context, in *entry, stream bool) context.Context {
	limit := e.limits.Unary
	if stream {
		limit = e.limits.Stream
	}
	ctx, in.end = context.WithCancelCause(context.WithValue(ctx, entryKey{}, in))
	timed, cancel := context.WithTimeout(ctx, limit+limit/8)
	context.AfterFunc(timed, func() {
		cancel()
		in.leave()
	})
	return timed
}

func (in *entry) leave() {
	if in.ticket != nil {
		in.ticket.Done(false)
	}
	if in.seat != nil {
		in.seat.Leave()
	}
}

// identify tells what a call holds whose it is.
func (in *entry) identify(u exchange.Unit) error {
	if in == nil {
		return nil
	}
	if in.ticket != nil {
		return in.ticket.Identify(string(u))
	}
	return in.seat.Assign(string(u))
}

// claim reads what a submission says of itself in its metadata. Whoever says
// nothing is ordinary, of unknown size.
func (e *entrance) claim(ctx context.Context, header metadata.MD) admission.Claim {
	c := admission.Claim{Size: -1}
	if v := header.Get(wire.HeaderContentBytes); len(v) == 1 {
		if n, err := strconv.ParseUint(v[0], 10, 62); err == nil {
			c.Size = int64(n)
		}
	}
	urgency := exchange.Ordinary
	if v := header.Get(wire.HeaderUrgency); len(v) == 1 {
		urgency = wire.DecodeUrgencyHeader(v[0])
	}
	c.Class = admission.ClassOf(urgency, c.Size)
	if v := header.Get("authorization"); len(v) == 1 {
		c.Flow, c.Known = e.known.unit(v[0])
	}
	if !c.Known {
		c.Flow = host(source(ctx))
	}
	return c
}

// maxCallers bounds what is remembered of credentials, whoever calls.
const maxCallers = 8192

// callers remembers which unit a credential named the last time it was good.
// It only decides who waits among whom: every call is authenticated.
type callers struct {
	seed  maphash.Seed
	mu    sync.Mutex
	units map[uint64]exchange.Unit
}

func newCallers() callers {
	return callers{seed: maphash.MakeSeed(), units: map[uint64]exchange.Unit{}}
}

func (c *callers) unit(authorization string) (flow string, known bool) {
	key := maphash.String(c.seed, authorization)
	c.mu.Lock()
	defer c.mu.Unlock()
	u, known := c.units[key]
	return string(u), known
}

func (c *callers) remember(authorization string, u exchange.Unit) {
	key := maphash.String(c.seed, authorization)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.units[key]; !known && len(c.units) >= maxCallers {
		clear(c.units)
	}
	c.units[key] = u
}
