package link

import (
	"fmt"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	yizhanv1 "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// maxNumbers bounds each map of a greeting: more issuers than there are
// divisions down to the county.
const maxNumbers = 4096

// encodeGreeting makes the Hello of a greeting. session is nil from the child.
func encodeGreeting(g delivery.Greeting, credit Window, session []byte) *yizhanv1.Hello {
	h := &yizhanv1.Hello{
		Domain: string(g.Domain), Incarnation: g.Incarnation, Term: g.Term, Clock: int64(g.Clock),
		ProtocolMin: ProtocolMin, ProtocolMax: ProtocolMax,
		SendEpoch: g.SendEpoch[:], ReceiveNext: g.ReceiveNext[:],
		CreditBytes: credit.Bytes, CreditMessages: credit.Messages, Session: session,
		Directory: encodeNumbers(g.Directory), Units: encodeNumbers(g.Units), Policy: encodeNumbers(g.Policy),
	}
	if g.Life != [16]byte{} {
		h.Life, h.LifeReason, h.LifeSince = g.Life[:], g.Reason, int64(g.Since)
	}
	if g.Admission != nil {
		h.Admission = exchange.Encode(*g.Admission)
	}
	if g.ReceiveEpoch != [16]byte{} {
		h.ReceiveEpoch = g.ReceiveEpoch[:]
	}
	return h
}

// decodeGreeting checks the form of a peer's Hello. What it claims is judged by
// the station.
func decodeGreeting(h *yizhanv1.Hello) (delivery.Greeting, error) {
	g := delivery.Greeting{
		Domain: exchange.Domain(h.GetDomain()), Incarnation: h.GetIncarnation(),
		Term: h.GetTerm(), Clock: exchange.Time(h.GetClock()),
	}
	if !g.Domain.Valid() {
		return g, violation("the greeting names no domain")
	}
	if copy(g.SendEpoch[:], h.GetSendEpoch()) != 16 || len(h.GetSendEpoch()) != 16 {
		return g, violation("the sending epoch is not 16 bytes")
	}
	if n := len(h.GetReceiveEpoch()); n != 0 && n != 16 {
		return g, violation("the receiving epoch is not 16 bytes")
	}
	copy(g.ReceiveEpoch[:], h.GetReceiveEpoch())
	if len(h.GetReceiveNext()) != exchange.ClassCount {
		return g, violation("the greeting does not cover every class")
	}
	copy(g.ReceiveNext[:], h.GetReceiveNext())
	if err := decodeLife(h, &g); err != nil {
		return g, err
	}
	var err error
	if g.Directory, err = decodeNumbers(h.GetDirectory()); err != nil {
		return g, err
	}
	if g.Units, err = decodeNumbers(h.GetUnits()); err != nil {
		return g, err
	}
	g.Policy, err = decodeNumbers(h.GetPolicy())
	return g, err
}

// maxAdmission bounds the statement that a greeting brings: it names every child
// of a superior, with two certificates each.
const maxAdmission = 1 << 20

// decodeLife reads which life a peer is in. What it brings is verified by the
// station.
func decodeLife(h *yizhanv1.Hello, g *delivery.Greeting) error {
	g.Life = g.SendEpoch
	if n := len(h.GetLife()); n != 0 && copy(g.Life[:], h.GetLife()) != 16 || n > 16 {
		return violation("the life is not 16 bytes")
	}
	g.Reason, g.Since = clean(h.GetLifeReason(), 32), exchange.Time(h.GetLifeSince())
	if raw := h.GetAdmission(); len(raw) > 0 {
		s, err := exchange.Decode[crypto.Signed](raw)
		if err != nil || len(raw) > maxAdmission {
			return violation("the statement that the greeting brings cannot be read")
		}
		g.Admission = &s
	}
	return nil
}

func encodeNumbers(m map[exchange.Domain]uint64) map[string]uint64 {
	out := make(map[string]uint64, len(m))
	for d, n := range m {
		out[string(d)] = n
	}
	return out
}

func decodeNumbers(m map[string]uint64) (map[exchange.Domain]uint64, error) {
	if len(m) > maxNumbers {
		return nil, violation(fmt.Sprintf("a greeting lists more than %d issuers", maxNumbers))
	}
	out := make(map[exchange.Domain]uint64, len(m))
	for d, n := range m {
		if !exchange.Domain(d).Valid() {
			return nil, violation("a greeting lists an issuer that is no domain")
		}
		out[exchange.Domain(d)] = n
	}
	return out, nil
}

// version picks the highest protocol version both ends speak.
func version(h *yizhanv1.Hello) (uint32, error) {
	v := min(uint32(ProtocolMax), h.GetProtocolMax())
	if v < ProtocolMin || v < h.GetProtocolMin() {
		return 0, violation(fmt.Sprintf("no common protocol version: here %d to %d, there %d to %d",
			ProtocolMin, ProtocolMax, h.GetProtocolMin(), h.GetProtocolMax()))
	}
	return v, nil
}

// cursors returns the last sequence per class that the receiver has, in the
// numbering epoch: what it says only counts when it speaks of that numbering.
func cursors(next [exchange.ClassCount]uint64, known, epoch [16]byte) (have [exchange.ClassCount]uint64) {
	if known != epoch {
		return have
	}
	for c, n := range next {
		have[c] = max(n, 1) - 1
	}
	return have
}
