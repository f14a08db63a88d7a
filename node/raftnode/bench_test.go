package raftnode

import (
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// filing writes rows like a filing does: one of 4 KiB and a few small ones.
type filing struct{}

func (filing) Apply(_ ledger.Reader, _ uint64, command []byte) ([]byte, []ledger.Mutation, error) {
	key := command[:16]
	m := []ledger.Mutation{{Table: ledger.TableExchange, Key: key, Value: command}}
	for t := ledger.TableDelivery; t < ledger.TableDelivery+3; t++ {
		m = append(m, ledger.Mutation{Table: t, Key: key, Value: command[:64]})
	}
	return key, m, nil
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkPropose(b *testing.B) {
	for _, clients := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			nodes := newCluster(b, func(c *Config) {
				c.Applier, c.Heartbeat, c.Logger = filing{}, 2*time.Second, slog.New(slog.NewTextHandler(io.Discard, nil))
			})
			g := leaderOf(b, nodes).group
			var next atomic.Int64
			before := g.Status().LastLog
			start := cpu()
			b.ResetTimer()
			var wg sync.WaitGroup
			for range clients {
				wg.Go(func() {
					for {
						i := next.Add(1)
						if i > int64(b.N) {
							return
						}
						command := make([]byte, 4096)
						binary.BigEndian.PutUint64(command, uint64(i))
						if _, err := g.Propose(b.Context(), command); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
			b.ReportMetric(float64((cpu()-start).Microseconds())/float64(b.N), "core-µs/command")
			b.ReportMetric(float64(b.N)/float64(g.Status().LastLog-before), "commands/entry")
		})
	}
}
