package seal

import (
	"crypto/cipher"
	"crypto/hkdf"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

// Sealer seals and opens the chunks of one part in one attempt. It is safe for
// concurrent use.
type Sealer struct {
	p      sm.Provider
	subkey []byte
	aeads  sync.Pool // of cipher.AEAD: one serves one goroutine at a time

	mu     sync.Mutex
	below  uint64              // every index below has been sealed
	sealed map[uint32]struct{} // and so has each of these
}

// NewSealer derives the subkey of one part and attempt:
// HKDF-SM3(K, context ‖ exchange ‖ part ‖ attempt) (RFC 5869, no salt).
func NewSealer(p sm.Provider, k Key, exchange [16]byte, part uint32, attempt Attempt) (*Sealer, error) {
	info := make([]byte, 0, len(contextSubkey)+16+4+16)
	info = append(info, contextSubkey...)
	info = append(info, exchange[:]...)
	info = binary.BigEndian.AppendUint32(info, part)
	info = append(info, attempt[:]...)
	subkey, err := hkdf.Key(p.NewHash, k[:], nil, string(info), sm.KeySize)
	if err != nil {
		return nil, fmt.Errorf("seal: deriving the key of part %d: %w", part, err)
	}
	return &Sealer{p: p, subkey: subkey, sealed: make(map[uint32]struct{})}, nil
}

// SealChunk appends ciphertext‖tag of plain to dst; dst may be plain[:0]. Every
// chunk but the last has ChunkSize bytes; the last has fewer or as many, and is
// empty only when the part is. Else the error is ErrSize. A second call with
// the same index is ErrReuse, whatever became of the first.
func (s *Sealer) SealChunk(dst []byte, index uint32, last bool, plain []byte) ([]byte, error) {
	if !wellSized(index, last, len(plain)) {
		return nil, fmt.Errorf("%w: chunk %d of %d bytes, last %t", ErrSize, index, len(plain), last)
	}
	if err := s.claim(index); err != nil {
		return nil, err
	}
	aead, err := s.aead()
	if err != nil {
		return nil, err
	}
	defer s.aeads.Put(aead)
	n := nonce(index, last)
	return aead.Seal(dst, n[:], plain, []byte(contextChunk)), nil
}

// OpenChunk appends the plaintext of sealed to dst; dst may be sealed[:0]. Any
// failure is ErrChunk; the contents of dst beyond its length are then undefined.
func (s *Sealer) OpenChunk(dst []byte, index uint32, last bool, sealed []byte) ([]byte, error) {
	if !wellSized(index, last, len(sealed)-Overhead) {
		return nil, fmt.Errorf("%w: chunk %d has %d bytes", ErrChunk, index, len(sealed))
	}
	aead, err := s.aead()
	if err != nil {
		return nil, err
	}
	defer s.aeads.Put(aead)
	n := nonce(index, last)
	plain, err := aead.Open(dst, n[:], sealed, []byte(contextChunk))
	if err != nil {
		return nil, fmt.Errorf("%w: chunk %d", ErrChunk, index)
	}
	return plain, nil
}

// wellSized makes the division of a part into chunks unique.
func wellSized(index uint32, last bool, n int) bool {
	if !last {
		return n == ChunkSize
	}
	return 0 <= n && n <= ChunkSize && (n > 0 || index == 0)
}

// claim marks an index as sealed before it is, so that no failure in between
// can lead to a second use of its nonce. In order, it takes constant memory.
func (s *Sealer) claim(index uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, used := s.sealed[index]; used || uint64(index) < s.below {
		return fmt.Errorf("%w: %d", ErrReuse, index)
	}
	s.sealed[index] = struct{}{}
	for len(s.sealed) > 0 {
		next := uint32(s.below)
		if _, ok := s.sealed[next]; !ok {
			break
		}
		delete(s.sealed, next)
		s.below++
	}
	return nil
}

func (s *Sealer) aead() (cipher.AEAD, error) {
	if a, ok := s.aeads.Get().(cipher.AEAD); ok {
		return a, nil
	}
	return s.p.NewGCM(s.subkey)
}

// nonce is the chunk index in bytes 7 to 10 and, in byte 11, 1 for the last
// chunk (the STREAM construction, as in age).
func nonce(index uint32, last bool) (n [sm.NonceSize]byte) {
	binary.BigEndian.PutUint32(n[7:11], index)
	if last {
		n[11] = 1
	}
	return n
}
