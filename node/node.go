// Package node is the composition root: it takes a configuration and wires the
// rooms into one process that hosts replicas of one or more domains. DESIGN.md
// follows one filing through them.
package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/yizhan-exchange/yizhan/crypto/channel"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/api"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/link"
	"github.com/yizhan-exchange/yizhan/node/replica"
)

// Options are what a configuration file does not say.
type Options struct {
	Logger  *slog.Logger
	Version string
	// ConfigDir is where the configuration lies: a backup names files relative
	// to it.
	ConfigDir string
	Clock     exchange.Clock // the machine's when nil
	Random    io.Reader      // crypto/rand when nil
}

// Node is one running process, or a part of one in tests and demos.
type Node struct {
	config   *config.Node
	options  Options
	provider sm.Provider
	log      *slog.Logger
	hosted   map[exchange.Domain]*hosted
	order    []exchange.Domain

	room     room
	live     channel.Live
	peers    channel.Transport // between replicas
	links    channel.Transport // between domains, as the superior
	peerMux  *channel.Mux
	linkMux  *channel.Mux
	replicas *replica.Server
	peerRPC  *grpc.Server
	linkRPC  *grpc.Server
	linkEnd  *link.Server
	api      *api.Server

	ctx    context.Context // ends when Close begins
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	failed chan error
	up     chan struct{} // closed when everything is
	close  sync.Once
	closed error
}

// Start checks the algorithms, opens the stores, and brings everything up. A
// node whose self-test fails does not start. When Start fails nothing is left
// running.
func Start(c *config.Node, o Options) (*Node, error) {
	o = o.withDefaults(c.Data)
	n := &Node{config: c, options: o, log: o.Logger.With("node", c.Name), hosted: map[exchange.Domain]*hosted{}, failed: make(chan error, 1), up: make(chan struct{})}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	if err := n.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("node %s: %w", c.Name, err), n.Close(context.Background()))
	}
	return n, nil
}

func (o Options) withDefaults(data string) Options {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = machineClock(data, o.Logger)
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	return o
}

func systemTime() exchange.Time { return exchange.TimeOf(time.Now()) }

// now is the node's clock as the standard library has it.
func (n *Node) now() time.Time { return n.options.Clock().Std() }

func (n *Node) start() error {
	for _, step := range []func() error{n.selfTest, n.openDomains, n.openTransports, n.listenPeers, n.startGroups, n.listenLinks, n.startLeading, n.listenAPI} {
		if err := step(); err != nil {
			return err
		}
	}
	close(n.up)
	n.log.Info("node is up", "domains", n.order, "api", n.config.Listen.API)
	return nil
}

// selfTest has each primitive done by one implementation and checked by the
// other, before any key is touched.
func (n *Node) selfTest() (err error) {
	if n.provider, err = sm.New(n.config.Crypto.Provider); err != nil {
		return err
	}
	witness, err := sm.Witness(n.provider.Name())
	if err != nil {
		return err
	}
	return sm.SelfTest(n.provider, witness)
}

func (n *Node) openDomains() error {
	for i := range n.config.Domains {
		h, err := n.open(&n.config.Domains[i])
		if err != nil {
			return fmt.Errorf("domain %s: %w", n.config.Domains[i].Domain, err)
		}
		n.hosted[h.config.Domain] = h
		n.order = append(n.order, h.config.Domain)
	}
	return nil
}

// Failed tells when a part of the node ended that should not have.
func (n *Node) Failed() <-chan error { return n.failed }

// spawn runs a task that ends with the node; an error ends the node.
func (n *Node) spawn(name string, task func() error) {
	n.tasks.Go(func() {
		err := task()
		if err == nil || n.ctx.Err() != nil {
			return
		}
		select {
		case n.failed <- fmt.Errorf("%s: %w", name, err):
		default:
		}
	})
}

// Close stops taking calls, leaves the links, and closes groups and stores. It
// is idempotent.
func (n *Node) Close(ctx context.Context) error {
	n.close.Do(func() { n.closed = n.shutdown(ctx) })
	return n.closed
}

func (n *Node) shutdown(ctx context.Context) error {
	if n.api != nil {
		n.api.SetServing(false)
		n.api.Stop(ctx)
	}
	n.cancel()
	var errs []error
	if n.linkEnd != nil {
		errs = append(errs, n.linkEnd.Close(ctx))
	}
	for _, s := range []*grpc.Server{n.linkRPC, n.peerRPC} {
		if s != nil {
			s.Stop()
		}
	}
	for _, d := range n.order {
		errs = append(errs, n.hosted[d].close(ctx))
	}
	for _, m := range []*channel.Mux{n.linkMux, n.peerMux} {
		if m != nil {
			errs = append(errs, m.Close())
		}
	}
	n.tasks.Wait()
	return errors.Join(errs...)
}
