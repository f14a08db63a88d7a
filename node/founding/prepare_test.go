package founding_test

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
)

func trial(t *testing.T, topology founding.Topology) *founding.Trial {
	t.Helper()
	f := founding.Sample()
	f.BasePort, f.Topology = 0, topology
	made, err := founding.Make(f, filepath.Join(t.TempDir(), "trial"))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestAPreparedReplicaHasTheDomainsKeysAndACertificateOfItsOwn(t *testing.T) {
	made := trial(t, founding.Joint)
	p := founding.Prepare{From: made.NodeConfig("city"), Replica: "spare", Host: "127.0.0.1", Dir: filepath.Join(t.TempDir(), "spare"), Trial: made.Dir}
	out, err := founding.PrepareReplica(p)
	if err != nil {
		t.Fatal(err)
	}
	conf, err := config.Load(out.Config)
	if err != nil || len(conf.Domains) != 3 || len(out.Domains) != 3 || conf.Name != "spare" || conf.Listen.Link == "" {
		t.Fatalf("%v, %+v", err, conf)
	}
	from, err := config.Load(p.From)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range conf.Domains {
		if d.Founds() || d.Address() != out.Address || d.Replica != "spare" || len(d.Replicas) != 4 {
			t.Errorf("%+v would found the domain, or is not this replica", d)
		}
		provider, err := sm.New(conf.Crypto.Provider)
		if err != nil {
			t.Fatal(err)
		}
		ours, theirs := open(t, provider, d), open(t, provider, from.Domains[i])
		_, pair, err := ours.ReplicaIdentity("spare")
		if err != nil {
			t.Fatal(err)
		}
		anchor, err := trust.LoadAnchor(d.Anchor)
		if err != nil {
			t.Fatal(err)
		}
		v, err := trust.NewVerifier(provider, anchor)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.VerifyPair(pair, string(d.Domain), time.Now()); err != nil {
			t.Errorf("the others would not believe it: %v", err)
		}
		a, errA := ours.Signer()
		b, errB := theirs.Signer()
		if errA != nil || errB != nil || a.KeyID() != b.KeyID() {
			t.Errorf("it does not sign for %s: %v, %v", d.Domain, errA, errB)
		}
		if _, _, err := ours.ReplicaIdentity("city"); !errors.Is(err, trust.ErrNoKey) {
			t.Errorf("it can pass for city: %v", err)
		}
	}
}

func open(t *testing.T, p sm.Provider, d config.Domain) *trust.Store {
	t.Helper()
	lock, err := d.Unlock.Lock()
	if err != nil {
		t.Fatal(err)
	}
	s, err := trust.OpenStore(d.Keys, p, rand.Reader, lock)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWithoutAnAuthorityRequestsAreWritten(t *testing.T) {
	made := trial(t, founding.Separate)
	out, err := founding.PrepareReplica(founding.Prepare{From: made.NodeConfig("city-1"), Replica: "city-4", Host: "127.0.0.1", Dir: filepath.Join(t.TempDir(), "city-4")})
	if err != nil || len(out.Requests) != 2 {
		t.Fatalf("%v, %+v", err, out)
	}
	for _, path := range out.Requests {
		if b, err := os.ReadFile(path); err != nil || len(b) == 0 {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestWhatCannotBePreparedLeavesNothingBehind(t *testing.T) {
	made := trial(t, founding.Separate)
	good := founding.Prepare{From: made.NodeConfig("city-1"), Replica: "city-4", Host: "127.0.0.1", Trial: made.Dir}
	for name, change := range map[string]func(*founding.Prepare){
		"a name that is in use": func(p *founding.Prepare) { p.Replica = "city-2" },
		"no name":               func(p *founding.Prepare) { p.Replica = "City 4" },
		"no host":               func(p *founding.Prepare) { p.Host = "" },
		"another domain":        func(p *founding.Prepare) { p.Domains = []exchange.Domain{"320582"} },
		"a port out of range":   func(p *founding.Prepare) { p.Port = 65534 },
		"no authority there":    func(p *founding.Prepare) { p.Trial = t.TempDir() },
	} {
		p := good
		p.Dir = filepath.Join(t.TempDir(), "new")
		change(&p)
		if _, err := founding.PrepareReplica(p); err == nil {
			t.Errorf("%s: prepared", name)
		}
		if _, err := os.Stat(p.Dir); err == nil {
			t.Errorf("%s: something is left in %s", name, p.Dir)
		}
	}
	p := good
	p.Dir = filepath.Dir(made.NodeConfig("city-1"))
	if _, err := founding.PrepareReplica(p); exchange.CodeOf(err) != exchange.Conflict {
		t.Errorf("over another node: %v", err)
	}
}
