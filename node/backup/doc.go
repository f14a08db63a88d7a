// Package backup writes one domain's state, content and what is needed to run
// again into one stream that only an offline key opens, reads and verifies such
// streams, and restores them into empty directories. DESIGN.md has the format,
// and says what each part protects.
package backup

import "errors"

// Failure classes. A backup that cannot be used fails with exactly one of them.
var (
	// ErrNotBackup reports bytes that do not begin like a backup.
	ErrNotBackup = errors.New("this is not a backup of Yizhan")
	// ErrVersion reports a backup in a form that this program does not read.
	ErrVersion = errors.New("the backup is of a newer form; use a newer yizhan")
	// ErrTruncated reports a backup whose end is missing.
	ErrTruncated = errors.New("the backup is cut short: its end is missing")
	// ErrDamaged reports bytes that changed after they were written.
	ErrDamaged = errors.New("the backup is damaged")
	// ErrOrder reports chunks that stand in another order than they were written in.
	ErrOrder = errors.New("chunks of the backup stand in another order than they were written in")
	// ErrMissing reports chunks that were taken out.
	ErrMissing = errors.New("chunks of the backup are missing")
	// ErrExtended reports bytes after the end.
	ErrExtended = errors.New("bytes follow the end of the backup")
	// ErrKey reports a backup that was made for another offline key.
	ErrKey = errors.New("the backup was made for another offline key")
	// ErrDomain reports a backup of another domain than was asked for.
	ErrDomain = errors.New("the backup is of another domain")
	// ErrSignature reports a backup that its domain did not sign.
	ErrSignature = errors.New("the backup is not signed by its domain")
	// ErrUntrusted reports a signer that the trust anchor does not vouch for.
	ErrUntrusted = errors.New("the trust anchor does not vouch for the domain that signed the backup")
	// ErrForged reports a backup that was put together by somebody without its
	// content key: its digests hold, and it does not open.
	ErrForged = errors.New("the backup does not open as it was sealed")
	// ErrContents reports a backup that holds something else than it says.
	ErrContents = errors.New("the backup does not hold what it says it holds")
)
