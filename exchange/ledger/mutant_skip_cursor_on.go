//go:build mutant_skip_cursor

package ledger

// mutantSkipCursor is a defect that node/test/mutants puts in to see it found:
// every ninth time the cursor of a link moves past a row that has not come.
const mutantSkipCursor = true
