package journal

import (
	"encoding/binary"
	"hash/crc32"
)

// A segment is a row of sectors, each of which proves by itself that it is
// whole and where it belongs:
//
//	0   4  CRC-32C over segment id, sector number and everything below
//	4   4  how many sectors of this batch follow
//	8   8  index of the first entry of the batch
//	16  2  bytes of payload here
//	18  2  kind
//	20     payload: for each entry its length (uvarint) and its bytes
//
// A drive writes a sector whole or not at all, and a sector is never written
// twice but for what was cut off. So after a crash each is either as written or
// zero; whatever is neither was damaged later.
const (
	sectorSize   = 512
	sectorHeader = 20
	sectorData   = sectorSize - sectorHeader
)

const (
	kindHead    = 1 // the first sector of a segment
	kindEntries = 2
)

var table = crc32.MakeTable(crc32.Castagnoli)

// sector is one sector in memory.
type sector [sectorSize]byte

func (s *sector) sum(segment uint64, number int64) uint32 {
	var salt [16]byte
	binary.BigEndian.PutUint64(salt[:], segment)
	binary.BigEndian.PutUint64(salt[8:], uint64(number))
	return crc32.Update(crc32.Checksum(salt[:], table), table, s[4:])
}

// seal fills in the header; the payload is there.
func (s *sector) seal(segment uint64, number int64, left uint32, first uint64, used int, kind uint16) {
	binary.BigEndian.PutUint32(s[4:], left)
	binary.BigEndian.PutUint64(s[8:], first)
	binary.BigEndian.PutUint16(s[16:], uint16(used))
	binary.BigEndian.PutUint16(s[18:], kind)
	binary.BigEndian.PutUint32(s[0:], s.sum(segment, number))
}

func (s *sector) whole(segment uint64, number int64) bool {
	return binary.BigEndian.Uint32(s[0:]) == s.sum(segment, number) && s.used() <= sectorData
}

func (s *sector) zero() bool { return *s == sector{} }

func (s *sector) left() uint32    { return binary.BigEndian.Uint32(s[4:]) }
func (s *sector) first() uint64   { return binary.BigEndian.Uint64(s[8:]) }
func (s *sector) used() int       { return int(binary.BigEndian.Uint16(s[16:])) }
func (s *sector) kind() uint16    { return binary.BigEndian.Uint16(s[18:]) }
func (s *sector) payload() []byte { return s[sectorHeader : sectorHeader+s.used()] }

// pack makes the sectors of one batch, and says where each entry is in the
// payload of the batch.
func pack(segment uint64, from int64, first uint64, kind uint16, entries [][]byte) (b []byte, spans []span) {
	var payload []byte
	for _, e := range entries {
		payload = binary.AppendUvarint(payload, uint64(len(e)))
		spans = append(spans, span{sector: from, at: int64(len(payload)), length: int64(len(e))})
		payload = append(payload, e...)
	}
	n := max(1, (len(payload)+sectorData-1)/sectorData)
	b = make([]byte, n*sectorSize)
	for i := range n {
		s := (*sector)(b[i*sectorSize:])
		used := copy(s[sectorHeader:], payload)
		payload = payload[used:]
		s.seal(segment, from+int64(i), uint32(n-1-i), first, used, kind)
	}
	return b, spans
}

// span is where an entry is: in the payload of the batch that begins at a
// sector, so many bytes from there.
type span struct {
	sector, at, length int64
}

// unpack finds the entries in the payload of a batch. ok is false when it is
// not a row of entries.
func unpack(from int64, payload []byte) (spans []span, ok bool) {
	for at := int64(0); at < int64(len(payload)); {
		length, n := binary.Uvarint(payload[at:])
		if n <= 0 || length > uint64(int64(len(payload))-at-int64(n)) {
			return nil, false
		}
		at += int64(n)
		spans = append(spans, span{from, at, int64(length)})
		at += int64(length)
	}
	return spans, true
}
