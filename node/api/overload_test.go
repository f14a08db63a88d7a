package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	"github.com/yizhan-exchange/yizhan/node/api"
	"github.com/yizhan-exchange/yizhan/node/api/apitest"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// patience is how long a test waits for what must come: machines are busy.
const patience = time.Minute

// narrow serves a desk through a small door.
func narrow(t *testing.T, desk *apitest.Desk) *apitest.Server {
	t.Helper()
	room := api.DefaultRoom()
	room.Submissions, room.Waiting, room.Patience = 8, 16, patience
	return apitest.Start(t, desk, func(c *api.Config) { c.Room = &room })
}

func sdk(t *testing.T, s *apitest.Server, token string) *client.Client {
	t.Helper()
	ca, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(client.Config{As: "wjw@320582", Endpoints: []string{s.Addr}, CA: ca, Token: token, RefusalsFinal: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func submit(ctx context.Context, c *client.Client, key, urgency string, content []byte) (exchange.Submitted, error) {
	return c.Submit(ctx, exchange.Submission{Key: key, Kind: "case", Title: "标题", Urgency: urgency, Files: []exchange.File{{Name: "a", Size: int64(len(content))}}},
		func(int) (io.Reader, error) { return bytes.NewReader(content), nil })
}

func eventually(t *testing.T, what string, met func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !met(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestAStormIsBoundedAndEveryoneIsToldTheOutcome(t *testing.T) {
	const storm, urgent = 500, 10
	var inside, most atomic.Int32
	desk := &apitest.Desk{Fail: func(string) error {
		n := inside.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(time.Millisecond)
		inside.Add(-1)
		return nil
	}}
	s := narrow(t, desk)
	content := make([]byte, 64<<10)
	var clients []*client.Client
	for i := range 5 { // 128 calls at once on each connection
		token := s.TokenOf(exchange.Caller{Unit: exchange.Unit(fmt.Sprintf("u%d@320582", i)), Person: "p", Duties: exchange.Duties()})
		clients = append(clients, sdk(t, s, token))
	}
	alarm := sdk(t, s, s.TokenOf(exchange.Caller{Unit: "yj@320582", Person: "p", Duties: exchange.Duties()}))
	var accepted, refused, wrong atomic.Int32
	var all sync.WaitGroup
	one := func(c *client.Client, key, urgency string) {
		switch _, err := submit(t.Context(), c, key, urgency, content); {
		case err == nil:
			accepted.Add(1)
		case exchange.CodeOf(err) == exchange.Exhausted && hint(err) > 0 && urgency == "":
			refused.Add(1)
		default:
			wrong.Add(1)
			t.Errorf("%s: %v", key, err)
		}
	}
	for i := range storm {
		all.Go(func() { one(clients[i%len(clients)], fmt.Sprintf("k%d", i), "") })
		if i%(storm/urgent) == 0 {
			all.Go(func() { one(alarm, fmt.Sprintf("alarm%d", i), "特急") })
		}
	}
	all.Wait()
	load := s.Load()
	t.Logf("accepted %d, refused %d, at most %d inside, content at most %d; %+v", accepted.Load(), refused.Load(), most.Load(), load.ContentPeak, load.Refused)
	if accepted.Load()+refused.Load() != storm+urgent || int(accepted.Load()) != len(desk.Kept()) || refused.Load() == 0 {
		t.Errorf("%d accepted, %d kept, %d refused of %d", accepted.Load(), len(desk.Kept()), refused.Load(), storm+urgent)
	}
	if most.Load() > 8 || load.ContentPeak > load.ContentLimit || load.ContentPeak > 8<<21 {
		t.Errorf("%d were inside at once, %d bytes of content counted", most.Load(), load.ContentPeak)
	}
	eventually(t, "the door is empty", func() bool { l := s.Load(); return l.Submissions+l.Waiting == 0 && l.Content == 0 })
}

func hint(err error) time.Duration {
	var e *exchange.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.RetryAfter
}

// full is a server whose door is filled by submissions that stay inside until
// open is called, and whose waiting room is full as well.
func full(t *testing.T) (s *apitest.Server, desk *apitest.Desk, open func()) {
	stay := make(chan struct{})
	desk = &apitest.Desk{After: func(k exchange.Submission) error {
		if k.Urgency == "" {
			<-stay
		}
		return nil
	}}
	s = narrow(t, desk)
	var all sync.WaitGroup
	c := sdk(t, s, s.Token("filler", exchange.Handler))
	open = sync.OnceFunc(func() { close(stay); all.Wait() })
	t.Cleanup(open) // before the connection is closed
	for i := 0; s.Load().RefusedTotal() == 0; i++ {
		before := s.Load()
		all.Go(func() { _, _ = submit(context.Background(), c, fmt.Sprintf("fill%d", i), "", []byte("x")) })
		eventually(t, "the next has come", func() bool {
			l := s.Load()
			return l.Submissions+l.Waiting > before.Submissions+before.Waiting || l.RefusedTotal() > before.RefusedTotal()
		})
	}
	return s, desk, open
}

func TestMostUrgentGoesInWhileTheDoorIsFull(t *testing.T) {
	s, desk, open := full(t)
	before := len(desk.Kept())
	if _, err := submit(t.Context(), sdk(t, s, s.Token("p", exchange.Handler)), "alarm", "特急", make([]byte, 64<<10)); err != nil {
		t.Fatalf("特急 is refused while ordinary ones fill the door: %v", err)
	}
	if kept := desk.Kept(); len(kept) != before+1 || kept[before].Key != "alarm" {
		t.Errorf("%d are kept, %d were before", len(kept), before)
	}
	waiting := s.Load().Waiting
	open()
	if after := len(desk.Kept()); after != before+1+waiting {
		t.Errorf("%d are kept, want those that waited as well: %d", after, before+1+waiting)
	}
}

func TestARefusalCostsNeitherReadingNorAuthenticating(t *testing.T) {
	s, desk, _ := full(t)
	calls, log := len(desk.Calls()), s.Log.String()
	// A token that nobody has: with room the answer would be Unauthenticated.
	other := s.TokenOf(exchange.Caller{Unit: "wjw@320500", Person: "p"})
	stream, err := pb.NewExchangeClient(dial(t, s)).Submit(metadata.AppendToOutgoingContext(as(t.Context(), other+"x"), wire.HeaderContentBytes, "10"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.CloseAndRecv()
	e := detail(t, err)
	if e.Code != exchange.Exhausted || e.RetryAfter <= 0 || len(e.Problems) == 0 || e.Problems[0].Chinese == "" {
		t.Errorf("got %+v", e)
	}
	var standard *errdetails.RetryInfo
	for _, d := range status.Convert(err).Details() {
		if r, ok := d.(*errdetails.RetryInfo); ok {
			standard = r
		}
	}
	if standard.GetRetryDelay().AsDuration() != e.RetryAfter {
		t.Errorf("clients in other languages are told %v, ours %v", standard, e.RetryAfter)
	}
	if len(desk.Calls()) != calls {
		t.Error("the desk was asked")
	}
	if got := s.Log.String()[len(log):]; bytes.Count([]byte(got), []byte("\n")) > 1 {
		t.Errorf("a refusal is logged by itself: %s", got)
	}
}

func TestOthersAreServedWhileTheDoorIsFull(t *testing.T) {
	s, _, _ := full(t)
	c := sdk(t, s, s.Token("p", exchange.Duties()...))
	if _, err := c.Inbox(t.Context(), exchange.ListQuery{}); err != nil {
		t.Errorf("a question: %v", err)
	}
	if _, err := c.ClusterStatus(t.Context()); err != nil {
		t.Errorf("an administrator: %v", err)
	}
}

func TestMetadataThatClaimsTooMuchIsInvalid(t *testing.T) {
	s := narrow(t, &apitest.Desk{})
	ctx := metadata.AppendToOutgoingContext(as(t.Context(), s.Token("p", exchange.Handler)), wire.HeaderUrgency, "most-urgent", wire.HeaderContentBytes, "1")
	stream, err := pb.NewExchangeClient(dial(t, s)).Submit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.Send(header(2))
	_, err = stream.CloseAndRecv()
	if e := detail(t, err); e.Code != exchange.Invalid || len(e.Problems) != 2 {
		t.Errorf("got %+v", e)
	}
}

func TestAReaderThatTakesNothingLosesItsSeat(t *testing.T) {
	desk := &apitest.Desk{Contents: map[string][]byte{"a": make([]byte, 8<<20)}}
	desk.Details.FileList = []exchange.File{{Name: "a", Size: 8 << 20}}
	room := api.DefaultRoom()
	room.Readers = 8
	s := apitest.Start(t, desk, func(c *api.Config) { c.Room, c.Limits.Stall = &room, 300*time.Millisecond })
	conn, token := dial(t, s), s.Token("p", exchange.Clerk)
	for range 2 { // what a unit may have
		if _, err := pb.NewExchangeClient(conn).Fetch(as(t.Context(), token), &pb.FetchRequest{Id: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "both sit", func() bool { return s.Load().Downloads == 2 || s.Load().RefusedTotal() > 0 })
	eventually(t, "both have lost their seats", func() bool { return s.Load().Downloads == 0 })
	eventually(t, "both are counted", func() bool {
		l := s.Load()
		return l.RefusedTotal() == 2 && l.Refused[0].Reason == "stalled"
	})
	err := sdk(t, s, token).Fetch(t.Context(), "x", nil, func(int, exchange.File) (io.Writer, error) { return io.Discard, nil })
	if err != nil {
		t.Errorf("one that reads: %v", err)
	}
}

func TestOneUnitsReadersLeaveSeatsToOthers(t *testing.T) {
	stay := make(chan struct{})
	desk := &apitest.Desk{Fail: func(string) error { <-stay; return nil }}
	room := api.DefaultRoom()
	room.Readers = 8
	s := apitest.Start(t, desk, func(c *api.Config) { c.Room = &room })
	greedy := sdk(t, s, s.Token("p", exchange.Clerk))
	fetch := func(c *client.Client) error {
		return c.Fetch(t.Context(), "x", nil, func(int, exchange.File) (io.Writer, error) { return io.Discard, nil })
	}
	var all sync.WaitGroup
	defer all.Wait()
	defer close(stay)
	for range 2 {
		all.Go(func() { _ = fetch(greedy) })
	}
	eventually(t, "both are inside", func() bool { return len(desk.Calls()) == 2 })
	if err := fetch(greedy); exchange.CodeOf(err) != exchange.Exhausted || hint(err) <= 0 {
		t.Errorf("the third of one unit: %v", err)
	}
	other := sdk(t, s, s.TokenOf(exchange.Caller{Unit: "fgw@320582", Person: "p", Duties: exchange.Duties()}))
	all.Go(func() { _ = fetch(other) })
	eventually(t, "another unit is inside", func() bool { return len(desk.Calls()) == 3 })
}

func TestConnectionsAreBoundedByAddress(t *testing.T) {
	room := api.DefaultRoom()
	room.Connections = 8
	s := apitest.Start(t, &apitest.Desk{}, func(c *api.Config) { c.Room = &room })
	var open []net.Conn
	for range 4 {
		open = append(open, connect(t, s))
	}
	eventually(t, "four are open", func() bool { return s.Load().Connections == 4 })
	fifth := connect(t, s)
	_ = fifth.SetReadDeadline(time.Now().Add(patience))
	if _, err := fifth.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && err == nil {
		t.Error("the fifth connection of one address is served")
	}
	eventually(t, "the fifth is counted as refused", func() bool { return s.Load().RefusedTotal() == 1 })
	_ = open[0].Close()
	eventually(t, "the place of one that left is free", func() bool { return s.Load().Connections == 3 })
	if _, err := sdk(t, s, s.Token("p")).Capabilities(t.Context()); err != nil {
		t.Error(err)
	}
}

func connect(t *testing.T, s *apitest.Server) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
