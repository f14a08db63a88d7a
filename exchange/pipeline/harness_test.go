package pipeline_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/ledger/ledgertest"
	"github.com/yizhan-exchange/yizhan/exchange/pipeline"
	"github.com/yizhan-exchange/yizhan/policy"
)

const (
	province = exchange.Domain("320000")
	city     = exchange.Domain("320500")
	county   = exchange.Domain("320582")
	sibling  = exchange.Domain("320583")
)

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now exchange.Time
}

func (c *clock) read() exchange.Time { c.mu.Lock(); defer c.mu.Unlock(); c.now++; return c.now }

func (c *clock) advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

var crand = rand.Reader

// log is a ledger of one replica, in memory, with the real state machine.
type log struct {
	t       testing.TB
	machine *ledger.Machine
	mu      sync.Mutex
	rows    ledgertest.Memory
	index   uint64
	changed chan struct{}
	refuse  func(ledger.Command) error // a fault before the command is applied
	lose    func(ledger.Command) error // a fault after it
	change  func(*ledger.Command)      // what a defect makes of a Receive
}

func (l *log) Propose(_ context.Context, c ledger.Command) (ledger.Result, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != nil {
		if err := l.refuse(c); err != nil {
			return ledger.Result{}, err
		}
	}
	if l.change != nil && c.Receive != nil {
		l.change(&c)
	}
	l.index++
	raw, mutations, err := l.machine.Apply(&l.rows, l.index, exchange.Encode(c))
	if err != nil {
		l.t.Fatalf("the group stopped: %v", err)
	}
	l.rows.Put(mutations...)
	close(l.changed)
	l.changed = make(chan struct{})
	res, err := exchange.Decode[ledger.Result](raw)
	if err == nil && l.lose != nil {
		err = l.lose(c)
	}
	return res, err
}

func (l *log) View(fn func(ledger.Reader) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fn(&l.rows)
}

func (l *log) Current(context.Context) error { return nil }
func (l *log) Term() uint64                  { return 1 }
func (l *log) Changed() <-chan struct{}      { l.mu.Lock(); defer l.mu.Unlock(); return l.changed }

// chunks is a content store of one replica, in memory.
type chunks struct {
	mu   sync.Mutex
	data map[crypto.Digest][]byte
	puts int
}

func (c *chunks) Put(_ context.Context, a crypto.Digest, data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.data[a] = bytes.Clone(data)
	c.puts++
	return nil
}

func (c *chunks) Kept(_ context.Context, all []crypto.Digest) ([]exchange.Stored, error) {
	missing, _ := c.Missing(context.Background(), all)
	if len(missing) > 0 {
		return nil, exchange.Errorf(exchange.Unavailable, "test", "%d chunks are missing", len(missing))
	}
	return []exchange.Stored{{Replica: "a-1"}}, nil
}

func (c *chunks) Missing(_ context.Context, all []crypto.Digest) (out []crypto.Digest, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range all {
		if c.data[a] == nil {
			out = append(out, a)
		}
	}
	return out, nil
}

func (c *chunks) Get(_ context.Context, a crypto.Digest) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if data := c.data[a]; data != nil {
		return data, nil
	}
	return nil, exchange.Errorf(exchange.NotFound, "test", "no such chunk")
}

// vault holds a domain's keys.
type vault struct {
	keys trust.Keys
	pair trust.Pair
}

func (v *vault) Signer() (crypto.Signer, error) { return v.keys.Sign, nil }
func (v *vault) Pair() (trust.Pair, error)      { return v.pair, nil }
func (v *vault) Opener(id crypto.KeyID) (crypto.Opener, bool) {
	return v.keys.Encrypt, v.keys.Encrypt.KeyID() == id
}

// station is one domain under test.
type station struct {
	*pipeline.Domain
	log    *log
	chunks *chunks
	vault  *vault
}

