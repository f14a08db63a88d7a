package fleet

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/config"
)

// Prepare makes the folder of a new replica by command, from that of a process
// which hosts its domain, and returns its peer address. It does not run yet.
func (f *Fleet) Prepare(from, name string) string {
	f.t.Helper()
	dir := filepath.Join(f.Dir, "nodes", name)
	f.Yizhan("cluster", "prepare", "--from", f.ConfigFile(from), "--replica", name, "--host", "127.0.0.1", "--dir", dir, "--trial", f.Dir)
	conf, err := config.Load(f.ConfigFile(name))
	if err != nil {
		f.t.Fatal(err)
	}
	f.configs[name], f.api[name] = conf, conf.Listen.API
	return conf.Listen.Peer
}

// ConfigFile is the path of a process's node.yaml.
func (f *Fleet) ConfigFile(name string) string {
	return filepath.Join(f.Dir, "nodes", name, "node.yaml")
}

// Said reports whether a process has printed a text, in this run or before.
func (f *Fleet) Said(name, text string) bool {
	b, err := os.ReadFile(f.Output(name))
	return err == nil && strings.Contains(string(b), text)
}

// Administrator is the identity of a domain's system administrator.
func (f *Fleet) Administrator(d exchange.Domain) string { return f.administrator(d) }
