package backup

import (
	"fmt"
	"io"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/seal"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// Expect says what a reader takes. Provider is required; what is zero is not
// looked at.
type Expect struct {
	Provider sm.Provider
	Opener   sm.PrivateKey   // the offline key; without it only the outside is verified
	Domain   exchange.Domain // whose backup it must be
	Anchor   *trust.Anchor   // what must vouch for the signer
}

// reader reads a backup once, from the beginning.
type reader struct {
	Expect
	frames frames
	header Header
	pair   trust.Pair
	digest crypto.Digest // of the header
	sealer *seal.Sealer

	sealed, plain []byte // buffers of a chunk
	left          []byte // of plain, not read yet
	size          int64
	failed        error // of reading; it says more than what tar makes of it
}

// open reads the header and decides whether this is the backup wanted.
func open(in io.Reader, e Expect) (*reader, error) {
	r := &reader{Expect: e, frames: frames{r: in, p: e.Provider}}
	if err := r.frames.begin(); err != nil {
		return nil, err
	}
	if r.frames.next.kind != kindHeader {
		return nil, fmt.Errorf("%w: its header is gone", ErrMissing)
	}
	raw, err := r.frames.payload(nil)
	if err != nil {
		return nil, err
	}
	r.digest = r.frames.next.digest
	if r.header, err = exchange.Decode[Header](raw); err != nil {
		return nil, fmt.Errorf("%w: its header cannot be read", ErrVersion)
	}
	if r.header.Version != version {
		return nil, fmt.Errorf("%w: form %d, this program reads %d", ErrVersion, r.header.Version, version)
	}
	if r.pair, err = trust.ParsePair(r.header.Pair); err != nil {
		return nil, fmt.Errorf("%w: its certificates cannot be read: %w", ErrSignature, err)
	}
	if err := r.judge(); err != nil {
		return nil, err
	}
	if err := r.unlock(); err != nil {
		return nil, err
	}
	return r, r.frames.head()
}

// judge compares the domain before anything large is read.
func (r *reader) judge() error {
	h := r.header
	if r.Domain != "" && h.Domain != r.Domain {
		return fmt.Errorf("%w: it is of %s, wanted %s", ErrDomain, h.Domain, r.Domain)
	}
	if r.pair.Sign.Domain != string(h.Domain) {
		return fmt.Errorf("%w: it says %s and its certificate %s", ErrSignature, h.Domain, r.pair.Sign.Domain)
	}
	if r.Anchor == nil {
		return nil
	}
	v, err := trust.NewVerifier(r.Provider, *r.Anchor)
	if err != nil {
		return err
	}
	if err := v.VerifyPair(r.pair, string(h.Domain), h.At.Std()); err != nil {
		return fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	return nil
}

// unlock opens the content key.
func (r *reader) unlock() error {
	if r.Opener == nil {
		return nil
	}
	h := r.header
	if r.Opener.KeyID() != h.OfflineKey {
		return fmt.Errorf("%w: it needs %s, and this one is %s", ErrKey, h.OfflineKey.Short(), r.Opener.KeyID().Short())
	}
	k, err := seal.Unwrap(r.Opener, h.ID, h.Wrap)
	if err == nil {
		err = seal.CheckCommitment(r.Provider, h.ID, k, h.Commitment)
	}
	if err == nil {
		r.sealer, err = seal.NewSealer(r.Provider, k, h.ID, 0, h.Attempt)
	}
	if err != nil {
		return fmt.Errorf("%w: its content key: %w", ErrForged, err)
	}
	return nil
}

// Read implements io.Reader over what was sealed.
func (r *reader) Read(p []byte) (int, error) {
	for len(r.left) == 0 {
		if r.failed == nil {
			r.failed = r.fill()
		}
		if r.failed != nil {
			return 0, r.failed
		}
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

// fill opens the next chunk. The end is io.EOF.
func (r *reader) fill() error {
	sealed, index, last, err := r.frames.chunk(r.sealed)
	if err != nil {
		return err
	}
	if sealed == nil {
		return io.EOF
	}
	r.sealed = sealed[:0]
	if r.sealer == nil {
		return nil
	}
	if r.plain == nil {
		r.plain = make([]byte, 0, seal.ChunkSize)
	}
	if r.left, err = r.sealer.OpenChunk(r.plain[:0], index, last, sealed); err != nil {
		return fmt.Errorf("%w: chunk %d", ErrForged, index)
	}
	r.size += int64(len(r.left))
	return nil
}

// finish reads to the end and returns the statement, whose signature it
// verified and which is about these very bytes.
func (r *reader) finish() (*Statement, error) {
	for r.failed == nil {
		r.left, r.failed = nil, r.fill()
	}
	if r.failed != io.EOF {
		return nil, r.failed
	}
	raw, err := r.frames.end()
	if err != nil {
		return nil, err
	}
	st, err := r.statement(raw)
	if err != nil {
		return nil, err
	}
	switch {
	case st.Domain != r.header.Domain || st.ID != r.header.ID || st.Header != r.digest:
		return nil, fmt.Errorf("%w: its end is that of another backup", ErrForged)
	case st.Frames != r.frames.seen || st.Sum != crypto.Digest(r.frames.sum.Sum(nil)):
		return nil, fmt.Errorf("%w: its chunks are not those that were signed", ErrForged)
	case r.sealer != nil && st.Size != r.size:
		return nil, fmt.Errorf("%w: %d bytes instead of %d", ErrContents, r.size, st.Size)
	}
	return st, nil
}

func (r *reader) statement(raw []byte) (*Statement, error) {
	signed, err := exchange.Decode[crypto.Signed](raw)
	if err != nil {
		return nil, fmt.Errorf("%w: its end cannot be read", ErrSignature)
	}
	body, err := seal.Verify(r.Provider, r.pair.Sign.PublicKey, crypto.ContextBackup, signed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	st, err := exchange.Decode[Statement](body)
	if err != nil {
		return nil, fmt.Errorf("%w: its statement cannot be read", ErrVersion)
	}
	return &st, nil
}
