package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
)

const (
	startLimit  = time.Minute
	stopLimit   = 20 * time.Second
	memoryEvery = 100 * time.Millisecond
)

// processes is a federation whose nodes are processes of their own, so that
// the memory of each can be told from that of the clients.
type processes struct {
	trial    *founding.Trial
	settings *client.Settings
	memory   config.Size // that a node aims to stay under
	running  map[string]*exec.Cmd
	ended    chan error
	watching sync.WaitGroup

	mu   sync.Mutex
	peak map[string]int64 // bytes of anonymous memory
}

// startProcesses founds a city and a county of three replicas each in dir and
// runs every node by program.
func startProcesses(ctx context.Context, program, dir string) (*processes, error) {
	f := founding.Sample()
	f.BasePort, f.Domains = 0, f.Domains[1:]
	f.Domains[0].Parent = ""
	trial, err := founding.Make(f, dir)
	if err != nil {
		return nil, err
	}
	p := &processes{trial: trial, running: map[string]*exec.Cmd{}, ended: make(chan error, len(trial.Nodes)), peak: map[string]int64{}}
	if p.settings, err = client.LoadConfig(trial.ClientConfig()); err != nil {
		return nil, err
	}
	for _, name := range trial.Nodes {
		if err = p.start(program, name); err != nil {
			break
		}
	}
	if err == nil {
		limited, cancel := context.WithTimeout(ctx, startLimit)
		defer cancel()
		err = p.ready(limited)
	}
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// start runs one node, with a quota that lets the probe be 特急 throughout and
// heartbeats for a machine that is used up.
func (p *processes) start(program, name string) error {
	path := p.trial.NodeConfig(name)
	c, err := config.Load(path)
	if err != nil {
		return err
	}
	c.Limits.MostUrgent = 100_000
	p.memory = c.Limits.Memory
	for i := range c.Domains {
		c.Domains[i].Heartbeat = config.Duration(2 * time.Second)
		c.Domains[i].Limits.FreeDisk = 64 << 20
	}
	if err := c.Save(path); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(filepath.Dir(path), "output.log"))
	if err != nil {
		return err
	}
	cmd := exec.Command(program, "run", "--config", path)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := errors.Join(cmd.Start(), log.Close()); err != nil {
		return err
	}
	p.running[name] = cmd
	p.watching.Go(func() {
		err := cmd.Wait()
		p.ended <- fmt.Errorf("node %s ended: %v; its words are in %s", name, err, log.Name())
	})
	return nil
}

// ready waits until the county can send to the city.
func (p *processes) ready(ctx context.Context) error {
	c, err := p.client(sender, nil)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	for {
		units, err := c.Units(ctx, "", 0)
		layers, perr := c.PolicyStatus(ctx)
		if errors.Join(err, perr) == nil && len(units) >= 4 && len(layers) > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return exchange.Errorf(exchange.Unavailable, "bench.start", "the federation is not ready: %w", errors.Join(err, perr, ctx.Err()))
		case err := <-p.ended:
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// client connects as UNIT@DOMAIN.
func (p *processes) client(as string, change func(*client.Config)) (*client.Client, error) {
	return dialAs(p.settings, as, change)
}

func dialAs(s *client.Settings, as string, change func(*client.Config)) (*client.Client, error) {
	c, err := s.Pick(as)
	if err != nil {
		return nil, err
	}
	if change != nil {
		change(&c)
	}
	return client.Dial(c)
}

// stop ends all nodes.
func (p *processes) stop() error {
	for _, cmd := range p.running {
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}
	done := make(chan struct{})
	go func() { p.watching.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-time.After(stopLimit):
	}
	for _, cmd := range p.running {
		_ = cmd.Process.Kill()
	}
	<-done
	return nil
}

// watchMemory keeps the peaks until ctx ends.
func (p *processes) watchMemory(ctx context.Context) {
	for tick := time.NewTicker(memoryEvery); ; {
		for name, cmd := range p.running {
			if n, err := anonymous(cmd.Process.Pid); err == nil {
				p.mu.Lock()
				p.peak[name] = max(p.peak[name], n)
				p.mu.Unlock()
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return
		}
	}
}

// peaks returns the peaks since the last call.
func (p *processes) peaks() map[string]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.peak
	p.peak = map[string]int64{}
	return out
}

// anonymous is the memory of a process that no file is behind: the ledger's
// mapped pages are the kernel's to take back.
func anonymous(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		if text, ok := bytes.CutPrefix(lines.Bytes(), []byte("RssAnon:")); ok {
			n, err := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(text), []byte("kB")))), 10, 64)
			return n << 10, err
		}
	}
	return 0, io.ErrUnexpectedEOF
}
