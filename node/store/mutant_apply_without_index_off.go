//go:build !mutant_apply_without_index

package store

const mutantApplyWithoutIndex = false

func (s *Store) keepHead(Head) error { return nil }
