package audit

import (
	"slices"
	"strings"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
)

// receipt is one receipt of the file on its way through the checks.
type receipt struct {
	stated
	object  string
	genuine bool     // signed by the domain it names, about this exchange
	prev    *receipt // nil for the first
	proven  bool     // genuine, in its place on the road, and so is prev
	walked  bool
}

// readReceipts decodes the receipts. Which of them may vouch for others is
// known only when all are read.
func (v *verifier) readReceipts() {
	for _, object := range v.stems("receipts/") {
		s, ok := v.signed(object, ErrReceipt)
		if !ok {
			continue
		}
		r, err := decode[exchange.Receipt](s, crypto.ContextReceipt)
		if err != nil {
			v.fail(ErrReceipt, object, "无法读取", "the receipt cannot be read")
			continue
		}
		x := &receipt{stated: stated{r, s, v.Provider.Sum(s.Bytes)}, object: object}
		if v.byDigest[x.digest] != nil {
			v.fail(ErrUnexpectedEntry, object, "重复", "the same receipt is in the file twice")
			continue
		}
		v.receipts = append(v.receipts, x)
		v.byDigest[x.digest] = x
	}
}

// readManifest verifies the manifest by the key of the domain that it is from.
func (v *verifier) readManifest() {
	s, ok := v.signed(nameManifest, ErrManifest)
	if !ok {
		return
	}
	m, err := decode[exchange.Manifest](s, crypto.ContextManifest)
	if err != nil || !addressed(&m) {
		v.fail(ErrManifest, nameManifest, "无法读取", "the manifest cannot be read")
		return
	}
	origin := m.From.Domain()
	if _, err := v.book.VerifyCovered(origin, crypto.ContextManifest, s, m.Created, v.coveredFor(origin)); err != nil {
		v.blame(nameManifest, ErrManifest, err)
		return
	}
	if v.indexed && v.table.Exchange != m.ID {
		v.fail(ErrIndex, nameIndex, "交换编号与清单不符", "the index names another exchange than the manifest")
	}
	v.manifest, v.digest = &m, v.Provider.Sum(s.Bytes)
	v.report.Manifest, v.report.Exchange, v.report.Origin = &m, m.ID, origin
	v.pass("manifest.signature", nameManifest, "由 %[1]s 签名，清单完整", "signed by %[1]s with key %[2]s", origin, s.Key.Short())
}

func addressed(m *exchange.Manifest) bool {
	for _, to := range m.To {
		if !to.Unit.Valid() {
			return false
		}
	}
	return m.From.Valid() && len(m.To) > 0 && len(m.To) <= exchange.MaxRecipients
}

// checkReceipts verifies each receipt by the key of the domain that states it,
// and that it speaks of this manifest.
func (v *verifier) checkReceipts() {
	for _, r := range v.receipts {
		if _, err := v.book.VerifyCovered(r.Domain, crypto.ContextReceipt, r.signed, r.At, v.coveredFor(r.Domain)); err != nil {
			v.blame(r.object, ErrReceipt, err)
			continue
		}
		switch {
		case !wellFormed(&r.Receipt) || !strings.HasSuffix(r.object, receiptName(0, &r.Receipt)[len("receipts/01"):]):
			v.fail(ErrReceipt, r.object, "内容不合规或文件名不符", "it says what no receipt says, or is not what its name says")
		case v.manifest == nil:
			v.pass("receipt.signature", r.object, "由 %[1]s 签名", "signed by %[1]s with key %[2]s; not bound to a sound manifest", r.Domain, r.signed.Key.Short())
		case r.Manifest != v.digest || r.Exchange != v.manifest.ID:
			v.fail(ErrForeign, r.object, "所指交换为 %[1]s", "it speaks of exchange %[1]s, manifest %[2]s", r.Exchange, r.Manifest.Short())
		case int(r.Deliveries[len(r.Deliveries)-1]) >= len(v.manifest.To):
			v.fail(ErrReceipt, r.object, "所指收文单位不存在", "it speaks of a recipient that the manifest does not have")
		default:
			r.genuine = true
			v.pass("receipt.signature", r.object, "由 %[1]s 签名，与清单相符", "signed by %[1]s with key %[2]s, bound to the manifest", r.Domain, r.signed.Key.Short())
		}
	}
	slices.SortStableFunc(v.receipts, func(a, b *receipt) int { return strings.Compare(a.object, b.object) })
}

// wellFormed reports whether a receipt says something that a receipt can say.
func wellFormed(r *exchange.Receipt) bool {
	for i, d := range r.Deliveries {
		if i > 0 && d <= r.Deliveries[i-1] {
			return false
		}
	}
	named := (r.Unit == "" || r.Unit.Valid()) && (r.Person == "" || r.Person.Valid())
	return named && len(r.Deliveries) > 0 && r.State >= exchange.Accepted && r.State <= exchange.Expired
}

// coveredFor tells when another domain first vouched for a statement of d: by a
// receipt with an unrevoked key that names it, or names one that does. A digest
// inside a signed receipt proves that what it is of was there before.
func (v *verifier) coveredFor(d exchange.Domain) directory.Covered {
	return func(statement crypto.Digest) (exchange.Time, bool) {
		earliest, done := v.vouched[d]
		if !done { // asked only when a key on the way is revoked
			earliest = v.coverage(d)
			v.vouched[d] = earliest
		}
		at, ok := earliest[statement]
		if v.Covered != nil {
			if other, found := v.Covered(statement); found && (!ok || other < at) {
				return other, true
			}
		}
		return at, ok
	}
}

// deepest bounds the superiors of a domain and the custody of a road.
const deepest = 16

func (v *verifier) coverage(except exchange.Domain) map[crypto.Digest]exchange.Time {
	out := map[crypto.Digest]exchange.Time{}
	note := func(d crypto.Digest, at exchange.Time) {
		if held, ok := out[d]; !ok || at < held {
			out[d] = at
		}
	}
	for _, w := range v.witnesses() {
		if w.Domain == except {
			continue
		}
		for r, n := w, 0; r != nil && n < 2*deepest; r, n = v.byDigest[r.Prev], n+1 {
			note(r.Manifest, w.At)
			note(r.Prev, w.At)
		}
	}
	return out
}

// witnesses lists the receipts whose own keys are not in doubt.
func (v *verifier) witnesses() []*receipt {
	if v.vouching != nil {
		return v.vouching
	}
	v.vouching = []*receipt{}
	for _, r := range v.receipts {
		if _, err := v.book.Verify(r.Domain, crypto.ContextReceipt, r.signed, r.At); err == nil {
			v.vouching = append(v.vouching, r)
		}
	}
	return v.vouching
}

// damaged reports whether the file holds a receipt that is not sound, so that
// one not being found may follow from that.
func (v *verifier) damaged() bool {
	for object := range v.bad {
		if strings.HasPrefix(object, "receipts/") {
			return true
		}
	}
	return false
}
