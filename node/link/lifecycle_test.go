package link

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
)

func TestADialerSaysGoodbyeAndRunsAgain(t *testing.T) {
	noLeaks(t)
	opt := quick
	opt.Dead = time.Minute // silence must not be what ends the session
	p := newParent(t, newModel(city, 1), opt)
	d, stop := newChild(t, newModel(county, 1), opt, p.addr)
	up := func() bool { return d.Status().State == StateConnected }
	if !eventually(5*time.Second, up) {
		t.Fatal("not connected")
	}
	stop()
	if s := d.Status(); s.State != StateOff {
		t.Errorf("a dialer that does not run is %q", s.State)
	}
	if !eventually(5*time.Second, func() bool {
		return strings.HasPrefix(p.server.Status(city)[0].LastError, codeShutdown)
	}) {
		t.Errorf("the parent learned %+v", p.server.Status(city)[0])
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { d.Run(ctx) })
	if !eventually(5*time.Second, up) {
		t.Error("it does not run again")
	}
	cancel()
	wg.Wait()
}

func TestAParentThatClosesEndsWithoutItsChildren(t *testing.T) {
	w := newWorld(t, quick)
	w.connected(t)
	w.proxy.set(0, func(int) bool { return true }) // it cannot even say goodbye
	begin := time.Now()
	w.parent.close(t)
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("closing took %v", d)
	}
}

func TestAnEndpointThatNeverAnswersDoesNotHoldTheOthers(t *testing.T) {
	noLeaks(t)
	p := newParent(t, newModel(city, 1), quick)
	opt := quick
	opt.Retry = Retry{time.Hour, time.Hour}
	var dialed atomic.Int64
	d, err := NewDialer(DialerConfig{
		Self: county, Peer: city, Endpoints: []string{"broken", p.addr}, Station: newModel(county, 1), Options: opt,
		Dial: func(ctx context.Context, endpoint string) (*grpc.ClientConn, error) {
			dialed.Add(1)
			if endpoint == "broken" {
				return nil, exchange.Errorf(exchange.Unavailable, "dial", "no route")
			}
			return connect(ctx, endpoint)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { d.Run(ctx) })
	if !eventually(5*time.Second, func() bool { return d.Status().State == StateConnected }) {
		t.Errorf("%+v after %d calls", d.Status(), dialed.Load())
	}
	cancel()
	wg.Wait()
}

func TestANumberingThatBeginsInOpenIsGreetedAnew(t *testing.T) {
	noLeaks(t)
	p := newParent(t, newModel(city, 1), quick)
	up := newModel(county, 1)
	var once sync.Once
	up.greeted = func(delivery.Greeting) { // under the model's lock
		once.Do(func() { up.book(city).epoch = [16]byte{1, 2, 3} })
	}
	up.queue(city, exchange.ClassControl, []byte("first of the new numbering"))
	d, _ := newChild(t, up, quick, p.addr)
	if !eventually(5*time.Second, func() bool { return d.Counters().AcksReceived.Load() > 0 }) {
		t.Fatalf("%+v", d.Status())
	}
	if d.Counters().Refused.Load() == 0 {
		t.Error("the session of the old numbering was used")
	}
}

func TestARowThatIsNoLongerQueuedIsAConflict(t *testing.T) {
	m := newModel(county, 1)
	o := newOutbox(m, city, Window{1000, 10}, [exchange.ClassCount]uint64{})
	for name, r := range map[string]delivery.Row{
		"a gap":         {Class: 1, Sequence: 3, Message: []byte("x")},
		"another class": {Class: 2, Sequence: 1, Message: []byte("x")},
	} {
		if err := o.accept(1, []delivery.Row{r}); exchange.CodeOf(err) != exchange.Conflict {
			t.Errorf("%s: %v", name, err)
		}
	}
	big := delivery.Row{Class: 1, Sequence: 1, Message: make([]byte, maxMessage+1)}
	if err := o.accept(1, []delivery.Row{big}); exchange.CodeOf(err) != exchange.Internal {
		t.Errorf("too big: %v", err)
	}
}
