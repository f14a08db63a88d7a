package founding_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/official"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
)

func TestTheSampleIsWrittenAsItIsRead(t *testing.T) {
	text, err := founding.Sample().Encode()
	if err != nil {
		t.Fatal(err)
	}
	f, err := founding.ParseFederation(text)
	if err != nil {
		t.Fatal(err)
	}
	if again := must(f.Encode()); string(again) != string(text) {
		t.Errorf("got\n%s, want\n%s", again, text)
	}
	for _, d := range f.Domains {
		for _, u := range d.Units {
			if _, err := official.ParseUSCC(u.USCC); err != nil || !strings.Contains(u.USCC, "FAKE") {
				t.Errorf("%s of %s has the credit code %s: %v", u.Unit, d.Domain, u.USCC, err)
			}
		}
	}
}

func TestEverythingWrongWithADeclarationIsSaidAtOnce(t *testing.T) {
	text := string(must(founding.Sample().Encode()))
	for name, c := range map[string]struct{ old, new, want string }{
		"topology":  {"topology: separate", "topology: star", "topology: \"star\""},
		"ports":     {"base_port: 7400", "base_port: 80", "base_port:"},
		"last port": {"base_port: 7400", "base_port: 65500", "base_port:"},
		"profile":   {"base_port: 7400", "base_port: 7400\nprofile: x", "profile:"},
		"provider":  {"base_port: 7400", "base_port: 7400\nprovider: x", "provider:"},
		"level":     {"level: county", "level: planet", "domains[2].level"},
		"order":     {"level: county", "level: province", "is not below 320500"},
		"parent":    {`parent: "320500"`, `parent: "320100"`, `domains[2].parent: "320100" is not declared`},
		"two tops":  {`    parent: "320500"` + "\n", "", "2 domains have no parent"},
		"twice":     {`domain: "320582"`, `domain: "320500"`, "declared twice"},
		"replicas":  {"replicas: 3", "replicas: 1000000000", "domains[0].replicas"},
		"hosts":     {"replicas: 3", "replicas: 3\n    hosts: [a, b]", "2 hosts for 3 processes"},
		"process":   {"replicas: 3", "process: city\n    replicas: 3", "names the processes of another"},
		"ceiling":   {"replicas: 3", "ceiling: secret\n    replicas: 3", "domains[0].ceiling"},
		"unit":      {"unit: wjw\n        name", "unit: bgs\n        name", "domains[0].units[1].unit"},
		"uscc":      {"FAKE0001", "FAKE0009", "domains[0].units[0].uscc"},
		"member":    {"unit: wjw\n        duties", "unit: fgw\n        duties", `"fgw" is not a unit of 320000`},
		"duty":      {"duties: [auditor]", "duties: [king]", "domains[0].persons[4].duties"},
		"officers":  {"duties: [auditor]", "duties: [auditor, administrator]", "more than one of administrator"},
		"name":      {"name: 江苏省\n", "name: ''\n", "domains[0].name"},
		"key":       {"topology: separate", "topolgy: separate", "topolgy"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(text, c.old, c.new, 1)
			if changed == text {
				t.Fatalf("%q is not in\n%s", c.old, text)
			}
			_, err := founding.ParseFederation([]byte(changed))
			if got := said(err); exchange.CodeOf(err) != exchange.Invalid || !strings.Contains(got, c.want) {
				t.Errorf("want %q, got %s", c.want, got)
			}
		})
	}
}

