package ledger_test

import (
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// TestADeliveryThatComesLaterIsPassedOnWithReceiptsOfItsOwn: the county forgot
// that it had withdrawn the second delivery, and sends it after the first.
func TestADeliveryThatComesLaterIsPassedOnWithReceiptsOfItsOwn(t *testing.T) {
	d := found(t, city)
	m := manifest(1, "wjw@320582", "bgs@320000", "wjw@320000")
	accepted := receipt(&m, exchange.Accepted, county, crypto.Digest{}, 0, 1)
	for i := range uint16(2) {
		e := exchange.Envelope{Manifest: signedManifest(&m), Deliveries: []uint16{i}, Custody: []crypto.Signed{accepted}, Inline: inline(1)}
		if res := d.carry(county, exchange.ClassOrdinary, exchange.Message{Envelope: &e}, receipt(&m, exchange.Relayed, city, digest(accepted), i)); res.Code != "" {
			t.Fatal(res)
		}
	}
	if held, _ := ledger.Held(&d.rows, county); len(held) > 0 {
		t.Fatal(held[0].Reason)
	}
	ex, _, _ := ledger.Find(&d.rows, m.ID)
	rows := d.queued(province, exchange.ClassOrdinary)
	if len(rows) != 2 || len(ex.Custody) != 2 || len(rows[0].Road) != 0 || len(rows[1].Road) != 2 {
		t.Fatalf("%d receipts are kept for the road, and %+v is queued", len(ex.Custody), rows)
	}
	for n, want := range []crypto.Signed{accepted, receipt(&m, exchange.Relayed, city, digest(accepted), 1)} {
		if s, _, _ := ledger.ReceiptAt(&d.rows, m.ID, rows[1].Road[n]); digest(s) != digest(want) {
			t.Fatalf("receipt %d on the road of the second delivery is another one", n)
		}
	}
}

// TestADeliveryThatComesLaterContinuesItsOwnReceipts: the province has the first
// delivery by one receipt of the city, and gets the second by another.
func TestADeliveryThatComesLaterContinuesItsOwnReceipts(t *testing.T) {
	d := found(t, province)
	m := manifest(1, "wjw@320582", "bgs@320000", "wjw@320000")
	accepted := receipt(&m, exchange.Accepted, county, crypto.Digest{}, 0, 1)
	for i := range uint16(2) {
		relayed := receipt(&m, exchange.Relayed, city, digest(accepted), i)
		e := exchange.Envelope{Manifest: signedManifest(&m), Deliveries: []uint16{i}, Custody: []crypto.Signed{accepted, relayed}}
		d.carry(city, exchange.ClassOrdinary, exchange.Message{Envelope: &e})
		if del, ok, _ := ledger.DeliveryOf(&d.rows, m.ID, i); !ok || del.State != exchange.Arriving || del.Last != digest(relayed) {
			t.Fatalf("delivery %d is %+v", i, del)
		}
	}
}

// TestADeliveryThatComesAfterTheRestWasRecalledIsFetched: with the last delivery
// that was recalled the city gave its chunks up, and now there is another one.
func TestADeliveryThatComesAfterTheRestWasRecalledIsFetched(t *testing.T) {
	d := found(t, city)
	m := manifest(1, "wjw@320582", "bgs@320000", "wjw@320000")
	accepted := receipt(&m, exchange.Accepted, county, crypto.Digest{}, 0, 1)
	e := exchange.Envelope{Manifest: signedManifest(&m), Deliveries: []uint16{0}, Custody: []crypto.Signed{accepted}}
	d.carry(county, exchange.ClassOrdinary, exchange.Message{Envelope: &e})
	d.carry(county, exchange.ClassOrdinary, exchange.Message{Notice: recall(&m, 0)}, receipt(&m, exchange.Recalled, city, digest(accepted), 0))
	e.Deliveries = []uint16{1}
	d.carry(county, exchange.ClassOrdinary, exchange.Message{Envelope: &e})
	if ex, _, _ := ledger.Find(&d.rows, m.ID); !ex.Waiting || d.rows.Rows(ledger.TableWaiting) != 1 || d.stateOf(m.ID, 1) != exchange.Arriving {
		t.Fatalf("waiting %v, %d rows, %s", ex.Waiting, d.rows.Rows(ledger.TableWaiting), d.stateOf(m.ID, 1))
	}
}
