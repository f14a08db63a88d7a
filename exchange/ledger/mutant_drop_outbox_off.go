//go:build !mutant_drop_outbox

package ledger

const mutantDropOutbox = false
