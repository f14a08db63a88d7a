// Package content keeps sealed chunks, addressed by the SM3 of their
// ciphertext, outside the log: on a local disk, and on a majority of the
// domain's replicas before a command may rely on them. DESIGN.md says how.
package content

import (
	"context"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// MaxChunk is the size of the largest sealed chunk, in bytes: 1 MiB and the
// tag of its sealing.
const MaxChunk = 1<<20 + 16

// Store keeps chunks durably. Methods are safe for concurrent use. Every
// implementation passes contenttest.Run.
type Store interface {
	// ID names the store itself, so that a proof does not outlive a disk that
	// was replaced by an empty one.
	ID() [16]byte
	// Put keeps data, whose SM3 is address, and returns once it would survive
	// a loss of power. Keeping it again is cheap and mends a damaged copy.
	// Codes: Corrupt when data is not what address says, Invalid above
	// MaxChunk, Exhausted when the disk is full.
	Put(ctx context.Context, address crypto.Digest, data []byte) error
	// Get returns a chunk whose SM3 was verified. Codes: NotFound; Corrupt
	// when the stored copy is damaged.
	Get(ctx context.Context, address crypto.Digest) ([]byte, error)
	// Has tells which chunks are stored, in the order asked. It does not read
	// them; Scrub does.
	Has(ctx context.Context, addresses []crypto.Digest) ([]bool, error)
	// Delete forgets a chunk. One that is not there is not an error.
	Delete(ctx context.Context, address crypto.Digest) error
	// Walk calls fn for each chunk in ascending order of address, until fn
	// fails. Chunks that come or go meanwhile may be seen or not.
	Walk(ctx context.Context, fn func(Info) error) error
	// Stat says how much room there is.
	Stat(ctx context.Context) (Stat, error)
}

// Info describes a stored chunk.
type Info struct {
	Address crypto.Digest
	Size    int64 // bytes
}

// Stat says how much room a store has, in bytes.
type Stat struct {
	Free     uint64 // left on the disk
	Total    uint64 // of the disk
	Reserved uint64 // below this much free, Put is refused
}

// Peer is the content of another replica of the same domain.
type Peer interface {
	// Replica names it.
	Replica() exchange.Replica
	// Put keeps a chunk durably there, and says in which store.
	Put(ctx context.Context, address crypto.Digest, data []byte) (store [16]byte, err error)
	// Get returns a chunk. The caller verifies it.
	Get(ctx context.Context, address crypto.Digest) ([]byte, error)
	// Has tells which chunks are stored there, in the order asked.
	Has(ctx context.Context, addresses []crypto.Digest) (store [16]byte, stored []bool, err error)
}

// Hash is SM3 over the concatenation of parts; sm.Provider.Sum fits.
type Hash func(parts ...[]byte) crypto.Digest

// Chunk is one sealed chunk on its way into a store.
type Chunk struct {
	Address crypto.Digest
	Data    []byte
}
