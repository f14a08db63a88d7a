package content

import (
	"sync"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/durable"
)

// verify refuses data that is not what its address says.
func verify(hash Hash, op string, address crypto.Digest, data []byte) error {
	if len(data) > MaxChunk {
		return exchange.Errorf(exchange.Invalid, op, "a chunk of %d bytes is above the limit of %d", len(data), MaxChunk)
	}
	if hash(data) != address {
		return exchange.Errorf(exchange.Corrupt, op, "chunk %s does not have the digest it is named by", address.Short())
	}
	return nil
}

// dirSync lets concurrent callers share the syncs of directories: whoever
// comes while a round is under way joins the next. Journalling file systems
// commit one transaction for a whole round.
type dirSync struct {
	mu      sync.Mutex
	running bool
	next    *syncRound
}

type syncRound struct {
	dirs map[string]error
	done chan struct{}
}

// sync returns once a sync of dir that began after the call has ended.
func (s *dirSync) sync(dir string) error {
	s.mu.Lock()
	if s.next == nil {
		s.next = &syncRound{dirs: map[string]error{}, done: make(chan struct{})}
	}
	r := s.next
	r.dirs[dir] = nil
	lead := !s.running
	s.running = true
	s.mu.Unlock()
	if lead {
		s.run()
	}
	<-r.done
	return r.dirs[dir]
}

// run works off one round and hands the next to a goroutine, so that a caller
// waits for its own round only.
func (s *dirSync) run() {
	s.mu.Lock()
	r := s.next
	s.next = nil
	s.running = r != nil
	s.mu.Unlock()
	if r == nil {
		return
	}
	for dir := range r.dirs {
		r.dirs[dir] = durable.SyncDir(dir)
	}
	close(r.done)
	go s.run()
}
