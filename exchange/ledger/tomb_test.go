package ledger_test

import (
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// TestTombstonesAreBoundedAndPass: beyond the bound a recall is held, and when
// their time has passed they make room again.
func TestTombstonesAreBoundedAndPass(t *testing.T) {
	d := found(t, city)
	bury := func(n int) {
		m := manifest(n, "bgt@320000", "wjw@320500")
		d.carry(province, exchange.ClassOrdinary, exchange.Message{Notice: recall(&m, 0)})
	}
	for n := range ledger.MostTombs + 1 {
		bury(n)
	}
	counts, _ := ledger.CountsOf(&d.rows)
	if counts.Tombs != ledger.MostTombs || counts.Held != 1 || d.rows.Rows(ledger.TableTomb) != ledger.MostTombs {
		t.Fatalf("%+v", counts)
	}
	later := ledger.TimeOf(&d.rows).Add(ledger.TombLife + 1)
	d.must(ledger.Command{Clock: &later})
	bury(ledger.MostTombs + 1)
	counts, _ = ledger.CountsOf(&d.rows)
	if counts.Tombs >= ledger.MostTombs || counts.Held != 1 || uint64(d.rows.Rows(ledger.TableTomb)) != counts.Tombs {
		t.Fatalf("after their time: %+v", counts)
	}
}
