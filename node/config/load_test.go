package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/config"
)

const full = `node: county-1
data: ./data
crypto: {provider: tjfoc}
listen:
  api:  127.0.0.1:7443
  peer: 127.0.0.1:7444
  link: 127.0.0.1:7445
log: {level: debug, format: json}
profile: gm
domains:
  - domain: 320582
    replica: county-1
    keys: keys/320582
    unlock: {key_file: unlock.key}
    anchor: /etc/yizhan/anchor.pem
    founding: 320582.founding
    replicas:
      - {name: county-1, address: 127.0.0.1:7444}
      - {name: county-2, address: 127.0.0.1:7454}
    superior:
      domain: "320500"
      endpoints: [127.0.0.1:7545, 127.0.0.1:7555]
      retry: {first: 500ms}
      bandwidth: [{from: 8, to: 18, bytes_per_second: 1MiB}, {from: 22, to: 6, bytes_per_second: 0}]
    subordinates: {}
    limits: {content: 1GiB, expiry: 7d}
limits: {memory: 1GiB, most_urgent: 0}
`

func TestANodeIsReadWithItsDefaultsAndPaths(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "node.yaml")
	write(t, path, full)
	n, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	d := n.Domains[0]
	for _, c := range []struct{ what, got, want any }{
		{"name", n.Name, "county-1"},
		{"domain", d.Domain, exchange.Domain("320582")},
		{"data", n.Data, filepath.Join(dir, "data")},
		{"API certificate", n.API.Certificate, filepath.Join(dir, "api.pem")},
		{"absolute path", d.Anchor, "/etc/yizhan/anchor.pem"},
		{"key file", d.Unlock.KeyFile, filepath.Join(dir, "unlock.key")},
		{"founding", d.Founds(), true},
		{"own address", d.Address(), "127.0.0.1:7444"},
		{"peer channel", n.PeerChannel(), config.TLCP},
		{"link channel", n.LinkChannel(), config.TLCP},
		{"superior's channel", d.Superior.Channel, config.TLCP},
		{"first retry", d.Superior.Retry.First.Std(), 500 * time.Millisecond},
		{"last retry", d.Superior.Retry.Ceiling.Std(), 15 * time.Minute},
		{"bandwidth", d.Superior.Bandwidth[0], config.Window{From: 8, To: 18, BytesPerSecond: 1 << 20}},
		{"content", d.Limits.Content, config.Size(1 << 30)},
		{"files", d.Limits.Files, 64},
		{"expiry", d.Limits.Expiry.Std(), 7 * 24 * time.Hour},
		{"heartbeat", d.Heartbeat.Std(), time.Second},
		{"memory", n.Limits.Memory, config.Size(1 << 30)},
		{"特急 a minute", n.Limits.MostUrgent, 0},
		{"submissions", n.Limits.Submissions, 32},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %v, want %v", c.what, c.got, c.want)
		}
	}
}

func TestWhatIsSavedIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.yaml")
	write(t, path, full)
	first, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Save(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	text, _ := os.ReadFile(path)
	if strings.Contains(string(text), filepath.Dir(path)) || strings.Contains(string(text), "heartbeat") {
		t.Errorf("paths below the file are relative and defaults are left out, got\n%s", text)
	}
	second, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%+v", *second.Domains[0].Superior), fmt.Sprintf("%+v", *first.Domains[0].Superior); got != want {
		t.Errorf("superior: got %s, want %s", got, want)
	}
	if second.Limits != first.Limits || second.Limits.MostUrgent != 0 {
		t.Errorf("a zero that was written: got %+v, want %+v", second.Limits, first.Limits)
	}
	if second.Data != first.Data || second.Domains[0].Keys != first.Domains[0].Keys || second.Domains[0].Subordinates == nil {
		t.Errorf("got %+v, want %+v", second, first)
	}
}

func TestAMissingFileSaysHowToMakeOne(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "node.yaml"))
	if exchange.CodeOf(err) != exchange.NotFound || !strings.Contains(problems(err), "yizhan init") {
		t.Errorf("got %v %s", err, problems(err))
	}
}

