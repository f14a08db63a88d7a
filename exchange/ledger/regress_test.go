package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

func TestACommandAsksForOneThing(t *testing.T) {
	d := found(t, province)
	level := uint32(2)
	d.stops(ledger.Command{Time: begin})
	d.stops(ledger.Command{Time: begin, Level: &level, Lease: &ledger.Lease{ID: [16]byte{1}}})
}

func TestAnIndexIsAppliedOnce(t *testing.T) {
	d := found(t, province)
	d.rows.Put(ledger.Mutation{Table: ledger.TableMeta, Key: ledger.KeyApplied, Value: []byte{0, 0, 0, 0, 0, 0, 0, byte(d.index + 1)}})
	d.stops(ledger.Command{Time: begin, Lease: &ledger.Lease{ID: [16]byte{1}}})
	d.index++
	d.must(ledger.Command{Lease: &ledger.Lease{ID: [16]byte{1}}})
}

func TestALedgerOfANewerLevelStopsTheReplica(t *testing.T) {
	d := found(t, province)
	d.rows.Put(ledger.Mutation{Table: ledger.TableMeta, Key: []byte("level"), Value: []byte{0, 0, 0, ledger.FeatureLevel + 1}})
	d.stops(ledger.Command{Time: begin, Lease: &ledger.Lease{ID: [16]byte{1}}})
}

// An older program that refused it would differ from the others, which raise
// their level at this entry.
func TestALevelThatIsNotKnownStopsTheReplica(t *testing.T) {
	d := found(t, province)
	level := uint32(ledger.FeatureLevel + 1)
	d.stops(ledger.Command{Time: begin, Level: &level})
}

func TestTimeNeverGoesBackAndOnlyAnOperatorJumps(t *testing.T) {
	d := found(t, province)
	const most = exchange.Time(ledger.MaxTimeJump / time.Millisecond)
	lease := &ledger.Lease{ID: [16]byte{1}}
	at := ledger.TimeOf(&d.rows)
	d.must(ledger.Command{Time: at - day, Lease: lease})
	if got := ledger.TimeOf(&d.rows); got != at {
		t.Fatalf("time went from %d to %d", at, got)
	}
	d.refused(ledger.Command{Time: at + most + 1, Lease: lease}, exchange.Unavailable)
	d.refused(ledger.Command{Time: -1 << 63, Bootstrap: bootstrap(province)}, exchange.Conflict)
	d.refused(ledger.Command{Time: 1<<63 - 1, Lease: lease}, exchange.Unavailable)
	d.must(ledger.Command{Time: at + most, Lease: lease})
	target := at + 400*day
	d.must(ledger.Command{Time: at + 9999*day, Clock: &target})
	if got := ledger.TimeOf(&d.rows); got != target {
		t.Fatalf("the operator set %d, the ledger has %d", target, got)
	}
}

// TestATickMovesTheTimeAndNothingElse: an idle domain's time must not fall behind
// by more than one command may move it.
func TestATickMovesTheTimeAndNothingElse(t *testing.T) {
	d := found(t, province)
	before := d.rows.Clone()
	at := ledger.TimeOf(&d.rows) + 3*day
	d.must(ledger.Tick(at))
	if got := ledger.TimeOf(&d.rows); got != at {
		t.Errorf("the time is %d, want %d", got, at)
	}
	for table := ledger.TableMeta + 1; table < ledger.TableEnd; table++ {
		if d.rows.Rows(table) != before.Rows(table) {
			t.Errorf("table %d changed", table)
		}
	}
}

func TestANeighbourThatEndsOneDeliveryStillFetchesForTheOthers(t *testing.T) {
	d := found(t, province)
	m := manifest(1, "bgt@320000", "wjw@320582", "wjw@320500")
	s := submission(&m, 1)
	lease := ledger.Lease{ID: [16]byte{7}, Until: begin + day}
	d.must(ledger.Command{Lease: &lease})
	s.Inline, s.Stored, s.Lease = nil, []exchange.Stored{{Replica: "a"}}, lease.ID
	d.must(ledger.Command{Submit: s})
	recalled := receipt(&m, exchange.Recalled, city, digest(s.Receipts[0]), 0)
	d.carry(city, exchange.ClassControl, exchange.Message{Receipt: &recalled})
	if d.rows.Rows(ledger.TableOffer) != 1 {
		t.Fatal("the chunks are no longer offered, though another delivery needs them")
	}
	arrived := receipt(&m, exchange.Arrived, city, digest(s.Receipts[0]), 1)
	d.carry(city, exchange.ClassControl, exchange.Message{Receipt: &arrived})
	if d.rows.Rows(ledger.TableOffer) != 0 {
		t.Fatal("the chunks are offered to one who has them")
	}
}

