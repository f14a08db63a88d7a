package ledger_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

var rewrite = flag.Bool("rewrite", false, "write golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (write it anew with -rewrite); got:\n%s", name, got)
	}
}

// says is a state claimed by a domain.
type says struct {
	state exchange.State
	by    exchange.Domain
}

func (s says) String() string { return s.state.String() + "@" + string(s.by) }

// atOrigin submits one delivery from the province to the county and lets
// receipts come back for it.
func atOrigin(t testing.TB, history ...says) (*domain, *exchange.Manifest) {
	d := found(t, province)
	m := manifest(1, "bgt@320000", "wjw@320582")
	d.must(ledger.Command{Submit: submission(&m, 1)})
	for _, h := range history {
		d.hear(&m, h)
	}
	return d, &m
}

// hear takes one receipt about delivery 0 in.
func (d *domain) hear(m *exchange.Manifest, h says) {
	d.Helper()
	del, _, _ := ledger.DeliveryOf(&d.rows, m.ID, 0)
	s := receipt(m, h.state, h.by, del.Last, 0)
	if h.by != d.name {
		if res := d.carry(city, exchange.ClassControl, exchange.Message{Receipt: &s}); res.Code != "" {
			d.Fatal(res)
		}
		return
	}
	was := d.now
	d.pass(d.now + 31*day)
	d.do(ledger.Command{Deadline: &ledger.Deadline{Receipts: []crypto.Signed{s}}})
	d.now = max(was, d.now)
}

// TestReceiptsMoveADelivery holds the whole table: what the origin knows, and
// what each receipt makes of it.
func TestReceiptsMoveADelivery(t *testing.T) {
	histories := [][]says{
		{},
		{{exchange.Relayed, city}},
		{{exchange.Relayed, city}, {exchange.Arrived, county}},
		{{exchange.Relayed, city}, {exchange.Arrived, county}, {exchange.SignedFor, county}},
		{{exchange.Relayed, city}, {exchange.Arrived, county}, {exchange.Returned, county}},
		{{exchange.Relayed, city}, {exchange.Arrived, county}, {exchange.Recalled, county}},
		{{exchange.Relayed, city}, {exchange.Refused, county}},
		{{exchange.Recalled, city}},
		{{exchange.Refused, city}},
		{{exchange.Bounced, province}},
		{{exchange.Relayed, city}, {exchange.Arrived, county}, {exchange.Expired, province}},
	}
	var out bytes.Buffer
	fmt.Fprintln(&out, "# what the origin 320000 knows of a delivery to 320582 by way of 320500; receipt -> state, by whom")
	for _, h := range histories {
		fmt.Fprintf(&out, "\nafter %v\n", h)
		for s := exchange.State(0); s <= exchange.Expired+1; s++ {
			for _, by := range []exchange.Domain{province, city, county} {
				if by == province && s != exchange.Bounced && s != exchange.Expired {
					continue
				}
				d, m := atOrigin(t, h...)
				before, _, _ := ledger.DeliveryOf(&d.rows, m.ID, 0)
				d.hear(m, says{s, by})
				after, _, _ := ledger.DeliveryOf(&d.rows, m.ID, 0)
				if after != before {
					fmt.Fprintf(&out, "  %-9s %s -> %s %s\n", s, by, after.State, after.Where)
				}
			}
		}
	}
	golden(t, "receipts.golden", out.Bytes())
}

// TestEachRefusalHasItsCode holds what is answered to commands that come at the
// wrong time.
func TestEachRefusalHasItsCode(t *testing.T) {
	var out bytes.Buffer
	for _, c := range refusals {
		d, m := atOrigin(t)
		local := manifest(2, "bgt@320000", "wjw@320000")
		d.must(ledger.Command{Submit: submission(&local, 2)})
		command := c.command(d, m, &local)
		before := d.rows.Clone()
		res := d.do(command)
		if !same(before, &d.rows) {
			t.Errorf("%s: the state changed", c.name)
		}
		fmt.Fprintf(&out, "%s\n    %s: %s\n", c.name, res.Code, res.Message)
	}
	golden(t, "refusals.golden", out.Bytes())
}

