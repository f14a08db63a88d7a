//go:build mutant_reuse_sequence

package ledger

// mutantReuseSequence is a defect that node/test/mutants puts in to see it found:
// a restored domain goes on under its old numbering, from where the old state was.
const mutantReuseSequence = true
