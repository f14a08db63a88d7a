package pipeline

import (
	"context"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

const (
	shortestRef = 6    // characters of a prefix or suffix
	refScan     = 2000 // newest exchanges of a unit that a short ref is looked for in
)

// find resolves a ref to an exchange that the caller's unit sent or received,
// or that any unit of the domain did when the caller audits or supervises. What
// is not here is looked for again once this replica has caught up: whoever was
// given a receipt can ask any replica about it.
func (d *Domain) find(ctx context.Context, op string, c exchange.Caller, ref string) (ledger.Stored, error) {
	ref = strings.TrimSpace(ref)
	ex, err := d.findHere(ctx, op, c, ref)
	if exchange.CodeOf(err) != exchange.NotFound {
		return ex, err
	}
	if err := d.Log.Current(ctx); err != nil {
		return ex, err
	}
	return d.findHere(ctx, op, c, ref)
}

func (d *Domain) findHere(ctx context.Context, op string, c exchange.Caller, ref string) (ledger.Stored, error) {
	id, err := exchange.ParseID(strings.ToUpper(ref))
	if err != nil {
		if id, err = d.findShort(ctx, op, c, ref); err != nil {
			return ledger.Stored{}, err
		}
	}
	var ex ledger.Stored
	var found bool
	err = d.Log.View(func(r ledger.Reader) (err error) {
		ex, found, err = ledger.Find(r, id)
		found = found && err == nil && visible(r, c, &ex)
		return err
	})
	if err == nil && !found {
		err = notFound(op, ref)
	}
	return ex, err
}

func notFound(op, ref string) error {
	return &exchange.Error{Code: exchange.NotFound, Op: op, Message: "no exchange " + clip(ref) + " among those this unit sent or received; inbox and outbox list them"}
}

// clip keeps what callers typed from filling messages.
func clip(s string) string {
	if r := []rune(s); len(r) > 64 {
		return string(r[:64]) + "…"
	}
	return s
}

// visible reports whether the caller may know of an exchange: its own unit's,
// or any of the domain's for those who audit and supervise.
func visible(r ledger.Reader, c exchange.Caller, ex *ledger.Stored) bool {
	if ex.M.From == c.Unit || c.Has(exchange.Auditor, exchange.Supervisor, exchange.SecurityOfficer) {
		return true
	}
	mine, err := ledger.InboxDeliveries(r, c.Unit, ex.M.ID)
	return err == nil && len(mine) > 0
}

// findShort looks for a prefix or suffix of an id, or a 发文字号, among the
// newest exchanges of the caller's unit.
func (d *Domain) findShort(ctx context.Context, op string, c exchange.Caller, ref string) (exchange.ID, error) {
	if len(ref) < shortestRef {
		return exchange.ID{}, notFound(op, ref)
	}
	ids, err := d.newest(c.Unit)
	if err != nil {
		return exchange.ID{}, err
	}
	var hits []exchange.ID
	upper, isNumber := strings.ToUpper(ref), strings.Contains(ref, "〔")
	for _, id := range ids {
		text := id.String()
		if strings.HasPrefix(text, upper) || strings.HasSuffix(text, upper) || isNumber && d.hasNumber(ctx, id, ref) {
			hits = append(hits, id)
		}
	}
	switch len(hits) {
	case 0:
		return exchange.ID{}, notFound(op, ref)
	case 1:
		return hits[0], nil
	}
	e := &exchange.Error{Code: exchange.Conflict, Op: op, Message: "more than one exchange matches; give more of the id"}
	for _, id := range hits[:min(len(hits), 10)] {
		e.Problems = append(e.Problems, exchange.Problem{Field: "id", Code: "ref.ambiguous", Message: id.String()})
	}
	return exchange.ID{}, e
}

// newest lists ids of a unit's inbox and outbox.
func (d *Domain) newest(u exchange.Unit) (ids []exchange.ID, err error) {
	err = d.Log.View(func(r ledger.Reader) error {
		for _, table := range []ledger.Table{ledger.TableInbox, ledger.TableOutbox} {
			n := 0
			ledger.Listed(r, table, u, exchange.ID{}, func(id exchange.ID) bool {
				ids = append(ids, id)
				n++
				return n < refScan
			})
		}
		return nil
	})
	return ids, err
}

func (d *Domain) hasNumber(ctx context.Context, id exchange.ID, number string) bool {
	h, _, err := d.headerOf(ctx, id)
	return err == nil && h.Number == number
}

// headerOf opens the header of a stored exchange, for use inside the domain.
func (d *Domain) headerOf(ctx context.Context, id exchange.ID) (exchange.Header, ledger.Stored, error) {
	var ex ledger.Stored
	err := d.Log.View(func(r ledger.Reader) (err error) {
		ex, _, err = ledger.Find(r, id)
		return err
	})
	if err != nil {
		return exchange.Header{}, ex, err
	}
	k, err := d.unwrap(&ex.M)
	if err != nil {
		return exchange.Header{}, ex, err
	}
	h, err := d.header(ctx, &ex.M, k)
	return h, ex, err
}
