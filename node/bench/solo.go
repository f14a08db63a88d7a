package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/pipeline"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/store"
	"github.com/yizhan-exchange/yizhan/policy"
)

// solo is a domain of one replica without Raft or network: the pipeline over
// the store. It is pipeline.Log, and pipeline.Content for what rides in the
// command.
type solo struct {
	store   *store.Store
	machine *ledger.Machine
	mu      sync.Mutex
	index   uint64
	applied time.Duration // spent in Apply of the state machine
	count   int
}

// Apply implements ledger.Applier.
func (s *solo) Apply(r ledger.Reader, index uint64, command []byte) ([]byte, []ledger.Mutation, error) {
	began := time.Now()
	defer func() { s.applied += time.Since(began); s.count++ }()
	return s.machine.Apply(r, index, command)
}

// Propose implements pipeline.Log.
func (s *solo) Propose(_ context.Context, c ledger.Command) (ledger.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index++
	results, err := s.store.Apply(s, []store.Entry{{Index: s.index, Term: 1, Commands: [][]byte{exchange.Encode(c)}}})
	if err != nil {
		return ledger.Result{}, err
	}
	return exchange.Decode[ledger.Result](results[0][0])
}

// View implements pipeline.Log.
func (s *solo) View(fn func(ledger.Reader) error) error { return s.store.View(fn) }

// Current implements pipeline.Log.
func (s *solo) Current(context.Context) error { return nil }

// Changed implements pipeline.Log.
func (s *solo) Changed() <-chan struct{} { return s.store.Watch() }

// Term implements pipeline.Log.
func (s *solo) Term() uint64 { return 1 }

// noContent fails: 4 KiB ride in the command.
type noContent struct{}

var errNoContent = errors.New("content that does not ride in the command is not measured here")

func (noContent) Put(context.Context, crypto.Digest, []byte) error { return errNoContent }
func (noContent) Kept(context.Context, []crypto.Digest) ([]exchange.Stored, error) {
	return nil, errNoContent
}
func (noContent) Missing(context.Context, []crypto.Digest) ([]crypto.Digest, error) {
	return nil, errNoContent
}
func (noContent) Get(context.Context, crypto.Digest) ([]byte, error) { return nil, errNoContent }

// trial makes the sample federation with one replica for each domain.
func trial(provider, dir string) (*founding.Trial, error) {
	f := founding.Sample()
	f.Provider, f.BasePort = provider, 0
	for i := range f.Domains {
		f.Domains[i].Replicas = 1
	}
	return founding.Make(f, dir)
}

// vault opens the key store of the only node of a domain.
func vault(t *founding.Trial, p sm.Provider, i int) (*trust.Store, error) {
	dir := filepath.Dir(t.NodeConfig(t.Nodes[i]))
	return trust.OpenStore(filepath.Join(dir, "keys", string(t.Federation.Domains[i].Domain)), p, rand.Reader, trust.KeyFileLock(filepath.Join(dir, "unlock.key")))
}

// openSolo founds the domain numbered i of the sample.
func openSolo(ctx context.Context, t *founding.Trial, p sm.Provider, i int, dir string) (*solo, *pipeline.Domain, error) {
	domain := t.Federation.Domains[i].Domain
	keys, err := vault(t, p, i)
	if err != nil {
		return nil, nil, err
	}
	anchor, err := trust.LoadAnchor(t.Anchor())
	if err != nil {
		return nil, nil, err
	}
	file, err := founding.LoadFile(t.Founding(t.Nodes[i], domain))
	if err != nil {
		return nil, nil, err
	}
	engine, err := policy.NewEngine(policy.Options{Deadline: patience})
	if err != nil {
		return nil, nil, err
	}
	s := &solo{machine: &ledger.Machine{Sum: p.Sum}}
	if s.store, err = store.Open(dir, store.Options{Hash: p.Sum}); err != nil {
		return nil, nil, err
	}
	now := func() exchange.Time { return exchange.TimeOf(time.Now()) }
	b := file.Bootstrap([16]byte{1})
	res, err := s.Propose(ctx, ledger.Command{Time: now(), Bootstrap: &b})
	if err = errors.Join(err, res.Err("bench.found")); err != nil {
		return nil, nil, errors.Join(err, s.store.Close())
	}
	return s, pipeline.New(pipeline.Options{Domain: domain, Replica: "county-1", Log: s, Content: noContent{}, Vault: keys, Provider: p,
		Anchor: anchor, Engine: engine, Clock: now, Random: rand.Reader, Version: "bench"}), nil
}

// domainSteps measures Submit over one store, and the state machine in it.
func domainSteps(ctx context.Context, provider, dir string) ([]Step, error) {
	p, err := sm.New(provider)
	if err != nil {
		return nil, err
	}
	t, err := trial(provider, filepath.Join(dir, "trial"))
	if err != nil {
		return nil, err
	}
	state, err := makeDir(filepath.Join(dir, "state"))
	if err != nil {
		return nil, err
	}
	s, d, err := openSolo(ctx, t, p, len(t.Nodes)-1, state)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.store.Close() }()
	d.Lead()
	content := bytes.Repeat([]byte("料"), stepSize/3)
	ctx = exchange.WithCaller(ctx, exchange.Caller{Unit: sender, Person: "trial.clerk", Duties: []exchange.Duty{exchange.Handler}})
	submit := func() error {
		_, err := d.Submit(ctx, exchange.Submission{Key: client.NewKey(), Kind: "case", To: []string{recipient}, Type: "上报件", Title: "测量用办件",
			Files: []exchange.File{{Name: "材料.ofd", Size: int64(len(content))}}}, func(int) (io.Reader, error) { return bytes.NewReader(content), nil })
		return err
	}
	steps, err := measure(task{"submit: check, decide, seal, sign, commit to one store", 0, submit})
	if err != nil {
		return nil, err
	}
	steps[0].Note = "without Raft and network"
	apply := Step{Name: "of which the state machine", CoreMicros: float64(s.applied.Nanoseconds()) / 1000 / float64(max(s.count, 1)),
		Note: fmt.Sprintf("%d commands", s.count)}
	return append(steps, apply), nil
}
