package channel

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// The TLCP library sends a ClientHello without extensions and so cannot say
// which hosted domain it wants. We add server name and ALPN to the record on its
// way out, with a mark beside them, and where the mark is seen on the way in we
// take all three off again before the library reads the record, so that both
// ends hash the same handshake. What was added is therefore not authenticated
// by Finished; the binding names domain and protocol again and signs them.
const (
	extensionServerName uint16 = 0
	extensionALPN       uint16 = 16
	extensionMark       uint16 = 0xff59 // private use (RFC 8446 §11)

	recordHandshake  = 22
	recordHeader     = 5
	messageHello     = 1
	maxHelloRecord   = 4 << 10
	versionTLCP      = 0x0101 // GB/T 38636 §6.3.3.1
	suiteECCSM4CBC   = 0xe013 // ECC_SM4_CBC_SM3, GB/T 38636 §6.4.5.2.1
	serverNameIsHost = 0
)

// clientHello is what we need of a ClientHello record.
type clientHello struct {
	version    uint16
	suites     []uint16
	serverName string
	protocols  []string
	marked     bool
	// fixed is the message body before the extensions.
	fixed []byte
}

// parseClientHello reads one whole handshake record that holds one ClientHello
// and nothing else. All failures are ErrHandshake.
func parseClientHello(record []byte) (clientHello, error) {
	var h clientHello
	var kind uint8
	var fragment, body, random, session, suites, methods cryptobyte.String
	in := cryptobyte.String(record)
	if len(record) < recordHeader || record[0] != recordHandshake || !in.Skip(3) ||
		!in.ReadUint16LengthPrefixed(&fragment) || !in.Empty() ||
		!fragment.ReadUint8(&kind) || kind != messageHello ||
		!fragment.ReadUint24LengthPrefixed(&body) || !fragment.Empty() {
		return h, fmt.Errorf("%w: the first record is not a ClientHello", ErrHandshake)
	}
	whole := body
	if !body.ReadUint16(&h.version) || !body.ReadBytes((*[]byte)(&random), 32) ||
		!body.ReadUint8LengthPrefixed(&session) || !body.ReadUint16LengthPrefixed(&suites) ||
		!body.ReadUint8LengthPrefixed(&methods) {
		return h, fmt.Errorf("%w: malformed ClientHello", ErrHandshake)
	}
	h.fixed = whole[:len(whole)-len(body)]
	for !suites.Empty() {
		var id uint16
		if !suites.ReadUint16(&id) {
			return h, fmt.Errorf("%w: malformed list of suites", ErrHandshake)
		}
		h.suites = append(h.suites, id)
	}
	if !body.Empty() && !h.readExtensions(body) {
		return h, fmt.Errorf("%w: malformed extensions", ErrHandshake)
	}
	return h, nil
}

func (h *clientHello) readExtensions(body cryptobyte.String) bool {
	var list cryptobyte.String
	if !body.ReadUint16LengthPrefixed(&list) || !body.Empty() {
		return false
	}
	for !list.Empty() {
		var id uint16
		var data cryptobyte.String
		if !list.ReadUint16(&id) || !list.ReadUint16LengthPrefixed(&data) {
			return false
		}
		ok := true
		switch id {
		case extensionServerName:
			ok = h.readServerName(data)
		case extensionALPN:
			ok = h.readProtocols(data)
		case extensionMark:
			ok, h.marked = data.Empty(), true
		}
		if !ok {
			return false
		}
	}
	return true
}

// readServerName reads RFC 6066 §3: exactly one host name.
func (h *clientHello) readServerName(data cryptobyte.String) bool {
	var list, name cryptobyte.String
	var kind uint8
	if h.serverName != "" || !data.ReadUint16LengthPrefixed(&list) || !data.Empty() ||
		!list.ReadUint8(&kind) || kind != serverNameIsHost ||
		!list.ReadUint16LengthPrefixed(&name) || !list.Empty() || len(name) > maxLabel {
		return false
	}
	h.serverName = string(name)
	return true
}

