package sim

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// Plant is a defect put into the simulation on purpose, where the product would
// have it, to show that it would be found.
type Plant uint8

// Planted bugs.
const (
	None             Plant = iota
	AckBeforeCommit        // a row is acknowledged when it arrives, not when it is durable
	SkippedCursor          // a greeting claims one row more than was committed
	DroppedRow             // a transaction loses an outbox row
	SwappedRows            // two queued rows of a class change places
	OldBackup              // a domain comes back from an older state under the same epoch
	AppliedTwice           // the applied index is not stored with the effect
	OwnClock               // the state machine of one replica looks at its own clock
	UnknownDenied          // an unknown outcome is told as "nothing was done"
	FreshKey               // a retry uses another idempotency key
	UnsyncedChunks         // chunks are reported as kept before they are on disk
	ForgottenState         // what was signed for can be signed for again
	UnwithdrawnState       // a recall is accepted and then not carried out
	plants
)

var plantNames = [plants]string{"none", "ack-before-commit", "skipped-cursor", "dropped-row", "swapped-rows", "old-backup", "applied-twice",
	"own-clock", "unknown-denied", "fresh-key", "unsynced-chunks", "forgotten-state", "unwithdrawn-state"}

// String returns the name used in tables.
func (b Plant) String() string { return plantNames[b] }

// Plants lists the planted bugs.
func Plants() (out []Plant) {
	for b := None + 1; b < plants; b++ {
		out = append(out, b)
	}
	return out
}

// onApply may change what an entry does.
func (b Plant) onApply(r *replica, raw []byte, mutations []ledger.Mutation) []ledger.Mutation {
	switch b {
	case DroppedRow:
		return slices.DeleteFunc(mutations, func(m ledger.Mutation) bool {
			return m.Table == ledger.TableQueue && m.Value != nil && rare(m.Key)
		})
	case OwnClock:
		for i, m := range mutations {
			if m.Table == ledger.TableMeta && string(m.Key) == "time" && r.skew > 0 {
				mutations[i].Value = binary.BigEndian.AppendUint64(nil, uint64(r.g.w.now))
			}
		}
	case ForgottenState, UnwithdrawnState:
		c, err := exchange.Decode[ledger.Command](raw)
		if err == nil && (b == ForgottenState && c.Act != nil || b == UnwithdrawnState && c.Receive != nil) {
			return slices.DeleteFunc(mutations, b.forgets)
		}
	}
	return mutations
}

// forgets reports whether a mutation moves a delivery to the state that the
// planted bug loses.
func (b Plant) forgets(m ledger.Mutation) bool {
	if m.Table != ledger.TableDelivery || m.Value == nil {
		return false
	}
	d, err := exchange.Decode[ledger.Delivery](m.Value)
	return err == nil && (b == ForgottenState || d.State == exchange.Recalled)
}

// rare is true for one row in twenty, the same ones on every replica.
func rare(key []byte) bool { s := sha256.Sum256(key); return s[0] < 13 }

// onCrash may leave more or less on the disk than a crash does.
func (b Plant) onCrash(r *replica) {
	switch b {
	case AppliedTwice:
		if r.applied > 1 {
			r.applied--
			r.synced.applied--
			r.rows.Put(ledger.Mutation{Table: ledger.TableMeta, Key: ledger.KeyApplied, Value: binary.BigEndian.AppendUint64(nil, uint64(r.applied))})
		}
	case OldBackup:
		if !slices.ContainsFunc(r.g.replicas, func(x *replica) bool { return x.up }) {
			r.g.restore(max(1, len(r.g.log)-1-r.g.w.rng.IntN(12)))
		}
	}
}

// restore puts a domain back to an earlier entry, as a backup would.
func (g *group) restore(index int) {
	g.log, g.effects, g.inherited = g.log[:index], g.effects[:index], nil
	for n, r := range g.replicas {
		fresh := newReplica(g, r.name)
		fresh.chunks.data, fresh.up = r.chunks.data, false
		g.replicas[n].rows, r.applied, r.digest = fresh.rows, 0, fresh.digest
		r.applyTo(index)
		r.sync()
	}
}

// onArrive may acknowledge too early.
func (b Plant) onArrive(e *end, row delivery.Row) {
	if b == AckBeforeCommit {
		e.answer(row.Class, row.Sequence)
	}
}

// lostAnswer is what a proposer is told whose answer got lost.
func (b Plant) lostAnswer(c exchange.Code) exchange.Code {
	if b == UnknownDenied {
		return exchange.Unavailable
	}
	return c
}

// key is the idempotency key of one attempt.
func (b Plant) key(i *intent) string {
	if b == FreshKey && len(i.possible) > 0 {
		return i.key + "-again"
	}
	return i.key
}

// station may stand between a link and its station.
func (b Plant) station(p *proc, s delivery.Station) delivery.Station {
	if b == SkippedCursor || b == SwappedRows {
		return &bent{s, p, b}
	}
	p.r.chunks.lossily = b == UnsyncedChunks
	return s
}

// bent is a station with a defect.
type bent struct {
	delivery.Station
	p    *proc
	bend Plant
}

// Greet implements delivery.Station.
func (s *bent) Greet(ctx context.Context, peer exchange.Domain) (delivery.Greeting, error) {
	g, err := s.Station.Greet(ctx, peer)
	if s.bend == SkippedCursor && s.p.w.rng.IntN(8) == 0 {
		g.ReceiveNext[exchange.ClassOrdinary]++
	}
	return g, err
}

// Next implements delivery.Station.
func (s *bent) Next(peer exchange.Domain, c exchange.Class, above uint64, most, maxBytes int) ([]delivery.Row, error) {
	rows, err := s.Station.Next(peer, c, above, most, maxBytes)
	if s.bend == SwappedRows && len(rows) > 1 && c == exchange.ClassOrdinary {
		rows[0].Message, rows[1].Message = rows[1].Message, rows[0].Message
	}
	return rows, err
}
