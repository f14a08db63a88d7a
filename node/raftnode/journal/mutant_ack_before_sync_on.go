//go:build mutant_ack_before_sync

package journal

// mutantAckBeforeSync is a defect that node/test/mutants puts in to see it found:
// entries are acknowledged that are written and not synced.
const mutantAckBeforeSync = true
