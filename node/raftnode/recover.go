package raftnode

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// termLeap is how far a recovery moves the term: beyond whatever the replicas
// that were lost may have reached, so that nothing of theirs is taken for newer.
const termLeap = 1 << 20

// ErrNoLog reports a directory without a Raft log.
var ErrNoLog = errors.New("there is no Raft log")

// Offline names what a stopped replica keeps. All fields are required.
type Offline struct {
	Dir   string // as Config.Dir
	Store *store.Store
}

// Inspection is what a stopped replica knows.
type Inspection struct {
	Term              uint64 // the last it heard of
	FirstLog, LastLog uint64
	LastTerm          uint64    // of the entry at LastLog
	LastAt            time.Time // when a leader wrote that entry; zero when unknown
	Snapshot          uint64
	Applied           uint64 // everything up to here was committed
	Configuration     uint64 // log index of Members
	Members           []Member
	Uncertain         []LogEntry // above Applied: committed, or not; recovering commits them
}

// LogEntry is one entry of the log.
type LogEntry struct {
	Index, Term uint64
	At          time.Time
	Commands    [][]byte
	Members     []Member // of a change of membership
}

// offline is an opened log.
type offline struct {
	disk      *disk
	snapshots *snapshots
	store     *store.Store
}

func openOffline(o Offline) (*offline, error) {
	if _, err := os.Stat(filepath.Join(o.Dir, "log")); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s", ErrNoLog, o.Dir)
	}
	snaps, err := openSnapshots(o.Dir, o.Store)
	if err != nil {
		return nil, err
	}
	d, err := openDisk(o.Dir, segmentSize, &shortage{}, func(error) {})
	if err != nil {
		return nil, err
	}
	return &offline{disk: d, snapshots: snaps, store: o.Store}, nil
}

// Inspect tells what a stopped replica knows. It changes nothing.
func Inspect(o Offline) (i Inspection, err error) {
	f, err := openOffline(o)
	if err != nil {
		return i, fmt.Errorf("raftnode: inspecting: %w", err)
	}
	defer func() { err = errors.Join(err, f.disk.Close()) }()
	if i, err = f.inspect(); err != nil {
		return i, fmt.Errorf("raftnode: inspecting: %w", err)
	}
	return i, nil
}

func (f *offline) inspect() (i Inspection, err error) {
	if i.Term, err = f.disk.GetUint64([]byte(termKey)); err != nil && !absent(err) {
		return i, err
	}
	if i.FirstLog, err = f.disk.FirstIndex(); err != nil {
		return i, err
	}
	if i.LastLog, err = f.disk.LastIndex(); err != nil {
		return i, err
	}
	snap := f.snapshots.latest()
	i.Snapshot, i.Applied = snap.Index, f.store.AppliedIndex()
	i.Configuration, i.Members = snap.ConfigurationIndex, membersOf(snap.Configuration)
	if i.LastLog < snap.Index {
		i.LastLog, i.LastTerm = snap.Index, snap.Term
	}
	return i, f.read(&i)
}

// absent tells a value that was never kept: each log store has its own error.
func absent(err error) bool { return err.Error() == "not found" }

// read goes through the log behind the snapshot. Raft's decoder panics on what
// it cannot decode.
func (f *offline) read(i *Inspection) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the log cannot be decoded: %v", p)
		}
	}()
	first, err := f.disk.FirstIndex()
	if err != nil || first == 0 {
		return err
	}
	for index := max(first, 1); index <= i.LastLog; index++ {
		var l raft.Log
		if err := f.disk.GetLog(index, &l); err != nil {
			return fmt.Errorf("log index %d: %w", index, err)
		}
		e := LogEntry{Index: l.Index, Term: l.Term, At: l.AppendedAt}
		i.LastTerm = l.Term
		if !l.AppendedAt.IsZero() {
			i.LastAt = l.AppendedAt
		}
		switch l.Type {
		case raft.LogConfiguration:
			e.Members = membersOf(raft.DecodeConfiguration(l.Data))
			i.Configuration, i.Members = l.Index, e.Members
		case raft.LogCommand:
			if e.Commands, err = decodeFrame(l.Data); err != nil {
				return fmt.Errorf("log index %d: %w", index, err)
			}
		}
		if l.Index > i.Applied {
			i.Uncertain = append(i.Uncertain, e)
		}
	}
	return nil
}

func membersOf(c raft.Configuration) []Member {
	var out []Member
	for _, s := range c.Servers {
		out = append(out, Member{exchange.Replica(s.ID), string(s.Address), s.Suffrage == raft.Voter})
	}
	return out
}

// Recover makes a stopped replica the only voter of its group, after a majority
// was lost for good: whatever its log holds is committed when it is started, and
// what it never received is lost. It appends a membership of this replica alone
// to the log, under a term that none of the lost can have reached; starting does
// the rest on the ordinary way. Doing it twice is harmless. It returns the index
// of that entry.
func Recover(o Offline, self Server) (index uint64, err error) {
	f, err := openOffline(o)
	if err != nil {
		return 0, fmt.Errorf("raftnode: recovering: %w", err)
	}
	defer func() { err = errors.Join(err, f.disk.Close()) }()
	i, err := f.inspect()
	if err != nil {
		return 0, fmt.Errorf("raftnode: recovering: %w", err)
	}
	if i.LastLog == 0 {
		return 0, errors.New("raftnode: recovering: the log is empty")
	}
	term := max(i.Term, i.LastTerm) + termLeap
	if err := f.disk.SetUint64([]byte(termKey), term); err != nil {
		return 0, fmt.Errorf("raftnode: keeping term %d: %w", term, err)
	}
	entry := &raft.Log{Index: i.LastLog + 1, Term: term, Type: raft.LogConfiguration, AppendedAt: time.Now(),
		Data: raft.EncodeConfiguration(voters([]Server{self}))}
	if err := f.disk.StoreLogs([]*raft.Log{entry}); err != nil {
		return 0, fmt.Errorf("raftnode: keeping the membership: %w", err)
	}
	return entry.Index, nil
}
