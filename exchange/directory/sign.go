package directory

import (
	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// Sign makes a directory statement. Number and Prev are those of Book.Next; a
// NotBefore a few minutes back spares peers whose clock is slow. The caller adds
// the result to its own book before it publishes it, which checks it whole.
func Sign(s crypto.Signer, d exchange.Directory) (crypto.Signed, error) {
	return crypto.Sign(s, crypto.ContextDirectory, exchange.Encode(d))
}

// SignUnits makes a statement of a domain's units. Number and Prev are those of
// Book.NextUnits.
func SignUnits(s crypto.Signer, u exchange.Units) (crypto.Signed, error) {
	return crypto.Sign(s, crypto.ContextUnits, exchange.Encode(u))
}
