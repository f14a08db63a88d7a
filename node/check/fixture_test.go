package check_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/ledger/ledgertest"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/demo"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/store"
)

const (
	county exchange.Domain = "320582"
	city   exchange.Domain = "320500"
)

// lived founds a federation, lets it exchange a few things, and stops it.
func lived(t *testing.T) (nodes []*config.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	d, err := demo.Start(ctx, demo.Options{Dir: filepath.Join(t.TempDir(), "federation"), Topology: founding.Joint, BasePort: -1})
	if err != nil {
		t.Fatal(err)
	}
	stop := func() {
		if err := d.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	exchangeThings(ctx, t, d)
	stop()
	for _, name := range d.Nodes {
		c, err := config.Load(d.NodeConfig(name))
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, c)
	}
	return nodes
}

// exchangeThings sends small and large filings up and down: signed for,
// returned, recalled, and left alone.
func exchangeThings(ctx context.Context, t *testing.T, d *demo.Demo) {
	lower, middle, upper := person(t, d, "wjw@320582"), person(t, d, "wjw@320500"), person(t, d, "wjw@320000")
	large := bytes.Repeat([]byte("材料"), 400<<10)
	signed := send(ctx, t, lower, "signed", large, "wjw@320000")
	returned := send(ctx, t, lower, "returned", large[:600], "wjw@320500")
	issued := issue(ctx, t, upper, large, "wjw@320582", "wjw@320500")
	down := send(ctx, t, upper, "down", large, "wjw@320582")
	reach(ctx, t, lower, signed, "arrived")
	reach(ctx, t, lower, returned, "arrived")
	reach(ctx, t, upper, down, "arrived")
	if _, err := upper.Sign(ctx, signed.String()); err != nil {
		t.Fatal(err)
	}
	reach(ctx, t, upper, issued, "arrived")
	if _, err := middle.Return(ctx, returned.String(), "form", "请补充材料"); err != nil {
		t.Fatal(err)
	}
	if _, err := upper.Recall(ctx, down.String(), nil, "content"); err != nil {
		t.Fatal(err)
	}
	reach(ctx, t, lower, signed, "signed")
	reach(ctx, t, lower, returned, "returned")
	reach(ctx, t, upper, down, "recalled")
}

