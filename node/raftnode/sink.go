package raftnode

import (
	"errors"
	"io"

	"github.com/hashicorp/raft"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// sink receives one snapshot: either a reference of our own, which has no
// bytes, or the state of another replica.
type sink struct {
	to        *snapshots
	meta      snapshotMeta
	reference bool
	stage     *store.Stage
}

var _ raft.SnapshotSink = (*sink)(nil)

// ID implements raft.SnapshotSink.
func (k *sink) ID() string { return k.meta.ID }

// Write implements io.Writer for the state of another replica.
func (k *sink) Write(p []byte) (int, error) {
	if k.stage == nil {
		stage, err := k.to.store.Stage()
		if err != nil {
			return 0, err
		}
		k.stage = stage
	}
	return k.stage.Write(p)
}

// Close installs what was received, durably, and only then makes the reference
// that lets Raft forget the log before it, and then forgets that. A crash in
// between leaves a store that is ahead of Raft's log, which is harmless, or a log
// that is cut at the next start; the other order would leave a store that is
// behind, with entries missing.
func (k *sink) Close() error {
	if k.reference {
		return k.to.save(k.meta)
	}
	if err := k.install(); err != nil {
		return err
	}
	if err := k.to.save(k.meta); err != nil {
		return err
	}
	k.to.received.Add(1)
	return k.to.forget(k.meta)
}

func (k *sink) install() error {
	if k.stage == nil {
		return errors.New("raftnode: a received snapshot is empty")
	}
	if err := k.stage.Finish(); err != nil {
		return errors.Join(err, k.stage.Discard())
	}
	if err := k.stage.Advance(); err != nil {
		return err
	}
	k.meta.State = k.to.store.AppliedIndex()
	return nil
}

// Cancel implements raft.SnapshotSink.
func (k *sink) Cancel() error {
	if k.stage == nil {
		return nil
	}
	return k.stage.Discard()
}

// stream reads a snapshot of the live store. The copy begins at the first
// read: Raft also opens snapshots that it does not read.
type stream struct {
	snap *store.Snapshot
	end  func(sent bool) // called once
	sent bool            // the receiver has installed it
	pipe *io.PipeReader
	done chan struct{}
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	if s.pipe == nil {
		r, w := io.Pipe()
		s.pipe, s.done = r, make(chan struct{})
		go func() {
			defer close(s.done)
			_, err := s.snap.WriteTo(w)
			_ = w.CloseWithError(err) // never fails
		}()
	}
	return s.pipe.Read(p)
}

// Close implements io.Closer and ends the copy if it is still going on.
func (s *stream) Close() error {
	if s.pipe != nil {
		_ = s.pipe.Close() // never fails
		<-s.done
	}
	s.end(s.sent)
	return s.snap.Close()
}
