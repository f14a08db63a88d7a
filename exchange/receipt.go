package exchange

import "github.com/yizhan-exchange/yizhan/crypto"

// State of one delivery. It is a transport matter: the life of a case or a
// document (受理, 送达) is separate and never expressed by it.
type State uint8

// States of a delivery (DESIGN §3). Each but Held is backed by a receipt of
// the same name. Arriving is internal: the envelope is committed, its chunks
// are not yet on a majority, and no custody has been signed.
const (
	Arriving  State = iota + 1
	Held            // 待审核
	Accepted        // 平台已收存
	Relayed         // 已中转
	Arrived         // 待签收
	SignedFor       // 已签收
	Returned        // 已退文
	Recalled        // 已撤回
	Refused         // 规则拦截
	Bounced         // 无法投递
	Expired         // 已过期
)

var (
	stateNames   = [...]string{"", "arriving", "held", "accepted", "relayed", "arrived", "signed", "returned", "recalled", "refused", "bounced", "expired"}
	stateChinese = [...]string{"", "接收中", "待审核", "平台已收存", "已中转", "待签收", "已签收", "已退文", "已撤回", "规则拦截", "无法投递", "已过期"}
)

// String returns the English name used in JSON and the API.
func (s State) String() string { return nameOf(stateNames[:], uint8(s)) }

// Chinese returns the word shown to clerks.
func (s State) Chinese() string { return nameOf(stateChinese[:], uint8(s)) }

// ParseState is the inverse of State.String.
func ParseState(v string) (State, bool) {
	for i, n := range stateNames {
		if i > 0 && n == v {
			return State(i), true
		}
	}
	return 0, false
}

// Final reports whether nothing further is expected. A receipt of the body
// that did the thing still supersedes a final state that was only presumed
// (Bounced, Expired, Recalled before the peer answered).
func (s State) Final() bool { return s >= SignedFor }

// Custody reports whether the state says who keeps the exchange.
func (s State) Custody() bool { return s == Accepted || s == Relayed || s == Arrived }

// Receipt (回执) is a statement about deliveries of one exchange by the domain
// that did the thing, signed under crypto.ContextReceipt. It contains nothing
// that the ledger assigns.
type Receipt struct {
	State      State         `cbor:"1,keyasint"`
	Exchange   ID            `cbor:"2,keyasint"`
	Manifest   crypto.Digest `cbor:"3,keyasint"` // SM3 of the manifest's signed bytes
	Domain     Domain        `cbor:"4,keyasint"` // who states it
	Deliveries []uint16      `cbor:"5,keyasint"` // indexes into Manifest.To, ascending
	At         Time          `cbor:"6,keyasint"` // the signer's claim
	Prev       crypto.Digest `cbor:"7,keyasint"` // SM3 of the receipt before it on this road; zero for the first
	Unit       Unit          `cbor:"8,keyasint,omitempty"`
	Person     Person        `cbor:"9,keyasint,omitempty"`
	Reasons    []string      `cbor:"10,keyasint,omitempty"` // stable codes
	Note       []byte        `cbor:"11,keyasint,omitempty"` // sealed to the origin domain
}

// Covers reports whether the receipt speaks of delivery i.
func (r *Receipt) Covers(i uint16) bool {
	for _, d := range r.Deliveries {
		if d == i {
			return true
		}
	}
	return false
}

// NoticeKind is what an origin asks of the recipients of something it sent.
type NoticeKind uint8

// Notices.
const (
	Recall NoticeKind = iota + 1 // 撤回
	Urge                         // 催办
)

// Notice is a signed request of the origin domain about its own exchange,
// under ContextNotice.
type Notice struct {
	Kind       NoticeKind    `cbor:"1,keyasint"`
	Exchange   ID            `cbor:"2,keyasint"`
	Manifest   crypto.Digest `cbor:"3,keyasint"`
	Deliveries []uint16      `cbor:"4,keyasint"`
	From       Unit          `cbor:"5,keyasint"`
	Person     Person        `cbor:"6,keyasint,omitempty"`
	At         Time          `cbor:"7,keyasint"`
	Reasons    []string      `cbor:"8,keyasint,omitempty"`
}
