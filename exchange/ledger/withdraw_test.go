package ledger_test

import (
	"math/rand/v2"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// TestNothingThatMayHaveBeenSentIsEverTakenBack opens and closes sessions in any
// order, late and twice, while a replica hands rows out as any state of the log
// allows; what it handed out from any of them stays below the mark for ever.
func TestNothingThatMayHaveBeenSentIsEverTakenBack(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		d := found(t, city)
		link := func() ledger.Link { l, _, _ := ledger.LinkOf(&d.rows, province); return l }
		var handed uint64
		var sessions [][16]byte
		n := 0
		for range 60 {
			switch rng.IntN(6) {
			case 0: // a session opens
				id := [16]byte{byte(len(sessions) + 1), 1}
				sessions = append(sessions, id)
				d.must(ledger.Command{Open: &ledger.OpenLink{Peer: province, Incarnation: 1, Term: link().Term, Epoch: epochOf(province), Session: id}})
			case 1: // somebody says that one has ended
				if len(sessions) > 0 {
					d.must(ledger.Command{Close: &ledger.Close{Sessions: []ledger.Ended{{Peer: province, Session: sessions[rng.IntN(len(sessions))]}}}})
				}
			case 2: // rows are acknowledged
				if l := link(); l.Acked[exchange.ClassOrdinary] < handed {
					d.must(ledger.Command{Ack: &ledger.Ack{Peer: province, Class: exchange.ClassOrdinary, UpTo: l.Acked[exchange.ClassOrdinary] + 1}})
				}
			default:
				n++
				m := manifest(n, "wjw@320500", "bgt@320000")
				d.must(ledger.Command{Submit: submission(&m, n)})
			}
			l := link() // a replica that hands out all that this state allows
			if mark := l.MaySend(exchange.ClassOrdinary); mark < handed {
				t.Fatalf("seed %d: row %d was handed out, and the mark fell to %d", seed, handed, mark)
			}
			queued := max(l.SendNext[exchange.ClassOrdinary], 1) - 1
			handed = max(handed, min(queued, l.MaySend(exchange.ClassOrdinary)))
		}
	}
}
