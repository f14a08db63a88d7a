package pipeline

import (
	"context"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// TestWhatCannotBeJudgedIsSetAsideAfterLongPatience: it is unavailable first
// and quarantined at last.
func TestWhatCannotBeJudgedIsSetAsideAfterLongPatience(t *testing.T) {
	var s stumbles
	id, cause := exchange.ID{1}, exchange.Errorf(exchange.Unavailable, "test", "no answer in time")
	ended, end := context.WithCancel(context.Background())
	end()
	for n := 1; n < patience; n++ {
		if err := s.give(ended, id, cause); quarantines(err) {
			t.Fatalf("a session that ended counts against the exchange: %v", err)
		}
		if err := s.give(context.Background(), id, cause); quarantines(err) || exchange.CodeOf(err) != exchange.Unavailable {
			t.Fatalf("attempt %d: %v", n, err)
		}
	}
	if err := s.give(context.Background(), exchange.ID{2}, cause); quarantines(err) {
		t.Fatalf("another exchange shares its patience: %v", err)
	}
	if err := s.give(context.Background(), id, cause); !quarantines(err) {
		t.Fatalf("attempt %d: %v", patience, err)
	}
	s.forget(exchange.ID{2})
	if len(s.tries) != 0 {
		t.Fatalf("%d exchanges are remembered", len(s.tries))
	}
}
