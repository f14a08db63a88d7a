package ledger

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// MaxTimeJump bounds how far one command may move the ledger's time. It is less
// than any time limit that is set by default, so that one bad clock ends nothing;
// a leader ticks every hour, so that an idle domain stays within it. After more
// time with all machines switched off an operator says what time it is.
const MaxTimeJump = 4 * 24 * time.Hour

const maxJump = exchange.Time(MaxTimeJump / time.Millisecond)

// Machine applies commands that this program made. What came from outside was
// decoded strictly, and verified, before it went into one.
//
// A Machine holds no state.
type Machine struct {
	// Sum is SM3 over the concatenation of its parts.
	Sum func(parts ...[]byte) crypto.Digest
}

var _ Applier = (*Machine)(nil)

// Apply implements Applier.
func (m *Machine) Apply(r Reader, index uint64, command []byte) ([]byte, []Mutation, error) {
	c, err := exchange.DecodeStored[Command](command)
	if err != nil {
		return nil, nil, fmt.Errorf("ledger: index %d cannot be decoded: %w", index, err)
	}
	t := &txn{r: r, sum: m.Sum, index: index, over: map[place]int{}}
	res := t.begin(&c)
	if res.Code == "" {
		res = t.dispatch(&c)
	}
	if res.Code == "" {
		t.audit()
	}
	if t.err != nil {
		return nil, nil, fmt.Errorf("index %d: %w", index, t.err)
	}
	if res.Code != "" {
		return exchange.Encode(res), nil, nil
	}
	return exchange.Encode(res), t.muts, nil
}

func refuse(code exchange.Code, format string, args ...any) Result {
	return Result{Code: code, Message: fmt.Sprintf(format, args...)}
}

// begin loads the domain, moves the time and compares revisions.
func (t *txn) begin(c *Command) Result {
	var founded bool
	if raw := t.get(TableMeta, KeyApplied); len(raw) == 8 && t.index <= binary.BigEndian.Uint64(raw) {
		t.fail("index %d is applied already", t.index)
		return refuse(exchange.Internal, "index %d is applied already", t.index)
	}
	t.self, founded = load[Self](t, TableMeta, keyDomain)
	if founded == (c.Bootstrap != nil) {
		if founded {
			return refuse(exchange.Conflict, "the domain %s is already founded", t.self.Domain)
		}
		return refuse(exchange.Unavailable, "the domain is not founded yet")
	}
	t.knows(t.level())
	if res := t.tick(c); res.Code != "" {
		return res
	}
	if c.Revisions != (Revisions{}) && c.Revisions != t.self.Revisions {
		return refuse(exchange.Stale, "policy or directory changed since the decision")
	}
	return Result{}
}

func (t *txn) level() uint32 {
	if raw := t.get(TableMeta, keyLevel); len(raw) == 4 {
		return binary.BigEndian.Uint32(raw)
	}
	return 0
}

func (t *txn) setLevel(level uint32) {
	t.put(TableMeta, keyLevel, binary.BigEndian.AppendUint32(nil, level))
}

// tick sets now to max(previous, proposed). An operator's time is taken as it
// is, and the proposer's clock does not count then.
func (t *txn) tick(c *Command) Result {
	var prev exchange.Time
	if raw := t.get(TableMeta, keyTime); len(raw) == 8 {
		prev = exchange.Time(binary.BigEndian.Uint64(raw))
	}
	proposed := c.Time
	if c.Clock != nil {
		proposed = *c.Clock
	}
	if prev != 0 && c.Clock == nil && proposed > prev && proposed-prev > maxJump {
		return refuse(exchange.Unavailable, "the clock of the proposing replica is more than %d days ahead of the ledger; check its clock, or say that it is right: yizhan cluster clock", int(MaxTimeJump.Hours()/24))
	}
	t.was, t.now = prev, max(prev, proposed)
	if t.now != prev {
		t.put(TableMeta, keyTime, binary.BigEndian.AppendUint64(nil, uint64(t.now)))
	}
	return Result{}
}

// dispatch carries out the one thing that a command asks for.
func (t *txn) dispatch(c *Command) Result {
	if c.kinds() != 1 {
		t.fail("the command is empty, of several kinds, or of a kind this program does not know")
		return Result{}
	}
	if need := c.level(); need > t.level() {
		return refuse(exchange.Unavailable, "this needs feature level %d, and the domain is at %d: install this version on every replica, then raise the level", need, t.level())
	}
	switch {
	case c.Renew != nil:
		return t.renew(c.Renew)
	case c.Asked != nil:
		return t.asked(c.Asked)
	case c.Walk != nil:
		return t.walk(c.Walk)
	case c.Bootstrap != nil:
		return t.bootstrap(c.Bootstrap)
	case c.Submit != nil:
		return t.submit(c.Submit)
	case c.Receive != nil:
		return t.receive(c.Receive)
	case c.Custody != nil:
		return t.custody(c.Custody)
	case c.Act != nil:
		return t.act(c.Act)
	case c.Notice != nil:
		return t.notice(c.Notice)
	case c.Ack != nil:
		return t.ack(c.Ack)
	case c.Open != nil:
		return t.openLink(c.Open)
	case c.Statement != nil:
		return t.statement(c.Statement)
	case c.Judge != nil:
		return t.judge(c.Judge)
	case c.Lease != nil:
		return t.lease(c.Lease)
	case c.Deadline != nil:
		return t.deadline(c.Deadline)
	case c.Person != nil:
		return t.person(*c.Person)
	case c.Level != nil:
		return t.raise(*c.Level)
	case c.Stumble != nil:
		return t.stumble(c.Stumble)
	case c.Release != nil:
		return t.release(c.Release)
	case c.Dismiss != nil:
		return t.dismiss(c.Dismiss)
	case c.Close != nil:
		return t.closeLinks(c.Close)
	case c.Delay != nil:
		return t.delay(c.Delay)
	case c.Bounce != nil:
		return t.bounce(c.Bounce)
	case c.Collect != nil:
		return t.collect(c.Collect)
	}
	t.note(Event{Kind: EventClock})
	return Result{}
}

// knows stops the replica at a level that this program does not know. Others
// apply it, so that refusing it would be to differ from them.
func (t *txn) knows(level uint32) {
	if level > FeatureLevel {
		t.fail("feature level %d is newer than this program's %d: install the newer version", level, FeatureLevel)
	}
}

func (t *txn) raise(level uint32) Result {
	t.knows(level)
	if level <= t.level() {
		return refuse(exchange.Conflict, "feature level %d is not above %d", level, t.level())
	}
	t.setLevel(level)
	t.note(Event{Kind: EventLevel})
	return Result{}
}
