//go:build !mutant_diverge

package node

import "github.com/yizhan-exchange/yizhan/exchange/ledger"

// applier is the state machine of the domain.
func (h *hosted) applier() ledger.Applier { return &ledger.Machine{Sum: h.node.provider.Sum} }
