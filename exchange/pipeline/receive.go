package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/route"
)

const (
	opReceive      = "pipeline.receive"
	maxReceiveSize = 384 << 10 // bytes of messages in one command
	maxMessage     = 448 << 10 // bytes of one message: with its receipts it still fits one entry of the log
	skew           = 5 * time.Minute
)

// Receive implements delivery.Station: it verifies and judges each message,
// then commits them with the cursor. A statement of directory or policy is
// committed before what follows it is judged.
func (d *Domain) Receive(ctx context.Context, s delivery.Session, rows []delivery.Row) error {
	for len(rows) > 0 {
		n, err := d.receiveSome(ctx, s, rows)
		if err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// receiveSome commits a prefix of rows in one command. A row that cannot be
// judged ends the prefix before it; as the first one it is its turn, and counts.
func (d *Domain) receiveSome(ctx context.Context, s delivery.Session, rows []delivery.Row) (n int, err error) {
	n, err = d.receivePrefix(ctx, s, rows)
	if refusedByLedger(err) && n > 1 {
		n, err = d.receivePrefix(ctx, s, rows[:1])
	}
	if !stumbles(ctx, err) {
		return n, err
	}
	reason, e := d.stumble(ctx, s, rows[0], err)
	if e != nil || reason == "" {
		return 0, errors.Join(err, e)
	}
	return 1, d.quarantine(ctx, s, rows[0], reason)
}

func (d *Domain) receivePrefix(ctx context.Context, s delivery.Session, rows []delivery.Row) (n int, err error) {
	_, err = d.propose(ctx, opReceive, func() (ledger.Command, error) {
		f, err := d.federation()
		if err != nil {
			return ledger.Command{}, err
		}
		cmd := ledger.Command{Revisions: f.revisions, Receive: &ledger.Receive{Peer: s.Peer, Epoch: s.PeerEpoch, Term: s.Term}}
		size, back := 0, false
		for n = 0; n < len(rows); {
			if size += len(rows[n].Message); n > 0 && size > maxReceiveSize {
				break
			}
			row, alone, err := d.prepare(ctx, f, s.Peer, rows[n])
			if err != nil && n > 0 {
				break // those before it are committed first
			}
			if err != nil {
				return cmd, err
			}
			if n > 0 && (alone == first || back && alone != given) {
				break
			}
			back = alone == given
			cmd.Receive.Rows = append(cmd.Receive.Rows, row)
			n++
			if alone == last {
				break
			}
		}
		return cmd, nil
	})
	return n, err
}

// position of a message in its command.
type position uint8

const (
	anywhere position = iota
	first             // it is judged by what those before it do
	last              // those after it are judged by what it does
	given             // the same, but for others of its kind
)

// prepare verifies one message and signs what will be needed to apply it. What
// does not verify is quarantined; what cannot be judged now is an error.
func (d *Domain) prepare(ctx context.Context, f *federation, peer exchange.Domain, in delivery.Row) (row ledger.ReceivedRow, place position, err error) {
	row = ledger.ReceivedRow{Class: in.Class, Sequence: in.Sequence, Message: in.Message}
	if len(in.Message) > maxMessage {
		row.Message, row.Digest = nil, d.Provider.Sum(in.Message) // what is too large for the log is told by its digest
		row.Quarantine = fmt.Sprintf("the message has %d bytes, at most %d are possible; SM3 %s", len(in.Message), maxMessage, row.Digest)
		return row, anywhere, nil
	}
	msg, err := exchange.Decode[exchange.Message](in.Message)
	if err != nil || !msg.Valid() {
		row.Quarantine = "the message cannot be read"
		return row, anywhere, nil
	}
	switch {
	case msg.Envelope != nil:
		err = d.prepareEnvelope(ctx, f, peer, msg.Envelope, &row)
	case msg.Receipt != nil:
		err = d.verifyReceipt(f, *msg.Receipt)
	case msg.Back != nil:
		place = given
		err = d.prepareBack(ctx, f, peer, msg.Back, &row)
	case msg.Notice != nil:
		place = first
		err = d.prepareNotice(f, peer, *msg.Notice, &row)
	case msg.Void != nil:
		err = d.verifyVoid(f, peer, in, *msg.Void)
	default:
		place = last
		err = d.verifyStatement(f, &msg)
	}
	if err != nil && quarantines(err) {
		d.Logger.Warn("message quarantined", "peer", peer, "class", in.Class, "sequence", in.Sequence, "err", err)
		row.Quarantine, row.Receipts, row.Recalled, row.Voids, row.Decision, err = err.Error(), nil, nil, nil, nil, nil
	}
	return row, place, err
}

// quarantines tells a message that is wrong from a moment that is: what is
// unavailable now is tried again with the whole session.
func quarantines(err error) bool {
	switch exchange.CodeOf(err) {
	case exchange.Corrupt, exchange.Invalid, exchange.Denied, exchange.Conflict, exchange.NotFound:
		return true
	}
	return false
}

func corrupt(format string, args ...any) error {
	return exchange.Errorf(exchange.Corrupt, opReceive, format, args...)
}

// verifyStatement checks a directory, units or policy statement against what
// is already believed. One that is older than what is believed does no harm:
// the ledger ignores it. One that begins a moment from now is by a neighbour
// whose clock runs ahead a little.
func (d *Domain) verifyStatement(f *federation, msg *exchange.Message) error {
	var check func(exchange.Time) error
	switch {
	case msg.Directory != nil:
		check = func(at exchange.Time) error { _, err := f.book.With(*msg.Directory, at); return err }
	case msg.Units != nil:
		check = func(at exchange.Time) error { _, err := f.book.WithUnits(*msg.Units, at); return err }
	case msg.Policy != nil:
		return d.verifyPolicy(f, *msg.Policy)
	}
	now := d.Clock()
	err := check(now)
	if errors.Is(err, directory.ErrNotYetValid) {
		err = check(now.Add(skew))
	}
	if err == nil || errors.Is(err, directory.ErrSuperseded) {
		return nil
	}
	return corrupt("statement: %w", err)
}

// verifyReceipt checks that a receipt is by a domain on the road of the
// deliveries it speaks of, and that it says only what that domain can know.
func (d *Domain) verifyReceipt(f *federation, s crypto.Signed) error {
	r, err := ledger.DecodeReceipt(s)
	if err != nil {
		return corrupt("receipt: %w", err)
	}
	ex, err := d.stored(r.Exchange)
	if exchange.CodeOf(err) == exchange.NotFound && d.wasHere(r.Exchange) {
		return nil // it comes too late, and changes nothing
	}
	if err != nil {
		return err
	}
	if ex.Digest != r.Manifest {
		return corrupt("the receipt is for another manifest of %s", r.Exchange)
	}
	if err := d.receiptInPlace(f, &ex.M, &r); err != nil {
		return err
	}
	if _, err := f.book.Verify(r.Domain, crypto.ContextReceipt, s, r.At); err != nil {
		return corrupt("receipt of %s: %w", r.Domain, err)
	}
	return nil
}

func (d *Domain) stored(id exchange.ID) (ex ledger.Stored, err error) {
	err = d.Log.View(func(r ledger.Reader) error {
		var ok bool
		if ex, ok, err = ledger.Find(r, id); err == nil && !ok {
			err = exchange.Errorf(exchange.NotFound, opReceive, "exchange %s is not known here", id)
		}
		return err
	})
	return ex, err
}

// prepareNotice verifies a recall or an urge and states RECALLED for what may
// still be withdrawn.
func (d *Domain) prepareNotice(f *federation, peer exchange.Domain, s crypto.Signed, row *ledger.ReceivedRow) error {
	n, err := ledger.DecodeNotice(s)
	if err != nil {
		return corrupt("notice: %w", err)
	}
	ex, err := d.stored(n.Exchange)
	if exchange.CodeOf(err) == exchange.NotFound && d.wasHere(n.Exchange) {
		return nil
	}
	if exchange.CodeOf(err) == exchange.NotFound {
		return d.verifyEarly(f, peer, s, &n)
	}
	if err != nil {
		return err
	}
	if ex.Digest != n.Manifest || n.From != ex.M.From || !ascending(n.Deliveries, len(ex.M.To)) {
		return corrupt("the notice is not about the exchange it names")
	}
	if _, err := f.book.Verify(ex.M.From.Domain(), exchange.ContextNotice, s, n.At); err != nil {
		return corrupt("notice of %s: %w", ex.M.From.Domain(), err)
	}
	row.Receipts, row.Voids, err = d.recallReceipts(&ex, &n)
	return err
}

// verifyEarly checks a notice whose exchange is not here: by its origin, from
// the neighbour through which the exchange would come.
func (d *Domain) verifyEarly(f *federation, peer exchange.Domain, s crypto.Signed, n *exchange.Notice) error {
	origin := n.From.Domain()
	road := route.Road(origin, d.Domain, f.parents)
	if len(road) < 2 || road[len(road)-2] != peer || !ascending(n.Deliveries, exchange.MaxRecipients) || n.Exchange.IsZero() {
		return corrupt("a notice of %s about an exchange that is not known here and would not come this way", origin)
	}
	if _, err := f.book.Verify(origin, exchange.ContextNotice, s, n.At); err != nil {
		return corrupt("notice of %s: %w", origin, err)
	}
	return nil
}

func ascending(list []uint16, n int) bool {
	for k, i := range list {
		if int(i) >= n || k > 0 && i <= list[k-1] {
			return false
		}
	}
	return len(list) > 0
}
