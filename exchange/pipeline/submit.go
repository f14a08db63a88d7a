package pipeline

import (
	"context"
	"errors"
	"io"
	"strings"
	"unicode"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

const opSubmit = "pipeline.submit"

// Submit implements exchange.Service: check, decide, seal, keep, commit.
func (d *Domain) Submit(ctx context.Context, s exchange.Submission, open func(int) (io.Reader, error)) (exchange.Submitted, error) {
	caller, err := d.caller(ctx, opSubmit)
	if err != nil {
		return exchange.Submitted{}, err
	}
	f, err := d.federation()
	if err != nil {
		return exchange.Submitted{}, err
	}
	if original, done, err := d.repeated(ctx, caller, s, open); done || err != nil {
		return original, err
	}
	work, err := d.check(f, caller, s)
	if err != nil {
		return exchange.Submitted{}, err
	}
	if err := d.permit(ctx, f, work); err != nil {
		return exchange.Submitted{}, err
	}
	if err := d.sealAll(ctx, work, open); err != nil {
		return exchange.Submitted{}, err
	}
	return d.commit(ctx, work)
}

// submission is one Submit on its way.
type submission struct {
	key      string
	caller   exchange.Caller
	manifest exchange.Manifest
	header   exchange.Header
	question exchange.Submission // as handed in
	warnings []string
	decision exchange.Decision
	sealed   sealed
	content  crypto.Digest
	routing  []exchange.Reason // routing rules broken
}

// commit signs the manifest and the receipts and proposes them together. When
// policy or directory changed since the decision, it decides again.
func (d *Domain) commit(ctx context.Context, w *submission) (exchange.Submitted, error) {
	first := true
	res, err := d.propose(ctx, opSubmit, func() (ledger.Command, error) {
		f, err := d.federation()
		if err != nil {
			return ledger.Command{}, err
		}
		if !first {
			if err := d.permit(ctx, f, w); err != nil {
				return ledger.Command{}, err
			}
		}
		first = false
		return d.submitCommand(f, w)
	})
	if exchange.CodeOf(err) == exchange.Unknown {
		return exchange.Submitted{}, &exchange.Error{Code: exchange.Unknown, Op: opSubmit, Cause: err,
			Message: "it is not known whether the exchange was accepted; submit again with the same key to find out (nothing will be done twice)"}
	}
	if err != nil {
		return exchange.Submitted{}, err
	}
	return d.submitted(res, w.warnings)
}

func (d *Domain) submitted(res ledger.Result, warnings []string) (exchange.Submitted, error) {
	if len(res.Receipts) == 0 {
		return exchange.Submitted{}, exchange.Errorf(exchange.Internal, opSubmit, "the ledger returned no receipt")
	}
	view, err := d.receiptView(res.Receipts[0], nil)
	return exchange.Submitted{ID: res.Exchange, State: res.State.String(), Receipt: view, Replayed: res.Replayed, Warnings: warnings}, err
}

// submitCommand signs everything anew: manifest, ACCEPTED for all deliveries,
// ARRIVED for those that are already where they belong.
func (d *Domain) submitCommand(f *federation, w *submission) (ledger.Command, error) {
	wraps, err := d.wrapAll(f, w)
	if err != nil {
		return ledger.Command{}, err
	}
	w.manifest.Wraps = wraps
	manifest, err := d.sign(crypto.ContextManifest, w.manifest)
	if err != nil {
		return ledger.Command{}, err
	}
	if len(manifest.Bytes) > exchange.MaxManifestSize {
		return ledger.Command{}, exchange.Errorf(exchange.Invalid, opSubmit, "the manifest has %d bytes, at most %d are possible: send to fewer recipients or less content", len(manifest.Bytes), exchange.MaxManifestSize)
	}
	receipts, err := d.firstReceipts(&w.manifest, d.digest(manifest))
	if err != nil {
		return ledger.Command{}, err
	}
	return ledger.Command{Revisions: f.revisions, Submit: &ledger.Submit{
		Manifest: manifest, Receipts: receipts, Inline: w.sealed.inline, Stored: w.sealed.stored, Lease: w.sealed.lease,
		Person: w.caller.Person, Key: w.key, Content: w.content, Decision: w.decision,
	}}, nil
}

func (d *Domain) firstReceipts(m *exchange.Manifest, manifest crypto.Digest) ([]crypto.Signed, error) {
	var all, local []uint16
	for i, to := range m.To {
		all = append(all, uint16(i))
		if to.Unit.Domain() == d.Domain {
			local = append(local, uint16(i))
		}
	}
	accepted, err := d.sign(crypto.ContextReceipt, exchange.Receipt{State: exchange.Accepted, Exchange: m.ID,
		Manifest: manifest, Domain: d.Domain, Deliveries: all, At: m.Created})
	if err != nil || len(local) == 0 {
		return []crypto.Signed{accepted}, err
	}
	arrived, err := d.sign(crypto.ContextReceipt, exchange.Receipt{State: exchange.Arrived, Exchange: m.ID,
		Manifest: manifest, Domain: d.Domain, Deliveries: local, At: m.Created, Prev: d.digest(accepted)})
	return []crypto.Signed{accepted, arrived}, err
}

// repeated answers a key that is already known, before anything is decided or
// sealed again.
func (d *Domain) repeated(ctx context.Context, caller exchange.Caller, s exchange.Submission, open func(int) (io.Reader, error)) (exchange.Submitted, bool, error) {
	if p := checkKey(s.Key); len(p) > 0 {
		return exchange.Submitted{}, false, p.Err(opSubmit)
	}
	var row ledger.KeyRow
	var known bool
	var first []crypto.Signed
	err := d.Log.View(func(r ledger.Reader) (err error) {
		row, known, err = ledger.KeyOf(r, caller.Unit, s.Key)
		if known && err == nil {
			first, err = ledger.Receipts(r, row.Exchange)
		}
		return err
	})
	if err != nil || !known {
		return exchange.Submitted{}, false, err
	}
	if row.Gone {
		return exchange.Submitted{}, true, exchange.Errorf(exchange.Conflict, opSubmit,
			"this idempotency key was used for exchange %s, which was deleted at the end of its retention; use a new key for what is new", row.Exchange)
	}
	content, err := d.hashContent(s, open)
	if err != nil {
		return exchange.Submitted{}, true, err
	}
	if content != row.Content {
		return exchange.Submitted{}, true, &exchange.Error{Code: exchange.Conflict, Op: opSubmit,
			Message:  "this idempotency key was used for other content; nothing was sent",
			Problems: keyConflict(row.Exchange)}
	}
	out, err := d.submitted(ledger.Result{Exchange: row.Exchange, Receipts: first, Replayed: true, State: exchange.Accepted}, nil)
	return out, true, err
}

func keyConflict(id exchange.ID) exchange.Problems {
	var p exchange.Problems
	p.Add("idempotency_key", "key.conflict", "the key belongs to exchange "+id.String()+", whose content differs from this", "该幂等键已用于内容不同的另一件："+id.String(),
		"", "use a new key for new content; repeat the original content unchanged to ask for its receipt")
	return p
}

func checkKey(key string) exchange.Problems {
	var p exchange.Problems
	bad := strings.ContainsFunc(key, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) })
	if key == "" || len(key) > 128 || bad {
		p.Add("idempotency_key", "key.form", "the key must have 1 to 128 printable ASCII characters", "幂等键应为 1 至 128 个可打印 ASCII 字符", "",
			"choose one key for one thing sent, for example your own document or case number")
	}
	return p
}

