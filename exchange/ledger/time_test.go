package ledger_test

import (
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

func TestTheProposersClockIsReadWithoutDecoding(t *testing.T) {
	level := uint32(2)
	for _, at := range []exchange.Time{0, 1, 23, 24, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32, begin} {
		for _, c := range []ledger.Command{{Time: at}, {Time: at, Level: &level}, {Time: at, Lease: &ledger.Lease{Until: 9}, Revisions: ledger.Revisions{Policy: 3}}} {
			raw := exchange.Encode(c)
			if got, ok := ledger.ProposedTime(raw); !ok || got != at {
				t.Errorf("%d is read as %d, %v", at, got, ok)
			}
		}
	}
	whole := exchange.Encode(ledger.Command{Time: begin, Level: &level})
	for _, raw := range [][]byte{nil, {0xa1}, {0xa1, 2, 0}, {0x80}, {0xa1, 1, 0x1c}, whole[:6]} {
		if at, ok := ledger.ProposedTime(raw); ok {
			t.Errorf("%x is read as %d", raw, at)
		}
	}
}
