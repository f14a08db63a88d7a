package raftnode

import "github.com/hashicorp/raft"

// cachedLog is Raft's cache of new entries. Raft's own turns an error of the
// log into text, and whoever proposed would not learn that nothing was kept.
// Entries are stored by one goroutine.
type cachedLog struct {
	*raft.LogCache
	log *told
}

// told is a log that remembers what it said last.
type told struct {
	raft.LogStore
	err error
}

func newCachedLog(entries int, log raft.LogStore) (*cachedLog, error) {
	t := &told{LogStore: log}
	cache, err := raft.NewLogCache(entries, t)
	return &cachedLog{LogCache: cache, log: t}, err
}

// StoreLog implements raft.LogStore.
func (c *cachedLog) StoreLog(e *raft.Log) error { return c.StoreLogs([]*raft.Log{e}) }

// StoreLogs implements raft.LogStore.
func (c *cachedLog) StoreLogs(entries []*raft.Log) error {
	if err := c.LogCache.StoreLogs(entries); err != nil {
		return c.log.err
	}
	return nil
}

// StoreLogs implements raft.LogStore.
func (t *told) StoreLogs(entries []*raft.Log) error {
	t.err = t.LogStore.StoreLogs(entries)
	return t.err
}
