package content

import (
	"crypto/rand"
	"syscall"
	"testing"
)

// BenchmarkPutLocal64KiB stores what nobody has yet, and tells beside the time
// what it cost the processor, the kernel's part included.
func BenchmarkPutLocal64KiB(b *testing.B) {
	l := opened(b)
	data := make([]byte, 64<<10)
	_, _ = rand.Read(data) // never fails
	b.SetBytes(int64(len(data)))
	before := processor(b)
	for i := 0; b.Loop(); i++ {
		data[0], data[1], data[2], data[3] = byte(i), byte(i>>8), byte(i>>16), byte(i>>24)
		if err := l.Put(b.Context(), l.opts.Hash(data), data); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(processor(b)-before)/1e3/float64(b.N), "cpu-µs/op")
}

// processor returns nanoseconds that the process has used.
func processor(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
