package pipeline

import (
	"context"
	"slices"
	"strings"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/casework"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/official"
	"github.com/yizhan-exchange/yizhan/policy"
)

// Capabilities implements exchange.Service.
func (d *Domain) Capabilities(context.Context) (exchange.Capabilities, error) {
	c := exchange.Capabilities{Domain: d.Domain, MaxContent: d.Limits.Content, MaxFiles: d.Limits.Files, MaxRecipients: d.Limits.Recipients,
		MaxFields: exchange.MaxFieldsSize, Provider: d.Provider.Name(), Version: d.Version}
	documents, err := official.Builtin()
	if err != nil {
		return c, err
	}
	for _, t := range documents.Types {
		c.DocumentTypes = append(c.DocumentTypes, t.Name)
	}
	cases, err := casework.Builtin()
	if err != nil {
		return c, err
	}
	for _, k := range cases.Kinds {
		c.CaseTypes = append(c.CaseTypes, k.Name)
	}
	return c, nil
}

// Units implements exchange.Service.
func (d *Domain) Units(_ context.Context, match string, limit int) ([]exchange.UnitSummary, error) {
	f, err := d.federation()
	if err != nil {
		return nil, err
	}
	if limit <= 0 || limit > largestPage {
		limit = largestPage
	}
	out := []exchange.UnitSummary{}
	for _, info := range f.book.Units(match) {
		if len(out) == limit {
			break
		}
		domain, ok := f.book.Domain(info.Unit.Domain())
		if ok {
			out = append(out, exchange.UnitSummary{Unit: info.Unit, Name: info.Name, DomainName: domain.Name, Level: domain.Level.String(), Suspended: info.Suspended || domain.Suspended})
		}
	}
	return out, nil
}

// PublishPolicy implements exchange.Service: the files become the domain's
// next bundle, signed and numbered, and travel down.
func (d *Domain) PublishPolicy(ctx context.Context, files []exchange.PolicyFile, expected uint64) (exchange.PolicyLayer, error) {
	const op = "pipeline.publish-policy"
	caller, err := d.caller(ctx, op)
	if err != nil {
		return exchange.PolicyLayer{}, err
	}
	if p := policy.Check(files); len(p) > 0 {
		return exchange.PolicyLayer{}, p.Err(op)
	}
	if err := d.Log.Current(ctx); err != nil {
		return exchange.PolicyLayer{}, err
	}
	slices.SortFunc(files, func(a, b exchange.PolicyFile) int { return strings.Compare(a.Path, b.Path) })
	var layer exchange.PolicyLayer
	_, err = d.propose(ctx, op, func() (ledger.Command, error) {
		b := exchange.PolicyBundle{Issuer: d.Domain, At: d.Clock(), Author: caller.Person, Files: files}
		if b.Number, b.Prev, err = d.nextPolicy(); err != nil {
			return ledger.Command{}, err
		}
		if expected != 0 && expected != b.Number {
			return ledger.Command{}, exchange.Errorf(exchange.Conflict, op, "the next number is %d, not %d: somebody published meanwhile", b.Number, expected)
		}
		s, err := d.sign(crypto.ContextPolicy, b)
		layer = exchange.PolicyLayer{Issuer: d.Domain, Number: b.Number, At: b.At, Digest: d.digest(s), Files: len(files)}
		return ledger.Command{Statement: &ledger.Statement{Policy: &s}}, err
	})
	return layer, err
}

func (d *Domain) nextPolicy() (number uint64, prev crypto.Digest, err error) {
	err = d.Log.View(func(r ledger.Reader) error {
		self, _, err := ledger.SelfOf(r)
		if err != nil {
			return err
		}
		number = ledger.NextNumber(ledger.Numbers(r, ledger.TablePolicy)[d.Domain], self.Incarnation)
		if s, ok, err := ledger.Get[crypto.Signed](r, ledger.TablePolicy, []byte(d.Domain)); err != nil || ok {
			prev = d.digest(s)
			return err
		}
		return nil
	})
	return number, prev, err
}

