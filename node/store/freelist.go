package store

import "go.etcd.io/bbolt"

// freelistLimit is up to how many free pages the list of them is written with
// each transaction: 256 KiB of list, 128 MiB of free space.
const freelistLimit = 32 << 10

// listFree decides whether the transaction that begins next writes the list of
// free pages. Without a list bbolt reads the whole file at its next start,
// seconds for each ten gigabytes. With one, each transaction writes eight bytes
// for a free page, which is little until a snapshot on a slow line pins pages or
// much is deleted at once: then the list is left out until it is short again,
// or until the store is closed. Caller holds write.
func (h *handle) listFree(limit int) {
	st := h.db.Stats()
	h.db.NoFreelistSync = st.FreePageN+st.PendingPageN > limit
}

// keepFreelist writes a list that the last transactions left out.
func (h *handle) keepFreelist() error {
	if !h.db.NoFreelistSync {
		return nil
	}
	h.db.NoFreelistSync = false
	return h.db.Update(func(*bbolt.Tx) error { return nil })
}

// FreePages tells how many pages of the file hold nothing, how many of those
// are pinned by readers, and whether the file lists them, so that the next start
// need not look for them.
func (s *Store) FreePages() (free, pinned int, listed bool, err error) {
	s.write.Lock()
	defer s.write.Unlock()
	s.mu.RLock()
	h := s.current // cannot be closed meanwhile: that needs the write lock
	s.mu.RUnlock()
	if h == nil {
		return 0, 0, false, ErrClosed
	}
	st := h.db.Stats()
	return st.FreePageN + st.PendingPageN, st.PendingPageN, !h.db.NoFreelistSync, nil
}
