package audit

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// Report is everything that Verify found.
type Report struct {
	Exchange   exchange.ID        `json:"exchange"`
	Origin     exchange.Domain    `json:"origin"`
	Root       exchange.Domain    `json:"root"`
	Content    Content            `json:"content"`
	Manifest   *exchange.Manifest `json:"-"` // nil unless its signature holds
	Header     *exchange.Header   `json:"-"` // nil unless the content was disclosed and opens
	Files      []File             `json:"files,omitempty"`
	Deliveries []Delivery         `json:"deliveries"`
	Checks     []Check            `json:"checks"`
	Proves     []Sentence         `json:"proves"`
}

// Check is one thing that was looked at.
type Check struct {
	Name    string `json:"name"`   // "receipt.signature", or the code of the failure
	Object  string `json:"object"` // "receipts/02-relayed-320500"
	OK      bool   `json:"ok"`
	Warning bool   `json:"warning,omitempty"` // worth knowing, no failure
	Detail  string `json:"detail"`
	Chinese string `json:"zh"`
	class   *Class
}

// Sentence is one thing that the evidence proves, in plain words.
type Sentence struct {
	Chinese string `json:"zh"`
	English string `json:"en"`
}

// Delivery is one recipient with the state that receipts prove.
type Delivery struct {
	Index   uint16         `json:"index"`
	To      exchange.Unit  `json:"to"`
	State   exchange.State `json:"-"` // 0: no receipt proves anything
	Name    string         `json:"state"`
	Chinese string         `json:"zh"`
	At      exchange.Time  `json:"at,omitempty"`
	Steps   []Step         `json:"steps"` // the receipts that lead there, oldest first
}

// Step is one proven receipt on the road of a delivery.
type Step struct {
	State   exchange.State  `json:"-"`
	Name    string          `json:"state"`
	Domain  exchange.Domain `json:"domain"`
	Unit    exchange.Unit   `json:"unit,omitempty"`
	Person  exchange.Person `json:"person,omitempty"`
	At      exchange.Time   `json:"at"` // the signer's claim
	Reasons []string        `json:"reasons,omitempty"`
	Object  string          `json:"object"`
}

// File is one disclosed file, as it came out of the sealed content.
type File struct {
	Name string        `json:"name"`
	Size int64         `json:"size"`
	Main bool          `json:"main,omitempty"`
	SM3  crypto.Digest `json:"-"` // of the plaintext
}

// Failed lists the checks that failed, causes before consequences.
func (r *Report) Failed() []Check {
	var out, after []Check
	for _, c := range r.Checks {
		switch {
		case c.OK || c.Warning:
		case c.class == ErrUnproven:
			after = append(after, c)
		default:
			out = append(out, c)
		}
	}
	return append(out, after...)
}

// Err returns nil when no check failed. Otherwise it is an *exchange.Error that
// lists every failure and matches the class of each with errors.Is.
func (r *Report) Err() error {
	failed := r.Failed()
	if len(failed) == 0 {
		return nil
	}
	e := &exchange.Error{Code: exchange.Corrupt, Op: "evidence.verify"}
	e.Message = fmt.Sprintf("%s: %s: %s", failed[0].Object, failed[0].class.English, failed[0].Detail)
	var classes []error
	for _, c := range failed {
		e.Problems = append(e.Problems, exchange.Problem{Field: c.Object, Code: c.Name, Message: c.Detail, Chinese: c.Chinese})
		if !slices.Contains(classes, error(c.class)) {
			classes = append(classes, c.class)
		}
	}
	e.Cause = errors.Join(classes...)
	return e
}

// pass records a check that held.
func (v *verifier) pass(name, object, zh, en string, args ...any) {
	v.report.Checks = append(v.report.Checks, Check{
		Name: name, Object: object, OK: true, Chinese: render(zh, args), Detail: render(en, args),
	})
}

// fail records one that did not. zh and en are formats of the same arguments.
func (v *verifier) fail(class *Class, object, zh, en string, args ...any) {
	v.bad[object] = true
	v.failed[class]++
	v.report.Checks = append(v.report.Checks, Check{
		Name: class.Code, Object: object, class: class,
		Chinese: class.Chinese + "：" + render(zh, args), Detail: render(en, args),
	})
}

func (v *verifier) warn(object, zh, en string, args ...any) {
	v.report.Checks = append(v.report.Checks, Check{
		Name: warnTime.Code, Object: object, OK: true, Warning: true, class: warnTime,
		Chinese: render(zh, args), Detail: render(en, args),
	})
}

// render is fmt.Sprintf for a pair of formats that share their arguments: verbs
// name them by index where one language leaves some unused.
func render(format string, args []any) string {
	if !strings.Contains(format, "%") {
		return format
	}
	return fmt.Sprintf(format, args...)
}
