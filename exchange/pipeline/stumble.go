package pipeline

import (
	"context"
	"sync"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// patience is how often an exchange is judged in vain before it is set aside.
// A link that backs off to minutes between attempts takes hours for so many.
const patience = 20

// stumbles counts in vain attempts to judge what arrived, so that one exchange
// that policy cannot evaluate does not hold up its link for ever. It is a
// memory of this process: after a change of leader the patience begins again.
type stumbles struct {
	mu    sync.Mutex
	tries map[exchange.ID]int
}

// give returns err while there is patience, and then an error that
// quarantines. It is never a refusal: nobody judged.
func (s *stumbles) give(ctx context.Context, id exchange.ID, err error) error {
	if ctx.Err() != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tries == nil {
		s.tries = map[exchange.ID]int{}
	}
	if s.tries[id]++; s.tries[id] < patience {
		return err
	}
	delete(s.tries, id)
	return exchange.Errorf(exchange.Conflict, opReceive, "exchange %s could not be judged in %d attempts: %w", id, patience, err)
}

func (s *stumbles) forget(id exchange.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tries, id)
}
