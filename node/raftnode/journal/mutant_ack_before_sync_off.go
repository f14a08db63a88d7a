//go:build !mutant_ack_before_sync

package journal

const mutantAckBeforeSync = false
