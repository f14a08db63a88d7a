//go:build older

package ledger

// FeatureLevel is the level before the newest: a program built with the tag
// older stands for the one that was installed before an upgrade.
const FeatureLevel = 1
