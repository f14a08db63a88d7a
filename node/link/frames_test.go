package link

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/yizhan-exchange/yizhan/exchange"
	yizhanv1 "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

func ackFrame(class uint32, sequence uint64) *yizhanv1.Frame {
	return &yizhanv1.Frame{Kind: &yizhanv1.Frame_Ack{Ack: &yizhanv1.Ack{Class: class, Sequence: sequence, CreditBytes: 1, CreditMessages: 1}}}
}

// TestFramesThatBreakTheRulesEndTheSession: the vectors carry the code that the
// peer must be told.
func TestFramesThatBreakTheRulesEndTheSession(t *testing.T) {
	noLeaks(t)
	opt := quick
	opt.Window = Window{1 << 20, 4}
	p := newParent(t, newModel(city, 1), opt)
	for name, v := range map[string]struct {
		frames []*yizhanv1.Frame
		code   string
	}{
		"a second greeting":         {[]*yizhanv1.Frame{rawHello(county, 1)}, codeProtocol},
		"an empty frame":            {[]*yizhanv1.Frame{{}}, codeProtocol},
		"no such class":             {[]*yizhanv1.Frame{deliver(4, 1, []byte("x"))}, codeProtocol},
		"sequence zero":             {[]*yizhanv1.Frame{deliver(0, 0, []byte("x"))}, codeProtocol},
		"no message":                {[]*yizhanv1.Frame{deliver(0, 1, nil)}, codeProtocol},
		"a message that is too big": {[]*yizhanv1.Frame{deliver(0, 1, make([]byte, maxMessage+1))}, codeProtocol},
		"a gap":                     {[]*yizhanv1.Frame{deliver(1, 5, []byte("x"))}, codeConflict},
		"an ack of nothing sent":    {[]*yizhanv1.Frame{ackFrame(0, 1)}, codeProtocol},
		"an ack far beyond":         {[]*yizhanv1.Frame{ackFrame(3, 1<<64-1)}, codeProtocol},
		"an ack of no such class":   {[]*yizhanv1.Frame{ackFrame(7, 0)}, codeProtocol},
		"the greatest class":        {[]*yizhanv1.Frame{deliver(1<<32-1, 1, []byte("x"))}, codeProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			r := rawDial(t, p.addr, county)
			r.hello(t, 1)
			for _, f := range v.frames {
				r.send(t, f)
			}
			if c := r.closed(t); c.GetCode() != v.code {
				t.Errorf("closed with %q (%s)", c.GetCode(), c.GetMessage())
			}
		})
	}
}

func TestAnOverrunWindowEndsTheSession(t *testing.T) {
	noLeaks(t)
	opt := quick
	opt.Window = Window{1 << 20, 4}
	down := newModel(city, 1)
	gate := make(chan struct{})
	down.fault = func(op string) error {
		if op == "receive" {
			<-gate
		}
		return nil
	}
	p := newParent(t, down, opt)
	var once sync.Once
	t.Cleanup(func() { once.Do(func() { close(gate) }) })
	r := rawDial(t, p.addr, county)
	r.hello(t, 1)
	for i := range uint64(5) {
		r.send(t, deliver(0, i+1, []byte("x")))
	}
	if c := r.closed(t); c.GetCode() != codeProtocol {
		t.Errorf("closed with %q", c.GetCode())
	}
	once.Do(func() { close(gate) })
}

func TestGreetingsThatAreRefused(t *testing.T) {
	noLeaks(t)
	p := newParent(t, newModel(city, 1), quick)
	for name, v := range map[string]struct {
		spoil func(*yizhanv1.Hello)
		code  string
	}{
		"newer versions only": {func(h *yizhanv1.Hello) { h.ProtocolMin, h.ProtocolMax = 2, 3 }, codeProtocol},
		"no version":          {func(h *yizhanv1.Hello) { h.ProtocolMin, h.ProtocolMax = 0, 0 }, codeProtocol},
		"a turned range":      {func(h *yizhanv1.Hello) { h.ProtocolMin, h.ProtocolMax = 3, 1 }, codeProtocol},
		"no domain":           {func(h *yizhanv1.Hello) { h.Domain = "" }, codeProtocol},
		"a short epoch":       {func(h *yizhanv1.Hello) { h.SendEpoch = h.SendEpoch[:15] }, codeProtocol},
		"a long epoch":        {func(h *yizhanv1.Hello) { h.ReceiveEpoch = make([]byte, 17) }, codeProtocol},
		"five classes":        {func(h *yizhanv1.Hello) { h.ReceiveNext = make([]uint64, 5) }, codeProtocol},
		"no such issuer":      {func(h *yizhanv1.Hello) { h.Units = map[string]uint64{"../etc": 1} }, codeProtocol},
		"another domain":      {func(h *yizhanv1.Hello) { h.Domain = "110000" }, codeDenied},
	} {
		t.Run(name, func(t *testing.T) {
			r := rawDial(t, p.addr, county)
			f := rawHello(county, 1)
			v.spoil(f.GetHello())
			r.send(t, f)
			if c := r.closed(t); c.GetCode() != v.code {
				t.Errorf("closed with %q (%s)", c.GetCode(), c.GetMessage())
			}
		})
	}
	r := rawDial(t, p.addr, county)
	r.send(t, ackFrame(0, 0))
	if c := r.closed(t); c.GetCode() != codeProtocol {
		t.Errorf("an ack for a greeting: %q", c.GetCode())
	}
}

