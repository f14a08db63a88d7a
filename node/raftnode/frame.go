package raftnode

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// An entry of the log is a version byte and any number of commands, each with
// its length before it. An entry without commands is the barrier of a new
// leader: it goes through the store like any other, so that every replica's
// applied index reaches it.
const frameVersion = 1

var errFrame = errors.New("entry is not a list of commands")

func encodeFrame(commands [][]byte) []byte {
	size := 1
	for _, c := range commands {
		size += binary.MaxVarintLen32 + len(c)
	}
	out := append(make([]byte, 0, size), frameVersion)
	for _, c := range commands {
		out = binary.AppendUvarint(out, uint64(len(c)))
		out = append(out, c...)
	}
	return out
}

// decodeFrame returns the commands, which share memory with b.
func decodeFrame(b []byte) ([][]byte, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: it is empty", errFrame)
	}
	if b[0] != frameVersion {
		return nil, fmt.Errorf("%w: version %d is unknown to this program", errFrame, b[0])
	}
	var out [][]byte
	for b = b[1:]; len(b) > 0; {
		n, width := binary.Uvarint(b)
		if width <= 0 || n > uint64(len(b)-width) {
			return nil, fmt.Errorf("%w: a length is out of range", errFrame)
		}
		out = append(out, b[width:width+int(n):width+int(n)])
		b = b[width+int(n):]
	}
	return out, nil
}
