package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/founding"
)

// screen is a standard output that can be read while it is written.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// background runs a command until the test calls what it returns, which is
// Ctrl-C and gives the exit status.
func background(t *testing.T, args ...string) (out, errs *screen, interrupt func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, errs = &screen{}, &screen{}
	status := make(chan int, 1)
	go func() { status <- execute(ctx, newApp(strings.NewReader(""), out, errs), args) }()
	interrupt = sync.OnceValue(func() int { cancel(); return <-status })
	t.Cleanup(func() { interrupt() })
	for began := time.Now(); !strings.Contains("\n"+out.String(), "\nready\n"); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > 30*time.Second || len(status) > 0 {
			t.Fatalf("%v is not ready\n%s%s", args, out, errs)
		}
	}
	return out, errs, interrupt
}

func TestTheDemoShowsCommandsThatWork(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	out, _, interrupt := background(t, "demo", "--dir", dir, "--topology", "joint", "--base-port", "0", "-o", "json")
	var v demoView
	if err := json.NewDecoder(strings.NewReader(out.String())).Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(v.Domains) != 3 || len(v.Domains[0].Endpoints) != 3 || len(v.Try) != 3 {
		t.Fatalf("%+v", v)
	}
	for i, state := range []string{"accepted", "", "signed"} {
		args := words(v.Try[i])[1:]
		var got, errs bytes.Buffer
		if code := execute(t.Context(), newApp(strings.NewReader(""), &got, &errs), args); code != exitDone {
			t.Fatalf("%s: exit %d\n%s", v.Try[i], code, &errs)
		}
		if !strings.Contains(got.String(), state) {
			t.Errorf("%s: %s", v.Try[i], &got)
		}
		arrived(t, v.Client)
	}
	if code := interrupt(); code != exitDone {
		t.Errorf("Ctrl-C ends with status %d", code)
	}
	if info, err := os.Stat(v.Log); err != nil || info.Size() == 0 {
		t.Errorf("nothing was logged: %v", err)
	}
}

// words splits a line that quotes with '.
func words(line string) (out []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

// arrived waits until the city has something in its inbox.
func arrived(t *testing.T, config string) {
	t.Helper()
	settings, err := client.LoadConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	c, err := settings.Pick("wjw@320500")
	if err != nil {
		t.Fatal(err)
	}
	cl, err := client.Dial(c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cl.Close() }()
	for {
		l, err := cl.Inbox(t.Context(), exchange.ListQuery{})
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Items) > 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestTheDemoSaysWhatIsWrongWithItsFlags(t *testing.T) {
	for _, args := range [][]string{{"--topology", "ring"}, {"--provider", "openssl"}, {"extra"}} {
		var out, errs bytes.Buffer
		if code := execute(t.Context(), newApp(nil, &out, &errs), append([]string{"demo"}, args...)); code != exitUsage || errs.Len() == 0 {
			t.Errorf("%v: exit %d, %s", args, code, &errs)
		}
	}
}

// trial makes a federation on free ports whose nodes need nobody else: one
// replica for each domain.
func trial(t *testing.T) *founding.Trial {
	t.Helper()
	f := founding.Sample()
	f.BasePort = 0
	for i := range f.Domains {
		f.Domains[i].Replicas = 1
	}
	made, err := founding.Make(f, filepath.Join(t.TempDir(), "trial"))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestANodeRunsUntilItIsInterrupted(t *testing.T) {
	made := trial(t)
	config := made.NodeConfig(made.Nodes[0])
	out, logged, interrupt := background(t, "run", "--config", config)
	refused(t, config, "another process has it open", "本节点已在运行")
	conf, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, config, strings.Replace(string(conf), "data: data", "data: other", 1))
	refused(t, config, "listen.", "端口已被占用")
	if code := interrupt(); code != exitDone || out.String() != "ready\n" || logged.String() == "" {
		t.Errorf("exit %d, stdout %q, stderr %q", code, out, logged)
	}
}

func refused(t *testing.T, config string, says ...string) {
	t.Helper()
	var errs bytes.Buffer
	if code := execute(t.Context(), newApp(nil, &bytes.Buffer{}, &errs), []string{"run", "--config", config}); code != exitFailed {
		t.Errorf("exit %d", code)
	}
	for _, s := range says {
		if !strings.Contains(errs.String(), s) {
			t.Errorf("nothing about %q in %s", s, &errs)
		}
	}
}

func TestANodeThatCannotStartSaysWhy(t *testing.T) {
	made := trial(t)
	path := made.NodeConfig(made.Nodes[0])
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	unlock := filepath.Join(filepath.Dir(path), "unlock.key")
	for _, c := range []struct {
		name   string
		spoil  func(t *testing.T)
		status int
		says   []string
	}{
		{"all problems of a configuration", func(t *testing.T) {
			write(t, path, strings.NewReplacer("127.0.0.1", "nowhere:", "replica:", "replika:").Replace(string(text))+"extra: 1\n")
		}, exitUsage, []string{"replika", "extra"}},
		{"the wrong key file", func(t *testing.T) { write(t, unlock, strings.Repeat("k", 32)) }, exitFailed, []string{"320000", "口令或密钥文件不正确"}},
		{"a key file that others may read", func(t *testing.T) {
			if err := os.Chmod(unlock, 0o644); err != nil {
				t.Fatal(err)
			}
		}, exitFailed, []string{"unlock.key", "文件权限过宽"}},
		{"a missing key file", func(t *testing.T) {
			if err := os.Remove(unlock); err != nil {
				t.Fatal(err)
			}
		}, exitFailed, []string{"unlock.key", "缺少文件"}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			write(t, path, string(text))
			c.spoil(t)
			var out, errs bytes.Buffer
			if code := execute(t.Context(), newApp(nil, &out, &errs), []string{"run", "--config", path}); code != c.status {
				t.Errorf("exit %d, want %d", code, c.status)
			}
			for _, s := range c.says {
				if !strings.Contains(errs.String(), s) {
					t.Errorf("nothing about %q in\n%s", s, &errs)
				}
			}
			if out.Len() > 0 {
				t.Errorf("stdout has %q", &out)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