// federation is a province, a city and a county with real keys, certificates,
// directory, policy and state machines.
type federation struct {
	t      testing.TB
	clock  *clock
	p      sm.Provider
	anchor trust.Anchor
	at     map[exchange.Domain]*station
	alter  func(from, to exchange.Domain, m *exchange.Message) // what happens to messages on the way
	infos  map[exchange.Domain]exchange.DomainInfo
	ca     *trust.CA
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newFederation(t testing.TB) *federation {
	f := &federation{t: t, clock: &clock{now: exchange.TimeOf(time.Now())}, p: must(sm.New("")), at: map[exchange.Domain]*station{}}
	ca := must(trust.NewCA(f.p, rand.Reader, "test", time.Now().Add(-time.Hour), 240*time.Hour))
	f.anchor = trust.Anchor{Root: string(province), CAs: [][]byte{ca.Certificate.Raw}}
	infos := map[exchange.Domain]exchange.DomainInfo{}
	for _, d := range []exchange.DomainInfo{
		{Domain: province, Name: "江苏省", Level: exchange.Province},
		{Domain: city, Name: "苏州市", Level: exchange.City, Parent: province},
		{Domain: county, Name: "张家港市", Level: exchange.County, Parent: city},
		{Domain: sibling, Name: "昆山市", Level: exchange.County, Parent: city},
	} {
		keys := trust.Keys{Sign: must(f.p.GenerateKey(rand.Reader)), Encrypt: must(f.p.GenerateKey(rand.Reader))}
		pair := must(ca.IssuePair(string(d.Domain), keys.Sign.Public(), keys.Encrypt.Public()))
		d.SignCert, d.EncryptCert, d.Incarnation = pair.Sign.Raw, pair.Encrypt.Raw, 1
		infos[d.Domain] = d
		f.at[d.Domain] = &station{vault: &vault{keys, pair}, chunks: &chunks{data: map[crypto.Digest][]byte{}},
			log: &log{t: t, machine: &ledger.Machine{Sum: f.p.Sum}, changed: make(chan struct{})}}
	}
	f.infos, f.ca = infos, ca
	f.found(infos)
	return f
}

func (f *federation) found(infos map[exchange.Domain]exchange.DomainInfo) {
	now := f.clock.read()
	state := func(issuer exchange.Domain, children ...exchange.Domain) crypto.Signed {
		d := exchange.Directory{Issuer: issuer, Number: 1, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}
		for _, c := range children {
			d.Children = append(d.Children, infos[c])
		}
		return must(directory.Sign(f.at[issuer].vault.keys.Sign, d))
	}
	statements := []crypto.Signed{state(province, province, city), state(city, county, sibling)}
	var units []crypto.Signed
	for d, s := range f.at {
		units = append(units, must(directory.SignUnits(s.vault.keys.Sign, exchange.Units{Domain: d, Number: 1, NotAfter: now.Add(24 * time.Hour), Units: []exchange.UnitInfo{
			{Unit: exchange.Unit("bgs@" + d), Name: infos[d].Name + "人民政府办公室", Office: true},
			{Unit: exchange.Unit("wjw@" + d), Name: infos[d].Name + "卫生健康委员会", Line: "health"},
		}})))
	}
	bundle := exchange.PolicyBundle{Issuer: province, Number: 1, At: now, Files: policy.Baseline()}
	rules := must(crypto.Sign(f.at[province].vault.keys.Sign, crypto.ContextPolicy, exchange.Encode(bundle)))
	for d, s := range f.at {
		s.Domain = pipeline.New(pipeline.Options{Domain: d, Replica: "a-1", Log: s.log, Content: s.chunks, Vault: s.vault, Provider: f.p,
			Anchor: f.anchor, Engine: must(policy.NewEngine(policy.Options{Deadline: 10 * time.Second})), Clock: f.clock.read, Random: rand.Reader})
		s.log.rows.Put(ledger.Mutation{Table: ledger.TableMeta, Key: ledger.KeyConfiguration,
			Value: exchange.Encode(ledger.Configuration{Index: 1, Voters: []exchange.Replica{"a-1"}})})
		var epoch [16]byte
		rand.Read(epoch[:])
		b := &ledger.Bootstrap{Self: ledger.Self{Domain: d, Parent: infos[d].Parent, Epoch: epoch, Incarnation: 1}, Level: ledger.FeatureLevel, Directory: statements, Units: units}
		if d == province {
			b.Policy = []crypto.Signed{rules}
		}
		if res := must(s.log.Propose(context.Background(), ledger.Command{Time: now, Bootstrap: b})); res.Code != "" {
			f.t.Fatalf("founding %s: %s", d, res.Message)
		}
	}
	f.settle()
}

// settle moves everything over both links until nothing moves any more.
func (f *federation) settle() {
	f.t.Helper()
	for range 20 {
		if f.pump(county, city)+f.pump(city, county)+f.pump(sibling, city)+f.pump(city, sibling)+f.pump(city, province)+f.pump(province, city) == 0 {
			return
		}
	}
	f.t.Fatal("the links do not come to rest")
}

// pump opens a session from one domain to the other, hands over what is
// queued and pulls the chunks that are wanted. It returns how much moved.
// With tolerant, a chunk that cannot be taken is left.
func (f *federation) pump(from, to exchange.Domain, how ...pumping) (moved int) {
	f.t.Helper()
	ctx := context.Background()
	a, b := f.at[from], f.at[to]
	s, err := b.Open(ctx, from, must(a.Greet(ctx, to)))
	if err != nil {
		f.t.Fatalf("%s greets %s: %v", from, to, err)
	}
	back := must(a.Open(ctx, to, must(b.Greet(ctx, from))))
	next := must(b.Greet(ctx, from)).ReceiveNext
	for class := range exchange.Class(exchange.ClassCount) {
		rows := must(a.Next(to, class, next[class]-1, 1000, 1<<20))
		if len(rows) == 0 {
			continue
		}
		f.change(from, to, rows)
		if err := b.Receive(ctx, s, rows); err != nil {
			f.t.Fatalf("%s receives from %s: %v", to, from, err)
		}
		if err := a.Acknowledged(ctx, back, class, rows[len(rows)-1].Sequence); err != nil {
			f.t.Fatal(err)
		}
		moved += len(rows)
	}
	for _, address := range must(b.Wanted(from, 10000)) {
		if err := b.PutChunk(ctx, s, address, must(a.Chunk(ctx, to, address))); err != nil && len(how) == 0 {
			f.t.Fatal(err)
		}
		moved++
	}
	return moved
}

type pumping struct{}

var tolerant pumping

// change lets alter work on the rows.
func (f *federation) change(from, to exchange.Domain, rows []delivery.Row) {
	for i := range rows {
		m, err := exchange.Decode[exchange.Message](rows[i].Message)
		if f.alter == nil || err != nil {
			continue
		}
		f.alter(from, to, &m)
		rows[i].Message = exchange.Encode(m)
	}
}

// inject hands messages over as if the neighbour had sent them next. The
// neighbour knows nothing of them, so the links do not settle afterwards.
func (f *federation) inject(from, to exchange.Domain, class exchange.Class, messages ...exchange.Message) {
	f.t.Helper()
	ctx := context.Background()
	a, b := f.at[from], f.at[to]
	hello := must(a.Greet(ctx, to))
	hello.ReceiveEpoch = [16]byte{}
	s := must(b.Open(ctx, from, hello))
	next := must(b.Greet(ctx, from)).ReceiveNext[class]
	var rows []delivery.Row
	for n, m := range messages {
		rows = append(rows, delivery.Row{Class: class, Sequence: next + uint64(n), Message: exchange.Encode(m)})
	}
	if err := b.Receive(ctx, s, rows); err != nil {
		f.t.Fatalf("%s receives from %s: %v", to, from, err)
	}
}

// held lists what a domain quarantined from a neighbour.
func (f *federation) held(at, from exchange.Domain) (reasons []string) {
	_ = f.at[at].log.View(func(r ledger.Reader) error {
		for _, h := range must(ledger.Held(r, from)) {
			reasons = append(reasons, h.Reason)
		}
		return nil
	})
	return reasons
}

func (f *federation) find(at exchange.Domain, id exchange.ID) (ex ledger.Stored, ok bool) {
	_ = f.at[at].log.View(func(r ledger.Reader) error {
		ex, ok, _ = ledger.Find(r, id)
		return nil
	})
	return ex, ok
}

// signAs states something with a domain's own key.
func (f *federation) signAs(d exchange.Domain, context string, v any) crypto.Signed {
	return must(crypto.Sign(f.at[d].vault.keys.Sign, context, exchange.Encode(v)))
}

func withDuties(u exchange.Unit, duties ...exchange.Duty) context.Context {
	return exchange.WithCaller(context.Background(), exchange.Caller{Unit: u, Person: "zhang.san", Duties: duties})
}

func as(u exchange.Unit) context.Context {
	return exchange.WithCaller(context.Background(), exchange.Caller{Unit: u, Person: "zhang.san", Duties: []exchange.Duty{exchange.Handler, exchange.Clerk}})
}

func (f *federation) of(u exchange.Unit) *station { return f.at[u.Domain()] }

func texts(contents ...string) func(int) (io.Reader, error) {
	return func(i int) (io.Reader, error) { return bytes.NewReader([]byte(contents[i])), nil }
}

type ledgerCommand = ledger.Command

func asError(err error, e **exchange.Error) bool { return errors.As(err, e) }

var _ delivery.Station = (*station)(nil)
