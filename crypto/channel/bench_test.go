package channel_test

import (
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/channel"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

func everyBench(b *testing.B, run func(b *testing.B, w *world)) {
	for _, transport := range []string{"tls", "tlcp"} {
		for _, provider := range []string{sm.Emmansun, sm.TJFOC} {
			b.Run(transport+"/"+provider, func(b *testing.B) {
				w := newWorld(b, transport, provider)
				start := cpuTime()
				run(b, w)
				b.ReportMetric(float64((cpuTime()-start).Microseconds())/float64(b.N), "core-µs/op")
			})
		}
	}
}

// cpuTime is what the process has used of all cores: on a busy machine it says
// more than the clock. Both ends are in it.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkHandshake is both ends of one connection, from TCP to ready.
func BenchmarkHandshake(b *testing.B) {
	everyBench(b, func(b *testing.B, w *world) {
		me, you := w.domain(county), w.domain(city)
		client, server := w.transport(w.options(me)), w.transport(w.options(you))
		b.ReportAllocs()
		for b.Loop() {
			near, far := tcpPair(b)
			c, s := meetOn(client, server, near, far, me, city, channel.ProtocolLink)
			check(b, c.err)
			check(b, s.err)
			c.conn.Close()
			s.conn.Close()
		}
	})
}

// BenchmarkThroughput carries 1 MiB in writes of 64 KiB and waits for a byte back.
func BenchmarkThroughput(b *testing.B) {
	everyBench(b, func(b *testing.B, w *world) { pump(b, w, 1<<20, 64<<10) })
}

// BenchmarkMessage carries 4 KiB and waits for a byte back.
func BenchmarkMessage(b *testing.B) {
	everyBench(b, func(b *testing.B, w *world) { pump(b, w, 4<<10, 4<<10) })
}

func pump(b *testing.B, w *world, size, piece int) {
	c, s := link(b, w)
	go func() {
		buf := make([]byte, size)
		for first(io.ReadFull(s, buf)) == nil && first(s.Write(buf[:1])) == nil {
		}
	}()
	buf, back := make([]byte, piece), make([]byte, 1)
	b.SetBytes(int64(size))
	for b.Loop() {
		for sent := 0; sent < size; sent += piece {
			check(b, first(c.Write(buf)))
		}
		check(b, first(io.ReadFull(c, back)))
	}
}
