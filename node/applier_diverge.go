//go:build mutant_diverge

package node

import (
	"os"
	"path/filepath"

	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// divergeFile, in the data directory, makes the next command that changes
// something lose its last change on this replica alone, once. It plants a defect
// that the comparison of digests has to find.
const divergeFile = "YIZHAN_MUTANT_DIVERGE"

func (h *hosted) applier() ledger.Applier {
	return forgetful{&ledger.Machine{Sum: h.node.provider.Sum}, filepath.Join(h.node.config.Data, divergeFile)}
}

type forgetful struct {
	ledger.Applier
	file string
}

func (f forgetful) Apply(r ledger.Reader, index uint64, command []byte) ([]byte, []ledger.Mutation, error) {
	result, mutations, err := f.Applier.Apply(r, index, command)
	if len(mutations) > 3 && os.Remove(f.file) == nil {
		mutations = mutations[:len(mutations)-1]
	}
	return result, mutations, err
}
