package directory

import (
	"errors"
	"fmt"

	"github.com/yizhan-exchange/yizhan/exchange"
)

const op = "directory"

// Failure classes. Every failure of this package is an *exchange.Error whose
// cause is exactly one of them.
var (
	// ErrMalformed reports a statement that cannot be read or contradicts itself.
	ErrMalformed = errors.New("malformed statement")
	// ErrSignature reports bytes that are not what the signer signed.
	ErrSignature = errors.New("signature does not verify")
	// ErrContext reports a statement made for another purpose.
	ErrContext = errors.New("statement of another kind")
	// ErrExpired reports a statement or key used after its period.
	ErrExpired = errors.New("expired")
	// ErrNotYetValid reports a statement or key used before its period.
	ErrNotYetValid = errors.New("not valid yet")
	// ErrRevoked reports a key that was withdrawn.
	ErrRevoked = errors.New("key is revoked")
	// ErrChain reports a number or a Prev that does not continue what is held.
	ErrChain = errors.New("statement does not continue the chain")
	// ErrSuperseded reports a statement older than the one in force.
	ErrSuperseded = errors.New("statement is superseded")
	// ErrIssuer reports somebody stating what is not theirs to state.
	ErrIssuer = errors.New("issuer may not state this")
	// ErrEquivocation reports two different statements under one number.
	ErrEquivocation = errors.New("two statements under one number")
	// ErrCertificate reports a certificate that is not the named domain's.
	ErrCertificate = errors.New("certificate is not acceptable")
	// ErrAnchor reports a root that the trust anchor does not vouch for.
	ErrAnchor = errors.New("not the root of the trust anchor")
	// ErrUnknownDomain reports a domain that no statement lists.
	ErrUnknownDomain = errors.New("unknown domain")
	// ErrUnknownKey reports a key that no statement gives to the domain.
	ErrUnknownKey = errors.New("not a key of the domain")
)

var codes = map[error]exchange.Code{
	ErrMalformed: exchange.Corrupt, ErrSignature: exchange.Corrupt, ErrContext: exchange.Corrupt,
	ErrExpired: exchange.Denied, ErrNotYetValid: exchange.Denied, ErrRevoked: exchange.Denied,
	ErrChain: exchange.Conflict, ErrSuperseded: exchange.Stale, ErrEquivocation: exchange.Conflict,
	ErrIssuer: exchange.Denied, ErrCertificate: exchange.Denied, ErrAnchor: exchange.Denied,
	ErrUnknownDomain: exchange.NotFound, ErrUnknownKey: exchange.Denied,
}

// fail makes an error of one class. The message says what to do.
func fail(class error, format string, args ...any) error {
	return &exchange.Error{
		Code: codes[class], Op: op, Message: class.Error() + ": " + fmt.Sprintf(format, args...), Cause: class,
	}
}
