// Package audit is about proof. Evidence is everything needed to prove an
// exchange offline, in one ZIP file that standard tools can read: Export writes
// it, Verify checks it with nothing but the federation's trust anchor. The
// format is described in deploy/docs/evidence.md, for implementers who do not
// have this code. The package has no clock; times are those of the statements.
package audit
