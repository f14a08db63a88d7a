package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"path/filepath"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/seal"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/store"
)

const county exchange.Domain = "320582"

// domain is one replica of the county with some content, not running.
type domain struct {
	t        testing.TB
	dir      string // of node.yaml
	provider sm.Provider
	node     *config.Node
	conf     *config.Domain
	vault    *trust.Store
	anchor   trust.Anchor
	offline  sm.PrivateKey
	store    *store.Store
	chunks   map[crypto.Digest][]byte
}

// rows is a state machine that puts the rows that it is given.
type rows struct{}

func (rows) Apply(_ ledger.Reader, _ uint64, command []byte) ([]byte, []ledger.Mutation, error) {
	m, err := exchange.Decode[[]ledger.Mutation](command)
	return nil, m, err
}

// newDomain makes a federation's files and founds the county in a store.
func newDomain(t testing.TB) *domain {
	t.Helper()
	f := founding.Sample()
	f.BasePort = 0
	for i := range f.Domains {
		f.Domains[i].Replicas = 1
	}
	trial, err := founding.Make(f, filepath.Join(t.TempDir(), "federation"))
	must(t, err)
	name := ""
	for _, n := range trial.Nodes {
		if c, err := config.Load(trial.NodeConfig(n)); err == nil && c.Domains[0].Domain == county && name == "" {
			name = n
		}
	}
	d := &domain{t: t, dir: filepath.Dir(trial.NodeConfig(name)), chunks: map[crypto.Digest][]byte{}}
	d.node, err = config.Load(trial.NodeConfig(name))
	must(t, err)
	d.conf = &d.node.Domains[0]
	d.provider, err = sm.New("")
	must(t, err)
	lock, err := d.conf.Unlock.Lock()
	must(t, err)
	d.vault, err = trust.OpenStore(d.conf.Keys, d.provider, rand.Reader, lock)
	must(t, err)
	d.anchor, err = trust.LoadAnchor(d.conf.Anchor)
	must(t, err)
	d.offline, err = d.provider.GenerateKey(rand.Reader)
	must(t, err)
	d.conf.BackupKey = filepath.Join(d.dir, "backup.pub")
	must(t, SavePublic(d.conf.BackupKey, string(county), d.provider, d.offline.Public()))
	d.store, err = store.Open(filepath.Join(t.TempDir(), "state"), store.Options{Hash: d.provider.Sum, MapSize: 64 << 20})
	must(t, err)
	t.Cleanup(func() { _ = d.store.Close() })
	file, err := founding.LoadFile(d.conf.Founding)
	must(t, err)
	d.apply(&ledger.Machine{Sum: d.provider.Sum}, 2, exchange.Encode(ledger.Command{Time: 1e12, Bootstrap: ptr(file.Bootstrap([16]byte{1}))}))
	must(t, d.store.SetConfiguration(3, 1, ledger.Configuration{Index: 3, Voters: []exchange.Replica{"a", "b", "c"}}))
	return d
}

func ptr[T any](v T) *T { return &v }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (d *domain) apply(a ledger.Applier, index uint64, command []byte) {
	d.t.Helper()
	_, err := d.store.Apply(a, []store.Entry{{Index: index, Term: 1, Commands: [][]byte{command}}})
	must(d.t, err)
}

// keep stores an exchange with so many chunks, in custody of the county.
func (d *domain) keep(n uint16, chunks int) exchange.ID {
	d.t.Helper()
	m := exchange.Manifest{ID: exchange.ID{15: byte(n), 14: byte(n >> 8)}, Parts: []exchange.Part{{}}}
	for i := range chunks {
		data := make([]byte, seal.ChunkSize+seal.Overhead)
		binary.BigEndian.PutUint32(data, uint32(n)<<16|uint32(i))
		address := d.provider.Sum(data)
		d.chunks[address] = data
		m.Parts[0].Chunks = append(m.Parts[0].Chunks, address)
	}
	signed := crypto.Signed{Bytes: crypto.WithContext(crypto.ContextManifest, exchange.Encode(m))}
	receipt := crypto.Signed{Bytes: crypto.WithContext(crypto.ContextReceipt, exchange.Encode(exchange.Receipt{Exchange: m.ID, Domain: county, State: exchange.Accepted}))}
	head, err := d.store.Head()
	must(d.t, err)
	d.apply(rows{}, head.Index+1, exchange.Encode([]ledger.Mutation{
		{Table: ledger.TableExchange, Key: ledger.ExchangeKey(m.ID), Value: exchange.Encode(ledger.Exchange{Manifest: signed})},
		{Table: ledger.TableReceipt, Key: append(m.ID[:], 0, 0, 0, 0), Value: exchange.Encode(receipt)},
	}))
	return m.ID
}

// source is what a running replica would back up.
func (d *domain) source() Source {
	d.t.Helper()
	state, err := d.store.Copy()
	must(d.t, err)
	d.t.Cleanup(func() { _ = state.Close() })
	keys, pair, err := d.vault.DomainIdentity()
	must(d.t, err)
	files, err := Files(d.node, d.conf, d.vault, d.dir)
	must(d.t, err)
	return Source{Domain: county, Replica: d.conf.Replica, Provider: d.provider, Random: rand.Reader, Program: "test",
		Clock: func() exchange.Time { return exchange.TimeOf(d.now()) }, At: exchange.TimeOf(d.now()),
		Offline: d.offline.Public(), Signer: keys.Sign, Pair: pair, State: state, Files: files, Lock: LockKind(d.conf.Unlock),
		Chunk: func(_ context.Context, a crypto.Digest) ([]byte, error) {
			if data, ok := d.chunks[a]; ok {
				return data, nil
			}
			return nil, exchange.Errorf(exchange.NotFound, "test", "not here")
		}}
}

// backup makes one in memory.
func (d *domain) backup() []byte {
	d.t.Helper()
	var out bytes.Buffer
	_, err := Make(context.Background(), &out, d.source())
	must(d.t, err)
	return out.Bytes()
}

func (d *domain) expect() Expect {
	return Expect{Provider: d.provider, Opener: d.offline, Domain: county, Anchor: &d.anchor}
}
