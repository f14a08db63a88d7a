// Package seal is the envelope's cryptography: content in sealed chunks, the
// content key wrapped for each recipient, the commitment that ties the two
// together, short sealed notes, and the verification of signed statements. It
// composes the primitives of crypto/sm and adds none. DESIGN.md argues why the
// compositions hold and says what they do not protect.
package seal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

// Sizes, in bytes.
const (
	// ChunkSize is the plaintext in every chunk of a part but the last.
	ChunkSize = 1 << 20
	// Overhead is what sealing adds to a chunk: the tag.
	Overhead = sm.TagSize
	// MaxNote is the longest note.
	MaxNote = 64 << 10
)

// Contexts of what is derived, sealed and wrapped. Each ends in a line feed
// where it is used, so that none is a prefix of another.
const (
	contextSubkey = "yizhan/seal/subkey/v1\n"
	contextChunk  = "yizhan/seal/chunk/v1\n"
	contextCommit = "yizhan/seal/commit/v1\n"
	contextWrap   = "yizhan/seal/wrap/v1\n"
	contextNote   = "yizhan/seal/note/v1\n"
)

// Failure classes.
var (
	// ErrChunk reports a chunk that was altered, or sealed under another key,
	// exchange, part or attempt.
	ErrChunk = errors.New("seal: chunk does not open")
	// ErrOrder reports a chunk that belongs at another place of the same part.
	ErrOrder = errors.New("seal: chunk is out of order")
	// ErrTruncated reports a part whose end is missing.
	ErrTruncated = errors.New("seal: part is truncated")
	// ErrExtended reports chunks after the one that was sealed as the last.
	ErrExtended = errors.New("seal: chunks follow the last one")
	// ErrReuse reports a second sealing of one index, which would repeat a nonce.
	ErrReuse = errors.New("seal: chunk index was already sealed")
	// ErrSize reports a chunk, part or note of a size that cannot be sealed.
	ErrSize = errors.New("seal: size out of bounds")
	// ErrWrap reports a wrap that opens but does not hold a content key.
	ErrWrap = errors.New("seal: not a wrapped content key")
	// ErrExchange reports a wrap that was made for another exchange.
	ErrExchange = errors.New("seal: key was wrapped for another exchange")
	// ErrCommitment reports a key other than the one committed to.
	ErrCommitment = errors.New("seal: key does not match its commitment")
	// ErrNote reports a note that was altered or sealed under another context.
	ErrNote = errors.New("seal: note does not open")
	// ErrWrongKey reports a statement that names another key.
	ErrWrongKey = errors.New("seal: statement was signed by another key")
	// ErrContext reports a statement made for another purpose.
	ErrContext = errors.New("seal: statement was made under another context")
)

// Key is K, the content key of one exchange. It never prints itself.
type Key [sm.KeySize]byte

// NewKey draws a key from rand (crypto/rand.Reader outside tests).
func NewKey(rand io.Reader) (k Key, err error) {
	if _, err = io.ReadFull(rand, k[:]); err != nil {
		return Key{}, fmt.Errorf("seal: drawing a key: %w", err)
	}
	return k, nil
}

const redacted = "[content key]"

// String hides the key.
func (Key) String() string { return redacted }

// Format hides the key from every verb, %x and %d among them.
func (Key) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// LogValue hides the key from structured logs.
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// Attempt names one attempt to seal one part. An attempt dies with its
// process: an upload that goes on after a restart draws a new one.
type Attempt [16]byte

// NewAttempt draws an attempt from rand.
func NewAttempt(rand io.Reader) (a Attempt, err error) {
	if _, err = io.ReadFull(rand, a[:]); err != nil {
		return Attempt{}, fmt.Errorf("seal: drawing an attempt: %w", err)
	}
	return a, nil
}
