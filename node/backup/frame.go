package backup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/seal"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

// magic begins every backup. The digit is for people; Header.Version counts.
const magic = "YIZHAN BACKUP 1\n"

// kind of a frame: header, sealed chunk, end.
type kind byte

const (
	kindHeader kind = 'H'
	kindChunk  kind = 'C'
	kindEnd    kind = 'E'
)

// frameSize is kind 1, index 4, length 4, SM3 of the payload 32, and the first
// 4 bytes of SM3 over these, so that an accident in a frame's head is told from
// one in a length that it gives.
const frameSize = 1 + 4 + 4 + 32 + 4

// frame is the head of one.
type frame struct {
	kind   kind
	index  uint32 // of a chunk; of the end: how many chunks there are
	length uint32
	digest crypto.Digest
}

func (f frame) encode(p sm.Provider) []byte {
	b := make([]byte, 0, frameSize)
	b = append(b, byte(f.kind))
	b = binary.BigEndian.AppendUint32(b, f.index)
	b = binary.BigEndian.AppendUint32(b, f.length)
	b = append(b, f.digest[:]...)
	check := p.Sum(b)
	return append(b, check[:4]...)
}

// most bounds the payload of a kind.
func (k kind) most() uint32 {
	switch k {
	case kindHeader:
		return maxHeader
	case kindChunk:
		return seal.ChunkSize + seal.Overhead
	case kindEnd:
		return maxStatement
	}
	return 0
}

// frames reads frames in order and is one head ahead, because only the next
// head tells whether a chunk is the last.
type frames struct {
	r    io.Reader
	p    sm.Provider
	next frame
	seen uint32    // chunks whose payload was read
	sum  hash.Hash // over their digests
	buf  [frameSize]byte
}

// begin reads the magic and the first head.
func (f *frames) begin() error {
	var m [len(magic)]byte
	if _, err := io.ReadFull(f.r, m[:]); err != nil && !ended(err) {
		return err
	}
	if string(m[:]) != magic {
		return ErrNotBackup
	}
	f.sum = f.p.NewHash()
	return f.head()
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// head reads the next head.
func (f *frames) head() error {
	if _, err := io.ReadFull(f.r, f.buf[:]); err != nil {
		if ended(err) {
			return fmt.Errorf("%w after chunk %d", ErrTruncated, f.seen)
		}
		return err
	}
	b := f.buf[:]
	check := f.p.Sum(b[:frameSize-4])
	if string(check[:4]) != string(b[frameSize-4:]) {
		return fmt.Errorf("%w: the head after chunk %d", ErrDamaged, f.seen)
	}
	f.next = frame{kind(b[0]), binary.BigEndian.Uint32(b[1:]), binary.BigEndian.Uint32(b[5:]), crypto.Digest(b[9:41])}
	if f.next.length > f.next.kind.most() {
		return fmt.Errorf("%w: chunk %d claims %d bytes", ErrForged, f.seen, f.next.length)
	}
	return nil
}

// payload reads the bytes that belong to the head, into buf when they fit.
func (f *frames) payload(buf []byte) ([]byte, error) {
	n := int(f.next.length)
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := io.ReadFull(f.r, buf); err != nil {
		if ended(err) {
			return nil, fmt.Errorf("%w within chunk %d", ErrTruncated, f.seen)
		}
		return nil, err
	}
	if f.p.Sum(buf) != f.next.digest {
		return nil, fmt.Errorf("%w: %s", ErrDamaged, f.place())
	}
	return buf, nil
}

func (f *frames) place() string {
	switch f.next.kind {
	case kindHeader:
		return "its header"
	case kindEnd:
		return "its end"
	}
	return fmt.Sprintf("chunk %d", f.next.index)
}

// chunk reads the chunk that stands next, and the head after it. It returns
// nil when the end stands next.
func (f *frames) chunk(buf []byte) (sealed []byte, index uint32, last bool, err error) {
	switch {
	case f.next.kind == kindHeader:
		return nil, 0, false, fmt.Errorf("%w: a second header after chunk %d", ErrForged, f.seen)
	case f.next.index != f.seen:
		return nil, 0, false, f.misplaced()
	case f.next.kind == kindEnd:
		return nil, 0, false, nil
	}
	if sealed, err = f.payload(buf); err != nil {
		return nil, 0, false, err
	}
	index = f.next.index
	_, _ = f.sum.Write(f.next.digest[:]) // a hash never fails
	f.seen++
	if err := f.head(); err != nil {
		return nil, 0, false, err
	}
	if f.next.kind == kindEnd && f.next.index != f.seen {
		return nil, 0, false, f.misplaced()
	}
	return sealed, index, f.next.kind == kindEnd, nil
}

// misplaced tells chunks in another order from chunks that are gone, by
// looking for the one expected further on.
func (f *frames) misplaced() error {
	want := f.seen
	if f.next.kind == kindEnd {
		return fmt.Errorf("%w: it was written with %d, and ends after %d", ErrMissing, f.next.index, want)
	}
	stands := f.next.index
	for stands > want {
		if _, err := io.CopyN(io.Discard, f.r, int64(f.next.length)); err != nil || f.head() != nil || f.next.kind != kindChunk {
			return fmt.Errorf("%w: after %d of them number %d follows, which is out of turn", ErrMissing, want, stands)
		}
		if f.next.index == want {
			break
		}
	}
	return fmt.Errorf("%w: number %d stands where %d belongs", ErrOrder, stands, want)
}

// end reads the payload of the end, and what must not be after it.
func (f *frames) end() ([]byte, error) {
	b, err := f.payload(nil)
	if err != nil {
		return nil, err
	}
	switch n, err := io.ReadFull(f.r, f.buf[:1]); {
	case n > 0:
		return nil, ErrExtended
	case ended(err):
		return b, nil
	default:
		return nil, err
	}
}
