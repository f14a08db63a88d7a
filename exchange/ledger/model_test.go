package ledger_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/ledger/ledgertest"
)

const (
	province = exchange.Domain("320000")
	city     = exchange.Domain("320500")
	county   = exchange.Domain("320582")
	sibling  = exchange.Domain("320583")

	begin = exchange.Time(1_790_000_000_000)
	day   = exchange.Time(24 * 3600 * 1000)
)

var provider = func() sm.Provider {
	p, err := sm.New("")
	if err != nil {
		panic(err)
	}
	return p
}()

func sum(parts ...[]byte) crypto.Digest { return provider.Sum(parts...) }

// state makes a statement. The ledger never verifies: signatures are empty.
func state(context string, v any) crypto.Signed {
	return crypto.Signed{Bytes: crypto.WithContext(context, exchange.Encode(v))}
}

func digest(s crypto.Signed) crypto.Digest { return sum(s.Bytes) }

// domain is one ledger under test.
type domain struct {
	testing.TB
	name    exchange.Domain
	machine *ledger.Machine
	rows    ledgertest.Memory
	index   uint64
	now     exchange.Time
	log     [][]byte
}

// tree is the directory of the tests: a province, a city, two counties.
func tree() []crypto.Signed {
	info := func(d, parent exchange.Domain, l exchange.Level) exchange.DomainInfo {
		return exchange.DomainInfo{Domain: d, Parent: parent, Level: l, Name: string(d), SignCert: make([]byte, 600), EncryptCert: make([]byte, 600)}
	}
	return []crypto.Signed{
		state(crypto.ContextDirectory, exchange.Directory{Issuer: province, Number: 1, Children: []exchange.DomainInfo{info(province, "", exchange.Province), info(city, province, exchange.City)}}),
		state(crypto.ContextDirectory, exchange.Directory{Issuer: city, Number: 1, Children: []exchange.DomainInfo{info(county, city, exchange.County), info(sibling, city, exchange.County)}}),
	}
}

func parentOf(d exchange.Domain) exchange.Domain {
	return map[exchange.Domain]exchange.Domain{city: province, county: city, sibling: city}[d]
}

// found returns a founded domain with one voter, "a", and open links to its
// neighbours.
func found(t testing.TB, name exchange.Domain) *domain { return foundAt(t, name, ledger.FeatureLevel) }

// foundAt is found at a feature level.
func foundAt(t testing.TB, name exchange.Domain, level uint32) *domain {
	d := blank(t, name)
	b := bootstrap(name)
	b.Level = level
	d.must(ledger.Command{Bootstrap: b})
	for _, peer := range []exchange.Domain{province, city, county, sibling} {
		if parentOf(name) == peer || parentOf(peer) == name {
			d.must(ledger.Command{Open: &ledger.OpenLink{Peer: peer, Incarnation: 1, Term: 1, Epoch: epochOf(peer)}})
		}
	}
	return d
}

func blank(t testing.TB, name exchange.Domain) *domain {
	d := &domain{TB: t, name: name, machine: &ledger.Machine{Sum: provider.Sum}, now: begin}
	d.rows.Put(ledger.Mutation{Table: ledger.TableMeta, Key: ledger.KeyConfiguration,
		Value: exchange.Encode(ledger.Configuration{Index: 1, Voters: []exchange.Replica{"a"}})})
	return d
}

func bootstrap(name exchange.Domain) *ledger.Bootstrap {
	return &ledger.Bootstrap{Self: ledger.Self{Domain: name, Parent: parentOf(name), Epoch: epochOf(name), Incarnation: 1}, Level: ledger.FeatureLevel, Directory: tree()}
}

func epochOf(d exchange.Domain) (e [16]byte) { copy(e[:], d); return e }

// do applies a command. Its time is the domain's, unless set.
func (d *domain) do(c ledger.Command) ledger.Result {
	d.Helper()
	if c.Time == 0 {
		d.now++
		c.Time = d.now
	}
	d.index++
	raw := exchange.Encode(c)
	d.log = append(d.log, raw)
	out, mutations, err := d.machine.Apply(&d.rows, d.index, raw)
	if err != nil {
		d.Fatalf("%s stopped: %v", d.name, err)
	}
	res, err := exchange.Decode[ledger.Result](out)
	if err != nil {
		d.Fatal(err)
	}
	if res.Code != "" && len(mutations) > 0 {
		d.Fatalf("a refused command has %d mutations", len(mutations))
	}
	d.rows.Put(mutations...)
	return res
}

// pass lets time go by, as far as it takes: an operator says so.
func (d *domain) pass(until exchange.Time) {
	d.Helper()
	d.now = until
	d.must(ledger.Command{Clock: &until})
}

func (d *domain) must(c ledger.Command) ledger.Result {
	d.Helper()
	res := d.do(c)
	if res.Code != "" {
		d.Fatalf("%s refused: %s: %s", d.name, res.Code, res.Message)
	}
	return res
}

