//go:build !mutant_reuse_sequence

package ledger

const mutantReuseSequence = false
