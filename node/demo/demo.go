package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
)

// Paces of a federation on one machine. Nothing is far away, so waiting for
// elections and links as long as a real network needs would only be waiting.
const (
	heartbeat   = 500 * time.Millisecond
	firstRetry  = 50 * time.Millisecond
	lastRetry   = time.Second
	readyLimit  = time.Minute
	defaultDisk = 64 << 20 // kept free, instead of a server's 1 GiB
)

// Options of a demonstration.
type Options struct {
	Dir      string            // made when missing; one that was made before is continued
	Topology founding.Topology // separate when ""
	Provider string            // of the national algorithms; the directory's own, or emmansun, when ""
	BasePort int               // the sample's port when 0, free ports when negative
	Logger   *slog.Logger      // of the nodes; silent when nil
	// Heartbeat is how soon a silent leader is missed. 500 ms when 0; load that
	// uses up the machine wants more.
	Heartbeat time.Duration
	Version   string
}

// Demo is a federation that runs in this process.
type Demo struct {
	*founding.Trial
	Made     bool          // it was founded now, rather than found in Dir
	Provider string        // of the national algorithms
	Startup  time.Duration // until it was ready

	settings *client.Settings
	nodes    []*node.Node
	failed   chan error
	closing  chan struct{}
	close    sync.Once
	closed   error
}

// Start makes or reopens the sample federation in o.Dir, starts all its nodes
// and returns when every domain answers: led, linked, knowing every unit and
// its rules. When it fails nothing is left running.
func Start(ctx context.Context, o Options) (d *Demo, err error) {
	began := time.Now()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = heartbeat
	}
	d = &Demo{failed: make(chan error, 1), closing: make(chan struct{})}
	if d.Trial, d.Made, err = founding.MakeOrOpen(o.federation(), o.Dir); err != nil {
		return nil, err
	}
	if d.Provider = o.Provider; d.Provider == "" {
		d.Provider = d.Federation.Provider
	}
	if d.settings, err = client.LoadConfig(d.ClientConfig()); err != nil {
		return nil, err
	}
	if err = d.startNodes(o); err == nil {
		ctx, cancel := context.WithTimeout(ctx, readyLimit)
		defer cancel()
		err = d.await(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close(context.WithoutCancel(ctx)))
	}
	d.Startup = time.Since(began)
	return d, nil
}

func (o Options) federation() founding.Federation {
	f := founding.Sample()
	if o.Topology != "" {
		f.Topology = o.Topology
	}
	f.Provider = o.Provider
	if o.BasePort != 0 {
		f.BasePort = max(o.BasePort, 0)
	}
	return f
}

// startNodes starts all nodes at once, as machines do.
func (d *Demo) startNodes(o Options) error {
	d.nodes = make([]*node.Node, len(d.Nodes))
	errs := make([]error, len(d.Nodes))
	var starting sync.WaitGroup
	for i, name := range d.Nodes {
		starting.Go(func() { d.nodes[i], errs[i] = d.startNode(name, o) })
	}
	starting.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, n := range d.nodes {
		go d.watch(n)
	}
	return nil
}

func (d *Demo) startNode(name string, o Options) (*node.Node, error) {
	c, err := config.Load(d.NodeConfig(name))
	if err != nil {
		return nil, err
	}
	c.Crypto.Provider = d.Provider
	for i := range c.Domains {
		here := &c.Domains[i]
		here.Heartbeat = config.Duration(o.Heartbeat)
		here.Limits.FreeDisk = defaultDisk
		if s := here.Superior; s != nil {
			s.Retry = config.Retry{First: config.Duration(firstRetry), Ceiling: config.Duration(lastRetry)}
		}
	}
	return node.Start(c, node.Options{Logger: o.Logger, Version: o.Version})
}

func (d *Demo) watch(n *node.Node) {
	select {
	case err := <-n.Failed():
		select {
		case d.failed <- err:
		default:
		}
	case <-d.closing:
	}
}

// Failed tells when a part of a node ended that should not have.
func (d *Demo) Failed() <-chan error { return d.failed }

// Client connects as a person: UNIT@DOMAIN, or UNIT@DOMAIN/person.
func (d *Demo) Client(as string) (*client.Client, error) {
	c, err := d.settings.Pick(as)
	if err != nil {
		return nil, err
	}
	return client.Dial(c)
}

// Endpoints lists where clients of a domain connect.
func (d *Demo) Endpoints(domain exchange.Domain) []string {
	for _, i := range d.settings.Identities {
		if i.As.Domain() == domain {
			return i.Endpoints
		}
	}
	return nil
}

// Close stops all nodes and returns when they have let go of their files. It
// is idempotent.
func (d *Demo) Close(ctx context.Context) error {
	d.close.Do(func() {
		close(d.closing)
		errs := make([]error, len(d.nodes))
		var stopping sync.WaitGroup
		for i, n := range d.nodes {
			if n != nil {
				stopping.Go(func() { errs[i] = n.Close(ctx) })
			}
		}
		stopping.Wait()
		if d.closed = errors.Join(errs...); d.closed != nil {
			d.closed = fmt.Errorf("stopping the federation: %w", d.closed)
		}
	})
	return d.closed
}
