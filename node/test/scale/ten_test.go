//go:build soak

package scale

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/store"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

var (
	exchanges = flag.Int("exchanges", 200_000, "exchanges to keep")
	place     = flag.String("dir", "", "where; kept, and filled up when it is there. A directory of the test's when empty")
	limit     = flag.Duration("start", 5*time.Second, "the longest time until a node says that it is ready")
)

func TestMain(m *testing.M) {
	flag.Parse()
	m.Run()
	fleet.Clean()
}

// home is one domain with one replica in a directory.
type home struct {
	*founding.Trial
	conf    *config.Node
	program string
}

func newHome(t *testing.T) home {
	t.Helper()
	dir := *place
	if dir == "" {
		dir = filepath.Join(t.TempDir(), "scale")
	}
	f := founding.Sample()
	f.BasePort, f.Domains = 0, f.Domains[:1]
	f.Domains[0].Replicas = 1
	trial, _, err := founding.MakeOrOpen(f, dir)
	if err != nil {
		t.Fatal(err)
	}
	conf, err := config.Load(trial.NodeConfig(trial.Nodes[0]))
	if err != nil {
		t.Fatal(err)
	}
	return home{trial, conf, fleet.Program(t, "")}
}

func (h home) path(part string) string { return filepath.Join(h.conf.Data, string(domain), part) }

// process is a running node.
type process struct {
	*exec.Cmd
	ready time.Duration // until it said so
	log   *bytes.Buffer
}

func (h home) start(t *testing.T) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(h.program, "run", "--config", h.NodeConfig(h.Nodes[0])), log: &bytes.Buffer{}}
	p.Stderr = p.log
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.end(syscall.SIGKILL) })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		_ = p.Wait()
		t.Fatalf("the node said %q, %v\n%s", line, err, p.log)
	}
	p.ready = time.Since(begun)
	return p
}

func (p *process) end(s syscall.Signal) {
	if p.ProcessState == nil {
		_ = p.Process.Signal(s)
		_ = p.Wait()
	}
}

// memory reads a line of /proc/PID/status, in MiB.
func (p *process) memory(t *testing.T, what string) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(what + `:\s+(\d+) kB`).FindSubmatch(b)
	if m == nil {
		t.Fatalf("no %s", what)
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n >> 10
}

// found lets the node found its domain, and stops it.
func (h home) found(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(h.path("state")); err == nil {
		return
	}
	p := h.start(t)
	h.send(t, "found")
	p.end(syscall.SIGTERM)
}

func (h home) client(t *testing.T) *client.Client {
	t.Helper()
	settings, err := client.LoadConfig(h.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	c, err := settings.Pick("wjw@320000")
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.Dial(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	return out
}

// send submits one document, as soon as the domain has a leader, and tells how
// long that took.
func (h home) send(t *testing.T, key string) time.Duration {
	t.Helper()
	c, begun := h.client(t), time.Now()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		s, open := filing(key)
		_, err := c.Submit(ctx, s, open)
		cancel()
		if err == nil {
			return time.Since(begun)
		}
		if code := exchange.CodeOf(err); code != exchange.Unavailable && code != exchange.Unknown {
			t.Fatal(err)
		}
	}
}

func filing(key string) (exchange.Submission, func(int) (io.Reader, error)) {
	text := "the text of " + key
	return exchange.Submission{Key: key, Kind: "case", To: []string{string(recipient)}, Type: "上报件", Title: "事项 " + key,
		Files: []exchange.File{{Name: "材料.txt", Size: int64(len(text))}}}, func(int) (io.Reader, error) { return strings.NewReader(text), nil }
}

// cool puts a file out of the page cache, as after the machine was switched on.
func cool(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	const dontNeed = 4
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if _, _, e := syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), 0, 0, dontNeed, 0, 0); e != 0 {
		t.Log("the page cache was not emptied:", e)
	}
}

func TestTenMillionExchangesStartInSeconds(t *testing.T) {
	h := newHome(t)
	h.found(t)
	p, err := sm.New("")
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(h.path("state"), store.Options{Hash: p.Sum})
	if err != nil {
		t.Fatal(err)
	}
	if have := stored(t, s); have < *exchanges {
		fill(t, s, p, *exchanges)
		adopt(t, s, h.path("log"), h.conf.Domains[0].Replica, h.conf.Domains[0].Address())
	}
	n := stored(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(h.path("state"), "state.db")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d exchanges in a file of %d MiB: %d bytes an exchange", n, info.Size()>>20, int(info.Size())/n)
	for i, how := range []string{"after an orderly stop, cold", "after kill -9", "after kill -9, cold"} {
		if strings.HasSuffix(how, "cold") {
			cool(t, file)
		}
		run := h.start(t)
		first := h.send(t, fmt.Sprint("first-", time.Now().UnixNano(), "-", i))
		t.Logf("%s: ready after %s, first submission accepted %s later; resident %d MiB, of which %d MiB are pages of files that may be dropped",
			how, run.ready.Round(time.Millisecond), first.Round(time.Millisecond), run.memory(t, "VmRSS"), run.memory(t, "RssFile"))
		if run.ready > *limit {
			t.Errorf("%s: a start took %s, above %s", how, run.ready, *limit)
		}
		run.end(syscall.SIGKILL)
	}
}
