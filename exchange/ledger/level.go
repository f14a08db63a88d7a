//go:build !older

package ledger

// FeatureLevel is the newest behaviour this code knows. A command of a later
// level than the ledger's is never proposed, and a ledger of a later level
// than this stops the replica.
const FeatureLevel = 2
