package test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/tjfoc/gmsm/gmtls"

	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// attacker is an address of its own on this machine: what it is refused, its
// neighbours are not.
var attacker = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 66)}

func attack(t *testing.T, address string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: attacker, Timeout: 5 * time.Second}
	c, err := d.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// clientHello captures what the library sends first.
func clientHello(t *testing.T, c *gmtls.Config) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer far.Close()
	go func() { _ = gmtls.Client(near, c).Handshake(); _ = near.Close() }()
	b := make([]byte, 4096)
	n, err := far.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

// serves checks with new connections that all three domains still work: a case
// goes up two levels.
func serves(t *testing.T, f *fleet.Fleet, key string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	county := clientAt(t, f, "wjw@320582", f.Config("county-1").Listen.API)
	id, err := file(ctx, county, key, "wjw@320000")
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	arrives(t, f, county, id)
}

func TestHostileConnectionsStopNobodyElse(t *testing.T) {
	if testing.Short() {
		t.Skip("three processes; left out of short runs")
	}
	f := small(t, nil)
	f.StartAll()
	pid := f.Pid("city-1")
	n := f.Config("city-1")
	t.Run("a suite at which the library panics", func(t *testing.T) {
		hello := clientHello(t, &gmtls.Config{GMSupport: gmtls.NewGMSupport(), InsecureSkipVerify: true,
			CipherSuites: []uint16{gmtls.GMTLS_ECDHE_SM2_WITH_SM4_SM3}})
		for range 50 {
			c := attack(t, n.Listen.Link)
			_, _ = c.Write(hello)
			_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.Copy(io.Discard, c); isTimeout(err) {
				t.Fatal("the connection was left open")
			}
		}
		logs(t, f, "city-1", "connection refused", "plane=link", "from="+attacker.IP.String(), "does not offer ECC_SM4_CBC_SM3")
		serves(t, f, "after-ecdhe")
	})
	t.Run("garbage and half-open connections", func(t *testing.T) {
		for plane, address := range map[string]string{"api": n.Listen.API, "peer": n.Listen.Peer, "link": n.Listen.Link} {
			flood(t, plane, address)
		}
		f.Stop("county-1") // its link must be let in among the others
		f.Start("county-1")
		f.WaitReady(time.Minute)
		serves(t, f, "among-half-open")
	})
	if f.Pid("city-1") != pid || !f.Running("city-1") {
		t.Error("the process ended")
	}
}

// flood opens a hundred connections and leaves them where they are: silent,
// in the middle of a record, or with garbage said.
func flood(t *testing.T, plane, address string) {
	var wg sync.WaitGroup
	for i := range 100 {
		c := attack(t, address)
		wg.Go(func() {
			garbage := make([]byte, 1+i*7)
			_, _ = rand.Read(garbage)
			switch i % 4 {
			case 1:
				_, _ = c.Write([]byte{22, 3, 1, 2, 0, 1, 0}) // the head of a long ClientHello
			case 2:
				_, _ = c.Write(garbage)
			case 3:
				_, _ = fmt.Fprintf(c, "PRI * HTTP/2.0\r\n\r\n%s", plane)
			}
		})
	}
	wg.Wait()
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}