// waiting is a city with an envelope whose chunks are not there yet.
func waiting(t *testing.T, units ...exchange.Unit) (*domain, *exchange.Manifest, crypto.Signed) {
	d := found(t, city)
	m := manifest(1, "bgt@320000", units...)
	accepted := receipt(&m, exchange.Accepted, province, crypto.Digest{}, all(&m)...)
	e := exchange.Envelope{Manifest: signedManifest(&m), Deliveries: all(&m), Custody: []crypto.Signed{accepted}}
	if res := d.carry(province, exchange.ClassOrdinary, exchange.Message{Envelope: &e}); res.Code != "" {
		t.Fatal(res)
	}
	return d, &m, accepted
}

func recall(m *exchange.Manifest, deliveries ...uint16) *crypto.Signed {
	return noticed(m, exchange.Recall, deliveries...)
}

func noticed(m *exchange.Manifest, kind exchange.NoticeKind, deliveries ...uint16) *crypto.Signed {
	n := state(exchange.ContextNotice, exchange.Notice{Kind: kind, Exchange: m.ID, Manifest: digest(signedManifest(m)), Deliveries: deliveries, From: m.From, At: begin})
	return &n
}

func TestARecalledEnvelopeNoLongerWaitsForItsChunks(t *testing.T) {
	d, m, accepted := waiting(t, "wjw@320582", "wjw@320500")
	first := receipt(m, exchange.Recalled, city, digest(accepted), 0)
	d.carry(province, exchange.ClassOrdinary, exchange.Message{Notice: recall(m, 0)}, first)
	if d.rows.Rows(ledger.TableWaiting) != 1 {
		t.Fatal("one delivery is left, and nobody waits for its chunks")
	}
	d.carry(province, exchange.ClassOrdinary, exchange.Message{Notice: recall(m, 1)}, receipt(m, exchange.Recalled, city, digest(accepted), 1))
	if d.rows.Rows(ledger.TableWaiting) != 0 {
		t.Fatal("nothing is left to deliver, and the chunks are still waited for")
	}
	if got := d.must(ledger.Command{Custody: &ledger.Custody{Exchange: m.ID, Stored: []exchange.Stored{{Replica: "a"}}}}); !got.Replayed {
		t.Fatal("custody was taken of what was recalled")
	}
}

func TestAnUrgeDoesNotOvertakeWhatItUrges(t *testing.T) {
	d, m, _ := waiting(t, "wjw@320582")
	d.carry(province, exchange.ClassOrdinary, exchange.Message{Notice: noticed(m, exchange.Urge, 0)})
	if n := len(d.queued(county, exchange.ClassOrdinary)); n != 0 {
		t.Fatalf("%d messages for the county before the exchange itself", n)
	}
}

func TestCustodyNeedsAMajorityOfTheConfigurationInForce(t *testing.T) {
	d, m, accepted := waiting(t, "wjw@320500")
	d.rows.Put(ledger.Mutation{Table: ledger.TableMeta, Key: ledger.KeyConfiguration,
		Value: exchange.Encode(ledger.Configuration{Index: 2, Voters: []exchange.Replica{"a", "b", "c"}})})
	c := &ledger.Custody{Exchange: m.ID, Receipts: []crypto.Signed{receipt(m, exchange.Arrived, city, digest(accepted), 0)},
		Stored: []exchange.Stored{{Replica: "a"}, {Replica: "a"}, {Replica: "z"}}}
	d.refused(ledger.Command{Custody: c}, exchange.Unavailable)
	c.Stored = append(c.Stored, exchange.Stored{Replica: "c"})
	d.must(ledger.Command{Custody: c})
	if got := d.stateOf(m.ID, 0); got != exchange.Arrived {
		t.Fatalf("the delivery is %s", got)
	}
}

