package seal

import (
	"fmt"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

// Verify returns the body of a statement that pub signed under context. The
// error is ErrWrongKey, ErrContext, sm.ErrSignature or sm.ErrPublicKey. It says
// nothing about whether pub was trusted at the time: see crypto/trust.
func Verify(p sm.Provider, pub crypto.PublicKey, context string, s crypto.Signed) (body []byte, err error) {
	if s.Key != sm.KeyIDOf(p, pub) {
		return nil, fmt.Errorf("%w: %s", ErrWrongKey, s.Key.Short())
	}
	body, ok := s.Body(context)
	if !ok {
		return nil, fmt.Errorf("%w: want %s", ErrContext, context)
	}
	if err := p.Verify(pub, s.Bytes, s.Sig); err != nil {
		return nil, fmt.Errorf("verifying %s: %w", context, err)
	}
	return body, nil
}
