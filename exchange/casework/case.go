package casework

import (
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/calendar"
)

// Stage is where a case stands with the body that handles it. It is no state
// of a delivery.
type Stage uint8

// Stages, in the order of the road.
const (
	Received     Stage = iota + 1 // 收件
	Notified                      // 补正告知
	Supplemented                  // 补正
	Accepted                      // 受理
	Refused                       // 不予受理
	Handling                      // 办理
	Special                       // 特别程序
	Concluded                     // 办结
	Delivered                     // 送达
)

var (
	stageNames   = [...]string{"", "received", "notified", "supplemented", "accepted", "refused", "handling", "special", "concluded", "delivered"}
	stageChinese = [...]string{"", "收件", "补正告知", "补正", "受理", "不予受理", "办理", "特别程序", "办结", "送达"}
)

// String returns the English name used in JSON and the API.
func (s Stage) String() string { return word(stageNames[:], uint8(s)) }

// Chinese returns the word shown to clerks.
func (s Stage) Chinese() string { return word(stageChinese[:], uint8(s)) }

// Action is something the handling body, or the applicant, does with a case.
type Action uint8

// Actions.
const (
	Accept     Action = iota + 1 // 受理
	Notify                       // 补正告知, once and completely
	Supplement                   // 补正, by the applicant
	Refuse                       // 不予受理
	Handle                       // 办理
	Suspend                      // 进入特别程序, the clock pauses
	Resume                       // 特别程序结束
	Extend                       // 延期, by the head of the body
	Conclude                     // 办结
	Deliver                      // 送达
)

var (
	actionNames   = [...]string{"", "accept", "notify", "supplement", "refuse", "handle", "suspend", "resume", "extend", "conclude", "deliver"}
	actionChinese = [...]string{"", "受理", "补正告知", "补正", "不予受理", "办理", "特别程序", "恢复办理", "延期", "办结", "送达"}
)

// String returns the English name used in JSON and the API.
func (a Action) String() string { return word(actionNames[:], uint8(a)) }

// Chinese returns the word shown to clerks.
func (a Action) Chinese() string { return word(actionChinese[:], uint8(a)) }

// ParseAction is the inverse of Action.String.
func ParseAction(s string) (Action, bool) {
	for i, n := range actionNames {
		if i > 0 && n == s {
			return Action(i), true
		}
	}
	return 0, false
}

func word(words []string, i uint8) string {
	if int(i) < len(words) {
		return words[i]
	}
	return ""
}

// Case is the life of one case so far. It is a value: Next returns a new one
// and leaves the old as it was. A time that is zero has not come.
type Case struct {
	Kind         string // code of the kind
	Stage        Stage
	Promised     calendar.Term // the body's own, shorter limit (承诺期限); may be unset
	Received     exchange.Time
	Notified     exchange.Time
	Supplemented exchange.Time
	Accepted     exchange.Time
	Refused      exchange.Time
	Concluded    exchange.Time
	Delivered    exchange.Time
	Deemed       bool // accepted by lapse of time, from the day it arrived
	Extended     bool
	Pauses       []Pause
	Conclusion   string // code, "" until concluded
	Last         exchange.Time
}

// Pause is time that does not count: a special procedure of which the
// applicant was notified in writing (行政许可法 第四十五条).
type Pause struct {
	Procedure string // code
	From, To  exchange.Time
}

// Open reports whether the special procedure is still running.
func (p Pause) Open() bool { return p.To == 0 }

// Begin returns a case that has just arrived.
func Begin(kind Kind, received exchange.Time, promised calendar.Term) Case {
	return Case{Kind: kind.Code, Stage: Received, Promised: promised, Received: received, Last: received}
}

// Step is one thing done with a case.
type Step struct {
	Action Action
	At     exchange.Time
	Reason string // of a refusal, a notice, a special procedure, an extension; what was told
	Code   string // of the special procedure or the conclusion
	Result string // of a conclusion: the code of 同意 or 不同意; may be ""
}

// Rules are what steps and clocks are judged by.
type Rules struct {
	Tables   *Tables
	Calendar *calendar.Calendar
}
