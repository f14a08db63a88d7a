// Package layer is one issuer's policy: its files, the gates they pass, and
// their evaluation. Every layer has a compiler and a store of its own, so that
// nothing in one can be seen, extended or overridden by another.
package layer

import (
	"io"
	"io/fs"
	"path"
	"sort"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Limits of one bundle.
const (
	MaxFiles = 256
	MaxFile  = 256 << 10 // bytes
	MaxTotal = 1 << 20   // bytes, all files together
	MaxDepth = 40        // nested brackets in a module or data file
	maxVisit = 4096      // files and directories looked at, policy or not
)

// LoadDir reads the policy files below fsys, ordered by path: *.rego modules,
// *_test.rego tests and *.json data. Other files, hidden ones and links are
// passed over. It fails with Invalid when a limit is exceeded.
func LoadDir(fsys fs.FS) ([]exchange.PolicyFile, error) {
	const op = "policy.load"
	var out []exchange.PolicyFile
	total, visited := 0, 0
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return exchange.Errorf(exchange.Invalid, op, "reading %s: %w", name, err)
		}
		if visited++; visited > maxVisit {
			return exchange.Errorf(exchange.Invalid, op, "the directory has more than %d entries", maxVisit)
		}
		if hidden(name) && d.IsDir() {
			return fs.SkipDir
		}
		if hidden(name) || !d.Type().IsRegular() || !isPolicy(name) {
			return nil
		}
		data, err := readBounded(fsys, name)
		if err != nil {
			return err
		}
		total += len(data)
		if len(out) == MaxFiles || total > MaxTotal {
			return exchange.Errorf(exchange.Invalid, op, "a bundle has at most %d files and %d bytes", MaxFiles, MaxTotal)
		}
		out = append(out, exchange.PolicyFile{Path: name, Data: data})
		return nil
	})
	if err != nil {
		return nil, err
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out, nil
}

func readBounded(fsys fs.FS, name string) ([]byte, error) {
	const op = "policy.load"
	f, err := fsys.Open(name)
	if err != nil {
		return nil, exchange.Errorf(exchange.Invalid, op, "opening %s: %w", name, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, exchange.Errorf(exchange.Invalid, op, "reading %s: %w", name, err)
	}
	if len(data) > MaxFile {
		return nil, exchange.Errorf(exchange.Invalid, op, "%s is larger than %d bytes", name, MaxFile)
	}
	return data, nil
}

func hidden(name string) bool {
	return name != "." && strings.HasPrefix(path.Base(name), ".")
}

func isPolicy(name string) bool { return isModule(name) || isData(name) }
func isModule(name string) bool { return strings.HasSuffix(name, ".rego") }
func isTest(name string) bool   { return strings.HasSuffix(name, "_test.rego") }
func isData(name string) bool   { return strings.HasSuffix(name, ".json") }
