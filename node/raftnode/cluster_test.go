package raftnode

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// counter applies a command by counting it: a row that says anything but 1 was
// committed more than once. An entry that is applied again stops the group.
// "poison NAME" breaks the replica of that name.
type counter struct{ name string }

func (c counter) Apply(r ledger.Reader, index uint64, command []byte) ([]byte, []ledger.Mutation, error) {
	if applied := r.Get(ledger.TableMeta, ledger.KeyApplied); applied != nil && binary.BigEndian.Uint64(applied) >= index {
		return nil, nil, fmt.Errorf("index %d is applied again", index)
	}
	verb, rest, _ := strings.Cut(string(command), " ")
	switch {
	case verb == "refuse":
		return []byte("refused"), nil, nil
	case verb == "poison" && rest == c.name:
		return nil, nil, errors.New("poisoned")
	}
	n := []byte{1}
	if before := r.Get(ledger.TableExchange, command); before != nil {
		n[0] = before[0] + 1
	}
	return command, []ledger.Mutation{{Table: ledger.TableExchange, Key: bytes.Clone(command), Value: n}}, nil
}

type tcpStream struct{ net.Listener }

func (tcpStream) Dial(ctx context.Context, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

func listen(t testing.TB, address string) tcpStream {
	t.Helper()
	var l net.Listener
	eventually(t, "listening", func() (err error) {
		l, err = net.Listen("tcp", address)
		return err
	})
	return tcpStream{l}
}

// node is one replica with its directories, which outlive the process that
// runs it.
type node struct {
	t         testing.TB
	name      exchange.Replica
	dir       string
	address   string
	bootstrap []Server
	tune      func(*Config)

	store *store.Store
	group *Group
}

func newNode(t testing.TB, name string) *node {
	t.Helper()
	l := listen(t, "127.0.0.1:0")
	defer func() { _ = l.Close() }()
	return &node{t: t, name: exchange.Replica(name), dir: t.TempDir(), address: l.Addr().String(), tune: func(*Config) {}}
}

func hash(t testing.TB) func(...[]byte) crypto.Digest {
	t.Helper()
	p, err := sm.New("emmansun")
	if err != nil {
		t.Fatal(err)
	}
	return p.Sum
}

func (n *node) config() Config {
	var err error
	if n.store == nil || n.store.Closed() {
		n.store, err = store.Open(filepath.Join(n.dir, "state"), store.Options{Hash: hash(n.t), MapSize: 256 << 20})
		if err != nil {
			n.t.Fatal(err)
		}
	}
	c := Config{
		Domain: "320582", Replica: n.name, Dir: filepath.Join(n.dir, "raft"), Address: n.address,
		Stream: listen(n.t, n.address), Store: n.store, Applier: counter{string(n.name)}, Bootstrap: n.bootstrap,
		Logger: logger(n.t), Heartbeat: 500 * time.Millisecond, CommitTimeout: 10 * time.Millisecond,
		pause: 20 * time.Millisecond,
	}
	n.tune(&c)
	return c
}

func logger(t testing.TB) *slog.Logger {
	to := io.Discard
	if os.Getenv("RAFT_LOG") != "" {
		to = t.Output()
	}
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (n *node) start() {
	n.t.Helper()
	g, err := Start(n.config())
	if err != nil {
		n.t.Fatal(err)
	}
	n.group = g
	n.t.Cleanup(n.kill)
}

// kill ends the replica without handing leadership over.
func (n *node) kill() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := errors.Join(n.group.Close(ctx), n.store.Close()); err != nil {
		n.t.Errorf("closing %s: %v", n.name, err)
	}
}

func newCluster(t testing.TB, tune func(*Config)) []*node {
	t.Helper()
	var nodes []*node
	var servers []Server
	for _, name := range []string{"a", "b", "c"} {
		n := newNode(t, name)
		if tune != nil {
			n.tune = tune
		}
		nodes = append(nodes, n)
		servers = append(servers, Server{n.name, n.address})
	}
	for _, n := range nodes {
		n.bootstrap = servers
		n.start()
	}
	return nodes
}

func eventually(t testing.TB, what string, try func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

func leaderOf(t testing.TB, nodes []*node) *node {
	t.Helper()
	var leader *node
	eventually(t, "waiting for a leader", func() error {
		for _, n := range nodes {
			if n.group.IsLeader() {
				leader = n
				return nil
			}
		}
		return errors.New("nobody leads")
	})
	return leader
}

func without(nodes []*node, n *node) []*node {
	var out []*node
	for _, o := range nodes {
		if o != n {
			out = append(out, o)
		}
	}
	return out
}

// propose commits through whoever leads, again while it certainly failed. An
// unknown outcome is resolved by a current read of a leader of a later term.
func propose(t testing.TB, nodes []*node, command string) {
	t.Helper()
	unknown := false
	eventually(t, "proposing", func() error {
		leader := leaderOf(t, nodes)
		if unknown {
			if err := leader.group.ReadCurrent(t.Context()); err != nil {
				return err
			}
			if count(t, leader, command) > 0 {
				return nil
			}
			unknown = false
		}
		result, err := leader.group.Propose(t.Context(), []byte(command))
		if err == nil && string(result) != command {
			t.Fatalf("result %q", result)
		}
		unknown = exchange.CodeOf(err) == exchange.Unknown
		return err
	})
}

func count(t testing.TB, n *node, command string) (times int) {
	t.Helper()
	err := n.store.View(func(r ledger.Reader) error {
		if v := r.Get(ledger.TableExchange, []byte(command)); v != nil {
			times = int(v[0])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return times
}

// agree waits until all have applied as much and checks that they are equal.
func agree(t testing.TB, nodes []*node) {
	t.Helper()
	eventually(t, "replicas agree", func() error {
		var heads []store.Head
		for _, n := range nodes {
			h, err := n.store.Head()
			if err != nil {
				return err
			}
			heads = append(heads, h)
		}
		for _, h := range heads {
			if h.Index != heads[0].Index {
				return fmt.Errorf("heads %v", heads)
			}
			if h != heads[0] {
				t.Fatalf("diverged: %v", heads)
			}
		}
		return nil
	})
}
