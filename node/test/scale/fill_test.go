//go:build soak

package scale

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/store"
)

const (
	perEntry = 64 // commands, as the collector of node/raftnode makes them at most
	perBatch = 64 // entries of one transaction
)

// tally counts what the state machine writes.
type tally struct {
	ledger.Machine
	rows, bytes, largest [ledger.TableEnd]int
	refused              int
}

func (y *tally) Apply(r ledger.Reader, index uint64, command []byte) ([]byte, []ledger.Mutation, error) {
	result, muts, err := y.Machine.Apply(r, index, command)
	if len(muts) == 0 {
		y.refused++
	}
	for _, m := range muts {
		y.rows[m.Table]++
		y.bytes[m.Table] += len(m.Key) + len(m.Value)
		y.largest[m.Table] = max(y.largest[m.Table], len(m.Value))
	}
	return result, muts, err
}

// fill applies submissions until the ledger keeps n exchanges.
func fill(t *testing.T, s *store.Store, p sm.Provider, n int) {
	t.Helper()
	have := stored(t, s)
	if have >= n {
		t.Logf("the ledger keeps %d exchanges already", have)
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // memory is not what is measured here
	y := &tally{Machine: ledger.Machine{Sum: p.Sum}}
	begun, told := time.Now(), time.Now()
	index := s.AppliedIndex()
	for batch := range shape(p, have, n) {
		for i := range batch {
			index++
			batch[i].Index, batch[i].Term = index, 1
			have += len(batch[i].Commands)
		}
		if _, err := s.Apply(y, batch); err != nil {
			t.Fatal(err)
		}
		if time.Since(told) > 30*time.Second {
			told = time.Now()
			t.Logf("%d exchanges, %.0f a second", have, float64(y.rows[ledger.TableExchange])/time.Since(begun).Seconds())
		}
	}
	took := time.Since(begun)
	if y.refused > 0 || stored(t, s) != n {
		t.Fatalf("%d commands refused, %d exchanges kept, want %d", y.refused, stored(t, s), n)
	}
	added := y.rows[ledger.TableExchange]
	t.Logf("filled %d in %s: %.0f a second", added, took.Round(time.Second), float64(added)/took.Seconds())
	y.report(t, added)
}

// shape makes batches ahead of the applier.
func shape(p sm.Provider, from, to int) <-chan []store.Entry {
	out := make(chan []store.Entry, 4)
	step := span / time.Duration(to)
	x := newShaper(p.Sum, uint64(from), time.Now().Add(-span), step)
	go func() {
		defer close(out)
		for i := from; i < to; {
			batch := make([]store.Entry, 0, perBatch)
			for len(batch) < perBatch && i < to {
				e := store.Entry{}
				for ; len(e.Commands) < perEntry && i < to; i++ {
					e.Commands = append(e.Commands, x.submit(i))
				}
				batch = append(batch, e)
			}
			out <- batch
		}
	}()
	return out
}

func (y *tally) report(t *testing.T, exchanges int) {
	t.Helper()
	total := 0
	for table := range y.rows {
		if y.rows[table] > 0 && table != int(ledger.TableMeta) {
			total += y.bytes[table]
			t.Logf("table %2d: %.2f rows and %4d bytes an exchange, largest row %d", table,
				float64(y.rows[table])/float64(exchanges), y.bytes[table]/exchanges, y.largest[table])
		}
		if table != int(ledger.TableMeta) && y.largest[table] > 1<<10 {
			t.Errorf("table %d has a row of %d bytes", table, y.largest[table])
		}
	}
	t.Logf("all rows: %d bytes an exchange", total/exchanges)
}

func stored(t *testing.T, s *store.Store) int {
	t.Helper()
	var c ledger.Counts
	if err := s.View(func(r ledger.Reader) (err error) { c, err = ledger.CountsOf(r); return err }); err != nil {
		t.Fatal(err)
	}
	return int(c.Exchanges)
}

// adopt makes the Raft log in dir one that begins where the ledger is: as that
// of a replica that has just installed a snapshot.
func adopt(t *testing.T, s *store.Store, dir string, replica exchange.Replica, address string) {
	t.Helper()
	head, err := s.Head()
	if err != nil {
		t.Fatal(err)
	}
	type server struct {
		Suffrage    int
		ID, Address string
	}
	reference := map[string]any{
		"ID": fmt.Sprintf("%d-%d", head.Term, head.Index), "Index": head.Index, "Term": head.Term, "State": head.Index,
		"Configuration": map[string]any{"Servers": []server{{0, string(replica), address}}}, "ConfigurationIndex": 1,
	}
	b, err := json.Marshal(reference)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "snapshot"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "snapshot", "snapshot.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
}
