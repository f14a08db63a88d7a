package raftnode

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Every row of the ledger is read once after each start and then once a day, a
// few hundred at a time: what nobody asks for rots unnoticed otherwise.
const (
	scrubEvery = 24 * time.Hour
	scrubPause = 20 * time.Millisecond
)

// watchStore stops the group when its ledger turns out to be damaged: it would
// answer wrongly, and diverge with the next command.
func (g *Group) watchStore() {
	select {
	case <-g.store.Harmed():
		g.fail(fmt.Errorf("raftnode: at log index %d: %w", g.store.AppliedIndex(), g.store.Harm()))
	case <-g.ending:
	}
}

func (g *Group) scrub() {
	for {
		start := time.Now()
		err := g.store.Scrub(func() error {
			select {
			case <-time.After(scrubPause):
				return nil
			case <-g.ending:
				return context.Canceled
			}
		})
		if err == nil {
			g.log.Debug("every row of the ledger was read and is whole", slog.Duration("took", time.Since(start)))
		} else if exchange.CodeOf(err) != exchange.Unavailable {
			return // the group ends
		}
		select {
		case <-time.After(scrubEvery):
		case <-g.ending:
			return
		}
	}
}
