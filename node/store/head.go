package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// Head says how far a ledger has come. Two replicas with equal indexes and
// different digests have diverged.
type Head struct {
	Index  uint64        // of the last applied entry; 0 when nothing was applied
	Term   uint64        // of that entry
	Digest crypto.Digest // rolling digest of all mutations up to Index
}

// readHead fails on a database that was damaged or is not ours.
func readHead(r ledger.Reader) (Head, error) {
	index := r.Get(ledger.TableMeta, ledger.KeyApplied)
	term := r.Get(ledger.TableMeta, ledger.KeyTerm)
	digest := r.Get(ledger.TableMeta, ledger.KeyDigest)
	if index == nil && term == nil && digest == nil {
		return Head{}, nil
	}
	h := Head{}
	if len(index) != 8 || len(term) != 8 || len(digest) != len(h.Digest) {
		return Head{}, errors.New("applied index, term or digest is missing or malformed")
	}
	h.Index, h.Term = binary.BigEndian.Uint64(index), binary.BigEndian.Uint64(term)
	copy(h.Digest[:], digest)
	return h, nil
}

// mutations returns the rows that record h.
func (h Head) mutations() []ledger.Mutation {
	return []ledger.Mutation{
		{Table: ledger.TableMeta, Key: ledger.KeyApplied, Value: binary.BigEndian.AppendUint64(nil, h.Index)},
		{Table: ledger.TableMeta, Key: ledger.KeyTerm, Value: binary.BigEndian.AppendUint64(nil, h.Term)},
		{Table: ledger.TableMeta, Key: ledger.KeyDigest, Value: h.Digest[:]},
	}
}

// next returns the head after an entry with these mutations. The digest is a
// chain over entries, not over transactions: how entries were grouped differs
// between replicas and must not show. Each link is SM3 over what came before,
// the index, the count and a fast hash of the mutations: it finds replicas that
// went apart by a defect, and nothing that is proved to anybody rests on it.
func (s *Store) next(h Head, index, term uint64, mutations []ledger.Mutation) Head {
	link := make([]byte, 0, len(h.Digest)+24)
	link = append(link, h.Digest[:]...)
	link = binary.BigEndian.AppendUint64(link, index)
	link = binary.BigEndian.AppendUint64(link, uint64(len(mutations)))
	link = binary.BigEndian.AppendUint64(link, hashMutations(mutations))
	return Head{Index: index, Term: term, Digest: s.opts.Hash(link)}
}

// hashMutations is XXH64 over the mutations in their order.
func hashMutations(mutations []ledger.Mutation) uint64 {
	var h xxhash.Digest
	h.Reset()
	var frame [9]byte
	for _, m := range mutations {
		_, _ = h.Write(appendFrame(frame[:0], m)) // never fails
		_, _ = h.Write(m.Key)
		_, _ = h.Write(m.Value)
	}
	return h.Sum64()
}

// appendFrame encodes table, length of the key, and length of the value plus
// one (0: deleted), so that no two lists of mutations hash the same bytes.
func appendFrame(b []byte, m ledger.Mutation) []byte {
	b = append(b, byte(m.Table))
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.Key)))
	if m.Value == nil {
		return binary.BigEndian.AppendUint32(b, 0)
	}
	return binary.BigEndian.AppendUint32(b, uint32(len(m.Value))+1)
}

// check refuses mutations that would break the store itself.
func check(mutations []ledger.Mutation) error {
	for _, m := range mutations {
		if m.Table == 0 || m.Table >= ledger.TableEnd {
			return fmt.Errorf("mutation of unknown table %d", m.Table)
		}
		if m.Table == ledger.TableMeta && reserved[string(m.Key)] {
			return fmt.Errorf("mutation of the store's own row %q", m.Key)
		}
	}
	return nil
}

var reserved = map[string]bool{
	string(ledger.KeyApplied): true, string(ledger.KeyTerm): true,
	string(ledger.KeyDigest): true, string(ledger.KeyConfiguration): true,
}
