package store

import (
	"sync"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// remembered is for how many of the last entries the digest is known.
const remembered = 4096

// recent remembers the digests after the last entries, so that replicas which
// are not at the same index can be compared at one. Its lock is a leaf.
type recent struct {
	mu    sync.Mutex
	heads [remembered]Head // at index mod remembered
}

func (r *recent) add(heads ...applied) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range heads {
		h := heads[i].head
		r.heads[h.Index%remembered] = h
	}
}

// begin forgets what was before a state that came from elsewhere.
func (r *recent) begin(h Head) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heads = [remembered]Head{}
	r.heads[h.Index%remembered] = h
}

// DigestAt returns the rolling digest after the entry of that index, false when
// it is too long ago, has not been applied, or was applied before the store was
// opened or replaced by a snapshot.
func (s *Store) DigestAt(index uint64) (crypto.Digest, bool) {
	s.recent.mu.Lock()
	defer s.recent.mu.Unlock()
	h := s.recent.heads[index%remembered]
	return h.Digest, h.Index == index && index > 0
}