// TestAFederationIsFoundedAsDeclared declares what the sample leaves out: a
// lone replica, a sibling of the same level, a line of departments, a policy of
// a county's own, the other provider, the other profile.
func TestAFederationIsFoundedAsDeclared(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policy", "own.rego"), "package yizhan.layer\n\nallow if input.kind == \"document\"\n")
	write(t, filepath.Join(dir, "federation.yaml"), `base_port: 0
provider: tjfoc
profile: gm
domains:
  - {domain: "320500", name: 苏州市, level: city, replicas: 1, ceiling: 秘密, units: [{unit: bgs, name: 办公室}], persons: [{person: a, unit: bgs, duties: [clerk]}]}
  - {domain: "320500.health", name: 苏州市卫生健康系统, level: city, parent: "320500", replicas: 1, units: [{unit: wjw, name: 卫健委}], persons: [{person: a, unit: wjw, duties: [clerk]}]}
  - {domain: "320582", name: 张家港市, level: county, parent: "320500", replicas: 1, policy_dir: policy, units: [{unit: bgs, name: 办公室}], persons: [{person: a, unit: bgs, duties: [clerk]}]}
  - {domain: "320583", name: 昆山市, level: county, parent: "320500", replicas: 1, units: [{unit: bgs, name: 办公室}], persons: [{person: a, unit: bgs, duties: [clerk]}]}
`)
	f, err := founding.LoadFederation(filepath.Join(dir, "federation.yaml"))
	if err != nil {
		t.Fatal(said(err))
	}
	trial, err := founding.Make(f, filepath.Join(dir, "made"))
	if err != nil {
		t.Fatal(err)
	}
	want := "city-320500-1 city-320500.health-1 county-320582-1 county-320583-1"
	if got := strings.Join(trial.Nodes, " "); got != want {
		t.Errorf("nodes: got %s, want %s", got, want)
	}
	n := must(config.Load(trial.NodeConfig("county-320582-1")))
	if n.Crypto.Provider != "tjfoc" || n.PeerChannel() != config.TLCP || n.Listen.Link != "" || len(n.Domains[0].Superior.Endpoints) != 1 {
		t.Errorf("county: %+v", n)
	}
	for d, policies := range map[exchange.Domain]int{"320582": 2, "320583": 1, "320500.health": 1} {
		if got := len(foundingOf(t, trial, d).Bootstrap([16]byte{}).Policy); got != policies {
			t.Errorf("%s is founded with %d policies, want %d", d, got, policies)
		}
	}
}

func TestAFederationThatCannotBeMadeLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policy", "own.rego"), "this is no Rego")
	f := founding.Sample()
	f.BasePort, f.Domains[2].PolicyDir = 0, filepath.Join(dir, "policy")
	if _, err := founding.Make(f, filepath.Join(dir, "made")); err == nil {
		t.Error("a policy that does not compile is accepted")
	}
	f = founding.Sample()
	f.BasePort, f.Host = 0, "192.0.2.1" // nobody's (RFC 5737)
	if _, err := founding.Make(f, filepath.Join(dir, "made")); exchange.CodeOf(err) != exchange.Invalid {
		t.Errorf("free ports of another machine: got %v", err)
	}
	if entries := must(os.ReadDir(dir)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestPortsFollowTheBase(t *testing.T) {
	f := founding.Sample()
	f.Topology = founding.Joint
	trial, err := founding.Make(f, filepath.Join(t.TempDir(), "trial"))
	if err != nil {
		t.Fatal(err)
	}
	n := must(config.Load(trial.NodeConfig("city")))
	if want := (config.Listen{API: "127.0.0.1:7410", Peer: "127.0.0.1:7411", Link: "127.0.0.1:7412"}); n.Listen != want {
		t.Errorf("got %+v, want %+v", n.Listen, want)
	}
}

func FuzzParseFederation(f *testing.F) {
	f.Add(must(founding.Sample().Encode()))
	f.Add([]byte("domains: [{domain: 320000, parent: 320000}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<16 {
			t.Skip()
		}
		if _, err := founding.ParseFederation(text); err != nil && exchange.CodeOf(err) != exchange.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func said(err error) string {
	var e *exchange.Error
	if !errors.As(err, &e) {
		return fmt.Sprint(err)
	}
	text := e.Error()
	for _, p := range e.Problems {
		text += "\n" + p.Field + ": " + p.Message
	}
	return text
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}
