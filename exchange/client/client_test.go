package client_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/api"
	"github.com/yizhan-exchange/yizhan/node/api/apitest"
)

func dial(t *testing.T, s *apitest.Server, change func(*client.Config)) *client.Client {
	t.Helper()
	ca, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	c := client.Config{
		As: "wjw@320582", Person: "li.ming", Endpoints: []string{s.Addr}, CA: ca, Patience: 500 * time.Millisecond,
		Token: s.Token("li.ming", exchange.Duties()...),
	}
	if change != nil {
		change(&c)
	}
	cl, err := client.Dial(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cl.Close() })
	return cl
}

func id(n byte) exchange.ID { return exchange.ID{1, 15: n} }

func fullDesk() *apitest.Desk {
	receipt := exchange.ReceiptView{
		State: "arrived", Domain: "320500", At: 5, Reasons: []string{"R1"}, To: []exchange.Unit{"wjw@320500"},
		Signed: crypto.Signed{Bytes: []byte("yizhan/receipt/v1\nbody"), Key: crypto.KeyID{9}, Sig: crypto.Signature{3, 63: 4}},
	}
	delivery := exchange.DeliveryView{
		To: "wjw@320500", ToName: "苏州市卫生健康委员会", Role: "main", State: "arrived", StateZh: "待签收", At: 6,
		Receipts: []exchange.ReceiptView{receipt}, Where: "320500", Waiting: []string{"签收"},
	}
	return &apitest.Desk{
		Tracking: exchange.Tracking{ID: id(1), Kind: "document", Deliveries: []exchange.DeliveryView{delivery}, AsOf: 8, Replica: "county-1"},
		Details: exchange.Details{
			Summary:  exchange.Summary{ID: id(1), Kind: "document", From: "wjw@320582", To: []exchange.Unit{"wjw@320500"}, Title: "关于……的请示"},
			FileList: []exchange.File{{Name: "请示.ofd", Size: 3, Main: true}, {Name: "空.txt"}, {Name: "附件.pdf", Size: 3 << 20}},
		},
		Contents:    map[string][]byte{"请示.ofd": []byte("abc"), "附件.pdf": random(3 << 20)},
		Outcome:     exchange.Outcome{ID: id(2), State: "signed", Receipt: &receipt, Deliveries: []exchange.DeliveryView{delivery}, Replayed: true},
		AddressBook: []exchange.UnitSummary{{Unit: "wjw@320500", Name: "苏州市卫生健康委员会", DomainName: "苏州市", Level: "city"}},
		Layers:      []exchange.PolicyLayer{{Issuer: "320000", Number: 3, At: 4, Digest: crypto.Digest{5}, Files: 2}},
		Decisions:   []exchange.DecisionRecord{{Decision: exchange.Decision{Point: exchange.PointSubmit, Allow: true, At: 1}, Person: "li.ming"}},
		Cluster:     []exchange.DomainStatus{{Domain: "320582", Role: "leader", Term: 2}},
		Evidence:    random(2<<20 + 17),
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func opener(contents ...[]byte) func(int) (io.Reader, error) {
	return func(i int) (io.Reader, error) { return bytes.NewReader(contents[i]), nil }
}

func files(contents ...[]byte) (out []exchange.File) {
	for i, c := range contents {
		out = append(out, exchange.File{Name: string(rune('a' + i)), Size: int64(len(c)), Main: i == 0})
	}
	return out
}

func TestEveryMethodAnswersAsTheServiceDid(t *testing.T) {
	desk := fullDesk()
	c := dial(t, apitest.Start(t, desk, nil), nil)
	ctx := context.Background()
	check := func(name string, got, want any, err error) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v\nwant %+v", name, got, err, want)
		}
	}
	caps, err := c.Capabilities(ctx)
	wantCaps, _ := desk.Capabilities(ctx)
	check("Capabilities", caps, wantCaps, err)
	details, err := c.Show(ctx, "x")
	check("Show", details, desk.Details, err)
	tracking, err := c.Track(ctx, "x")
	check("Track", tracking, desk.Tracking, err)
	for name, act := range map[string]func() (exchange.Outcome, error){
		"Sign":   func() (exchange.Outcome, error) { return c.Sign(ctx, "x") },
		"Return": func() (exchange.Outcome, error) { return c.Return(ctx, "x", "routing", "越级") },
		"Recall": func() (exchange.Outcome, error) { return c.Recall(ctx, "x", []exchange.Unit{"wjw@320500"}, "误发") },
		"Urge":   func() (exchange.Outcome, error) { return c.Urge(ctx, "x", nil) },
	} {
		out, err := act()
		check(name, out, desk.Outcome, err)
	}
	units, err := c.Units(ctx, "卫生", 5)
	check("Units", units, desk.AddressBook, err)
	layers, err := c.PolicyStatus(ctx)
	check("PolicyStatus", layers, desk.Layers, err)
	decisions, err := c.ExplainPolicy(ctx, "x")
	check("ExplainPolicy", decisions, desk.Decisions, err)
	cluster, err := c.ClusterStatus(ctx)
	check("ClusterStatus", cluster, desk.Cluster, err)
	policy := []exchange.PolicyFile{{Path: "a.rego", Data: []byte("package a")}}
	layer, err := c.PublishPolicy(ctx, policy, 6)
	check("PublishPolicy", layer, exchange.PolicyLayer{Issuer: "320582", Number: 7, Digest: crypto.Digest{7}, Files: 1}, err)
	var evidence bytes.Buffer
	err = c.ExportEvidence(ctx, "x", "sealed", &evidence)
	check("ExportEvidence", evidence.Bytes(), desk.Evidence, err)
	var seen []exchange.Tracking
	err = c.Watch(ctx, "x", func(t exchange.Tracking) error { seen = append(seen, t); return nil })
	last := desk.Tracking
	last.Final = true
	check("Watch", seen, []exchange.Tracking{desk.Tracking, last}, err)
	want := map[string][]any{
		"Return": {"x", "routing", "越级"}, "Recall": {"x", []exchange.Unit{"wjw@320500"}, "误发"}, "Urge": {"x", []exchange.Unit(nil)},
		"Units": {"卫生", 5}, "PublishPolicy": {policy, uint64(6)}, "ExportEvidence": {"x", "sealed"},
	}
	for _, call := range desk.Calls() {
		if args, ok := want[call.Method]; ok && !reflect.DeepEqual(call.Args, args) {
			t.Errorf("%s was asked %v, want %v", call.Method, call.Args, args)
		}
		if call.Method != "Capabilities" && call.Caller.Person != "li.ming" {
			t.Errorf("%s came from %v", call.Method, call.Caller)
		}
	}
}

