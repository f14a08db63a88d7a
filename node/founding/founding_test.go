package founding_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/auth"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
)

func TestTheSampleIsWholeInEitherTopology(t *testing.T) {
	for topology, want := range map[founding.Topology]string{
		founding.Separate: "province-1 province-2 province-3 city-1 city-2 city-3 county-1 county-2 county-3",
		founding.Joint:    "province city county",
	} {
		t.Run(string(topology), func(t *testing.T) {
			trial := makeSample(t, topology)
			if got := strings.Join(trial.Nodes, " "); got != want {
				t.Errorf("nodes: got %s, want %s", got, want)
			}
			for _, name := range trial.Nodes {
				n, err := config.Load(trial.NodeConfig(name))
				if err != nil {
					t.Fatal(err)
				}
				checkNode(t, topology, n)
			}
			checkClients(t, trial)
			checkModes(t, trial.Dir)
		})
	}
}

// checkNode opens everything that one node.yaml names.
func checkNode(t *testing.T, topology founding.Topology, n *config.Node) {
	t.Helper()
	if want := map[founding.Topology]int{founding.Separate: 1, founding.Joint: 3}[topology]; len(n.Domains) != want {
		t.Fatalf("%s hosts %d domains, want %d", n.Name, len(n.Domains), want)
	}
	p := must(sm.New(n.Crypto.Provider))
	for i := range n.Domains {
		d := &n.Domains[i]
		anchor := must(trust.LoadAnchor(d.Anchor))
		lock := must(d.Unlock.Lock())
		store := must(trust.OpenStore(d.Keys, p, rand.Reader, lock))
		_, own, err := store.DomainIdentity()
		if err != nil {
			t.Fatal(err)
		}
		if _, replica, err := store.ReplicaIdentity(string(d.Replica)); err != nil || replica.Sign.KeyID == own.Sign.KeyID {
			t.Errorf("%s: the replica has no certificate of its own: %v", n.Name, err)
		}
		file := must(founding.LoadFile(d.Founding))
		book, err := file.Verify(p, anchor, exchange.TimeOf(time.Now()))
		if err != nil {
			t.Fatalf("%s: %v", d.Domain, err)
		}
		if info, ok := book.Domain(d.Domain); !ok || !bytes.Equal(info.SignCert, own.Sign.Raw) || !bytes.Equal(info.EncryptCert, own.Encrypt.Raw) {
			t.Errorf("%s: the directory states another certificate than the key store holds", d.Domain)
		}
		if len(book.Domains()) != 3 || len(book.Units("")) != 6 || len(book.Units("卫生健康委员会")) != 3 {
			t.Errorf("%s knows %v and %v", d.Domain, book.Domains(), book.Units(""))
		}
		checkBootstrap(t, file)
		if len(d.Replicas) != 3 || d.Address() != n.Listen.Peer {
			t.Errorf("%s: replicas %v, listens at %s", d.Domain, d.Replicas, n.Listen.Peer)
		}
		if parent, _ := book.Parent(d.Domain); parent != file.Parent() || (d.Superior != nil) != (parent != "") {
			t.Errorf("%s: parent %s in the directory, superior %+v in the configuration", d.Domain, parent, d.Superior)
		}
	}
}

func checkBootstrap(t *testing.T, f *founding.File) {
	t.Helper()
	b := f.Bootstrap([16]byte{1})
	if b.Self.Epoch != [16]byte{1} || b.Self.Incarnation != 1 || len(b.Policy) != 1 || len(b.Persons) != 5 {
		t.Errorf("%s: epoch %x, incarnation %d, %d policies, %d persons", f.Domain(), b.Self.Epoch, b.Self.Incarnation, len(b.Policy), len(b.Persons))
	}
	if again := f.Bootstrap([16]byte{2}); again.Self.Epoch != [16]byte{2} {
		t.Error("the epoch of an earlier founding is kept")
	}
}