// hashContent digests what is handed in: the words of the submission, then
// every file. It equals submission.content of the same submission.
func (d *Domain) hashContent(s exchange.Submission, open func(int) (io.Reader, error)) (crypto.Digest, error) {
	c := newContentDigest(d.Provider, s)
	for i, file := range s.Files {
		r, err := open(i)
		if err != nil {
			return crypto.Digest{}, err
		}
		n, err := io.Copy(c, io.LimitReader(r, file.Size+1))
		if err != nil {
			return crypto.Digest{}, err
		}
		if err := sizeProblem(i, file.Size, n); err != nil {
			return crypto.Digest{}, err
		}
	}
	return c.sum(), nil
}

func sizeProblem(i int, want, got int64) error {
	if want == got {
		return nil
	}
	var p exchange.Problems
	message := "the file is shorter than was stated"
	if got > want {
		message = "the file is longer than was stated"
	}
	p.Add(field("files", i), "file.size", message, "文件实际大小与声明不符", "", "state the size in bytes and send exactly as many")
	return p.Err(opSubmit)
}

// unknownToNobody marks errors that reading the caller's stream causes, so that
// they are not taken for failures of the domain.
func streamError(err error) error {
	var e *exchange.Error
	if errors.As(err, &e) {
		return err
	}
	return exchange.Errorf(exchange.Unavailable, opSubmit, "the content broke off while it was read; nothing was stored: %w", err)
}
