package pipeline

import (
	"context"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/casework"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/official"
)

const (
	defaultPage = 100
	largestPage = 1000
)

// withheld stands for a title that the caller may not read.
const withheld = "〔无权查看〕"

// Inbox implements exchange.Service.
func (d *Domain) Inbox(ctx context.Context, q exchange.ListQuery) (exchange.List, error) {
	return d.list(ctx, "pipeline.inbox", ledger.TableInbox, q)
}

// Outbox implements exchange.Service.
func (d *Domain) Outbox(ctx context.Context, q exchange.ListQuery) (exchange.List, error) {
	return d.list(ctx, "pipeline.outbox", ledger.TableOutbox, q)
}

func (d *Domain) list(ctx context.Context, op string, table ledger.Table, q exchange.ListQuery) (exchange.List, error) {
	caller, err := d.caller(ctx, op)
	if err != nil {
		return exchange.List{}, err
	}
	if err := checkQuery(op, &q); err != nil {
		return exchange.List{}, err
	}
	f, err := d.federation()
	if err != nil {
		return exchange.List{}, err
	}
	rows, more, err := d.rows(table, caller.Unit, q)
	if err != nil {
		return exchange.List{}, err
	}
	out := exchange.List{Items: make([]exchange.Summary, 0, len(rows))}
	for i := range rows {
		out.Items = append(out.Items, d.summary(ctx, f, caller, &rows[i]))
	}
	if more {
		out.Next = rows[len(rows)-1].ex.M.ID.String()
	}
	return out, nil
}

func checkQuery(op string, q *exchange.ListQuery) error {
	var p exchange.Problems
	if _, ok := exchange.ParseState(q.State); q.State != "" && !ok {
		p.Add("state", "list.state", "no such state", "状态不存在", "", "use one of accepted, relayed, arrived, signed, returned, recalled, refused, bounced, expired")
	}
	if q.Limit == 0 {
		q.Limit = defaultPage
	}
	if q.Limit < 0 || q.Limit > largestPage {
		p.Add("limit", "list.limit", "the limit must be 1 to 1000", "条数应为 1 至 1000", "", "ask for fewer, and continue with next")
	}
	if _, err := exchange.ParseID(q.Before); q.Before != "" && err != nil {
		p.Add("before", "list.before", "not an exchange id", "不是有效的交换编号", "", "give what next contained")
	}
	return p.Err(op)
}

// listed is one line before its header is opened.
type listed struct {
	ex    ledger.Stored
	state exchange.State
	at    exchange.Time
	urged uint32
	late  bool
}

// rows reads one page of a box that matches the query.
func (d *Domain) rows(table ledger.Table, u exchange.Unit, q exchange.ListQuery) (rows []listed, more bool, err error) {
	before, _ := exchange.ParseID(q.Before)
	viewErr := d.Log.View(func(r ledger.Reader) error {
		ledger.Listed(r, table, u, before, func(id exchange.ID) bool {
			var row listed
			if row, err = readListed(r, table, u, id, d.late); err != nil {
				return false
			}
			if q.State != "" && row.state.String() != q.State || q.Kind != "" && row.ex.M.Kind.String() != q.Kind {
				return true
			}
			if len(rows) == q.Limit {
				more = true
				return false
			}
			rows = append(rows, row)
			return true
		})
		return err
	})
	return rows, more, viewErr
}

// readListed takes the state of the unit's own delivery, or of the least
// advanced one when the unit is the sender.
func readListed(r ledger.Reader, table ledger.Table, u exchange.Unit, id exchange.ID, late func(*ledger.Delivery) bool) (row listed, err error) {
	if row.ex, _, err = ledger.Find(r, id); err != nil {
		return row, err
	}
	indexes := row.ex.Deliveries
	if table == ledger.TableInbox {
		if indexes, err = ledger.InboxDeliveries(r, u, id); err != nil {
			return row, err
		}
	}
	row.at = row.ex.At
	for n, i := range indexes {
		del, _, err := ledger.DeliveryOf(r, id, i)
		if err != nil {
			return row, err
		}
		row.late = row.late || table == ledger.TableOutbox && late(&del)
		if n == 0 || del.State < row.state {
			row.state, row.urged = del.State, del.Urged
		}
	}
	return row, nil
}

// summary opens the header for the title. A title that policy or damage
// withholds does not hide the line.
func (d *Domain) summary(ctx context.Context, f *federation, c exchange.Caller, row *listed) exchange.Summary {
	m := &row.ex.M
	s := exchange.Summary{ID: m.ID, Kind: m.Kind.String(), From: m.From, Type: typeName(m), Urgency: m.Urgency.String(),
		State: row.state.String(), At: row.at, Files: max(len(m.Parts)-1, 0), Urged: int(row.urged), Delayed: row.late, Title: withheld}
	if from, ok := f.party(m.From); ok {
		s.FromName = from.Unit.Name
	}
	for _, to := range m.To {
		s.To = append(s.To, to.Unit)
	}
	if decision, err := d.mayOpen(ctx, f, c, m); err != nil || !decision.Allow {
		return s
	}
	if k, err := d.unwrap(m); err == nil {
		if h, err := d.header(ctx, m, k); err == nil {
			s.Title, s.Number = h.Title, h.Number
		}
	}
	return s
}

// typeName returns the name of a type's code: 请示 for a document's 0B, 上报件
// for a case's 4. A code that this version does not know stays as it is.
func typeName(m *exchange.Manifest) string {
	if m.Kind == exchange.Document {
		if t, ok := official.ParseType(m.Type); ok {
			return t.Name
		}
	} else if k, ok := casework.ParseKind(m.Type); ok {
		return k.Name
	}
	return m.Type
}

// mayOpen decides at open, without recording: for the unit's own delivery, or
// for all of them when it is no recipient, as the sender is not.
func (d *Domain) mayOpen(ctx context.Context, f *federation, c exchange.Caller, m *exchange.Manifest) (exchange.Decision, error) {
	q := d.question(f, exchange.PointOpen, m)
	q.Actor = actor(c)
	if info, ok := f.book.Unit(c.Unit); ok {
		q.Actor.Clearance, q.Actor.Suspended = info.Clearance, info.Suspended
	}
	var mine []uint16
	for i, to := range m.To {
		if to.Unit == c.Unit {
			mine = append(mine, uint16(i))
		}
	}
	if len(mine) > 0 {
		only(&q, mine)
	}
	return d.Engine.DecideWith(ctx, f.policy, q)
}
