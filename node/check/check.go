package check

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/content"
)

// ContentView is what a check asks of a content store; content.Store has it.
type ContentView interface {
	// Has tells which chunks are stored, in the order asked.
	Has(ctx context.Context, addresses []crypto.Digest) ([]bool, error)
	// Get returns a chunk whose digest it verified. Codes: NotFound, Corrupt.
	Get(ctx context.Context, address crypto.Digest) ([]byte, error)
	// Walk calls fn for each chunk.
	Walk(ctx context.Context, fn func(content.Info) error) error
}

// Options of a check.
type Options struct {
	Provider sm.Provider // required
	// Anchor is what signatures are believed from; needed with Signatures.
	Anchor trust.Anchor
	// Signatures verifies every stored manifest and receipt: one SM2
	// verification each.
	Signatures bool
	// Content reads every chunk of an exchange again, instead of only asking
	// whether it is there.
	Content bool
	// Strict takes a missing chunk for an error. Without it a replica that
	// lags behind the others shows a warning.
	Strict bool
	// Progress, when set, is told now and then how many rows were looked at.
	Progress func(rows uint64)

	batch int // how many objects are remembered at once; what is usual when 0
}

// usualBatch bounds memory: 32 MiB of digests.
const usualBatch = 1 << 20

// progressEvery is how many rows are looked at between two words of progress.
const progressEvery = 1 << 14

// checker is one run over one consistent state.
type checker struct {
	Options
	ctx     context.Context
	r       ledger.Reader
	content ContentView // nil: not looked at
	report  *Report
	self    ledger.Self
	now     exchange.Time
	book    *directory.Book // nil unless signatures are verified
	origin  tally           // exchanges of this origin
	open    []openDelivery  // a batch of those that are on their way
	refs    uint64          // references to chunks
	failed  error           // of reading, which ends the check
}

// Domain checks a ledger and, unless it is nil, the content that goes with it.
// The reader must see one consistent state. An error means that the check could
// not be carried out; whatever is wrong with what was read is in the report.
func Domain(ctx context.Context, r ledger.Reader, view ContentView, o Options) (*Report, error) {
	if o.Provider == nil {
		return nil, errors.New("check: no provider of cryptography")
	}
	if o.batch == 0 {
		o.batch = usualBatch
	}
	c := &checker{Options: o, ctx: ctx, r: r, content: view, report: &Report{Totals: map[Code]uint64{}, Findings: []Finding{}}}
	if !c.meta() {
		return c.report, c.failed
	}
	for _, step := range []func(){c.statements, c.loadBook, c.exchanges, c.orphans, c.links, c.units, c.keys, c.kept, c.small, c.audit, c.chunks, c.totals} {
		if step(); c.failed != nil {
			return c.report, c.failed
		}
	}
	return c.report, nil
}

func (c *checker) errorf(code Code, object, message string) {
	c.report.add(Finding{Code: code, Object: object, Message: message, Severity: Error})
}

func (c *checker) warn(code Code, object, message string) {
	c.report.add(Finding{Code: code, Object: object, Message: message, Severity: Warning})
}

// going reports whether to go on reading.
func (c *checker) going() bool {
	if c.failed == nil {
		c.failed = c.ctx.Err()
	}
	return c.failed == nil
}

func (c *checker) sum(s crypto.Signed) crypto.Digest { return c.Provider.Sum(s.Bytes) }

// scan calls fn for every row of a table whose key has at least the length.
func (c *checker) scan(t ledger.Table, prefix []byte, least int, fn func(key, value []byte)) {
	c.r.Scan(t, prefix, nil, func(k, v []byte) bool {
		c.report.Counts.Rows++
		if c.Progress != nil && c.report.Counts.Rows%progressEvery == 0 {
			c.Progress(c.report.Counts.Rows)
		}
		if len(k) < least {
			c.unreadable(t, k)
		} else {
			fn(k, v)
		}
		return c.going()
	})
}

// rows is scan for rows that hold a T.
func rows[T any](c *checker, t ledger.Table, prefix []byte, least int, fn func(key []byte, v T)) {
	c.scan(t, prefix, least, func(k, raw []byte) {
		v, err := exchange.DecodeStored[T](raw)
		if err != nil {
			c.unreadable(t, k)
			return
		}
		fn(k, v)
	})
}

// row reads one row; false when it is not there or cannot be read, which the
// scan of its table reports.
func row[T any](c *checker, t ledger.Table, key []byte) (T, bool) {
	v, ok, err := ledger.Get[T](c.r, t, key)
	return v, ok && err == nil
}

func (c *checker) unreadable(t ledger.Table, key []byte) {
	c.errorf(RowUnreadable, objectOf(t, key), "the row cannot be read")
}

// number reads the eight bytes of a counter.
func number(b []byte) uint64 { return binary.BigEndian.Uint64(b) }
