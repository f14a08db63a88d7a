package raftnode

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// encodeLog is the form of an entry in the log:
//
//	index, term (uvarint) · type (1) · appended at, Unix ns (varint) · length of extensions (uvarint), extensions · data
func encodeLog(e *raft.Log) []byte {
	b := make([]byte, 0, 40+len(e.Extensions)+len(e.Data))
	b = binary.AppendUvarint(b, e.Index)
	b = binary.AppendUvarint(b, e.Term)
	b = append(b, byte(e.Type))
	var at int64
	if !e.AppendedAt.IsZero() {
		at = e.AppendedAt.UnixNano()
	}
	b = binary.AppendVarint(b, at)
	b = binary.AppendUvarint(b, uint64(len(e.Extensions)))
	b = append(b, e.Extensions...)
	return append(b, e.Data...)
}

func decodeLog(b []byte, want uint64, e *raft.Log) error {
	bad := fmt.Errorf("the entry at index %d is not one", want)
	number := func() (v uint64) {
		var n int
		if v, n = binary.Uvarint(b); n <= 0 {
			b = nil
			return 0
		}
		b = b[n:]
		return v
	}
	out := raft.Log{Index: number(), Term: number()}
	if out.Index != want || len(b) < 3 {
		return bad
	}
	out.Type, b = raft.LogType(b[0]), b[1:]
	at, n := binary.Varint(b)
	if n <= 0 {
		return bad
	}
	if b = b[n:]; at != 0 {
		out.AppendedAt = time.Unix(0, at)
	}
	length := number()
	if length > uint64(len(b)) {
		return bad
	}
	if length > 0 {
		out.Extensions = b[:length:length]
	}
	if b = b[length:]; len(b) > 0 {
		out.Data = b
	}
	*e = out
	return nil
}
