package main

import (
	"fmt"
	"io"
	"time"
)

// smallTransfer is over before anybody wonders.
const smallTransfer = 4 << 20

// progress counts the bytes written to it and shows them on a terminal. It is
// for one goroutine.
type progress struct {
	w           io.Writer // nil: silent
	what        string
	total, done int64 // total 0: not known
	begun, last time.Time
	shown       bool
}

func (a *app) newProgress(what string, total int64) *progress {
	p := &progress{what: what, total: total, begun: time.Now()}
	if a.terminal && !a.json() && (total == 0 || total > smallTransfer) {
		p.w = a.stderr
	}
	return p
}

// Write implements io.Writer.
func (p *progress) Write(b []byte) (int, error) {
	p.done += int64(len(b))
	if p.w != nil && p.done > smallTransfer/4 && time.Since(p.last) > 200*time.Millisecond {
		p.last, p.shown = time.Now(), true
		_, _ = fmt.Fprintf(p.w, "\r\x1b[K%s %s", p.what, p.text())
	}
	return len(b), nil
}

func (p *progress) text() string {
	rate := bytesOf(int64(float64(p.done)/max(time.Since(p.begun).Seconds(), 0.001))) + "/s"
	if p.total == 0 {
		return fmt.Sprintf("%s, %s", bytesOf(p.done), rate)
	}
	return fmt.Sprintf("%3d%% of %s, %s", 100*p.done/p.total, bytesOf(p.total), rate)
}

func (p *progress) restart() { p.done, p.begun = 0, time.Now() }

// end clears the line.
func (p *progress) end() {
	if p.shown {
		_, _ = fmt.Fprint(p.w, "\r\x1b[K")
	}
}