func TestBulkFramesThatBreakTheRulesEndTheStream(t *testing.T) {
	noLeaks(t)
	down := newModel(city, 1)
	down.fault = func(op string) error {
		if op == "chunk" {
			time.Sleep(time.Second)
		}
		return nil
	}
	p := newParent(t, down, quick)
	flood := make([][]byte, maxAsked+2)
	for i := range flood {
		flood[i] = make([]byte, 32)
	}
	chunk := &yizhanv1.Chunk{Address: make([]byte, 32), Data: []byte("x")}
	for name, f := range map[string]*yizhanv1.BulkFrame{
		"nothing":                    {},
		"a second greeting":          bulkHelloFrame([16]byte{}),
		"a short address":            wantFrame(make([]byte, 31)),
		"too many wants":             wantFrame(flood...),
		"a chunk nobody asked for":   {Kind: &yizhanv1.BulkFrame_Chunk{Chunk: chunk}},
		"a chunk without an address": {Kind: &yizhanv1.BulkFrame_Chunk{Chunk: &yizhanv1.Chunk{Data: []byte("x")}}},
		"a missing without address":  {Kind: &yizhanv1.BulkFrame_Missing{Missing: &yizhanv1.Missing{}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := rawDial(t, p.addr, county)
			st := r.bulk(t, r.hello(t, 1).GetSession())
			if err := st.Send(f); err != nil {
				t.Fatal(err)
			}
			if _, err := st.Recv(); err == nil {
				t.Error("the stream goes on")
			}
		})
	}
}

// offline is a session whose frames come from the fuzzer.
func offline() *session {
	opt, _ := quick.withDefaults()
	l := &line{self: city, peer: county, station: newModel(city, 1), opt: opt, count: &Counters{},
		state: newState(county, DirectionDown, StateDialing), log: quick.Log, tasks: &sync.WaitGroup{}}
	return newSession(context.Background(), l, agreement{allowed: opt.Window}, nil)
}

func FuzzFrame(f *testing.F) {
	for _, frame := range []*yizhanv1.Frame{deliver(1, 1, []byte("x")), ackFrame(1, 9), rawHello(county, 1), closeFrame("x\x00\xff"), {}} {
		b, _ := proto.Marshal(frame)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var frame yizhanv1.Frame
		if proto.Unmarshal(b, &frame) != nil {
			return
		}
		s := offline()
		for range 2 {
			if err := s.dispatch(&frame); err != nil && !errors.As(err, new(*closure)) {
				t.Fatalf("an unclassed error: %v", err)
			}
		}
		if s.in.held.messages > s.opt.Window.Messages {
			t.Fatal("more is held than was granted")
		}
		if h := frame.GetHello(); h != nil {
			if g, err := decodeGreeting(h); err == nil && !g.Domain.Valid() {
				t.Fatal("an invalid domain was accepted")
			}
		}
	})
}

func FuzzBulkFrame(f *testing.F) {
	for _, frame := range []*yizhanv1.BulkFrame{wantFrame(make([]byte, 32)), bulkHelloFrame([16]byte{1}), {}} {
		b, _ := proto.Marshal(frame)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var frame yizhanv1.BulkFrame
		if proto.Unmarshal(raw, &frame) != nil {
			return
		}
		b := newBulk(context.Background(), offline(), nil)
		for range 2 {
			if err := b.dispatch(&frame); err != nil && !errors.As(err, new(*closure)) {
				t.Fatalf("an unclassed error: %v", err)
			}
		}
		if len(b.arrived) > 0 {
			t.Fatal("an unwanted chunk was taken")
		}
	})
}

func TestStationErrorsAreClassed(t *testing.T) {
	for code, want := range map[exchange.Code]string{
		exchange.Unavailable: codeUnavailable, exchange.Unknown: codeUnavailable, exchange.Stale: codeUnavailable,
		exchange.Denied: codeDenied, exchange.Conflict: codeConflict, exchange.Exhausted: codeOverloaded,
		exchange.Internal: codeInternal, exchange.Corrupt: codeInternal,
	} {
		c := closureOf(exchange.Errorf(code, "op", "safe"))
		if c.code != want || (c.pace() == slow) != (code == exchange.Denied || code == exchange.Conflict) {
			t.Errorf("%s ends as %s, pace %d", code, c.code, c.pace())
		}
	}
	if c := closureOf(errors.New("path and content")); c.text == "path and content" {
		t.Error("the text of a foreign error leaves the process")
	}
}
