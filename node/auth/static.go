package auth

import (
	"context"
	"crypto/subtle"
	"sync"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// Match compares a stored and a presented digest in constant time.
func Match(stored, presented crypto.Digest) bool {
	return subtle.ConstantTimeCompare(stored[:], presented[:]) == 1
}

// Static is a Tokens kept in memory, for what configuration lists. The zero
// value is empty and ready. It is safe for concurrent use.
type Static struct {
	mu      sync.RWMutex
	entries map[exchange.Domain][]entry
}

type entry struct {
	digest crypto.Digest
	caller exchange.Caller
}

// Add makes the token with that digest name the caller, in its own domain.
func (s *Static) Add(digest crypto.Digest, caller exchange.Caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries == nil {
		s.entries = map[exchange.Domain][]entry{}
	}
	d := caller.Unit.Domain()
	s.entries[d] = append(s.entries[d], entry{digest, caller})
}

// Remove withdraws a token of a domain; one that is not there is no error.
func (s *Static) Remove(domain exchange.Domain, digest crypto.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var kept []entry
	for _, e := range s.entries[domain] {
		if !Match(e.digest, digest) {
			kept = append(kept, e)
		}
	}
	s.entries[domain] = kept
}

// Lookup implements Tokens. It compares with every entry, found or not.
func (s *Static) Lookup(_ context.Context, domain exchange.Domain, digest crypto.Digest) (exchange.Caller, bool, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var caller exchange.Caller
	found := false
	for _, e := range s.entries[domain] {
		if Match(e.digest, digest) {
			caller, found = e.caller, true
		}
	}
	return caller, found, nil
}
