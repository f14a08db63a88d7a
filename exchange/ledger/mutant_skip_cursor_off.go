//go:build !mutant_skip_cursor

package ledger

const mutantSkipCursor = false