func TestAQuarantinedNoticeBelongsToItsLink(t *testing.T) {
	d := found(t, city)
	m := manifest(1, "bgt@320000", "wjw@320500")
	d.carry(province, exchange.ClassOrdinary, exchange.Message{Notice: recall(&m, 0)})
	m.Type = "other" // the second names another manifest of the same exchange
	d.carry(province, exchange.ClassOrdinary, exchange.Message{Notice: recall(&m, 0)})
	held, err := ledger.Held(&d.rows, province)
	if err != nil || len(held) != 1 || held[0].Peer != province {
		t.Fatalf("held: %+v, %v", held, err)
	}
}

func TestARepeatedEnvelopeIsAnsweredWithItsReceipts(t *testing.T) {
	repeatEnvelopes(t, foundAt(t, city, 1), 2)
	repeatEnvelopes(t, foundAt(t, city, 2), 1) // a new delivery is taken in
}

func repeatEnvelopes(t *testing.T, d *domain, aside int) {
	t.Helper()
	m := manifest(1, "bgt@320000", "wjw@320500", "wjw@320582")
	accepted := receipt(&m, exchange.Accepted, province, crypto.Digest{}, 0, 1)
	e := exchange.Envelope{Manifest: signedManifest(&m), Deliveries: []uint16{0}, Custody: []crypto.Signed{accepted}, Inline: inline(1)}
	arrived := receipt(&m, exchange.Arrived, city, digest(accepted), 0)
	statements := len(d.queued(province, exchange.ClassControl))
	for range 2 {
		d.carry(province, exchange.ClassOrdinary, exchange.Message{Envelope: &e}, arrived)
	}
	if n := len(d.queued(province, exchange.ClassControl)) - statements; n != 2 {
		t.Fatalf("%d messages go back, want the receipt twice", n)
	}
	if in, _ := ledger.InboxDeliveries(&d.rows, "wjw@320500", m.ID); len(in) != 1 {
		t.Fatalf("the recipient sees %d copies", len(in))
	}
	e.Deliveries = []uint16{0, 1}
	d.carry(province, exchange.ClassOrdinary, exchange.Message{Envelope: &e}, arrived)
	m.Type = "other"
	e.Manifest, e.Deliveries = signedManifest(&m), []uint16{0}
	d.carry(province, exchange.ClassOrdinary, exchange.Message{Envelope: &e}, arrived)
	if held, _ := ledger.Held(&d.rows, province); len(held) != aside {
		t.Fatalf("%d held, want %d: the one with other content, and at level 1 the one with a new delivery", len(held), aside)
	}
}

func TestInlineContentIsAllOrNothing(t *testing.T) {
	d := found(t, city)
	m := manifest(1, "bgt@320000", "wjw@320500")
	m.Parts = append(m.Parts, exchange.Part{Chunks: []crypto.Digest{sum([]byte("more"))}})
	accepted := receipt(&m, exchange.Accepted, province, crypto.Digest{}, 0)
	e := exchange.Envelope{Manifest: signedManifest(&m), Deliveries: []uint16{0}, Custody: []crypto.Signed{accepted}, Inline: inline(1)}
	arrived := receipt(&m, exchange.Arrived, city, digest(accepted), 0)
	d.carry(province, exchange.ClassOrdinary, exchange.Message{Envelope: &e}, arrived)
	if held, _ := ledger.Held(&d.rows, province); len(held) != 1 || d.rows.Rows(ledger.TableExchange) != 0 {
		t.Fatal("custody was taken of half the content")
	}
	e.Inline = nil
	d.refused(d.carrying(province, exchange.ClassOrdinary, exchange.Message{Envelope: &e}, arrived), exchange.Invalid)
}

func TestAnUploadIsProtectedByItsLease(t *testing.T) {
	d := found(t, province)
	m := manifest(1, "bgt@320000", "wjw@320582")
	s := submission(&m, 1)
	s.Inline, s.Stored, s.Lease = nil, []exchange.Stored{{Replica: "a"}}, [16]byte{7}
	d.must(ledger.Command{Lease: &ledger.Lease{ID: s.Lease, Until: begin + day}})
	d.now = begin + day + 1
	d.refused(ledger.Command{Submit: s}, exchange.Unavailable)
	d.must(ledger.Command{Lease: &ledger.Lease{ID: [16]byte{3}, Until: d.now + day}})
	if n := d.rows.Rows(ledger.TableLease); n != 1 {
		t.Fatalf("%d leases, want the one that is alive", n)
	}
}

