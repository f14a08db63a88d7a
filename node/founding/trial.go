package founding

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Layout of a federation's directory. Directories are 0700, secrets 0600.
//
//	federation.yaml     the declaration it was made from
//	anchor.pem          the trust anchor, also in each node's directory
//	client.yaml         one identity for each person
//	ca/DOMAIN.pem       authorities of the client API
//	authority/          the trial authority, its keys sealed
//	nodes/NAME/         node.yaml and everything it names
const (
	federationName = "federation.yaml"
	anchorName     = "anchor.pem"
	clientName     = "client.yaml"
	nodesDir       = "nodes"
	nodeName       = "node.yaml"
)

// Trial is a federation in a directory.
type Trial struct {
	Dir        string
	Federation Federation
	Nodes      []string // names of the processes, in the order of the domains
}

// Open loads a federation that Make made. A directory that holds nothing is
// NotFound, one that holds something else Conflict.
func Open(dir string) (*Trial, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening a federation: %w", err)
	}
	path := filepath.Join(dir, federationName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := mustBeFree(dir); err != nil {
			return nil, exchange.Errorf(exchange.Conflict, op, "%s holds something else than a federation; choose another directory", dir)
		}
		return nil, exchange.Errorf(exchange.NotFound, op, "there is no federation in %s", dir)
	}
	f, err := LoadFederation(path)
	if err != nil {
		return nil, err
	}
	f = f.complete()
	t := &Trial{Dir: dir, Federation: f}
	for _, p := range f.processes() {
		t.Nodes = append(t.Nodes, p.name)
		if _, err := os.Stat(t.NodeConfig(p.name)); err != nil {
			return nil, exchange.Errorf(exchange.Corrupt, op, "the federation in %s lacks node %s; remove the directory and make it anew", dir, p.name)
		}
	}
	return t, nil
}

// MakeOrOpen makes the federation in dir, or opens the one that is there. made
// tells which. One with other processes, as of another topology, is Conflict;
// other differences in the declaration are not looked at.
func MakeOrOpen(f Federation, dir string) (t *Trial, made bool, err error) {
	t, err = Open(dir)
	if exchange.CodeOf(err) == exchange.NotFound {
		t, err = Make(f, dir)
		return t, err == nil, err
	}
	if err != nil {
		return nil, false, err
	}
	if err := f.Check(); err != nil {
		return nil, false, err
	}
	return t, false, t.agrees(f.complete())
}

func (t *Trial) agrees(f Federation) error {
	if t.Federation.Topology != f.Topology {
		return exchange.Errorf(exchange.Conflict, op, "%s holds a federation of topology %s, not %s; choose another directory", t.Dir, t.Federation.Topology, f.Topology)
	}
	var names []string
	for _, p := range f.processes() {
		names = append(names, p.name)
	}
	if fmt.Sprint(names) != fmt.Sprint(t.Nodes) {
		return exchange.Errorf(exchange.Conflict, op, "%s holds a federation of other nodes; choose another directory", t.Dir)
	}
	return nil
}

// NodeConfig is the path of a process's node.yaml.
func (t *Trial) NodeConfig(name string) string {
	return filepath.Join(t.Dir, nodesDir, name, nodeName)
}

// ClientConfig is the path of client.yaml.
func (t *Trial) ClientConfig() string { return filepath.Join(t.Dir, clientName) }

// Anchor is the path of the trust anchor.
func (t *Trial) Anchor() string { return filepath.Join(t.Dir, anchorName) }

// Founding is the path of a domain's founding file on a node.
func (t *Trial) Founding(node string, d exchange.Domain) string {
	return filepath.Join(t.Dir, nodesDir, node, foundingName(d))
}
