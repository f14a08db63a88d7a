//go:build mutant_drop_outbox

package ledger

// mutantDropOutbox is a defect that node/test/mutants puts in to see it found:
// every ninth row is numbered and never queued.
const mutantDropOutbox = true
