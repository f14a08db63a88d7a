package exchange

import "context"

// Keeper is what officers do with messages that could not be processed and were
// set aside (DESIGN §6). The pipeline implements it in the server,
// exchange/client over the network; both fail with *Error. All of it is about
// the caller's own domain; looking is for administrators and auditors, acting
// for administrators.
type Keeper interface {
	// Held lists held messages, link by link, oldest first.
	Held(ctx context.Context) ([]HeldMessage, error)
	// ShowHeld tells everything about one but its content.
	ShowHeld(ctx context.Context, number uint64) (HeldMessage, error)
	// ReleaseHeld processes it again now, judged anew. One that still cannot be
	// processed stays held, and the error (Conflict) says why.
	ReleaseHeld(ctx context.Context, number uint64) (HeldOutcome, error)
	// ReturnHeld gives it up: the origin of an exchange gets a signed REFUSED
	// with the reason, anything else is dropped. reason is one of HoldReasons.
	ReturnHeld(ctx context.Context, number uint64, reason string) (HeldOutcome, error)
}

// HeldMessage is one message that was set aside.
type HeldMessage struct {
	Number   uint64 `json:"id"` // within the domain, never used again
	Peer     Domain `json:"peer"`
	Kind     string `json:"kind"` // envelope, receipt, notice, directory, units, policy, unreadable
	Reason   string `json:"reason"`
	At       Time   `json:"since"`
	Class    string `json:"class"`
	Sequence uint64 `json:"sequence"`
	Tries    uint32 `json:"tries,omitempty"`
	Size     int    `json:"size_bytes"` // 0: kept by its digest only
	Digest   string `json:"sm3"`
	// What it says of itself; nothing of it need be true.
	Exchange string   `json:"exchange,omitempty"`
	From     Unit     `json:"from,omitempty"`
	To       []Unit   `json:"to,omitempty"`
	Says     string   `json:"says,omitempty"` // a receipt's state, a notice's kind, a statement's number
	By       Domain   `json:"by,omitempty"`   // who is said to have signed it
	Remedy   []string `json:"what_to_do,omitempty"`
}

// HeldOutcome tells what became of a held message.
type HeldOutcome struct {
	Number   uint64 `json:"id"`
	Done     string `json:"done"` // released, returned, dropped
	Message  string `json:"message"`
	Chinese  string `json:"zh"`
	Exchange string `json:"exchange,omitempty"`
	State    string `json:"state,omitempty"` // of the least advanced delivery here
}

// HoldReasons say why a held message is given up. They travel in the receipt as
// "hold." and the code, where every station on the road can read them.
func HoldReasons() []ActReason {
	return []ActReason{
		{"altered", "内容与签名不符"},
		{"unverifiable", "签发者无法核实"},
		{"unjudged", "规则无法判定"},
		{"conflict", "与已收存的内容冲突"},
		{"misrouted", "投递路径有误"},
		{"other", "其他原因，请与本域管理员联系"},
	}
}

// Names of classes, as lists show them.
var classNames = [...]string{"control", "most_urgent", "urgent", "ordinary"}

// String returns the name used in JSON and the API.
func (c Class) String() string { return nameOf(classNames[:], uint8(c)) }
