package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// patience is how often a message is judged in vain before it is set aside.
// A link that backs off to minutes between attempts takes hours for so many.
const patience = 20

// longestReason bounds what is kept of the reason for a stumble.
const longestReason = 512

// unjudged says that nobody could judge one exchange: policy did not answer in
// time, or failed. It is a moment that is wrong, never a refusal, and it is
// this message's own, unlike a key that is locked.
type unjudged struct {
	id  exchange.ID
	err error
}

// Error implements error.
func (u *unjudged) Error() string {
	return fmt.Sprintf("exchange %s could not be judged: %v", u.id, u.err)
}

// Unwrap gives the cause, and with it the code.
func (u *unjudged) Unwrap() error { return u.err }

// stumbles reports whether an error is of the message whose turn it was: it
// could not be judged, or the ledger refuses what was prepared for it. What is
// wrong with the moment (a session that ended, no leader, a locked key) is not.
func stumbles(ctx context.Context, err error) bool {
	if err == nil || ctx.Err() != nil {
		return false
	}
	return errors.As(err, new(*unjudged)) || refusedByLedger(err)
}

// refusedByLedger tells a command that the ledger will not take whatever the
// moment. One of its rows is the reason.
func refusedByLedger(err error) bool {
	return exchange.CodeOf(err) == exchange.Invalid || errors.Is(err, errRestless)
}

// stumble counts an attempt in vain in the ledger, so that neither the end of a
// session nor a change of leader begins the patience again. It returns a
// reason once the patience is over.
func (d *Domain) stumble(ctx context.Context, s delivery.Session, row delivery.Row, cause error) (reason string, err error) {
	text := cause.Error()
	text = text[:min(len(text), longestReason)]
	_, err = d.propose(ctx, opReceive, func() (ledger.Command, error) {
		return ledger.Command{Stumble: &ledger.Stumble{Peer: s.Peer, Epoch: s.PeerEpoch, Class: row.Class, Sequence: row.Sequence, Reason: text}}, nil
	})
	if err != nil {
		return "", err
	}
	if err := d.Log.Current(ctx); err != nil {
		return "", err
	}
	err = d.Log.View(func(r ledger.Reader) error {
		st, ok, err := ledger.StumbleOf(r, s.Peer, row.Class)
		if ok && st.Sequence == row.Sequence && st.Tries >= uint32(d.Patience) {
			reason = fmt.Sprintf("given up after %d attempts: %s", st.Tries, text)
		}
		return err
	})
	return reason, err
}

// quarantine sets one message aside, and the link goes on.
func (d *Domain) quarantine(ctx context.Context, s delivery.Session, row delivery.Row, reason string) error {
	d.Logger.Warn("message quarantined", "peer", s.Peer, "class", row.Class, "sequence", row.Sequence, "err", reason)
	_, err := d.propose(ctx, opReceive, func() (ledger.Command, error) {
		return ledger.Command{Receive: &ledger.Receive{Peer: s.Peer, Epoch: s.PeerEpoch, Term: s.Term, Rows: []ledger.ReceivedRow{
			{Class: row.Class, Sequence: row.Sequence, Message: row.Message, Quarantine: reason}}}}, nil
	})
	return err
}
