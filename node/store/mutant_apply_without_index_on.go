//go:build mutant_apply_without_index

package store

// mutantApplyWithoutIndex is a defect that node/test/mutants puts in to see it
// found: the index is kept after the effect, in a transaction of its own.
const mutantApplyWithoutIndex = true

func (s *Store) keepHead(h Head) error {
	b, err := s.begin()
	if err != nil {
		return err
	}
	defer b.rollback()
	if err := b.put(h.mutations()); err != nil {
		return err
	}
	return b.tx.Commit()
}