func TestAnUploadWithoutALeaseIsProtectedByItsAge(t *testing.T) {
	for _, c := range []struct {
		level   uint32
		created time.Duration // before the commit
		taken   bool
	}{{2, 0, true}, {2, ledger.MostUpload, true}, {2, ledger.MostUpload + time.Millisecond, false}, {2, -ledger.MostUpload - time.Millisecond, false}, {1, 0, false}} {
		d := foundAt(t, province, c.level)
		m := manifest(1, "bgt@320000", "wjw@320582")
		m.Created = (d.now + 1).Add(-c.created)
		s := submission(&m, 1)
		s.Inline, s.Stored = nil, []exchange.Stored{{Replica: "a"}}
		if c.taken {
			d.must(ledger.Command{Submit: s})
		} else {
			d.refused(ledger.Command{Submit: s}, exchange.Unavailable)
		}
	}
}

func TestADeadlineIsKeptUntilTheLastDeliveryEnds(t *testing.T) {
	d := found(t, province)
	m := manifest(1, "bgt@320000", "wjw@320582", "wjw@320500", "wjw@320000")
	s := submission(&m, 1)
	d.must(ledger.Command{Submit: s})
	due := func() (n int) {
		ledger.Due(&d.rows, m.NotAfter, func(exchange.ID) bool { n++; return true })
		return n
	}
	d.must(ledger.Command{Act: &ledger.Act{Receipt: receipt(&m, exchange.SignedFor, province, digest(s.Receipts[1]), 2)}})
	refused := receipt(&m, exchange.Refused, city, digest(s.Receipts[0]), 0)
	d.carry(city, exchange.ClassControl, exchange.Message{Receipt: &refused})
	d.carry(city, exchange.ClassControl, exchange.Message{Receipt: &refused})
	if due() != 1 {
		t.Fatal("one delivery is open, and its deadline is forgotten")
	}
	d.pass(m.NotAfter)
	d.must(ledger.Command{Deadline: &ledger.Deadline{Receipts: []crypto.Signed{receipt(&m, exchange.Bounced, province, digest(s.Receipts[0]), 1)}}})
	if due() != 0 || d.rows.Rows(ledger.TableDeadline) != 0 {
		t.Fatal("every delivery ended, and the deadline is still there")
	}
}

func TestATokenHasOneOwner(t *testing.T) {
	d := found(t, province)
	token := sum([]byte("token"))
	d.must(ledger.Command{Person: &ledger.PersonRow{Person: "li.si", Unit: "bgt@320000", Token: token}})
	d.must(ledger.Command{Person: &ledger.PersonRow{Person: "li.si", Unit: "bgt@320000", Token: token, Suspended: true}})
	d.refused(ledger.Command{Person: &ledger.PersonRow{Person: "wang.wu", Unit: "bgt@320000", Token: token}}, exchange.Conflict)
	d.must(ledger.Command{Person: &ledger.PersonRow{Person: "li.si", Unit: "bgt@320000", Token: sum([]byte("new"))}})
	if _, found, _ := ledger.PersonByToken(&d.rows, token); found {
		t.Fatal("the old token still opens")
	}
}

func directoryOf(issuer exchange.Domain, number uint64, children ...exchange.Domain) crypto.Signed {
	s := exchange.Directory{Issuer: issuer, Number: number}
	for _, c := range children {
		s.Children = append(s.Children, exchange.DomainInfo{Domain: c, Parent: issuer})
	}
	return state(crypto.ContextDirectory, s)
}

func TestStatementsOfOneCommandSeeEachOther(t *testing.T) {
	d := found(t, city)
	two, three := directoryOf(city, 2, county, sibling, "320584"), directoryOf(city, 3, county)
	c := d.carrying(county, exchange.ClassControl, exchange.Message{Directory: &two})
	c.Receive.Rows = append(c.Receive.Rows, ledger.ReceivedRow{Class: exchange.ClassControl, Sequence: c.Receive.Rows[0].Sequence + 1, Message: exchange.Encode(exchange.Message{Directory: &three})})
	d.must(c)
	for _, gone := range []exchange.Domain{sibling, "320584"} {
		if _, ok, _ := ledger.DomainOf(&d.rows, gone); ok {
			t.Errorf("%s is in the directory, though the latest statement does not list it", gone)
		}
	}
}

