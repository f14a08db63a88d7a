package channel_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/channel"
)

func TestAMebibyteArrivesIntactInBothDirectionsAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		c, s := link(t, w)
		var wg sync.WaitGroup
		for seed, ends := range [][2]*channel.Conn{{c, s}, {s, c}} {
			data := make([]byte, 1<<20)
			rng := rand.NewChaCha8([32]byte{byte(seed)})
			_, _ = rng.Read(data)
			wg.Go(func() {
				for rest := data; len(rest) > 0; { // in pieces of all sizes
					n := min(1+len(rest)/7, len(rest))
					if _, err := ends[0].Write(rest[:n]); err != nil {
						t.Error(err)
						return
					}
					rest = rest[n:]
				}
			})
			wg.Go(func() {
				got := make([]byte, len(data))
				if _, err := io.ReadFull(ends[1], got); err != nil || !bytes.Equal(got, data) {
					t.Errorf("what arrived differs, or %v", err)
				}
			})
		}
		wg.Wait()
	})
}

func TestConcurrentWritersDoNotTearEachOthersRecords(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		c, s := link(t, w)
		const writers, each, size = 8, 20, 1000
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				for range each {
					if _, err := c.Write(bytes.Repeat([]byte{byte(i)}, size)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		got := make([]byte, writers*each*size)
		if _, err := io.ReadFull(s, got); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		for i := 0; i < len(got); i += size {
			if sha256.Sum256(got[i:i+size]) != sha256.Sum256(bytes.Repeat(got[i:i+1], size)) {
				t.Fatalf("record at %d is torn", i)
			}
		}
	})
}

func TestManyConnectionsAtOnceOnOneTransport(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		a, b := w.domain(county), w.domain(city)
		client, server := w.transport(w.options(a)), w.transport(w.options(b))
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				c, s := meet(t, client, server, a, city, channel.ProtocolLink)
				if c.err != nil || s.err != nil {
					t.Error(c.err, s.err)
					return
				}
				go c.conn.Write([]byte{byte(i)})
				if got := make([]byte, 1); first(io.ReadFull(s.conn, got)) != nil || got[0] != byte(i) {
					t.Error("another connection's byte")
				}
			})
		}
		wg.Wait()
	})
}

func TestClosingSaysGoodbyeAndEndsBlockedCalls(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		c, s := link(t, w)
		blocked := make(chan error, 1)
		go func() { blocked <- first(c.Read(make([]byte, 1))) }()
		time.Sleep(10 * time.Millisecond)
		check(t, c.Close())
		if err := <-blocked; !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
			t.Errorf("blocked Read ended with %v", err)
		}
		if err := first(s.Read(make([]byte, 1))); err != io.EOF {
			t.Errorf("the peer reads %v, want EOF", err)
		}
		if err := first(c.Write([]byte("x"))); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close: %v", err)
		}
	})
}

func TestClosingDoesNotWaitForAStuckPeer(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		c, _ := link(t, w) // the peer never reads
		go func() {
			for first(c.Write(make([]byte, 1<<20))) == nil {
			}
		}()
		time.Sleep(50 * time.Millisecond)
		start := time.Now()
		_ = c.Close() // may report that the farewell was not heard
		if took := time.Since(start); took > 8*time.Second {
			t.Errorf("Close took %v", took)
		}
	})
}

func TestReadDeadlinesPassAndTheConnectionLivesOn(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		c, s := link(t, w)
		check(t, c.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
		if err := first(c.Read(make([]byte, 1))); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		check(t, c.SetReadDeadline(time.Time{}))
		check(t, first(s.Write([]byte("!"))))
		got := make([]byte, 1)
		check(t, first(io.ReadFull(c, got)))
	})
}

func TestATamperedRecordEndsTheConnection(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		a, b := w.domain(county), w.domain(city)
		raw, far := tcpPair(t)
		near, server := tcpPair(t)
		flip := make(chan struct{})
		go relay(near, far, flip)
		go io.Copy(far, near)
		c, s := meetOn(w.transport(w.options(a)), w.transport(w.options(b)), raw, server, a, city, channel.ProtocolLink)
		check(t, c.err)
		check(t, s.err)
		close(flip)
		sent := []byte("pay 10")
		check(t, first(c.conn.Write(sent)))
		// TLCP sends the first byte of a Write in a record of its own, which may
		// have passed whole; nothing that was changed may be read.
		got, err := io.ReadAll(s.conn)
		if err == nil || len(got) > 1 || !bytes.HasPrefix(sent, got) {
			t.Errorf("read %q of a tampered stream, then %v", got, err)
		}
	})
}

// relay copies src to dst and flips a bit in all that passes after flip.
func relay(dst, src net.Conn, flip <-chan struct{}) {
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		select {
		case <-flip:
			buf[max(n-1, 0)] ^= 1
		default:
		}
		if err != nil || first(dst.Write(buf[:n])) != nil {
			dst.Close()
			return
		}
	}
}

func first[T any](_ T, err error) error { return err }
