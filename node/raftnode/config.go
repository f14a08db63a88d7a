package raftnode

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/failpoint"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// Limits of what goes into the log. Raft measures badly above 512 KiB an entry.
const (
	MaxCommand       = 512 << 10 // bytes of one command
	maxEntry         = 256 << 10 // bytes of commands that share an entry
	maxEntryCommands = 64
	maxQueueBytes    = 64 << 20 // bytes of commands that wait
	maxQueue         = 4096     // commands that wait
	inFlight         = 4        // entries proposed and not yet applied
	logCache         = 512      // entries kept for followers that lag a little
	segmentSize      = 16 << 20 // bytes of a file of the log, which are allocated at once

	// maxAppend bounds the entries of one append to a follower, and so the
	// memory of one request: 64 × 256 KiB.
	maxAppend = 64
)

const defaultStall = 4 * time.Second

// Server is one member of a group.
type Server struct {
	Replica exchange.Replica
	Address string // of its Raft stream, host:port
}

// Stream accepts and makes the connections between the replicas of a domain.
// It must admit only replicas of that domain. Close ends Accept.
type Stream interface {
	net.Listener
	Dial(ctx context.Context, address string) (net.Conn, error)
}

// Config says what Start starts. All fields up to Applier are required.
type Config struct {
	Domain  exchange.Domain
	Replica exchange.Replica
	Dir     string // log and snapshot reference; not the store's own directory
	Address string // at which the other replicas reach this one
	Stream  Stream // owned by the group from Start on
	Store   *store.Store
	Applier ledger.Applier

	// Bootstrap lists the first voters of a new group, the same on each. It is
	// ignored once there is state; a replica that joins a group leaves it empty.
	Bootstrap []Server
	Logger    *slog.Logger // slog.Default when nil

	// TookPart says that this replica was a member before. One that has no log
	// all the same does not start: it would vote, and count, without what it
	// promised. See ErrWiped.
	TookPart bool
	// TakePart, when set, is called before this replica first takes part, and
	// must have noted that durably when it returns.
	TakePart func() error
	// MayLead, when set, is asked each time this replica was elected, before it
	// serves as the leader. An error stops the group for that reason.
	MayLead func(ctx context.Context) error
	// Fit, when set, is asked after MayLead. While it fails this replica hands
	// leadership over instead of serving.
	Fit func(ctx context.Context) error

	// Heartbeat is how long a follower waits to hear of its leader before it
	// asks for an election; half of it is the leader's lease. 2 s when zero:
	// shorter times mistake a slow disk for a dead leader.
	Heartbeat time.Duration
	// CommitTimeout is how soon followers of an idle leader learn what was
	// committed last. 50 ms when zero.
	CommitTimeout time.Duration
	// SnapshotEntries is how many entries are applied before the log is cut
	// back; 8192 when zero. TrailingEntries of them stay for followers that
	// lag; 8192 when zero. SnapshotInterval is how often to look; 60 s when
	// zero.
	SnapshotEntries, TrailingEntries uint64
	SnapshotInterval                 time.Duration
	// TransferRate bounds the bytes a second that the state is sent with to a
	// replica that lags too far; 64 MiB when zero.
	TransferRate int64

	// Stall is how long a write to the log may take before this replica does not
	// speak as leader any more; 4 s when zero. Half of it, three times in a row,
	// is slow enough to hand leadership over.
	Stall time.Duration

	segment int           // bytes of a file of the log; tests make it small
	heldLog int64         // bytes of log kept for a replica that is being sent the state
	linger  time.Duration // see holds; moments come soon when it is short
	pause   time.Duration // see transfers; tests make it short
}

func (c *Config) validate() error {
	switch {
	case !c.Domain.Valid():
		return errors.New("raftnode: no valid domain")
	case c.Replica == "" || c.Dir == "" || c.Address == "":
		return errors.New("raftnode: replica, directory and address are required")
	case c.Stream == nil || c.Store == nil || c.Applier == nil:
		return errors.New("raftnode: stream, store and applier are required")
	}
	return nil
}

func (c *Config) setDefaults() {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	setDefault(&c.Heartbeat, 2*time.Second)
	if failpoint.Enabled { // every moment should come soon
		setDefault(&c.SnapshotInterval, 500*time.Millisecond)
		setDefault(&c.SnapshotEntries, 8)
		setDefault(&c.TrailingEntries, 4)
		setDefault(&c.segment, 32<<10)
		setDefault(&c.linger, time.Second)
	}
	setDefault(&c.CommitTimeout, 50*time.Millisecond)
	setDefault(&c.SnapshotInterval, time.Minute)
	setDefault(&c.SnapshotEntries, 8192)
	setDefault(&c.TrailingEntries, 8192)
	setDefault(&c.TransferRate, 64<<20)
	setDefault(&c.Stall, defaultStall)
	setDefault(&c.segment, segmentSize)
	setDefault(&c.heldLog, maxHeld)
	setDefault(&c.linger, defaultLinger)
	setDefault(&c.pause, transferPause)
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}
