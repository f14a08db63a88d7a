package test

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/channel"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

func provider(t *testing.T) sm.Provider {
	t.Helper()
	p, err := sm.New("")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// vaultOf opens the key store of a node's only domain.
func vaultOf(t *testing.T, node string) *trust.Store {
	t.Helper()
	n, err := config.Load(filepath.Join(node, "node.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	lock, err := n.Domains[0].Unlock.Lock()
	if err != nil {
		t.Fatal(err)
	}
	vault, err := trust.OpenStore(n.Domains[0].Keys, provider(t), rand.Reader, lock)
	if err != nil {
		t.Fatal(err)
	}
	return vault
}

// asDomain is the identity of a node's domain, asReplica that of its replica.
func asDomain(t *testing.T, node string) channel.Identity {
	t.Helper()
	keys, pair, err := vaultOf(t, node).DomainIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return channel.NewIdentity(keys, pair, 1)
}

func asReplica(t *testing.T, node string) channel.Identity {
	t.Helper()
	keys, pair, err := vaultOf(t, node).ReplicaIdentity(filepath.Base(node))
	if err != nil {
		t.Fatal(err)
	}
	return channel.NewIdentity(keys, pair, 1)
}

// transport is how the nodes of a fleet speak on the plane of a protocol.
func transport(t *testing.T, f *fleet.Fleet, protocol string) channel.Transport {
	t.Helper()
	anchor, err := trust.LoadAnchor(filepath.Join(f.Dir, anchorName))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := trust.NewVerifier(provider(t), anchor)
	if err != nil {
		t.Fatal(err)
	}
	make := channel.NewTLS
	if protocol == channel.ProtocolLink {
		make = channel.NewTLCP
	}
	tr, err := make(channel.Options{Trust: verifier})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// dialAs connects to a process as somebody.
func dialAs(t *testing.T, f *fleet.Fleet, self channel.Identity, process, protocol string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	n := f.Config(process)
	address := n.Listen.Peer
	if protocol == channel.ProtocolLink {
		address = n.Listen.Link
	}
	conn, err := channel.Dial(ctx, transport(t, f, protocol), address, self, string(n.Domains[0].Domain), protocol)
	if err == nil {
		_ = conn.Close()
	}
	return err
}

// logs waits until a process has logged a line with all the words.
func logs(t *testing.T, f *fleet.Fleet, process string, words ...string) {
	t.Helper()
	f.Eventually(15*time.Second, process+" logs "+strings.Join(words, ", "), func(context.Context) error {
		b, err := os.ReadFile(f.Output(process))
		for line := range strings.Lines(string(b)) {
			if containsAll(line, words) {
				return nil
			}
		}
		if err == nil {
			err = exchange.Errorf(exchange.NotFound, "test", "no such line")
		}
		return err
	})
}

func containsAll(s string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(s, w) {
			return false
		}
	}
	return true
}
