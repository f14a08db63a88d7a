package seal

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// Chunks returns how many chunks a part of size bytes has: one at least.
// A negative size or one of 2³² chunks or more is ErrSize.
func Chunks(size int64) (uint32, error) {
	n := max(size-1, 0)/ChunkSize + 1
	if size < 0 || n > math.MaxUint32 {
		return 0, fmt.Errorf("%w: part of %d bytes", ErrSize, size)
	}
	return uint32(n), nil
}

type buffer [ChunkSize + Overhead]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// release returns a buffer without the plaintext that was in its first n bytes.
func release(b *buffer, n int) {
	clear(b[:n])
	buffers.Put(b)
}

// Seal reads the plaintext of the part from r to its end, and hands over each
// sealed chunk in order with its address, the SM3 digest of the ciphertext.
// sealed is valid until emit returns. Seal returns the size of the plaintext.
//
// Only io.EOF ends a part: a reader that breaks off with any other error,
// io.ErrUnexpectedEOF included, fails the call. After an error the Sealer has
// spent its indexes, and the part must be sealed in a new attempt.
func (s *Sealer) Seal(r io.Reader, emit func(index uint32, sealed []byte, addr crypto.Digest) error) (size int64, err error) {
	b, used := buffers.Get().(*buffer), 0
	defer func() { release(b, used) }()
	for index, held := uint32(0), 0; ; index++ {
		// One byte beyond the chunk tells whether it is the last.
		n, err := fill(r, b[:ChunkSize+1], held)
		used = max(used, min(n+Overhead, len(b)))
		if err != nil {
			return size, fmt.Errorf("seal: reading plaintext: %w", err)
		}
		last := n <= ChunkSize
		if !last && index == math.MaxUint32-1 {
			return size, fmt.Errorf("%w: part has too many chunks", ErrSize)
		}
		n = min(n, ChunkSize)
		following := b[ChunkSize]
		sealed, err := s.SealChunk(b[:0], index, last, b[:n])
		if err != nil {
			return size, err
		}
		if err := emit(index, sealed, s.p.Sum(sealed)); err != nil {
			return size, err
		}
		size += int64(n)
		if last {
			return size, nil
		}
		b[0], held = following, 1
	}
}

// fill reads after the held bytes of b until it is full or r ends, and returns
// how many bytes b holds.
func fill(r io.Reader, b []byte, held int) (n int, err error) {
	n = held
	for idle := 0; n < len(b); {
		m, err := r.Read(b[n:])
		n += m
		switch {
		case err == io.EOF:
			return n, nil
		case err != nil:
			return n, err
		case m > 0:
			idle = 0
		case idle == 100:
			return n, io.ErrNoProgress
		default:
			idle++
		}
	}
	return n, nil
}

// Open fetches the n sealed chunks of a part in order and writes the plaintext
// to w. fetch may reuse its buffer from call to call. Every chunk is verified
// before it is written, but that the part is whole is known only at the end:
// after an error, what w received must be discarded.
//
// A failure is ErrTruncated, ErrExtended, ErrOrder, ErrChunk, or the error of
// fetch or w.
func (s *Sealer) Open(n uint32, fetch func(index uint32) ([]byte, error), w io.Writer) error {
	if n == 0 {
		return fmt.Errorf("%w: it has no chunk", ErrTruncated)
	}
	b, used := buffers.Get().(*buffer), 0
	defer func() { release(b, used) }()
	for index := range n {
		sealed, err := fetch(index)
		if err != nil {
			return fmt.Errorf("seal: fetching chunk %d: %w", index, err)
		}
		used = max(used, min(len(sealed), len(b)))
		plain, err := s.OpenChunk(b[:0], index, index == n-1, sealed)
		if err != nil {
			return s.diagnose(b[:0], index, n, sealed, err)
		}
		if _, err := w.Write(plain); err != nil {
			return fmt.Errorf("seal: writing plaintext: %w", err)
		}
	}
	return nil
}

// diagnose says what is wrong with a chunk that does not open in its place, by
// opening it in others. It looks at a few, so that an altered chunk of a large
// part costs no more than that of a small one.
func (s *Sealer) diagnose(dst []byte, index, n uint32, sealed []byte, failure error) error {
	const reach = 8
	if !errors.Is(failure, ErrChunk) {
		return failure
	}
	last := index == n-1
	if _, err := s.OpenChunk(dst, index, !last, sealed); err == nil {
		if last {
			return fmt.Errorf("%w: chunk %d was not sealed as the last", ErrTruncated, index)
		}
		return fmt.Errorf("%w: chunk %d was sealed as the last", ErrExtended, index)
	}
	from, to := uint64(max(index, reach)-reach), min(uint64(index)+reach, math.MaxUint32)
	for other := from; other <= to; other++ {
		for _, last := range [2]bool{false, true} {
			if _, err := s.OpenChunk(dst, uint32(other), last, sealed); err == nil {
				return fmt.Errorf("%w: chunk %d stands at %d", ErrOrder, other, index)
			}
		}
	}
	return failure
}
