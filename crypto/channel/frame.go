package channel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/cryptobyte"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
)

// A frame is kind (1 byte), length of body (2 bytes, big endian), body.
type frameKind uint8

const (
	frameHello  frameKind = 1 // who I am and whom I want
	frameProof  frameKind = 2 // an SM2 signature, 64 bytes
	frameReady  frameKind = 3 // empty: application bytes may follow
	frameRefuse frameKind = 4 // one byte: a code of refusals
)

const (
	frameHeader  = 3
	maxFrame     = 32 << 10 // of a body: six certificates of ordinary size are 6 KiB
	helloVersion = 1
	maxLabel     = 64 // of a domain or protocol, in bytes
)

// hello is the first frame of each side.
type hello struct {
	protocol    string
	to          string // the domain that the sender wants to talk to
	incarnation uint64
	sign        []byte // DER
	encrypt     []byte // DER
	chain       [][]byte
}

func (h hello) marshal() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint8(helloVersion)
	addLabel(&b, h.protocol)
	addLabel(&b, h.to)
	b.AddUint64(h.incarnation)
	addBytes(&b, h.sign)
	addBytes(&b, h.encrypt)
	b.AddUint8(uint8(len(h.chain)))
	for _, der := range h.chain {
		addBytes(&b, der)
	}
	body, err := b.Bytes()
	if err != nil || len(body) > maxFrame || len(h.chain) > trust.MaxChain {
		return nil, fmt.Errorf("%w: our certificates do not fit in %d bytes and %d authorities", ErrHandshake, maxFrame, trust.MaxChain)
	}
	return body, nil
}

// parseHello reads the one encoding that marshal writes; anything left over, or
// another version, is ErrHandshake. The result shares memory with body.
func parseHello(body []byte) (h hello, err error) {
	var version, count uint8
	var protocol, to cryptobyte.String
	in := cryptobyte.String(body)
	if !in.ReadUint8(&version) || version != helloVersion {
		return hello{}, fmt.Errorf("%w: version of the binding is not %d", ErrHandshake, helloVersion)
	}
	ok := in.ReadUint8LengthPrefixed(&protocol) && len(protocol) <= maxLabel &&
		in.ReadUint8LengthPrefixed(&to) && len(to) <= maxLabel &&
		in.ReadUint64(&h.incarnation) &&
		readBytes(&in, &h.sign) && readBytes(&in, &h.encrypt) &&
		in.ReadUint8(&count) && count <= trust.MaxChain
	for ; ok && count > 0; count-- {
		var der []byte
		if ok = readBytes(&in, &der); ok {
			h.chain = append(h.chain, der)
		}
	}
	if !ok || !in.Empty() {
		return hello{}, fmt.Errorf("%w: malformed hello", ErrHandshake)
	}
	h.protocol, h.to = string(protocol), string(to)
	return h, nil
}

func addLabel(b *cryptobyte.Builder, s string) {
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(s)) })
}

func addBytes(b *cryptobyte.Builder, p []byte) {
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(p) })
}

func readBytes(in *cryptobyte.String, out *[]byte) bool {
	return in.ReadUint16LengthPrefixed((*cryptobyte.String)(out))
}

// appendFrame adds one frame to buf. body is at most maxFrame bytes.
func appendFrame(buf []byte, kind frameKind, body []byte) []byte {
	buf = append(buf, byte(kind))
	buf = binary.BigEndian.AppendUint16(buf, uint16(len(body)))
	return append(buf, body...)
}

// readFrame reads exactly one frame of the kind wanted. A refusal in its place
// is ErrRefused wrapping the peer's reason; all else is ErrHandshake.
func readFrame(r io.Reader, want frameKind) ([]byte, error) {
	var head [frameHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("%w: waiting for the peer's identity: %w", ErrHandshake, err)
	}
	kind, n := frameKind(head[0]), int(binary.BigEndian.Uint16(head[1:]))
	if n > maxFrame || (kind != want && kind != frameRefuse) || (kind == frameRefuse && n != 1) {
		return nil, fmt.Errorf("%w: unexpected frame of kind %d with %d bytes", ErrHandshake, kind, n)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, fmt.Errorf("%w: frame of kind %d cut short: %w", ErrHandshake, kind, err)
	}
	if kind == frameRefuse {
		return nil, fmt.Errorf("%w: %w", ErrRefused, reasonOf(body[0]))
	}
	return body, nil
}

// refusals are what may be told to the peer, by code: the class, never the text.
var refusals = []error{
	1: ErrHandshake, 2: ErrProof, 3: ErrRole, 4: ErrUnknownDomain, 5: ErrUnauthorized,
	6: trust.ErrCertificate, 7: trust.ErrExpired, 8: trust.ErrNotYetValid,
	9: trust.ErrUntrusted, 10: trust.ErrUsage, 11: trust.ErrWrongDomain,
}

func codeOf(err error) byte {
	for code, class := range refusals {
		if class != nil && errors.Is(err, class) {
			return byte(code)
		}
	}
	return 1
}

func reasonOf(code byte) error {
	if int(code) < len(refusals) && refusals[code] != nil {
		return refusals[code]
	}
	return ErrHandshake
}

func parseProof(body []byte) (sig crypto.Signature, err error) {
	if len(body) != len(sig) {
		return sig, fmt.Errorf("%w: a proof has %d bytes, got %d", ErrHandshake, len(sig), len(body))
	}
	copy(sig[:], body)
	return sig, nil
}
