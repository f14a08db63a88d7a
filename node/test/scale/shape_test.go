//go:build soak

package scale

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

const (
	domain    = exchange.Domain("320000")
	sender    = exchange.Unit("wjw@320000")
	recipient = exchange.Unit("bgs@320000")

	// span is over how many days the exchanges are spread, up to now: none of
	// their deadlines, a month later, has passed.
	span = 25 * 24 * time.Hour

	sizeHeader, sizeFile = 216, 104 // sealed bytes that ride along
	sizeWrap             = 122
)

// shaper makes submissions: documents from one unit of the domain to another,
// accepted and arrived. It is for one goroutine.
type shaper struct {
	sum   func(...[]byte) crypto.Digest
	rand  *rand.ChaCha8
	begin exchange.Time
	step  time.Duration
	key   crypto.KeyID
}

func newShaper(sum func(...[]byte) crypto.Digest, seed uint64, begin time.Time, step time.Duration) *shaper {
	var s [32]byte
	binary.BigEndian.PutUint64(s[:], seed)
	x := &shaper{sum: sum, rand: rand.NewChaCha8(s), begin: exchange.TimeOf(begin), step: step}
	x.fill(x.key[:])
	return x
}

func (x *shaper) fill(b []byte) { _, _ = x.rand.Read(b) } // never fails

func (x *shaper) bytes(n int) []byte {
	b := make([]byte, n)
	x.fill(b)
	return b
}

func (x *shaper) digest() (d crypto.Digest) { x.fill(d[:]); return d }

// sign shapes a signed statement.
func (x *shaper) sign(context string, v any) crypto.Signed {
	return crypto.Signed{Bytes: crypto.WithContext(context, exchange.Encode(v)), Key: x.key, Sig: (crypto.Signature)(x.bytes(64))}
}

// submit returns the command of the i-th exchange.
func (x *shaper) submit(i int) []byte {
	at := x.begin.Add(time.Duration(i) * x.step)
	id, err := exchange.NewID(at, x.rand)
	if err != nil {
		panic("a time of this century fits an id: " + err.Error())
	}
	inline := [][]byte{x.bytes(sizeHeader), x.bytes(sizeFile)}
	m := exchange.Manifest{ID: id, Kind: exchange.Document, From: sender, To: []exchange.Recipient{{Unit: recipient}}, Type: "0B",
		Disclosure: exchange.DisclosureOnRequest, Created: at, NotAfter: at.Add(30 * 24 * time.Hour), Commitment: x.digest(),
		Wraps: []exchange.Wrap{{Domain: domain, Key: x.key, Data: x.bytes(sizeWrap)}},
		Parts: []exchange.Part{{Size: sizeHeader - 16, Chunks: []crypto.Digest{x.digest()}}, {Size: sizeFile - 16, Chunks: []crypto.Digest{x.digest()}}}}
	for i := range m.Parts {
		x.fill(m.Parts[i].Attempt[:])
	}
	manifest := x.sign(crypto.ContextManifest, m)
	receipt := exchange.Receipt{State: exchange.Accepted, Exchange: id, Manifest: x.sum(manifest.Bytes), Domain: domain, Deliveries: []uint16{0}, At: at}
	accepted := x.sign(crypto.ContextReceipt, receipt)
	receipt.State, receipt.Prev = exchange.Arrived, x.sum(accepted.Bytes)
	arrived := x.sign(crypto.ContextReceipt, receipt)
	return exchange.Encode(ledger.Command{Time: at, Submit: &ledger.Submit{
		Manifest: manifest, Receipts: []crypto.Signed{accepted, arrived}, Inline: inline, Person: "trial.clerk",
		Key: fmt.Sprintf("%x", x.bytes(16)), Content: x.digest(),
		Decision: exchange.Decision{Point: exchange.PointSubmit, Allow: true, At: at,
			Revisions: []exchange.Revision{{Layer: "kernel", Number: 1}, {Layer: string(domain), Number: 1}}},
	}})
}
