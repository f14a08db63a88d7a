package test

import (
	"crypto/rand"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

const passphrase = "correct horse battery staple"

// badStarts are mistakes that people make. Each is told with what is wrong and
// what to do about it.
var badStarts = []struct {
	name   string
	make   func(t *testing.T, l lone)
	status int
	says   []string
}{
	{"unknown, repeated, missing and contradictory keys", func(t *testing.T, l lone) {
		l.edit(t, "node.yaml", func(s string) string {
			s = strings.Replace(s, "listen:", "lisetn: {}\nlog: {level: loud, colour: red}\nlisten:", 1)
			return regexp.MustCompile(`key_file: .*`).ReplaceAllString(s, "key_file: a\n      passphrase: hunter2")
		})
	}, 2, []string{"lisetn", "did you mean listen?", "log.colour", "unlock.passphrase", "did you mean passphrase_file?", "line "}},
	{"values that contradict each other", func(t *testing.T, l lone) {
		l.change(t, func(n *config.Node) {
			n.Log.Level, n.Listen.Peer = "loud", n.Listen.API
			n.Domains[0].Unlock.PassphraseFile = "pass"
			n.Domains[0].Replica = "somebody-else"
			n.Domains[0].Subordinates = &config.Subordinates{}
			n.Listen.Link = ""
		})
	}, 2, []string{"log.level", "write debug or info or warn or error", "is also listen.api", "exactly one of key_file and passphrase_file", "is not listed", "no listen.link for them"}},
	{"no configuration", func(t *testing.T, l lone) { l.remove(t, "node.yaml") }, 2, []string{"there is no node configuration at", "--config FILE"}},
	{"the key file of somebody else", func(t *testing.T, l lone) {
		l.copy(t, newLone(t).path("unlock.key"), "unlock.key")
	}, 1, []string{"locked with something else", "Check unlock in"}},
	{"the wrong passphrase", func(t *testing.T, l lone) {
		l.relock(t, trust.PassphraseLock([]byte("the right one, which is another")))
		l.write(t, "pass", passphrase+"\n", 0o600)
		l.change(t, func(n *config.Node) { n.Domains[0].Unlock = config.Unlock{PassphraseFile: l.path("pass")} })
	}, 1, []string{"locked with something else", "Check unlock in"}},
	{"a passphrase that others may read", func(t *testing.T, l lone) {
		l.write(t, "pass", passphrase+"\n", 0o644)
		l.change(t, func(n *config.Node) { n.Domains[0].Unlock = config.Unlock{PassphraseFile: l.path("pass")} })
	}, 1, []string{"pass", "chmod 600"}},
	{"no key store", func(t *testing.T, l lone) { l.remove(t, "keys") }, 1, []string{"keys", "no such file", "is missing"}},
	{"the key store of another domain", func(t *testing.T, l lone) {
		l.change(t, func(n *config.Node) { n.Domains[0].Domain = "320500" })
	}, 1, []string{"key store", "is of domain 320000"}},
	{"a founding file with one byte changed", func(t *testing.T, l lone) {
		l.edit(t, "320000.founding", func(s string) string {
			b := []byte(s)
			b[len(b)/2] ^= 1
			return string(b)
		})
	}, 1, []string{"320000.founding", "ask for it again"}},
	{"the founding file of another domain", func(t *testing.T, l lone) {
		l.copy(t, sampleFounding(t, "320582"), "320000.founding")
	}, 1, []string{"320000.founding", "is of domain 320582"}},
	{"no founding file", func(t *testing.T, l lone) { l.remove(t, "320000.founding") }, 1, []string{"founding", "no such file", "is missing"}},
	{"the anchor of another federation", func(t *testing.T, l lone) {
		l.copy(t, newLone(t).Anchor(), "anchor.pem")
	}, 1, []string{"anchor.pem", "is of another federation"}},
	{"no anchor", func(t *testing.T, l lone) { l.remove(t, "anchor.pem") }, 1, []string{"trust anchor", "anchor.pem", "is missing"}},
	{"no certificate of the API", func(t *testing.T, l lone) { l.remove(t, "api.pem") }, 1, []string{"api", "api.pem", "no such file", "is missing"}},
	{"a key that is not the API certificate's", func(t *testing.T, l lone) {
		l.copy(t, newLone(t).path("api.key"), "api.key")
	}, 1, []string{"api", "private key does not match"}},
	{"data of which it may write nothing", func(t *testing.T, l lone) { l.write(t, "data", "a file, no directory", 0o600) }, 1, []string{"data"}},
}

func TestABadStartSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the real program; left out of short runs")
	}
	program := fleet.Program(t, "")
	for _, c := range badStarts {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLone(t)
			secrets := l.secrets(t)
			c.make(t, l)
			got := fleet.Command{Program: program}.Run(t, "run", "--config", l.path("node.yaml"))
			if got.Status != c.status || got.Stdout != "" {
				t.Errorf("exit status %d, want %d; it printed %q", got.Status, c.status, got.Stdout)
			}
			for _, want := range c.says {
				if !strings.Contains(got.Stderr, want) {
					t.Errorf("nothing is said of %q", want)
				}
			}
			for _, never := range append(secrets, "panic", "goroutine ", passphrase, "hunter2") {
				if strings.Contains(got.Stderr, never) {
					t.Errorf("%q is printed", never)
				}
			}
			if t.Failed() {
				t.Log(got.Stderr)
			}
		})
	}
}

func TestAPortThatIsTakenIsNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the real program; left out of short runs")
	}
	program, l := fleet.Program(t, ""), newLone(t)
	n, err := config.Load(l.path("node.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for key, address := range map[string]string{"listen.api": n.Listen.API, "listen.peer": n.Listen.Peer} {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		got := fleet.Command{Program: program}.Run(t, "run", "--config", l.path("node.yaml"))
		_ = ln.Close()
		for _, want := range []string{key, address, "Another process listens there"} {
			if got.Status != 1 || !strings.Contains(got.Stderr, want) {
				t.Errorf("%s: exit status %d, nothing of %q\n%s", key, got.Status, want, got.Stderr)
			}
		}
	}
	l.starts(t, program) // what failed left nothing locked
}

// secrets are what must never be printed.
func (l lone) secrets(t *testing.T) (out []string) {
	t.Helper()
	for _, name := range []string{l.path("unlock.key"), l.path("api.key"), l.ClientConfig()} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if line = strings.TrimSpace(line); len(line) > 30 && !strings.HasPrefix(line, "-----") {
				out = append(out, line)
			}
		}
	}
	return out
}

func (l lone) edit(t *testing.T, name string, how func(string) string) {
	t.Helper()
	b, err := os.ReadFile(l.path(name))
	if err != nil {
		t.Fatal(err)
	}
	l.write(t, name, how(string(b)), 0o600)
}

func (l lone) write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(l.path(name), []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func (l lone) copy(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	l.write(t, to, string(b), 0o600)
}

func (l lone) remove(t *testing.T, name string) {
	t.Helper()
	if err := os.RemoveAll(l.path(name)); err != nil {
		t.Fatal(err)
	}
}

// relock locks the key store with something else.
func (l lone) relock(t *testing.T, lock trust.Lock) {
	t.Helper()
	p, err := sm.New("")
	if err != nil {
		t.Fatal(err)
	}
	store, err := trust.OpenStore(l.path("keys", "320000"), p, rand.Reader, trust.KeyFileLock(l.path("unlock.key")))
	if err == nil {
		err = store.Relock(lock)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sampleFounding is the founding file of a domain of another federation.
func sampleFounding(t *testing.T, d exchange.Domain) string {
	t.Helper()
	f := founding.Sample()
	f.BasePort = 0
	trial, err := founding.Make(f, filepath.Join(t.TempDir(), "sample"))
	if err != nil {
		t.Fatal(err)
	}
	return trial.Founding("county-1", d)
}
