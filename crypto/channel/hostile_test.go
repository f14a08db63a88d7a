package channel_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tjfoc/gmsm/gmtls"

	"github.com/yizhan-exchange/yizhan/crypto/channel"
)

func TestAHandshakeCutAnywhereFailsOnBothSides(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		a, b := w.domain(county), w.domain(city)
		client, server := w.transport(w.options(a)), w.transport(w.options(b))
		for _, fromClient := range []bool{true, false} {
			total := traffic(t, client, server, a, fromClient, 1<<30)
			for cut := 0; cut < total; cut += 1 + total/9 {
				traffic(t, client, server, a, fromClient, cut)
			}
		}
	})
}

// traffic runs a handshake through a wire that ends after limit bytes in one
// direction, and returns how many passed. A cut handshake must fail at once on
// the side that waits, and at the latest by its time limit on the other.
func traffic(t *testing.T, client, server channel.Transport, self channel.Identity, fromClient bool, limit int) int {
	t.Helper()
	cl, far := tcpPair(t)
	near, sv := tcpPair(t)
	passed := make(chan int, 1)
	limited, free := [2]net.Conn{near, far}, [2]net.Conn{far, near}
	if !fromClient {
		limited, free = free, limited
	}
	go func() {
		n, _ := io.CopyN(limited[0], limited[1], int64(limit))
		limited[0].Close()
		limited[1].Close()
		passed <- int(n)
	}()
	go io.Copy(free[0], free[1])
	c, s := meetOn(client, server, cl, sv, self, city, channel.ProtocolLink)
	if limit < 1<<30 && (c.err == nil && s.err == nil) {
		t.Errorf("cut after %d bytes: both sides are satisfied", limit)
	}
	for _, o := range []outcome{c, s} {
		if o.conn != nil {
			o.conn.Close()
		}
	}
	return <-passed
}

func TestASilentPeerIsGivenUpInTime(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		a := w.domain(county)
		o := w.options(a)
		o.Timeout = 50 * time.Millisecond
		tr := w.transport(o)
		for _, side := range []func(net.Conn) error{
			func(c net.Conn) error { return first(tr.Server(context.Background(), c)) },
			func(c net.Conn) error {
				return first(tr.Client(context.Background(), c, a, city, channel.ProtocolLink))
			},
		} {
			mine, _ := tcpPair(t)
			start := time.Now()
			err := side(mine)
			refused(t, err, channel.ErrHandshake)
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("gave up after %v", took)
			}
			if first(mine.Write([]byte("x"))) == nil {
				t.Error("the connection was left open")
			}
		}
	})
}

func TestAHandshakeEndsWithItsContext(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		tr := w.transport(w.options())
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(30*time.Millisecond, cancel)
		mine, _ := tcpPair(t)
		start := time.Now()
		refused(t, first(tr.Server(ctx, mine)), channel.ErrHandshake)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("went on for %v", took)
		}
	})
}

// A machine in the middle can end a client's TLS, because its certificate
// proves nothing, and open its own to the server. The frames that it carries
// across were signed over another exporter.
func TestARelayedBindingIsRefused(t *testing.T) {
	for _, provider := range []string{"emmansun", "tjfoc"} {
		t.Run(provider, func(t *testing.T) {
			w := newWorld(t, "tls", provider)
			a, b := w.domain(county), w.domain(city)
			cl, far := tcpPair(t)
			near, sv := tcpPair(t)
			go middle(t, far, near)
			c, s := meetOn(w.transport(w.options(a)), w.transport(w.options(b)), cl, sv, a, city, channel.ProtocolLink)
			refused(t, c.err, channel.ErrProof)
			if s.err == nil {
				t.Error("the server believes that it is connected to the county")
			}
		})
	}
}

func middle(t *testing.T, victim, server net.Conn) {
	cert := ordinary(t)
	in := tls.Server(victim, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{channel.ProtocolLink}})
	out := tls.Client(server, &tls.Config{InsecureSkipVerify: true, ServerName: city, NextProtos: []string{channel.ProtocolLink}})
	defer in.Close()
	defer out.Close()
	if in.Handshake() != nil || out.Handshake() != nil {
		t.Error("the relay did not come about")
		return
	}
	go io.Copy(in, out)
	_, _ = io.Copy(out, in) // ends when the victim hangs up
}