func TestEverythingWrongIsSaidAtOnceWithItsLine(t *testing.T) {
	text := strings.NewReplacer("provider: tjfoc", "provder: tjfoc", "expiry: 7d", "expiry: 7MB", "first: 500ms", "first: soon",
		"log:", "logs:", "    keys:", "    heartbeat: {a: b}\n    keys:").Replace(full)
	_, err := config.Parse([]byte(text))
	got := problems(err)
	for _, want := range []string{
		"crypto.provder config.unknown_key line 3: unknown key provder; did you mean provider?",
		"logs config.unknown_key line 8: unknown key logs; did you mean log?",
		`domains[0].limits.expiry config.value line 27: "7MB" is not a duration`,
		`domains[0].superior.retry.first config.value line 24: "soon" is not a duration`,
		"domains[0].heartbeat config.scalar line 13:",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
}

func TestContradictionsAreFound(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"node":             {"node: county-1", "node: County 1", "node config.node line 1"},
		"provider":         {"provider: tjfoc", "provider: openssl", "write emmansun or tjfoc"},
		"level":            {"level: debug", "level: loud", "log.level config.choice line 8"},
		"format":           {"format: json", "format: xml", "log.format"},
		"profile":          {"profile: gm", "profile: fips", "profile config.choice line 9"},
		"address":          {"127.0.0.1:7443", "7443", "listen.api config.address line 5"},
		"no address":       {"api:  127.0.0.1:7443", "api: ''", "listen.api config.required"},
		"same address":     {"peer: 127.0.0.1:7444", "peer: 127.0.0.1:7443", "is also listen.api"},
		"domain":           {"domain: 320582", "domain: kunshan", "domains[0].domain config.domain line 11"},
		"replica":          {"replica: county-1", "replica: county-9", "domains[0].replicas config.replica.missing"},
		"same replica":     {"county-2, address", "county-1, address", "config.replica.twice line 19"},
		"no port":          {"127.0.0.1:7454", "127.0.0.1:0", "replicas[1].address config.address"},
		"no keys":          {"keys: keys/320582", "keys: ''", "domains[0].keys config.required line 13"},
		"two locks":        {"{key_file: unlock.key}", "{key_file: a, passphrase_file: b}", "domains[0].unlock config.unlock line 14"},
		"no lock":          {"{key_file: unlock.key}", "{}", "domains[0].unlock config.unlock"},
		"own superior":     {`"320500"`, `"320582"`, "config.superior.self line 21"},
		"no superior":      {`"320500"`, `""`, "domains[0].superior.domain config.domain"},
		"no endpoint":      {"[127.0.0.1:7545, 127.0.0.1:7555]", "[]", "superior.endpoints config.required line 22"},
		"same endpoint":    {"127.0.0.1:7555", "127.0.0.1:7545", "endpoints[1] config.endpoint.twice"},
		"retry":            {"{first: 500ms}", "{first: 1h, ceiling: 1s}", "superior.retry.ceiling config.retry"},
		"channel":          {"retry: {first: 500ms}", "channel: ssl", "superior.channel config.choice"},
		"profile and tls":  {"retry: {first: 500ms}", "channel: tls", "config.channel.profile line 23"},
		"hours":            {"from: 8, to: 18", "from: 8, to: 25", "bandwidth[0] config.bandwidth line 24"},
		"content":          {"content: 1GiB", "content: 5GiB", "write 1 to 4GiB"},
		"zero stays zero":  {"content: 1GiB", "files: 0", "limits.files config.range"},
		"decimal unit":     {"content: 1GiB", "content: 1GB", "powers of 1024"},
		"unused listener":  {"    subordinates: {}\n", "", "listen.link config.link.unused line 7"},
		"missing listener": {"  link: 127.0.0.1:7445\n", "", "domains[0].subordinates config.link.missing"},
		"no domain":        {full[strings.Index(full, "domains:"):], "domains: []\n", "domains config.domains"},
		"not a list":       {"bandwidth: [", "bandwidth: {} #", "superior.bandwidth config.list"},
		"not a mapping":    {"crypto: {provider: tjfoc}", "crypto: tjfoc", "crypto config.mapping line 3"},
		"twice":            {"data: ./data", "data: ./data\ndata: ./other", "data config.twice line 3"},
		"alias":            {"data: ./data", "data: &a ./data\nprofile: *a", "profile config.alias line 3"},
		"whole number":     {"from: 8,", "from: eight,", "bandwidth[0].from config.value"},
		"two documents":    {"data: ./data", "data: ./data\n---\nnode: x", "one YAML document"},
		"no YAML":          {"data: ./data", "data: [", "not YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(full, c.old, c.new, 1)
			_, err := config.Parse([]byte(text))
			if got := fmt.Sprint(err) + "\n" + problems(err); err == nil || !strings.Contains(got, c.want) {
				t.Errorf("want %q, got %s", c.want, got)
			}
		})
	}
}

func TestDomainsOfOneNodeMustAgree(t *testing.T) {
	second := "  - domain: 320500\n    replica: city-1\n    keys: keys/320582\n    unlock: {key_file: k}\n" +
		"    replicas: [{name: city-1, address: '127.0.0.1:7444'}]\n    subordinates: {channel: tls}\n"
	text := strings.Replace(full, "profile: gm", "profile: default", 1)
	domains, rest, _ := strings.Cut(text, "limits: {memory")
	_, err := config.Parse([]byte(domains + second + strings.Replace(second, "keys/320582", "k2", 1) + "limits: {memory" + rest))
	for _, want := range []string{"domains[1].keys config.keys.shared", "domains[1].subordinates.channel config.channel.differs", "domains[2].domain config.domain.twice"} {
		if !strings.Contains(problems(err), want) {
			t.Errorf("want %q, got %s", want, problems(err))
		}
	}
}

func problems(err error) string {
	var e *exchange.Error
	if !errors.As(err, &e) {
		return ""
	}
	var b strings.Builder
	for _, p := range e.Problems {
		fmt.Fprintf(&b, "%s %s %s; %s\n", p.Field, p.Code, p.Message, p.Remedy)
	}
	return b.String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
