package check

import (
	"errors"
	"fmt"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// loadBook verifies the directory's history from the anchor down. Nothing that
// the ledger took apart is believed here.
func (c *checker) loadBook() {
	if !c.Signatures {
		return
	}
	c.book = directory.NewBook(c.Provider, c.Anchor)
	pending := ledger.Issuers(c.r, ledger.TableDirectory)
	for progress := true; progress && len(pending) > 0; {
		progress = false
		var later []exchange.Domain // their superior may still come
		for _, issuer := range pending {
			if err := c.believe(issuer); err != nil {
				later = append(later, issuer)
			} else {
				progress = true
			}
		}
		pending = later
	}
	for _, issuer := range pending {
		c.warn(StatementRefused, "directory "+string(issuer), "the directory statements do not verify")
	}
}

// believe adds the statements of an issuer that the book lacks.
func (c *checker) believe(issuer exchange.Domain) error {
	all, err := ledger.History(c.r, ledger.TableDirectory, issuer)
	if err != nil {
		return err
	}
	book := c.book
	for _, s := range all {
		next, err := book.WithPast(s)
		if errors.Is(err, directory.ErrSuperseded) {
			continue
		}
		if err != nil {
			return err
		}
		book = next
	}
	c.book = book
	return nil
}

// signatures verifies the manifest and every receipt, each as of when it was
// made.
func (c *checker) signatures(s *subject) {
	if c.book == nil || !c.going() {
		return
	}
	origin := s.m.From.Domain()
	if _, err := c.book.VerifyCovered(origin, crypto.ContextManifest, s.Manifest, s.m.Created, c.covered(s, origin)); err != nil {
		c.errorf(ManifestSignature, s.id.String(), fmt.Sprintf("the manifest does not verify as a statement of %s", origin))
	} else {
		c.report.Counts.Verified++
	}
	for _, r := range s.receipts {
		if _, err := c.book.VerifyCovered(r.Domain, crypto.ContextReceipt, r.signed, r.At, c.covered(s, r.Domain)); err != nil {
			c.errorf(ReceiptSignature, s.id.String()+" receipt "+r.digest.Short(), fmt.Sprintf("it does not verify as a statement of %s", r.Domain))
		} else {
			c.report.Counts.Verified++
		}
	}
}

// covered tells when a domain other than the signer first vouched for a
// statement: by a receipt with an unrevoked key that names it, or names one
// that does. It is asked only when a key was revoked.
func (c *checker) covered(s *subject, signer exchange.Domain) directory.Covered {
	return func(statement crypto.Digest) (at exchange.Time, ok bool) {
		for _, witness := range s.receipts {
			if witness.Domain == signer || ok && witness.At >= at || !s.names(witness, statement) {
				continue
			}
			if _, err := c.book.Verify(witness.Domain, crypto.ContextReceipt, witness.signed, witness.At); err == nil {
				at, ok = witness.At, true
			}
		}
		return at, ok
	}
}

// names reports whether a receipt, or one before it, names a statement.
func (s *subject) names(r *receipt, statement crypto.Digest) bool {
	for n := 0; r != nil && n < longestChain; r, n = s.byDigest[r.Prev], n+1 {
		if r.Manifest == statement || r.Prev == statement {
			return true
		}
	}
	return false
}
