package seal

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

const contextPair = "yizhan/seal/pair/v1\n"

// PairWrapSize is the size of what PairWrapper.Wrap returns:
// id 16 ‖ counter u64 ‖ ciphertext 16 ‖ tag 16.
const PairWrapSize = 16 + 8 + sm.KeySize + sm.TagSize

// PairID names a pair key.
type PairID [16]byte

// pairSecret is what the announcement carries: id ‖ key.
const pairSecret = len(PairID{}) + sm.KeySize

// PairWrapper wraps content keys under a symmetric key that one process of the
// origin domain shares with one recipient domain: 1 µs instead of the 50 of
// SM2. It must die with its process, because only its memory keeps the nonces
// apart; rotate it daily. It is safe for concurrent use.
type PairWrapper struct {
	id   PairID
	data []byte

	mu   sync.Mutex
	aead cipher.AEAD
	next uint64
}

// NewPairWrapper draws a key for origin and recipient, and returns with it the
// announcement: the key encrypted to the recipient's certificate. The recipient
// must have stored the announcement, signed by the origin, before it can open
// anything. The error is sm.ErrPublicKey or that of rand.
func NewPairWrapper(p sm.Provider, rand io.Reader, origin, recipient string, pub crypto.PublicKey) (*PairWrapper, []byte, error) {
	var secret [pairSecret]byte
	defer clear(secret[:])
	if _, err := io.ReadFull(rand, secret[:]); err != nil {
		return nil, nil, fmt.Errorf("seal: drawing a pair key: %w", err)
	}
	data := pairData(origin, recipient)
	announcement, err := p.Encrypt(rand, pub, append(bytes.Clone(secret[:]), pairBinding(p, data)...))
	if err != nil {
		return nil, nil, err
	}
	aead, err := p.NewGCM(secret[16:])
	if err != nil {
		return nil, nil, err
	}
	return &PairWrapper{id: PairID(secret[:16]), data: data, aead: aead}, announcement, nil
}

// ID names the key, for the signed statement that announces it.
func (w *PairWrapper) ID() PairID { return w.id }

// Wrap wraps K for one exchange. It returns PairWrapSize bytes; the error is
// ErrReuse when the counter is spent.
func (w *PairWrapper) Wrap(exchange [16]byte, k Key) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next == math.MaxUint64 {
		return nil, fmt.Errorf("%w: pair key is spent", ErrReuse)
	}
	out := make([]byte, 0, PairWrapSize)
	out = append(out, w.id[:]...)
	out = binary.BigEndian.AppendUint64(out, w.next)
	w.next++
	return w.aead.Seal(out, pairNonce(out[16:]), k[:], append(w.data[:len(w.data):len(w.data)], exchange[:]...)), nil
}

// PairOpener opens what one PairWrapper wrapped. It is safe for concurrent use.
type PairOpener struct {
	id   PairID
	data []byte

	mu   sync.Mutex
	aead cipher.AEAD
}

// NewPairOpener opens an announcement. The error is sm.ErrDecrypt when it was
// made for another key, ErrWrap when it is none or for another pair of domains.
func NewPairOpener(p sm.Provider, opener crypto.Opener, origin, recipient string, announcement []byte) (*PairOpener, error) {
	secret, err := opener.Unwrap(announcement)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	data := pairData(origin, recipient)
	if len(secret) != pairSecret+32 || !bytes.Equal(secret[pairSecret:], pairBinding(p, data)) {
		return nil, ErrWrap
	}
	aead, err := p.NewGCM(secret[16:pairSecret])
	if err != nil {
		return nil, err
	}
	return &PairOpener{id: PairID(secret[:16]), data: data, aead: aead}, nil
}

// ID names the key.
func (o *PairOpener) ID() PairID { return o.id }

// Unwrap opens what Wrap made for the same exchange; everything else is ErrWrap.
// The key may still be one that the manifest does not commit to: GCM commits to
// none, so CheckCommitment is not optional here.
func (o *PairOpener) Unwrap(exchange [16]byte, wrap []byte) (k Key, err error) {
	if id, ok := PairIDOf(wrap); !ok || id != o.id {
		return Key{}, ErrWrap
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	plain, err := o.aead.Open(nil, pairNonce(wrap[16:24]), wrap[24:], append(o.data[:len(o.data):len(o.data)], exchange[:]...))
	if err != nil {
		return Key{}, ErrWrap
	}
	defer clear(plain)
	copy(k[:], plain)
	return k, nil
}

// PairIDOf reads which pair key a wrap was made under; false when it is no
// such wrap.
func PairIDOf(wrap []byte) (id PairID, ok bool) {
	if len(wrap) != PairWrapSize {
		return PairID{}, false
	}
	return PairID(wrap[:16]), true
}

// pairData is the additional data of every wrap between two domains. The
// length keeps one pair of names from being read as another.
func pairData(origin, recipient string) []byte {
	b := append([]byte(contextPair), binary.BigEndian.AppendUint32(nil, uint32(len(origin)))...)
	b = append(append(b, origin...), binary.BigEndian.AppendUint32(nil, uint32(len(recipient)))...)
	return append(b, recipient...)
}

// pairBinding ties an announcement to its two domains.
func pairBinding(p sm.Provider, data []byte) []byte {
	d := p.Sum(data)
	return d[:]
}

func pairNonce(counter []byte) []byte {
	return append(make([]byte, 4, sm.NonceSize), counter...)
}