func person(t *testing.T, d *demo.Demo, as string) *client.Client {
	t.Helper()
	c, err := d.Client(as)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// issue sends one document to several units.
func issue(ctx context.Context, t *testing.T, c *client.Client, content []byte, to ...string) exchange.ID {
	t.Helper()
	now := time.Now()
	done, err := c.Submit(ctx, exchange.Submission{Key: "issued", Kind: "document", To: to, Type: "通知", Number: fmt.Sprintf("苏卫发〔%d〕1号", now.Year()),
		Date: now.Format("2006年1月2日"), Title: "关于防控工作的通知", Files: []exchange.File{{Name: "通知.ofd", Size: int64(len(content)), Main: true}}},
		func(int) (io.Reader, error) { return bytes.NewReader(content), nil })
	if err != nil {
		t.Fatal(err)
	}
	return done.ID
}

func send(ctx context.Context, t *testing.T, c *client.Client, key string, content []byte, to ...string) exchange.ID {
	t.Helper()
	done, err := c.Submit(ctx, exchange.Submission{Key: key, Kind: "case", To: to, Type: "上报件", Title: "事项 " + key,
		Files: []exchange.File{{Name: "材料.bin", Size: int64(len(content))}}}, func(int) (io.Reader, error) { return bytes.NewReader(content), nil })
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return done.ID
}

func reach(ctx context.Context, t *testing.T, c *client.Client, id exchange.ID, state string) {
	t.Helper()
	for {
		tr, err := c.Track(ctx, id.String())
		if err == nil && len(tr.Deliveries) > 0 && tr.Deliveries[0].State == state {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s is not %s: %+v, %v", id, state, tr, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// bench is a ledger in memory that a test may continue and damage.
type bench struct {
	testing.TB
	provider sm.Provider
	rows     *ledgertest.Memory
	index    uint64
}

// copied reads the county's ledger from a stopped node.
func copied(t *testing.T, conf *config.Node) *bench {
	t.Helper()
	p, err := sm.New(conf.Crypto.Provider)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(filepath.Join(conf.Data, string(county), "state"), store.Options{Hash: p.Sum})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	b := &bench{TB: t, provider: p, rows: &ledgertest.Memory{}, index: s.AppliedIndex()}
	err = s.View(func(r ledger.Reader) error {
		for table := ledger.TableMeta; table < ledger.TableEnd; table++ {
			r.Scan(table, nil, nil, func(k, v []byte) bool {
				b.rows.Put(ledger.Mutation{Table: table, Key: k, Value: append([]byte{}, v...)})
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// apply goes on where the copied ledger stopped.
func (b *bench) apply(c ledger.Command) {
	b.Helper()
	b.index++
	c.Time = ledger.TimeOf(b.rows) + 1
	raw, mutations, err := (&ledger.Machine{Sum: b.provider.Sum}).Apply(b.rows, b.index, exchange.Encode(c))
	if err != nil {
		b.Fatal(err)
	}
	if res, err := exchange.Decode[ledger.Result](raw); err != nil || res.Code != "" {
		b.Fatalf("refused: %+v, %v", res, err)
	}
	b.rows.Put(mutations...)
	b.rows.Put(ledger.Mutation{Table: ledger.TableMeta, Key: ledger.KeyApplied, Value: binary.BigEndian.AppendUint64(nil, b.index)})
}

func (b *bench) state(context string, v any) crypto.Signed {
	return crypto.Signed{Bytes: crypto.WithContext(context, exchange.Encode(v))}
}

func (b *bench) manifest(id byte, from exchange.Unit, to ...exchange.Unit) (exchange.Manifest, crypto.Signed) {
	now := ledger.TimeOf(b.rows)
	m := exchange.Manifest{ID: exchange.ID{0: 1, 15: id}, Kind: exchange.Case, From: from, Created: now, NotAfter: now + 1e9,
		Parts: []exchange.Part{{Size: 6, Chunks: []crypto.Digest{b.provider.Sum([]byte{id})}}}}
	for _, u := range to {
		m.To = append(m.To, exchange.Recipient{Unit: u})
	}
	return m, b.state(crypto.ContextManifest, m)
}

func (b *bench) accepted(m *exchange.Manifest, s crypto.Signed) crypto.Signed {
	r := exchange.Receipt{State: exchange.Accepted, Exchange: m.ID, Manifest: b.provider.Sum(s.Bytes), Domain: m.From.Domain(), At: m.Created}
	for i := range m.To {
		r.Deliveries = append(r.Deliveries, uint16(i))
	}
	return b.state(crypto.ContextReceipt, r)
}

// underWay adds what is between here and the city: a large filing that waits
// to be sent, a large envelope whose chunks are not here, and a message that
// cannot be read. Nothing in it is really signed.
func (b *bench) underWay() {
	conf, err := ledger.ConfigurationOf(b.rows)
	if err != nil {
		b.Fatal(err)
	}
	var stored []exchange.Stored
	for _, v := range conf.Voters {
		stored = append(stored, exchange.Stored{Replica: v})
	}
	lease := ledger.Lease{ID: [16]byte{7}, Unit: "wjw@320582", Until: ledger.TimeOf(b.rows) + 1e6}
	b.apply(ledger.Command{Lease: &lease})
	m, s := b.manifest(1, "wjw@320582", "wjw@320500")
	b.apply(ledger.Command{Submit: &ledger.Submit{Manifest: s, Receipts: []crypto.Signed{b.accepted(&m, s)}, Stored: stored, Lease: lease.ID, Key: "queued"}})
	lease.ID[0]++
	b.apply(ledger.Command{Lease: &lease})
	m, s = b.manifest(2, "wjw@320500", "wjw@320582")
	b.receive(exchange.ClassOrdinary, exchange.Encode(exchange.Message{Envelope: &exchange.Envelope{Manifest: s, Deliveries: []uint16{0}, Custody: []crypto.Signed{b.accepted(&m, s)}}}))
	b.receive(exchange.ClassControl, []byte("?"))
}

func (b *bench) receive(class exchange.Class, message []byte) {
	link, _, err := ledger.LinkOf(b.rows, city)
	if err != nil {
		b.Fatal(err)
	}
	b.apply(ledger.Command{Receive: &ledger.Receive{Peer: city, Epoch: link.PeerEpoch, Term: link.Term,
		Rows: []ledger.ReceivedRow{{Class: class, Sequence: max(link.ReceiveNext[class], 1), Message: message}}}})
}