var refusals = []struct {
	name    string
	command func(d *domain, m, local *exchange.Manifest) ledger.Command
}{
	{"founding twice", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		return ledger.Command{Bootstrap: bootstrap(province)}
	}},
	{"decided under other revisions", func(_ *domain, m, _ *exchange.Manifest) ledger.Command {
		return ledger.Command{Revisions: ledger.Revisions{Policy: 1, Directory: 99}, Submit: submission(m, 3)}
	}},
	{"a clock five days ahead", func(d *domain, m, _ *exchange.Manifest) ledger.Command {
		return ledger.Command{Time: d.now + 5*day, Submit: submission(m, 3)}
	}},
	{"a known key with other content", func(_ *domain, m, _ *exchange.Manifest) ledger.Command {
		s := submission(m, 1)
		s.Content = sum([]byte("other"))
		return ledger.Command{Submit: s}
	}},
	{"a known id with a new key", func(_ *domain, m, _ *exchange.Manifest) ledger.Command {
		s := submission(m, 1)
		s.Key = "new"
		return ledger.Command{Submit: s}
	}},
	{"releasing what is not held", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		return ledger.Command{Release: &ledger.Release{Number: 7, Peer: city}}
	}},
	{"dismissing what is not held", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		return ledger.Command{Dismiss: &ledger.Dismiss{Number: 7, Peer: city}}
	}},
	{"stumbling in a session of another life", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		return ledger.Command{Stumble: &ledger.Stumble{Peer: city, Epoch: [16]byte{1}, Sequence: 1}}
	}},
	{"a bounce by another domain", func(_ *domain, m, _ *exchange.Manifest) ledger.Command {
		return ledger.Command{Bounce: &ledger.Bounce{Receipts: []crypto.Signed{receipt(m, exchange.Bounced, city, crypto.Digest{}, 0)}}}
	}},
	{"more collected at once than a command may", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		return ledger.Command{Collect: &ledger.Collect{Exchanges: make([]exchange.ID, ledger.MostCollected+1)}}
	}},
	{"a manifest of another domain", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		m := manifest(3, "wjw@320500", "wjw@320582")
		return ledger.Command{Submit: submission(&m, 3)}
	}},
	{"a recipient without a road", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		m := manifest(3, "bgt@320000", "wjw@110000")
		return ledger.Command{Submit: submission(&m, 3)}
	}},
	{"fewer chunks than listed", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		m := manifest(3, "bgt@320000", "wjw@320582")
		m.Parts = append(m.Parts, m.Parts[0])
		return ledger.Command{Submit: submission(&m, 3)}
	}},
	{"an upload that took two days", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		m := manifest(3, "bgt@320000", "wjw@320582")
		m.Created -= 2 * day
		s := submission(&m, 3)
		s.Inline, s.Stored = nil, []exchange.Stored{{Replica: "a"}}
		return ledger.Command{Submit: s}
	}},
	{"an upload whose lease is gone", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		m := manifest(3, "bgt@320000", "wjw@320582")
		s := submission(&m, 3)
		s.Inline, s.Stored, s.Lease = nil, []exchange.Stored{{Replica: "a"}}, [16]byte{9}
		return ledger.Command{Submit: s}
	}},
	{"receipts that leave a delivery open", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		m := manifest(3, "bgt@320000", "wjw@320582", "wjw@320500")
		s := submission(&m, 3)
		s.Receipts = []crypto.Signed{receipt(&m, exchange.Accepted, province, crypto.Digest{}, 0)}
		return ledger.Command{Submit: s}
	}},
	{"signing for a delivery elsewhere", func(d *domain, m, _ *exchange.Manifest) ledger.Command {
		d.hear(m, says{exchange.Arrived, county})
		return ledger.Command{Act: &ledger.Act{Receipt: receipt(m, exchange.SignedFor, province, crypto.Digest{}, 0)}}
	}},
	{"signing against a superseded receipt", func(_ *domain, _, local *exchange.Manifest) ledger.Command {
		return ledger.Command{Act: &ledger.Act{Receipt: receipt(local, exchange.SignedFor, province, crypto.Digest{}, 0)}}
	}},
	{"signing an exchange that is not here", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		m := manifest(9, "bgt@320000", "wjw@320000")
		return ledger.Command{Act: &ledger.Act{Receipt: receipt(&m, exchange.SignedFor, province, crypto.Digest{}, 0)}}
	}},
	{"giving up before the deadline", func(d *domain, m, _ *exchange.Manifest) ledger.Command {
		del, _, _ := ledger.DeliveryOf(&d.rows, m.ID, 0)
		return ledger.Command{Deadline: &ledger.Deadline{Receipts: []crypto.Signed{receipt(m, exchange.Bounced, province, del.Last, 0)}}}
	}},
	{"acknowledging what was never sent", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		return ledger.Command{Ack: &ledger.Ack{Peer: city, Class: exchange.ClassOrdinary, UpTo: 2}}
	}},
	{"a gap", func(d *domain, _, _ *exchange.Manifest) ledger.Command {
		c := d.carrying(city, exchange.ClassOrdinary, exchange.Message{})
		c.Receive.Rows[0].Sequence = 7
		return c
	}},
	{"an old session", func(d *domain, _, _ *exchange.Manifest) ledger.Command {
		c := d.carrying(city, exchange.ClassOrdinary, exchange.Message{})
		c.Receive.Term = 0
		return c
	}},
	{"another epoch", func(d *domain, _, _ *exchange.Manifest) ledger.Command {
		c := d.carrying(city, exchange.ClassOrdinary, exchange.Message{})
		c.Receive.Epoch = [16]byte{1}
		return c
	}},
	{"a greeting of an older incarnation", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		return ledger.Command{Open: &ledger.OpenLink{Peer: city, Incarnation: 0, Term: 9, Epoch: epochOf(city)}}
	}},
	{"a greeting of somebody who is no neighbour", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		return ledger.Command{Open: &ledger.OpenLink{Peer: county, Incarnation: 1, Term: 9, Epoch: epochOf(county)}}
	}},
	{"a statement that is not newer", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		return ledger.Command{Statement: &ledger.Statement{Directory: &tree()[0]}}
	}},
	{"a level that is reached already", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		level := uint32(ledger.FeatureLevel)
		return ledger.Command{Level: &level}
	}},
	{"two officers' duties in one person", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		return ledger.Command{Person: &ledger.PersonRow{Person: "li.si", Unit: "bgt@320000", Duties: []exchange.Duty{exchange.Auditor, exchange.Administrator}}}
	}},
	{"a person of another domain", func(*domain, *exchange.Manifest, *exchange.Manifest) ledger.Command {
		return ledger.Command{Person: &ledger.PersonRow{Person: "li.si", Unit: "wjw@320500"}}
	}},
}
