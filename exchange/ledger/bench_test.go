package ledger_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// filing4K is a filing from a county to its city with 4 KiB of sealed content
// in two parts, as the pipeline proposes it.
func filing4K(n int) (exchange.Manifest, *ledger.Submit) {
	m := manifest(n, "wjw@320582", "wjw@320500")
	chunks := [][]byte{make([]byte, 200), make([]byte, 4096+16)}
	copy(chunks[0], fmt.Sprint(n))
	copy(chunks[1], fmt.Sprint(n))
	m.Parts = []exchange.Part{{Size: 184, Chunks: []crypto.Digest{sum(chunks[0])}}, {Size: 4096, Chunks: []crypto.Digest{sum(chunks[1])}}}
	m.Wraps = []exchange.Wrap{{Domain: city, Data: make([]byte, 120)}, {Domain: county, Data: make([]byte, 120)}}
	s := submission(&m, n)
	s.Inline = chunks
	s.Decision = exchange.Decision{Point: exchange.PointSubmit, Allow: true, Revisions: []exchange.Revision{{Layer: "kernel", Number: 1}, {Layer: "320000", Number: 1}}}
	return m, s
}

func arrival4K(n int) (*exchange.Manifest, ledger.ReceivedRow) {
	m, s := filing4K(n)
	e := exchange.Envelope{Manifest: s.Manifest, Deliveries: []uint16{0}, Custody: s.Receipts, Inline: s.Inline}
	return &m, ledger.ReceivedRow{Class: exchange.ClassOrdinary, Message: exchange.Encode(exchange.Message{Envelope: &e}),
		Receipts: []crypto.Signed{receipt(&m, exchange.Arrived, city, digest(s.Receipts[0]), 0)}, Decision: &s.Decision}
}

func apply(b *testing.B, d *domain, command []byte) {
	d.index++
	_, mutations, err := d.machine.Apply(&d.rows, d.index, command)
	if err != nil || len(mutations) < 5 {
		b.Fatalf("%d mutations, %v", len(mutations), err)
	}
	d.rows.Put(mutations...)
}

// measure applies commands in groups, beginning anew after the last, and tells
// the time that the processors worked for one group. The rows in memory stay
// few, so that moving them does not count.
func measure(b *testing.B, d *domain, group int, commands [][]byte) {
	b.ReportAllocs()
	empty, index := d.rows.Clone(), d.index
	var used time.Duration
	at := 0
	for b.Loop() {
		if at+group > len(commands) {
			b.StopTimer()
			d.rows, d.index, at = *empty.Clone(), index, 0
			b.StartTimer()
		}
		before := working()
		for _, c := range commands[at : at+group] {
			apply(b, d, c)
		}
		used += working() - before
		at += group
	}
	b.ReportMetric(float64(used.Microseconds())/float64(b.N), "core-µs/op")
}

// working is the processor time of this process.
func working() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func submissions(n int) (commands [][]byte) {
	for i := range n {
		_, s := filing4K(i)
		commands = append(commands, exchange.Encode(ledger.Command{Time: begin + 100, Submit: s}))
	}
	return commands
}

func BenchmarkApplySubmit(b *testing.B) { measure(b, found(b, county), 1, submissions(256)) }

// BenchmarkBatchOf16 applies sixteen submissions, each seeing those before it,
// as one entry of the log does.
func BenchmarkBatchOf16(b *testing.B) { measure(b, found(b, county), 16, submissions(256)) }

func BenchmarkApplyReceive(b *testing.B) {
	var commands [][]byte
	for i := range 256 {
		_, row := arrival4K(i)
		row.Sequence = uint64(i + 1)
		commands = append(commands, exchange.Encode(ledger.Command{Time: begin + 100, Receive: &ledger.Receive{Peer: county, Epoch: epochOf(county), Term: 1, Rows: []ledger.ReceivedRow{row}}}))
	}
	measure(b, found(b, city), 1, commands)
}

// BenchmarkSubmitTo512 submits one document to 512 units of three domains.
func BenchmarkSubmitTo512(b *testing.B) {
	var commands [][]byte
	for i := range 8 {
		m := wide(i)
		commands = append(commands, exchange.Encode(ledger.Command{Time: begin + 100, Submit: submission(&m, i)}))
	}
	measure(b, found(b, province), 1, commands)
}

// BenchmarkReceiptsOf512 receives 64 of the 512 receipts of one document in
// each command.
func BenchmarkReceiptsOf512(b *testing.B) {
	var commands [][]byte
	m := wide(0)
	s := submission(&m, 0)
	for n := 0; n < 512; n += 64 {
		c := &ledger.Receive{Peer: city, Epoch: epochOf(city), Term: 1}
		for i := n; i < n+64; i++ {
			r := receipt(&m, exchange.Arrived, m.To[i].Unit.Domain(), digest(s.Receipts[0]), uint16(i))
			c.Rows = append(c.Rows, ledger.ReceivedRow{Class: exchange.ClassControl, Sequence: uint64(i + 1), Message: exchange.Encode(exchange.Message{Receipt: &r})})
		}
		commands = append(commands, exchange.Encode(ledger.Command{Time: begin + 100, Receive: c}))
	}
	d := found(b, province)
	d.must(ledger.Command{Submit: s})
	measure(b, d, 8, commands)
}

func wide(n int) exchange.Manifest {
	var units []exchange.Unit
	for i := range 512 {
		units = append(units, exchange.Unit(fmt.Sprintf("u%d@%s", i, []exchange.Domain{city, county, sibling}[i%3])))
	}
	return manifest(n, "bgt@320000", units...)
}