func TestAStatementIsToldOncePerNeighbourAndEpoch(t *testing.T) {
	d := found(t, city)
	two := directoryOf(city, 2, county, sibling)
	d.must(ledger.Command{Statement: &ledger.Statement{Directory: &two}})
	depth := func() int { return len(d.queued(county, exchange.ClassControl)) }
	before := depth()
	open := &ledger.OpenLink{Peer: county, Incarnation: 1, Term: 1, Epoch: epochOf(county)}
	for range 5 {
		d.must(ledger.Command{Open: open})
		d.carry(county, exchange.ClassControl, exchange.Message{Directory: &two})
		d.carry(province, exchange.ClassControl, exchange.Message{Directory: &two})
	}
	if depth() != before {
		t.Fatalf("%d messages for a neighbour that was told everything", depth()-before)
	}
	open.Epoch, open.Incarnation = [16]byte{9}, 2
	d.must(ledger.Command{Open: open})
	if got := depth(); got != 2 {
		t.Fatalf("after a resynchronisation %d statements are told again, want 2", got)
	}
	if link, _, _ := ledger.LinkOf(&d.rows, county); link.Resyncs != 1 || link.ReceiveNext != [exchange.ClassCount]uint64{} {
		t.Fatalf("the resynchronisation is not to be seen: %+v", link)
	}
}

func TestAnEquivocatingIssuerLeavesATrace(t *testing.T) {
	d := found(t, city)
	other := directoryOf(city, 1, county)
	d.carry(county, exchange.ClassControl, exchange.Message{Directory: &other})
	if _, ok, _ := ledger.DomainOf(&d.rows, sibling); !ok {
		t.Fatal("the second statement of one number was believed")
	}
	var last ledger.Event
	d.rows.Scan(ledger.TableAudit, nil, nil, func(_, raw []byte) bool { last, _ = exchange.Decode[ledger.Event](raw); return true })
	if last.Kind != ledger.EventEquivocation || last.Domain != city {
		t.Fatalf("the last event is %+v", last)
	}
}

func TestFoundingRefusesWhatCannotStand(t *testing.T) {
	for n, spoil := range []func(*ledger.Bootstrap){
		func(b *ledger.Bootstrap) { b.Self.Domain = "x" },
		func(b *ledger.Bootstrap) { b.Self.Epoch = [16]byte{} },
		func(b *ledger.Bootstrap) { b.Self.Parent = b.Self.Domain },
		func(b *ledger.Bootstrap) { b.Level = ledger.FeatureLevel + 1 },
		func(b *ledger.Bootstrap) { b.Directory = append(b.Directory, b.Directory[0]) },
		func(b *ledger.Bootstrap) { b.Units = []crypto.Signed{{Bytes: []byte("?")}} },
	} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			d := blank(t, city)
			d.refused(ledger.Command{Lease: &ledger.Lease{ID: [16]byte{1}}}, exchange.Unavailable)
			b := bootstrap(city)
			spoil(b)
			d.refused(ledger.Command{Bootstrap: b}, exchange.Invalid)
		})
	}
}

func TestALinkSendsItsRowsUntilTheyAreAcknowledged(t *testing.T) {
	d := found(t, province)
	for n := range 3 {
		m := manifest(n, "bgt@320000", "wjw@320500")
		d.must(ledger.Command{Submit: submission(&m, n)})
	}
	for _, upTo := range []uint64{2, 1, 2} {
		d.must(ledger.Command{Ack: &ledger.Ack{Peer: city, Class: exchange.ClassOrdinary, UpTo: upTo}})
		if n := len(d.queued(city, exchange.ClassOrdinary)); n != 1 {
			t.Fatalf("%d rows are queued, want 1", n)
		}
	}
	if _, oldest, err := ledger.QueueDepth(&d.rows, city); err != nil || oldest == 0 {
		t.Fatal("nobody sees how long the row waits")
	}
}