// ordinary is a certificate of the kind that any web server has.
func ordinary(t *testing.T) tls.Certificate {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Error(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: city},
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Error(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// The library panics on each of these on its own. Every one must be an error of
// its connection, and the transport must serve the next client.
func TestHostileClientHellosEndOnlyTheirConnection(t *testing.T) {
	w := newWorld(t, "tlcp", "emmansun")
	a, b := w.domain(county), w.domain(city)
	server := w.transport(w.options(b))
	ecdhe := captured(t, &gmtls.Config{GMSupport: gmtls.NewGMSupport(), InsecureSkipVerify: true,
		CipherSuites: []uint16{gmtls.GMTLS_ECDHE_SM2_WITH_SM4_SM3}})
	plain := captured(t, &gmtls.Config{GMSupport: gmtls.NewGMSupport(), InsecureSkipVerify: true})
	for name, bytes := range map[string][]byte{
		"only ECDHE suites":         ecdhe,
		"ECDHE with name and ALPN":  named(ecdhe),
		"no name":                   plain,
		"a name but garbage after":  append(named(plain), 0x16, 1, 1, 0, 4, 16, 0, 0, 0),
		"key exchange of one byte":  append(named(plain), 0x16, 1, 1, 0, 5, 16, 0, 0, 1, 0),
		"certificate of nothing":    append(named(plain), 0x16, 1, 1, 0, 7, 11, 0, 0, 3, 0, 0, 0),
		"certificate of one byte":   append(named(plain), 0x16, 1, 1, 0, 11, 11, 0, 0, 7, 0, 0, 4, 0, 0, 1, 0),
		"TLS 1.2 version":           versioned(named(plain), 3, 3),
		"not a handshake at all":    []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"a record of the full size": append([]byte{22, 1, 1, 0xff, 0xff}, make([]byte, 70000)...),
		"an empty record":           {22, 1, 1, 0, 0},
		"nothing":                   {},
	} {
		t.Run(name, func(t *testing.T) {
			mine, far := tcpPair(t)
			go func() {
				_, _ = far.Write(bytes)
				_ = far.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, far)
			}()
			if err := first(server.Server(context.Background(), mine)); err == nil {
				t.Fatal("accepted")
			} else if len(err.Error()) == 0 {
				t.Error("an error without words")
			}
			c, s := meet(t, w.transport(w.options(a)), server, a, city, channel.ProtocolLink)
			check(t, c.err)
			check(t, s.err)
		})
	}
}

// The library takes it for granted that a server's key is on an elliptic curve.
func TestAServerWithAnOrdinaryCertificateCannotEndTheClientsProcess(t *testing.T) {
	w := newWorld(t, "tlcp", "emmansun")
	a := w.domain(county)
	mine, far := tcpPair(t)
	go func() {
		_, _ = far.Write(ordinaryServer(ordinary(t).Certificate[0]))
		_, _ = io.Copy(io.Discard, far)
	}()
	err := first(w.transport(w.options(a)).Client(context.Background(), mine, a, city, channel.ProtocolLink))
	refused(t, err, channel.ErrHandshake)
	if !strings.Contains(err.Error(), "gave up") {
		t.Errorf("the library did not panic this time: %v", err)
	}
}

// ordinaryServer is ServerHello for ECC_SM4_CBC_SM3 and a Certificate message
// with the same certificate twice.
func ordinaryServer(der []byte) []byte {
	hello := append([]byte{1, 1}, make([]byte, 32)...)
	hello = append(hello, 0, 0xe0, 0x13, 0)
	certs := append(length24(len(der)), der...)
	certs = append(certs, certs...)
	return append(record(2, hello), record(11, append(length24(len(certs)), certs...))...)
}

func record(kind byte, body []byte) []byte {
	n := len(body) + 4
	out := []byte{22, 1, 1, byte(n >> 8), byte(n), kind}
	return append(append(out, length24(len(body))...), body...)
}

func length24(n int) []byte { return []byte{byte(n >> 16), byte(n >> 8), byte(n)} }

func TestTheTwoTransportsDoNotUnderstandEachOther(t *testing.T) {
	one, other := newWorld(t, "tls", "emmansun"), newWorld(t, "tlcp", "emmansun")
	for _, w := range [][2]*world{{one, other}, {other, one}} {
		a, b := w[0].domain(county), w[1].domain(city)
		c, s := meet(t, w[0].transport(w[0].options(a)), w[1].transport(w[1].options(b)), a, city, channel.ProtocolLink)
		if c.err == nil || s.err == nil {
			t.Error("they met")
		}
	}
}

func TestAnOldVersionOfTLSIsRefused(t *testing.T) {
	w := newWorld(t, "tls", "emmansun")
	server := w.transport(w.options(w.domain(city)))
	mine, far := tcpPair(t)
	go tls.Client(far, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, ServerName: city,
		NextProtos: []string{channel.ProtocolLink}}).Handshake()
	refused(t, first(server.Server(context.Background(), mine)), channel.ErrHandshake)
}

// captured is the first record that a client of the library sends.
func captured(t *testing.T, config *gmtls.Config) []byte {
	t.Helper()
	near, far := net.Pipe()
	go func() {
		_ = gmtls.Client(near, config).Handshake()
		near.Close()
	}()
	defer far.Close()
	record := make([]byte, 4096)
	n, err := far.Read(record)
	check(t, err)
	return record[:n]
}

// named adds the server name and protocol that our own client adds, without the
// mark, as a client of another make would.
func named(record []byte) []byte {
	extensions := []byte{0, 0, 0, 11, 0, 9, 0, 0, 6}
	extensions = append(extensions, city...)
	extensions = append(extensions, 0, 16, 0, 10, 0, 8, 7)
	extensions = append(extensions, channel.ProtocolLink...)
	out := append([]byte(nil), record...)
	out = append(out, byte(len(extensions)>>8), byte(len(extensions)))
	out = append(out, extensions...)
	n := len(out) - 5
	out[3], out[4] = byte(n>>8), byte(n)
	n -= 4
	out[6], out[7], out[8] = byte(n>>16), byte(n>>8), byte(n)
	return out
}

func versioned(record []byte, major, minor byte) []byte {
	out := append([]byte(nil), record...)
	out[9], out[10] = major, minor
	return out
}
