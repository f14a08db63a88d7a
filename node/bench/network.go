package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/channel"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/raftnode"
	"github.com/yizhan-exchange/yizhan/node/store"
)

const proposers = 64 // commands under way at once, so that they share entries

// rows writes what a filing writes, and decides nothing.
type rows struct{}

// Apply implements ledger.Applier.
func (rows) Apply(_ ledger.Reader, _ uint64, command []byte) ([]byte, []ledger.Mutation, error) {
	key := command[:8]
	m := []ledger.Mutation{{Table: ledger.TableExchange, Key: key, Value: command}}
	for t := ledger.TableDelivery; t < ledger.TableDelivery+3; t++ {
		m = append(m, ledger.Mutation{Table: t, Key: key, Value: command[:64]})
	}
	return key, m, nil
}

// plainStream is a Raft stream without a channel.
type plainStream struct{ net.Listener }

// Dial implements raftnode.Stream.
func (plainStream) Dial(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

// raftSteps proposes 4 KiB to three replicas over plain TCP.
func raftSteps(ctx context.Context, p sm.Provider, dir string) (steps []Step, err error) {
	groups, stop, err := cluster(p, dir)
	defer stop()
	if err != nil {
		return nil, err
	}
	var leader atomic.Pointer[raftnode.Group]
	if err := follow(ctx, groups, &leader); err != nil {
		return nil, err
	}
	var next atomic.Uint64
	const each = 4
	s, err := timed("Raft and store, three replicas", 37, func() error {
		errs := make([]error, proposers)
		var all sync.WaitGroup
		for i := range proposers {
			all.Go(func() {
				for range each {
					command := binary.BigEndian.AppendUint64(make([]byte, 0, stepSize), next.Add(1))
					errs[i] = errors.Join(errs[i], propose(ctx, groups, &leader, command[:stepSize]))
				}
			})
		}
		all.Wait()
		return errors.Join(errs...)
	})
	s.CoreMicros /= proposers * each
	s.Note = fmt.Sprintf("%d at once", proposers)
	return []Step{s}, err
}

// cluster starts three replicas. stop is safe whatever has failed.
func cluster(p sm.Provider, dir string) (groups []*raftnode.Group, stop func(), err error) {
	var stores []*store.Store
	stop = func() {
		for _, g := range groups {
			_ = g.Close(context.Background())
		}
		for _, s := range stores {
			_ = s.Close()
		}
	}
	var streams []plainStream
	var members []raftnode.Server
	for i := range 3 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return groups, stop, err
		}
		streams = append(streams, plainStream{ln})
		members = append(members, raftnode.Server{Replica: exchange.Replica(fmt.Sprintf("county-%d", i+1)), Address: ln.Addr().String()})
	}
	for i, m := range members {
		at, err := makeDir(filepath.Join(dir, string(m.Replica), "state"))
		if err != nil {
			return groups, stop, err
		}
		s, err := store.Open(at, store.Options{Hash: p.Sum})
		if err != nil {
			return groups, stop, err
		}
		stores = append(stores, s)
		g, err := raftnode.Start(raftnode.Config{Domain: "320582", Replica: m.Replica, Dir: filepath.Join(dir, string(m.Replica), "log"), Address: m.Address,
			Stream: streams[i], Store: s, Applier: rows{}, Bootstrap: members, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return groups, stop, err
		}
		groups = append(groups, g)
	}
	return groups, stop, nil
}

// propose goes on until the command is committed: a disk that stalls may cost a
// leader its office, and the cost of that is part of what is measured.
func propose(ctx context.Context, groups []*raftnode.Group, leader *atomic.Pointer[raftnode.Group], command []byte) error {
	for {
		_, err := leader.Load().Propose(ctx, command)
		var elsewhere *raftnode.NotLeaderError
		if err == nil || !errors.As(err, &elsewhere) && exchange.CodeOf(err) != exchange.Unknown {
			return err
		}
		if err := follow(ctx, groups, leader); err != nil {
			return err
		}
	}
}

// follow waits until a replica leads, and remembers it.
func follow(ctx context.Context, groups []*raftnode.Group, leader *atomic.Pointer[raftnode.Group]) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		for _, g := range groups {
			if g.Status().State == "leader" {
				leader.Store(g)
				return nil
			}
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return exchange.Errorf(exchange.Unavailable, "bench.raft", "no leader is elected: %w", ctx.Err())
		}
	}
}

// channelSteps sends 4 KiB from county to city and back over each transport.
func channelSteps(ctx context.Context, provider, dir string) ([]Step, error) {
	p, err := sm.New(provider)
	if err != nil {
		return nil, err
	}
	t, err := trial(provider, dir)
	if err != nil {
		return nil, err
	}
	var out []Step
	for _, k := range []struct {
		name  string
		floor float64
		make  func(channel.Options) (channel.Transport, error)
	}{{"4 KiB over TLS 1.3 and back", 2 * 7.8, channel.NewTLS}, {"4 KiB over TLCP and back", 2 * 105, channel.NewTLCP}} {
		s, err := roundTrip(ctx, t, p, k.name, k.floor, k.make)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		s.Note = "both ends; the floor is with gRPC"
		out = append(out, s)
	}
	return out, nil
}

func identity(t *founding.Trial, p sm.Provider, i int) (channel.Identity, error) {
	v, err := vault(t, p, i)
	if err != nil {
		return channel.Identity{}, err
	}
	keys, pair, err := v.DomainIdentity()
	return channel.NewIdentity(keys, pair, 1), err
}

func roundTrip(ctx context.Context, t *founding.Trial, p sm.Provider, name string, floor float64, make func(channel.Options) (channel.Transport, error)) (Step, error) {
	anchor, err := trust.LoadAnchor(t.Anchor())
	if err != nil {
		return Step{}, err
	}
	verifier, err := trust.NewVerifier(p, anchor)
	if err != nil {
		return Step{}, err
	}
	city, err := identity(t, p, 1)
	if err != nil {
		return Step{}, err
	}
	county, err := identity(t, p, 2)
	if err != nil {
		return Step{}, err
	}
	tr, err := make(channel.Options{Provider: p, Trust: verifier, Host: func(string, string) (channel.Identity, bool) { return city, true },
		Authorize: func(channel.Identity, channel.Peer) error { return nil }})
	if err != nil {
		return Step{}, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Step{}, err
	}
	mux := channel.NewMux(ln, tr, channel.MuxOptions{})
	defer func() { _ = mux.Close() }()
	go echo(mux.Listen(channel.ProtocolLink, ""))
	go func() { _ = mux.Serve() }() // ends with Close
	conn, err := channel.Dial(ctx, tr, ln.Addr().String(), county, "320500", channel.ProtocolLink)
	if err != nil {
		return Step{}, err
	}
	defer func() { _ = conn.Close() }()
	var message [stepSize]byte
	return timed(name, floor, func() error {
		if _, err := conn.Write(message[:]); err != nil {
			return err
		}
		_, err := io.ReadFull(conn, message[:])
		return err
	})
}

// echo sends back what comes on the first connection.
func echo(ln net.Listener) {
	c, err := ln.Accept()
	if err != nil {
		return
	}
	var message [stepSize]byte
	for {
		if _, err := io.ReadFull(c, message[:]); err != nil {
			return
		}
		if _, err := c.Write(message[:]); err != nil {
			return
		}
	}
}