// verifyPolicy checks a bundle that comes down: signed by a superior of this
// domain, and one that compiles here. It is verified again at every level.
func (d *Domain) verifyPolicy(f *federation, s crypto.Signed) error {
	b, err := readBundle(s)
	if err != nil {
		return err
	}
	if b.Issuer != d.Domain && !slices.Contains(f.book.Ancestors(d.Domain), b.Issuer) {
		return exchange.Errorf(exchange.Denied, opReceive, "%s is not a superior of %s; its policy has no place here", b.Issuer, d.Domain)
	}
	if _, err := f.book.Verify(b.Issuer, crypto.ContextPolicy, s, b.At); err != nil {
		return corrupt("policy of %s: %w", b.Issuer, err)
	}
	if err := d.continues(&b); err != nil {
		return err
	}
	if _, err := policy.Load([]exchange.PolicyBundle{b}); err != nil {
		return exchange.Errorf(exchange.Invalid, opReceive, "policy %d of %s does not load: %w", b.Number, b.Issuer, err)
	}
	return nil
}

// continues checks that a bundle names the one before it, when that is here.
// After a gap the signature alone is believed, as for directories.
func (d *Domain) continues(b *exchange.PolicyBundle) error {
	return d.Log.View(func(r ledger.Reader) error {
		held, ok, err := ledger.Get[crypto.Signed](r, ledger.TablePolicy, []byte(b.Issuer))
		if err != nil || !ok {
			return err
		}
		if ledger.Numbers(r, ledger.TablePolicy)[b.Issuer]+1 == b.Number && b.Prev != d.digest(held) {
			return corrupt("policy %d of %s does not name number %d in Prev", b.Number, b.Issuer, b.Number-1)
		}
		return nil
	})
}

// PolicyStatus implements exchange.Service.
func (d *Domain) PolicyStatus(context.Context) ([]exchange.PolicyLayer, error) {
	out := []exchange.PolicyLayer{}
	err := d.Log.View(func(r ledger.Reader) error {
		all, err := ledger.Statements(r, ledger.TablePolicy)
		for _, s := range all {
			b, err := readBundle(s)
			if err != nil {
				return err
			}
			out = append(out, exchange.PolicyLayer{Issuer: b.Issuer, Number: b.Number, At: b.At, Digest: d.digest(s), Files: len(b.Files)})
		}
		return err
	})
	return out, err
}

// ExplainPolicy implements exchange.Service. It also explains submissions that
// were refused, which are stored nowhere else: for those the id must be whole,
// and the caller's unit the one that tried.
func (d *Domain) ExplainPolicy(ctx context.Context, ref string) ([]exchange.DecisionRecord, error) {
	const op = "pipeline.explain-policy"
	caller, err := d.caller(ctx, op)
	if err != nil {
		return nil, err
	}
	id, err := exchange.ParseID(strings.ToUpper(strings.TrimSpace(ref)))
	if err != nil {
		ex, err := d.find(ctx, op, caller, ref)
		if err != nil {
			return nil, err
		}
		id = ex.M.ID
	}
	out, err := d.decisions(caller, id)
	if err == nil && len(out) == 0 { // perhaps not here yet
		if err = d.Log.Current(ctx); err == nil {
			out, err = d.decisions(caller, id)
		}
	}
	if err == nil && len(out) == 0 {
		err = notFound(op, ref)
	}
	return out, err
}

// decisions lists what was decided about an exchange and the caller may know.
func (d *Domain) decisions(c exchange.Caller, id exchange.ID) (out []exchange.DecisionRecord, err error) {
	err = d.Log.View(func(r ledger.Reader) error {
		rows, err := ledger.Decisions(r, id)
		ex, found, _ := ledger.Find(r, id)
		for _, row := range rows {
			if row.Unit == c.Unit || found && visible(r, c, &ex) || c.Has(exchange.SecurityOfficer, exchange.Auditor) {
				out = append(out, exchange.DecisionRecord{Decision: row.Decision, Person: row.Person})
			}
		}
		return err
	})
	return out, err
}