// readProtocols reads RFC 7301 §3.1.
func (h *clientHello) readProtocols(data cryptobyte.String) bool {
	var list cryptobyte.String
	if h.protocols != nil || !data.ReadUint16LengthPrefixed(&list) || !data.Empty() {
		return false
	}
	for !list.Empty() {
		var name cryptobyte.String
		if !list.ReadUint8LengthPrefixed(&name) || len(name) == 0 {
			return false
		}
		h.protocols = append(h.protocols, string(name))
	}
	return true
}

// acceptable refuses what the library would misunderstand: above all a client
// without the one suite whose server side it has.
func (h clientHello) acceptable() error {
	if h.version != versionTLCP {
		return fmt.Errorf("%w: client offers version %#04x, TLCP is %#04x", ErrHandshake, h.version, versionTLCP)
	}
	if !slices.Contains(h.suites, suiteECCSM4CBC) {
		return fmt.Errorf("%w: client does not offer ECC_SM4_CBC_SM3", ErrHandshake)
	}
	return nil
}

// record encodes the message again, with or without what we add.
func (h clientHello) record(header []byte, add bool) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddBytes(header[:3])
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint8(messageHello)
		b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
			b.AddBytes(h.fixed)
			if add {
				b.AddUint16LengthPrefixed(h.addExtensions)
			}
		})
	})
	return b.Bytes()
}

func (h clientHello) addExtensions(b *cryptobyte.Builder) {
	b.AddUint16(extensionServerName)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			b.AddUint8(serverNameIsHost)
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(h.serverName)) })
		})
	})
	b.AddUint16(extensionALPN)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, p := range h.protocols {
				addLabel(b, p)
			}
		})
	})
	b.AddUint16(extensionMark)
	b.AddUint16(0)
}

// namingConn is the client's end: it adds domain and protocol to the first
// record written through it.
type namingConn struct {
	net.Conn
	domain, protocol string
	sent             bool
}

func (c *namingConn) Write(p []byte) (int, error) {
	if c.sent {
		return c.Conn.Write(p)
	}
	h, err := parseClientHello(p)
	if err != nil {
		return 0, fmt.Errorf("our own first record: %w", err)
	}
	if len(h.fixed) != len(p)-recordHeader-4 {
		return 0, fmt.Errorf("%w: the library has begun to send extensions of its own", ErrHandshake)
	}
	h.serverName, h.protocols, c.sent = c.domain, []string{c.protocol}, true
	record, err := h.record(p, true)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	if _, err := c.Conn.Write(record); err != nil {
		return 0, err
	}
	return len(p), nil
}

// readClientHello is the server's end: it reads the first record and returns it
// with a connection on which the library will find it as the client's library
// wrote it.
func readClientHello(conn net.Conn) (clientHello, net.Conn, error) {
	record := make([]byte, recordHeader)
	if _, err := io.ReadFull(conn, record); err != nil {
		return clientHello{}, nil, fmt.Errorf("%w: waiting for a ClientHello: %w", ErrHandshake, err)
	}
	n := int(binary.BigEndian.Uint16(record[3:]))
	if record[0] != recordHandshake || n > maxHelloRecord {
		return clientHello{}, nil, fmt.Errorf("%w: the first record is not a ClientHello", ErrHandshake)
	}
	record = append(record, make([]byte, n)...)
	if _, err := io.ReadFull(conn, record[recordHeader:]); err != nil {
		return clientHello{}, nil, fmt.Errorf("%w: ClientHello cut short: %w", ErrHandshake, err)
	}
	h, err := parseClientHello(record)
	if err != nil {
		return clientHello{}, nil, err
	}
	if h.marked {
		if record, err = h.record(record, false); err != nil {
			return clientHello{}, nil, fmt.Errorf("%w: %w", ErrHandshake, err)
		}
	}
	return h, &replayConn{Conn: conn, first: record}, nil
}

// replayConn gives out the first record again before it reads on.
type replayConn struct {
	net.Conn
	first []byte
}

func (c *replayConn) Read(p []byte) (int, error) {
	if len(c.first) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.first)
	c.first = c.first[n:]
	return n, nil
}