// refused expects a refusal of that code.
func (d *domain) refused(c ledger.Command, code exchange.Code) ledger.Result {
	d.Helper()
	res := d.do(c)
	if res.Code != code {
		d.Fatalf("got %q (%s), want %q", res.Code, res.Message, code)
	}
	return res
}

// stops expects the command to break an invariant.
func (d *domain) stops(c ledger.Command) {
	d.Helper()
	if _, _, err := d.machine.Apply(&d.rows, d.index+1, exchange.Encode(c)); err == nil {
		d.Fatal("the group goes on")
	}
}

func idOf(n int) (id exchange.ID) { copy(id[:], fmt.Sprintf("exchange-%07d", n)); return id }

func to(units ...exchange.Unit) (out []exchange.Recipient) {
	for _, u := range units {
		out = append(out, exchange.Recipient{Unit: u})
	}
	return out
}

// manifest describes one small exchange of one chunk.
func manifest(n int, from exchange.Unit, units ...exchange.Unit) exchange.Manifest {
	chunk := fmt.Appendf(nil, "sealed %d", n)
	return exchange.Manifest{ID: idOf(n), Kind: exchange.Document, From: from, To: to(units...), Created: begin, NotAfter: begin + 30*day,
		Parts: []exchange.Part{{Size: 6, Chunks: []crypto.Digest{sum(chunk)}}}}
}

func inline(n int) [][]byte { return [][]byte{fmt.Appendf(nil, "sealed %d", n)} }

func all(m *exchange.Manifest) (out []uint16) {
	for i := range m.To {
		out = append(out, uint16(i))
	}
	return out
}

// receipt states something about a manifest.
func receipt(m *exchange.Manifest, s exchange.State, by exchange.Domain, prev crypto.Digest, deliveries ...uint16) crypto.Signed {
	r := exchange.Receipt{State: s, Exchange: m.ID, Manifest: digest(signedManifest(m)), Domain: by, Deliveries: deliveries, At: begin + 1, Prev: prev}
	if s == exchange.SignedFor || s == exchange.Returned {
		r.Unit = m.To[deliveries[0]].Unit
	}
	return state(crypto.ContextReceipt, r)
}

func signedManifest(m *exchange.Manifest) crypto.Signed { return state(crypto.ContextManifest, *m) }

// submission takes m into custody at its origin.
func submission(m *exchange.Manifest, n int) *ledger.Submit {
	accepted := receipt(m, exchange.Accepted, m.From.Domain(), crypto.Digest{}, all(m)...)
	receipts := []crypto.Signed{accepted}
	var local []uint16
	for i, r := range m.To {
		if r.Unit.Domain() == m.From.Domain() {
			local = append(local, uint16(i))
		}
	}
	if len(local) > 0 {
		receipts = append(receipts, receipt(m, exchange.Arrived, m.From.Domain(), digest(accepted), local...))
	}
	return &ledger.Submit{Manifest: signedManifest(m), Receipts: receipts, Inline: inline(n), Key: fmt.Sprint("key-", n), Content: sum(fmt.Append(nil, n)), Person: "zhang.san"}
}

// carry receives one message from a neighbour, with the next sequence.
func (d *domain) carry(peer exchange.Domain, class exchange.Class, m exchange.Message, prepared ...crypto.Signed) ledger.Result {
	d.Helper()
	return d.do(d.carrying(peer, class, m, prepared...))
}

func (d *domain) carrying(peer exchange.Domain, class exchange.Class, m exchange.Message, prepared ...crypto.Signed) ledger.Command {
	link, _, _ := ledger.LinkOf(&d.rows, peer)
	return ledger.Command{Receive: &ledger.Receive{Peer: peer, Epoch: link.PeerEpoch, Term: link.Term, Rows: []ledger.ReceivedRow{
		{Class: class, Sequence: max(link.ReceiveNext[class], 1), Message: exchange.Encode(m), Receipts: prepared}}}}
}

func (d *domain) stateOf(id exchange.ID, i uint16) exchange.State {
	del, _, err := ledger.DeliveryOf(&d.rows, id, i)
	if err != nil {
		d.Fatal(err)
	}
	return del.State
}

// queued decodes what waits for a peer.
func (d *domain) queued(peer exchange.Domain, class exchange.Class) (out []ledger.QueueRow) {
	if err := ledger.QueueRows(&d.rows, peer, class, 0, func(_ uint64, row ledger.QueueRow) bool { out = append(out, row); return true }); err != nil {
		d.Fatal(err)
	}
	return out
}

// same reports whether two ledgers hold the same rows.
func same(a, b ledger.Reader) bool {
	for t := ledger.Table(1); t < ledger.TableEnd; t++ {
		if !bytes.Equal(dump(a, t), dump(b, t)) {
			return false
		}
	}
	return true
}

func dump(r ledger.Reader, t ledger.Table) []byte {
	var out bytes.Buffer
	r.Scan(t, nil, nil, func(k, v []byte) bool { fmt.Fprintf(&out, "%x=%x\n", k, v); return true })
	return out.Bytes()
}
