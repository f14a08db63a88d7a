package pipeline

import (
	"errors"
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
	"github.com/yizhan-exchange/yizhan/exchange/form"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/policy"
)

// federation is the verified directory and the compiled policy as of one pair
// of revisions. It is immutable.
type federation struct {
	revisions ledger.Revisions
	self      exchange.DomainInfo
	book      *directory.Book
	policy    *policy.Set
	bundles   []crypto.Digest // of the bundles that policy was compiled from
}

// federation returns the view that matches the ledger now, building it when a
// statement came in since.
func (d *Domain) federation() (*federation, error) {
	var self ledger.Self
	err := d.Log.View(func(r ledger.Reader) (err error) {
		var ok bool
		if self, ok, err = ledger.SelfOf(r); err == nil && !ok {
			err = exchange.Errorf(exchange.Unavailable, "pipeline", "the domain %s is not founded yet", d.Domain)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if f := d.view.Load(); f != nil && f.revisions == self.Revisions {
		return f, nil
	}
	d.viewLock.Lock()
	defer d.viewLock.Unlock()
	f, err := d.load(d.view.Load())
	if err == nil {
		d.view.Store(f)
	}
	return f, err
}

// load reads statements newer than the ones in prev.
func (d *Domain) load(prev *federation) (*federation, error) {
	f := &federation{book: directory.NewBook(d.Provider, d.Anchor)}
	if prev != nil {
		f.book = prev.book
	}
	err := d.Log.View(func(r ledger.Reader) error {
		self, _, err := ledger.SelfOf(r)
		if err != nil {
			return err
		}
		if prev != nil && prev.revisions == self.Revisions {
			f = prev
			return nil
		}
		f.revisions = self.Revisions
		if err := d.loadBook(r, f); err != nil {
			return err
		}
		return d.loadPolicy(r, f, prev)
	})
	return f, err
}

// loadBook verifies the stored statements again, superiors first: the ledger
// is believed to have kept them, not to have judged them.
func (d *Domain) loadBook(r ledger.Reader, f *federation) error {
	now := d.Clock()
	pending := ledger.Issuers(r, ledger.TableDirectory)
	for progress := true; progress && len(pending) > 0; {
		progress = false
		pending = slices.DeleteFunc(pending, func(issuer exchange.Domain) bool {
			book, err := addHistory(r, f.book, issuer)
			if err == nil {
				f.book, progress = book, true
			}
			return err == nil // else its superior may still come
		})
	}
	for _, issuer := range pending {
		_, err := addHistory(r, f.book, issuer)
		d.Logger.Warn("a stored directory statement is not accepted", "issuer", issuer, "err", err)
	}
	for _, domain := range ledger.Issuers(r, ledger.TableUnits) {
		s, ok, err := ledger.Get[crypto.Signed](r, ledger.TableUnits, []byte(domain))
		if err != nil || !ok {
			return err
		}
		book, err := f.book.WithUnits(s, now)
		if err != nil {
			d.Logger.Warn("a stored units statement is not accepted", "domain", domain, "err", err)
			continue
		}
		f.book = book
	}
	f.self, _ = f.book.Domain(d.Domain)
	return nil
}

// addHistory adds what the book does not have yet of one issuer. Older
// statements stay, because they keep old keys able to verify.
func addHistory(r ledger.Reader, book *directory.Book, issuer exchange.Domain) (*directory.Book, error) {
	all, err := ledger.History(r, ledger.TableDirectory, issuer)
	for _, s := range all {
		next, err := book.WithPast(s)
		if errors.Is(err, directory.ErrSuperseded) {
			continue
		}
		if err != nil {
			return nil, err
		}
		book = next
	}
	return book, err
}

// loadPolicy verifies the bundles of the superiors, topmost first, then this
// domain's own, each as of when it was made: a key may be renewed without its
// policies being published again. They are compiled when they are not the same
// as before.
func (d *Domain) loadPolicy(r ledger.Reader, f, prev *federation) error {
	line := append([]exchange.Domain{d.Domain}, f.book.Ancestors(d.Domain)...)
	slices.Reverse(line)
	var bundles []exchange.PolicyBundle
	for _, issuer := range slices.Compact(line) {
		s, ok, err := ledger.Get[crypto.Signed](r, ledger.TablePolicy, []byte(issuer))
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		b, err := readBundle(s)
		if err != nil {
			return err
		}
		if _, err := f.book.Verify(issuer, crypto.ContextPolicy, s, b.At); err != nil {
			return exchange.Errorf(exchange.Unavailable, "pipeline.policy", "the policy of %s does not verify: %w", issuer, err)
		}
		bundles = append(bundles, b)
		f.bundles = append(f.bundles, d.digest(s))
	}
	if prev != nil && slices.Equal(prev.bundles, f.bundles) {
		f.policy = prev.policy
		return nil
	}
	set, err := policy.Load(bundles)
	f.policy = set
	return err
}

func readBundle(s crypto.Signed) (exchange.PolicyBundle, error) {
	body, ok := s.Body(crypto.ContextPolicy)
	if !ok {
		return exchange.PolicyBundle{}, corrupt("not a policy bundle")
	}
	b, err := exchange.Decode[exchange.PolicyBundle](body)
	if err != nil {
		return b, corrupt("policy bundle: %w", err)
	}
	return b, nil
}

// party returns a unit with its domain; known is false when the directory does
// not have both.
func (f *federation) party(u exchange.Unit) (form.Party, bool) {
	domain, okDomain := f.book.Domain(u.Domain())
	unit, okUnit := f.book.Unit(u)
	if !okUnit {
		unit = exchange.UnitInfo{Unit: u}
	}
	return form.Party{Unit: unit, Domain: domain}, okDomain && okUnit
}

func (f *federation) parents(d exchange.Domain) (exchange.Domain, bool) {
	info, ok := f.book.Domain(d)
	return info.Parent, ok
}

func (f *federation) parent(d exchange.Domain) exchange.Domain {
	p, _ := f.parents(d)
	return p
}