// checkClients picks every identity and compares its token with what the domain
// is founded with.
func checkClients(t *testing.T, trial *founding.Trial) {
	t.Helper()
	settings, err := client.LoadConfig(trial.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	if len(settings.Warnings) != 0 {
		t.Errorf("warnings: %v", settings.Warnings)
	}
	p := must(sm.New(""))
	for as, want := range map[string][]exchange.Duty{
		"wjw@320582": {exchange.Handler, exchange.Clerk}, "bgs@320582": {exchange.Handler, exchange.Clerk},
		"wjw@320500": {exchange.Handler, exchange.Clerk}, "bgs@320500": {exchange.Handler, exchange.Clerk},
		"wjw@320000": {exchange.Handler, exchange.Clerk}, "bgs@320000": {exchange.Handler, exchange.Clerk},
		"bgs@320582/trial.security": {exchange.SecurityOfficer}, "bgs@320500/trial.admin": {exchange.Administrator},
		"bgs@320000/trial.auditor": {exchange.Auditor},
	} {
		c, err := settings.Pick(as)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Endpoints) != 3 {
			t.Errorf("%s: endpoints %v", as, c.Endpoints)
		}
		digest := must(auth.ParseToken(c.Token)).Digest(p.Sum)
		found := false
		for _, row := range foundingOf(t, trial, c.As.Domain()).Bootstrap([16]byte{}).Persons {
			found = found || row.Token == digest && row.Unit == c.As && row.Person == c.Person && reflect.DeepEqual(row.Duties, want)
		}
		if !found {
			t.Errorf("%s: the domain does not know its token, or with other duties than %v", as, want)
		}
		checkServers(t, trial, c)
	}
}

// checkServers verifies that a client believes every endpoint that it is given.
func checkServers(t *testing.T, trial *founding.Trial, c client.Config) {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(c.CA)
	for _, name := range trial.Nodes {
		n := must(config.Load(trial.NodeConfig(name)))
		if !strings.Contains(strings.Join(c.Endpoints, " "), n.Listen.API) {
			continue
		}
		block, _ := pem.Decode(must(os.ReadFile(n.API.Certificate)))
		cert := must(x509.ParseCertificate(block.Bytes))
		if _, err := cert.Verify(x509.VerifyOptions{Roots: pool, DNSName: "127.0.0.1"}); err != nil {
			t.Errorf("%s does not believe %s: %v", c.As, name, err)
		}
	}
}

func foundingOf(t *testing.T, trial *founding.Trial, d exchange.Domain) *founding.File {
	t.Helper()
	for _, name := range trial.Nodes {
		if f, err := founding.LoadFile(trial.Founding(name, d)); err == nil {
			return f
		}
	}
	t.Fatalf("no node founds %s", d)
	return nil
}

func checkModes(t *testing.T, dir string) {
	t.Helper()
	public := map[string]bool{"anchor.pem": true, "api.pem": true, "320000.pem": true, "320500.pem": true, "320582.pem": true}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info := must(e.Info())
		if info.Mode().Perm()&0o077 != 0 && !public[e.Name()] {
			t.Errorf("%s is %v", path, info.Mode())
		}
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s was left over", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFederationThatIsThereIsOpened(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "trial")
	f := founding.Sample()
	f.BasePort, f.Topology = 0, founding.Joint
	first, made, err := founding.MakeOrOpen(f, dir)
	if err != nil || !made {
		t.Fatalf("made %v, %v", made, err)
	}
	before := must(os.ReadFile(first.ClientConfig()))
	again, made, err := founding.MakeOrOpen(f, dir)
	if err != nil || made || !reflect.DeepEqual(first.Nodes, again.Nodes) {
		t.Errorf("made %v, %v, %v", made, again, err)
	}
	if !bytes.Equal(before, must(os.ReadFile(first.ClientConfig()))) {
		t.Error("client.yaml changed")
	}
	f.Topology = founding.Separate
	if _, _, err := founding.MakeOrOpen(f, dir); exchange.CodeOf(err) != exchange.Conflict || !strings.Contains(err.Error(), "topology joint") {
		t.Errorf("another topology: got %v", err)
	}
	if _, err := founding.Make(f, dir); exchange.CodeOf(err) != exchange.Conflict {
		t.Errorf("making in a used directory: got %v", err)
	}
}

func TestADirectoryOfSomethingElseIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	if _, err := founding.Open(dir); exchange.CodeOf(err) != exchange.NotFound {
		t.Errorf("empty: got %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "thesis.txt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := founding.MakeOrOpen(founding.Sample(), dir); exchange.CodeOf(err) != exchange.Conflict {
		t.Errorf("got %v", err)
	}
	if entries := must(os.ReadDir(dir)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestTheAuthorityIssuesFurtherCertificates(t *testing.T) {
	trial := makeSample(t, founding.Joint)
	p := must(sm.New(""))
	a, err := founding.OpenAuthority(trial.Dir, p)
	if err != nil {
		t.Fatal(err)
	}
	sign, encrypt := must(p.GenerateKey(rand.Reader)), must(p.GenerateKey(rand.Reader))
	pair := must(a.CA.IssuePair("320583", sign.Public(), encrypt.Public()))
	v := must(trust.NewVerifier(p, must(trust.LoadAnchor(trial.Anchor()))))
	if err := v.VerifyPair(pair, "320583", time.Now()); err != nil {
		t.Error(err)
	}
	if len(a.API) != 3 || a.API["320582"] == nil {
		t.Errorf("API authorities: %v", a.API)
	}
	scalar := a.CA.Scalar()
	for _, file := range filesBelow(t, trial.Dir) {
		if bytes.Contains(must(os.ReadFile(file)), scalar) {
			t.Errorf("%s holds the authority's key in the clear", file)
		}
	}
}

func TestAFoundingFileThatWasChangedIsRefused(t *testing.T) {
	trial := makeSample(t, founding.Joint)
	p := must(sm.New(""))
	path := trial.Founding("county", "320582")
	raw := must(os.ReadFile(path))
	now := exchange.TimeOf(time.Now())

	other := makeSample(t, founding.Joint)
	if _, err := must(founding.LoadFile(path)).Verify(p, must(trust.LoadAnchor(other.Anchor())), now); err == nil {
		t.Error("another federation's anchor believes it")
	}
	if _, err := founding.ParseFile(raw[1:]); exchange.CodeOf(err) != exchange.Corrupt {
		t.Errorf("no context: got %v", err)
	}
	if _, err := founding.ParseFile(raw[:len(raw)-1]); exchange.CodeOf(err) != exchange.Corrupt {
		t.Errorf("cut short: got %v", err)
	}
	b := must(founding.ParseFile(raw)).Bootstrap([16]byte{})
	b.Self.Parent = "320000"
	if _, err := must(founding.NewFile(b)).Verify(p, must(trust.LoadAnchor(trial.Anchor())), now); exchange.CodeOf(err) != exchange.Invalid {
		t.Errorf("another parent: got %v", err)
	}
	b = must(founding.ParseFile(raw)).Bootstrap([16]byte{})
	b.Units[0].Bytes = bytes.Replace(b.Units[0].Bytes, []byte("wjw"), []byte("xjx"), 1)
	if _, err := must(founding.NewFile(b)).Verify(p, must(trust.LoadAnchor(trial.Anchor())), now); err == nil {
		t.Error("a changed statement is believed")
	}
}

func makeSample(t *testing.T, topology founding.Topology) *founding.Trial {
	t.Helper()
	f := founding.Sample()
	f.Topology, f.BasePort = topology, 0
	trial, err := founding.Make(f, filepath.Join(t.TempDir(), "trial"))
	if err != nil {
		t.Fatal(err)
	}
	return trial
}

func filesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
