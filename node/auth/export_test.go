package auth

// Sources tells how many sources the limiter remembers.
func (b *Bearer) Sources() int {
	b.limit.mu.Lock()
	defer b.limit.mu.Unlock()
	return len(b.limit.failures)
}