func TestFilesArriveWhole(t *testing.T) {
	desk := fullDesk()
	c := dial(t, apitest.Start(t, desk, nil), nil)
	for _, contents := range [][][]byte{nil, {{}}, {random(1), {}, random(3<<20 + 1)}, {{}, {}, random(512 << 10)}, {random(1 << 20), random(512<<10 - 1)}} {
		s := exchange.Submission{Key: client.NewKey(), Kind: "document", To: []string{"苏州市卫生健康委员会"}, Title: "标题", Files: files(contents...)}
		out, err := c.Submit(context.Background(), s, opener(contents...))
		if err != nil || out.State != "accepted" || out.Replayed {
			t.Fatalf("got %+v, %v", out, err)
		}
		kept := desk.Kept()[len(desk.Kept())-1]
		if !reflect.DeepEqual(kept.Submission, s) {
			t.Errorf("got %+v, want %+v", kept.Submission, s)
		}
		for i, want := range contents {
			if !bytes.Equal(kept.Content[i], want) {
				t.Errorf("file %d arrived with %d bytes, sent %d", i, len(kept.Content[i]), len(want))
			}
		}
	}
}

func TestFilesAreFetchedWhole(t *testing.T) {
	desk := fullDesk()
	c := dial(t, apitest.Start(t, desk, nil), nil)
	for _, which := range [][]int{nil, {2}, {2, 0}} {
		got := map[int]*bytes.Buffer{}
		err := c.Fetch(context.Background(), "x", which, func(i int, f exchange.File) (io.Writer, error) {
			if f != desk.Details.FileList[i] {
				t.Errorf("file %d is announced as %+v", i, f)
			}
			got[i] = &bytes.Buffer{}
			return got[i], nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if which == nil {
			which = []int{0, 1, 2}
		}
		if len(got) != len(which) {
			t.Errorf("asked for %v, got %d files", which, len(got))
		}
		for _, i := range which {
			if want := desk.Contents[desk.Details.FileList[i].Name]; !bytes.Equal(got[i].Bytes(), want) {
				t.Errorf("file %d came with %d bytes, want %d", i, got[i].Len(), len(want))
			}
		}
	}
}

func TestAFileOfAnotherSizeThanAnnouncedIsCorrupt(t *testing.T) {
	for _, size := range []int64{2, 4} {
		desk := fullDesk()
		desk.Details.FileList = []exchange.File{{Name: "请示.ofd", Size: size}}
		c := dial(t, apitest.Start(t, desk, nil), nil)
		err := c.Fetch(context.Background(), "x", nil, func(int, exchange.File) (io.Writer, error) { return io.Discard, nil })
		if exchange.CodeOf(err) != exchange.Corrupt {
			t.Errorf("announced %d, sent 3: got %v", size, err)
		}
	}
}

func TestEveryErrorArrivesAsItWasSaidWithoutItsCause(t *testing.T) {
	desk := fullDesk()
	s := apitest.Start(t, desk, nil)
	c := dial(t, s, func(c *client.Config) { c.Patience = time.Millisecond })
	var p exchange.Problems
	p.Add("number", "document.number.brackets", "the year stands in 〔〕", "发文字号的年份应使用六角括号", "条例 第九条(五)", "write 昆卫〔2026〕5号")
	p.Add("to[1]", "recipient.unknown", "no such unit", "无此单位", "", "yizhan units 卫生")
	for _, code := range []exchange.Code{
		exchange.Invalid, exchange.NotFound, exchange.Conflict, exchange.Denied, exchange.Exhausted, exchange.Stale,
		exchange.Corrupt, exchange.Internal, exchange.Unauthenticated,
	} {
		want := &exchange.Error{Code: code, Op: "pipeline.x", Message: "message of " + string(code), Problems: p}
		desk.Fail = func(string) error {
			e := *want
			e.Cause = errors.New("the secret cause")
			return &e
		}
		_, trackErr := c.Track(context.Background(), "x")
		_, submitErr := c.Submit(context.Background(), exchange.Submission{Key: "k"}, nil)
		watchErr := c.Watch(context.Background(), "x", func(exchange.Tracking) error { return nil })
		for _, err := range []error{trackErr, submitErr, watchErr} {
			var got *exchange.Error
			if !errors.As(err, &got) || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got %#v, want %#v", code, err, want)
			}
		}
	}
	if !strings.Contains(s.Log.String(), "the secret cause") {
		t.Error("the cause is not in the log")
	}
}

func TestADefectSaysNothingButWhereToLook(t *testing.T) {
	desk := fullDesk()
	s := apitest.Start(t, desk, nil)
	c := dial(t, s, nil)
	for _, fail := range []func(string) error{
		func(string) error { return errors.New("row of 张三") },
		func(string) error { panic("content of 张三") },
	} {
		desk.Fail = fail
		_, err := c.Track(context.Background(), "x")
		if exchange.CodeOf(err) != exchange.Internal || strings.Contains(err.Error(), "张三") || !strings.Contains(err.Error(), "request") {
			t.Errorf("got %v", err)
		}
	}
	if log := s.Log.String(); strings.Contains(log, "content of 张三") || !strings.Contains(log, "panic: string") {
		t.Errorf("the log says %s", log)
	}
}

func TestTheLogHoldsNeitherTokenNorPersonNorContent(t *testing.T) {
	desk := fullDesk()
	s := apitest.Start(t, desk, nil)
	token := s.Token("zhang.wei", exchange.Handler)
	c := dial(t, s, func(c *client.Config) { c.Token = token })
	if _, err := c.Submit(context.Background(), exchange.Submission{Title: "机要标题"}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ClusterStatus(context.Background()); exchange.CodeOf(err) != exchange.Denied {
		t.Errorf("got %v", err)
	}
	log := s.Log.String()
	for _, secret := range []string{token, token[12:30], "zhang.wei", "机要标题"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	if !strings.Contains(log, "method=/yizhan.v1.Exchange/Submit unit=wjw@320582") {
		t.Errorf("the log lacks the call: %s", log)
	}
}

func TestALostAnswerIsAskedForAgainUnderTheSameKey(t *testing.T) {
	desk := fullDesk()
	var after atomic.Int32
	desk.After = func(exchange.Submission) error {
		if after.Add(1) <= 2 {
			return exchange.Errorf(exchange.Unknown, "raft.apply", "leadership was lost")
		}
		return nil
	}
	retries := 0
	c := dial(t, apitest.Start(t, desk, nil), func(c *client.Config) { c.OnRetry = func(error, time.Duration) { retries++ } })
	content := random(700 << 10)
	opened := 0
	out, err := c.Submit(context.Background(), exchange.Submission{Files: files(content)}, func(int) (io.Reader, error) {
		opened++
		return bytes.NewReader(content), nil
	})
	if err != nil || !out.Replayed || len(desk.Kept()) != 1 || opened != 3 || retries != 2 {
		t.Errorf("got %+v, %v; kept %d, opened %d, retried %d", out, err, len(desk.Kept()), opened, retries)
	}
}

func TestARefusalForWantOfRoomIsRepeatedAfterTheTimeItAsksFor(t *testing.T) {
	desk := fullDesk()
	var refused atomic.Int32
	desk.Fail = func(string) error {
		if refused.Add(1) > 2 {
			return nil
		}
		e := exchange.Errorf(exchange.Exhausted, "api.admit", "no room")
		e.RetryAfter = 20 * time.Millisecond
		return e
	}
	s := apitest.Start(t, desk, nil)
	var pauses []time.Duration
	c := dial(t, s, func(c *client.Config) { c.OnRetry = func(_ error, d time.Duration) { pauses = append(pauses, d) } })
	out, err := c.Submit(context.Background(), exchange.Submission{Key: "k", Title: "标题"}, nil)
	if err != nil || out.Replayed || len(desk.Kept()) != 1 || len(pauses) != 2 {
		t.Errorf("got %+v, %v; kept %d, waited %v", out, err, len(desk.Kept()), pauses)
	}
	for _, d := range pauses {
		if d < 10*time.Millisecond || d > 30*time.Millisecond {
			t.Errorf("waited %s for a hint of 20ms", d)
		}
	}
	refused.Store(0)
	final := dial(t, s, func(c *client.Config) { c.RefusalsFinal = true })
	if _, err = final.Sign(context.Background(), "x"); exchange.CodeOf(err) != exchange.Exhausted || refused.Load() != 1 {
		t.Errorf("a refusal that is final: got %v after %d calls", err, refused.Load())
	}
}

func TestAnUnknownOutcomeIsSaidToBeUnknown(t *testing.T) {
	desk := fullDesk()
	s := apitest.Start(t, desk, nil)
	desk.After = func(exchange.Submission) error { go s.Stop(); time.Sleep(time.Second); return nil }
	c := dial(t, s, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	_, err := c.Submit(ctx, exchange.Submission{Key: "k"}, nil)
	if exchange.CodeOf(err) != exchange.Unknown {
		t.Errorf("got %v", err)
	}
}

// Found by asking what a refusal says after an answer was lost: the caller was
// told that nothing was done.
func TestARefusalDoesNotSayWhatBecameOfALostAnswer(t *testing.T) {
	desk := fullDesk()
	desk.After = func(exchange.Submission) error {
		return exchange.Errorf(exchange.Unknown, "raft.apply", "leadership was lost")
	}
	calls := 0
	desk.Fail = func(string) error {
		if calls++; calls == 1 {
			return nil
		}
		return exchange.Errorf(exchange.Exhausted, "raft.propose", "the queue is full")
	}
	c := dial(t, apitest.Start(t, desk, nil), nil)
	_, err := c.Submit(context.Background(), exchange.Submission{Key: "k"}, nil)
	if exchange.CodeOf(err) != exchange.Unknown || len(desk.Kept()) != 1 || calls != 2 {
		t.Errorf("got %v; kept %d after %d calls", err, len(desk.Kept()), calls)
	}
}

func TestAnEndpointThatHangsIsNotAskedFirstAgain(t *testing.T) {
	hangs := fullDesk()
	entered, end := make(chan struct{}, 9), make(chan struct{})
	hangs.Fail = func(string) error { entered <- struct{}{}; <-end; return nil }
	first, second := apitest.Start(t, hangs, nil), apitest.Start(t, fullDesk(), nil)
	t.Cleanup(func() { close(end) }) // before the servers stop
	ca := bytes.Join([][]byte{read(t, first.CAFile), read(t, second.CAFile)}, nil)
	token := first.Token("li.ming", exchange.Duties()...)
	second.Accept(token, exchange.Caller{Unit: "wjw@320582", Person: "li.ming", Duties: exchange.Duties()})
	c := dial(t, first, func(c *client.Config) { c.CA, c.Token, c.Endpoints = ca, token, []string{first.Addr, second.Addr} })
	short, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { <-entered; cancel() }()
	if _, err := c.Submit(short, exchange.Submission{Key: "k"}, nil); exchange.CodeOf(err) != exchange.Unknown {
		t.Fatalf("got %v", err)
	}
	long, enough := context.WithTimeout(context.Background(), time.Minute)
	defer enough()
	if _, err := c.Submit(long, exchange.Submission{Key: "k"}, nil); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestWhereNobodyListensNothingWasDone(t *testing.T) {
	s := apitest.Start(t, fullDesk(), nil)
	c := dial(t, s, func(c *client.Config) { c.Endpoints = []string{unused(t)} })
	ctx, cancel := context.WithTimeout(context.Background(), 700*time.Millisecond)
	defer cancel()
	if _, err := c.Submit(ctx, exchange.Submission{Key: "k"}, nil); exchange.CodeOf(err) != exchange.Unavailable {
		t.Errorf("got %v", err)
	}
	_, err := c.Sign(context.Background(), "x")
	if exchange.CodeOf(err) != exchange.Unavailable || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}

func TestTheNextEndpointIsTried(t *testing.T) {
	down := fullDesk()
	down.Fail = func(string) error {
		return exchange.Errorf(exchange.Unavailable, "raft", "no leader")
	}
	first, second := apitest.Start(t, down, nil), apitest.Start(t, fullDesk(), nil)
	ca := bytes.Join([][]byte{read(t, first.CAFile), read(t, second.CAFile)}, nil)
	token := first.Token("li.ming", exchange.Duties()...)
	second.Accept(token, exchange.Caller{Unit: "wjw@320582", Person: "li.ming", Duties: exchange.Duties()})
	c := dial(t, first, func(c *client.Config) {
		c.CA, c.Token, c.Endpoints = ca, token, []string{unused(t), first.Addr, second.Addr}
	})
	for range 2 {
		if _, err := c.Sign(context.Background(), "x"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(down.Calls()); n != 1 {
		t.Errorf("the endpoint that is down was asked %d times; the one that answered comes first", n)
	}
}

func TestAnActWhoseAnswerIsLostIsNotRepeated(t *testing.T) {
	desk := fullDesk()
	desk.Fail = func(string) error { return exchange.Errorf(exchange.Unknown, "raft.apply", "leadership was lost") }
	c := dial(t, apitest.Start(t, desk, nil), nil)
	if _, err := c.Urge(context.Background(), "x", nil); exchange.CodeOf(err) != exchange.Unknown || len(desk.Calls()) != 1 {
		t.Errorf("got %v after %d calls", err, len(desk.Calls()))
	}
}

func TestWhatWatchIsToldToStopWithComesBack(t *testing.T) {
	c := dial(t, apitest.Start(t, fullDesk(), nil), nil)
	stop := errors.New("enough")
	if err := c.Watch(context.Background(), "x", func(exchange.Tracking) error { return stop }); err != stop {
		t.Errorf("got %v", err)
	}
}

func TestAFileThatChangesWhileItIsSentIsRefusedHere(t *testing.T) {
	desk := fullDesk()
	c := dial(t, apitest.Start(t, desk, nil), nil)
	for _, announced := range []int64{9, 11, 1 << 20} {
		s := exchange.Submission{Files: []exchange.File{{Name: "a", Size: announced}}}
		_, err := c.Submit(context.Background(), s, opener(make([]byte, 10)))
		if exchange.CodeOf(err) != exchange.Invalid || !strings.Contains(problems(err), "file.changed") {
			t.Errorf("announced %d: got %v", announced, err)
		}
	}
	if len(desk.Kept()) != 0 {
		t.Error("something was kept")
	}
}

func TestTextThatIsNotUTF8IsRefusedHere(t *testing.T) {
	c := dial(t, apitest.Start(t, fullDesk(), nil), nil)
	_, err := c.Submit(context.Background(), exchange.Submission{Title: "\xd6\xd0", To: []string{"a", "\xb9"}}, nil)
	if got := problems(err); !strings.Contains(got, "title: text.encoding") || !strings.Contains(got, "to[1]: text.encoding") {
		t.Errorf("got %s", got)
	}
}

func TestAServerOfAnotherCAIsNotSpokenTo(t *testing.T) {
	s, other := apitest.Start(t, fullDesk(), nil), apitest.Start(t, fullDesk(), nil)
	c := dial(t, s, func(c *client.Config) { c.CA = read(t, other.CAFile) })
	_, err := c.Capabilities(context.Background())
	if exchange.CodeOf(err) != exchange.Unavailable || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
}

func TestTheServerLimitsTheTimeOfACall(t *testing.T) {
	desk := fullDesk()
	s := apitest.Start(t, desk, func(c *api.Config) { c.Limits.Unary = 50 * time.Millisecond })
	desk.Fail = func(string) error { time.Sleep(60 * time.Millisecond); return context.DeadlineExceeded }
	c := dial(t, s, func(c *client.Config) { c.Patience = time.Millisecond })
	if _, err := c.Track(context.Background(), "x"); exchange.CodeOf(err) != exchange.Unavailable {
		t.Errorf("a question: got %v", err)
	}
	if _, err := c.Sign(context.Background(), "x"); exchange.CodeOf(err) != exchange.Unknown {
		t.Errorf("an act: got %v", err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// unused returns an address where nobody listens.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
