package store

import (
	"bytes"

	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"go.etcd.io/bbolt"
)

// reader is ledger.Reader over one transaction, for one goroutine.
type reader struct {
	tx      *bbolt.Tx
	buckets [ledger.TableEnd]*bbolt.Bucket
}

// bucket finds a table. Its lack is damage, and a panic as everywhere in here.
func (r *reader) bucket(t ledger.Table) *bbolt.Bucket {
	if r.buckets[t] == nil {
		b := r.tx.Bucket(bucketNames[t])
		if b == nil {
			panic(&DamageError{Table: t, Why: "the table is gone"})
		}
		if ascending[t] {
			b.FillPercent = ascendingFill
		}
		r.buckets[t] = b
	}
	return r.buckets[t]
}

// ascending are the tables whose new rows come after those before them: keys
// begin with a number that grows, or with an exchange's id, which begins with
// its time. A page that is split in the middle would stay half empty for ever.
var ascending = [ledger.TableEnd]bool{
	ledger.TableExchange: true, ledger.TableDelivery: true, ledger.TableReceipt: true, ledger.TableInbox: true, ledger.TableOutbox: true,
	ledger.TableQueue: true, ledger.TableSeen: true, ledger.TableDecision: true, ledger.TableAudit: true, ledger.TableInline: true,
	ledger.TableOffer: true, ledger.TableHistory: true, ledger.TableDeadline: true,
}

// ascendingFill leaves room for rows that grow a little when they are written
// again, as a delivery does with its last receipt.
const ascendingFill = 0.9

// Get implements ledger.Reader. An empty row is empty, not nil. Damage is a
// panic with a *DamageError, as in all of a reader's methods, which the store
// recovers: no caller could do anything about it.
func (r *reader) Get(t ledger.Table, key []byte) (value []byte) {
	protect(t, func() {
		if stored := r.bucket(t).Get(key); stored != nil {
			value = openRow(t, key, stored)
		}
	})
	return value
}

// move calls a method of a cursor, and verifies the row that it came to.
func move(t ledger.Table, step func() (key, stored []byte)) (key, value []byte) {
	protect(t, func() {
		if key, value = step(); key != nil {
			value = openRow(t, key, value)
		}
	})
	return key, value
}

// Scan implements ledger.Reader.
func (r *reader) Scan(t ledger.Table, prefix, from []byte, fn func(key, value []byte) bool) {
	start := prefix
	if bytes.Compare(from, prefix) > 0 {
		start = from
	}
	c := r.cursor(t)
	for k, v := move(t, func() ([]byte, []byte) { return c.Seek(start) }); k != nil && bytes.HasPrefix(k, prefix); k, v = move(t, c.Next) {
		if !fn(k, v) {
			return
		}
	}
}

// ScanBack implements ledger.Reader.
func (r *reader) ScanBack(t ledger.Table, prefix, before []byte, fn func(key, value []byte) bool) {
	end := successor(prefix)
	if before != nil && (end == nil || bytes.Compare(before, end) < 0) {
		end = before
	}
	c := r.cursor(t)
	for k, v := move(t, func() ([]byte, []byte) { return seekBelow(c, end) }); k != nil && bytes.HasPrefix(k, prefix); k, v = move(t, c.Prev) {
		if !fn(k, v) {
			return
		}
	}
}

func (r *reader) cursor(t ledger.Table) (c *bbolt.Cursor) {
	protect(t, func() { c = r.bucket(t).Cursor() })
	return c
}

// seekBelow moves to the last row below end; a nil end is above every row.
func seekBelow(c *bbolt.Cursor, end []byte) (key, value []byte) {
	if end == nil {
		return c.Last()
	}
	if k, _ := c.Seek(end); k == nil {
		return c.Last() // every row is below
	}
	return c.Prev()
}

// successor returns the smallest key above all keys with the prefix, nil when
// there is none.
func successor(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			out := bytes.Clone(prefix[:i+1])
			out[i]++
			return out
		}
	}
	return nil
}
