package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// hinted is an error with what to do next, where the command knows best.
type hinted struct {
	error
	hint string
	key  string // idempotency key to repeat with
}

// Unwrap returns the error without the hint.
func (h hinted) Unwrap() error { return h.error }

// errorView is the error object of -o json.
type errorView struct {
	Code     exchange.Code      `json:"code"`
	Op       string             `json:"op,omitempty"`
	Message  string             `json:"message"`
	Problems []exchange.Problem `json:"problems"`
	Hint     string             `json:"hint,omitempty"`
	Key      string             `json:"idempotency_key,omitempty"`
}

func (a *app) view(err error) errorView {
	v := errorView{Code: exchange.CodeOf(err), Message: err.Error(), Problems: []exchange.Problem{}}
	var e *exchange.Error
	if errors.As(err, &e) {
		v.Op, v.Message = e.Op, e.Message
		v.Problems = append(v.Problems, e.Problems...)
	}
	v.Hint = a.hint(v.Code)
	var h hinted
	if errors.As(err, &h) {
		v.Hint, v.Key = h.hint, h.key
	}
	return v
}

// printError tells what went wrong: each problem on a line of its own, then
// the answer to the next question.
func (a *app) printError(err error) {
	v := a.view(err)
	if a.json() {
		a.printErrorJSON(v)
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "yizhan: %s", v.Message)
	if v.Op != "" {
		fmt.Fprintf(&b, " (%s, %s)", v.Code, v.Op)
	}
	b.WriteByte('\n')
	for _, p := range v.Problems {
		b.WriteString("  " + problemLine(p) + "\n")
	}
	if v.Hint != "" {
		b.WriteString(v.Hint + "\n")
	}
	_, _ = fmt.Fprint(a.stderr, clean(b.String()))
}

func (a *app) printErrorJSON(v errorView) {
	enc := json.NewEncoder(a.stderr)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(map[string]errorView{"error": v})
}

// problemLine is "field: message 中文 [code, clause] → remedy".
func problemLine(p exchange.Problem) string {
	var b strings.Builder
	if p.Field != "" {
		b.WriteString(p.Field + ": ")
	}
	b.WriteString(p.Message)
	if p.Chinese != "" {
		b.WriteString(" " + p.Chinese)
	}
	marks := p.Code
	if p.Clause != "" {
		marks = strings.TrimPrefix(marks+", "+p.Clause, ", ")
	}
	if marks != "" {
		b.WriteString(" [" + marks + "]")
	}
	if p.Remedy != "" {
		b.WriteString(" → " + p.Remedy)
	}
	return strings.ReplaceAll(b.String(), "\n", " ")
}

// hint answers the question that an error of this code raises.
func (a *app) hint(code exchange.Code) string {
	where := "the domain"
	if a.identity != nil {
		where = fmt.Sprintf("%s (as %s)", strings.Join(a.identity.Endpoints, ", "), a.identity.As)
	}
	switch code {
	case exchange.Unavailable:
		return "Nothing was done. Try again in a moment; asked: " + where
	case exchange.Unknown:
		return "It may or may not have been done. \"yizhan track ID\" or \"yizhan outbox\" shows; asked: " + where
	case exchange.Unauthenticated:
		return "The token of this identity is not accepted; asked: " + where + ". Another identity: --as UNIT@DOMAIN"
	case exchange.Denied:
		return "\"yizhan policy explain ID\" tells which rule decided; another identity: --as UNIT@DOMAIN"
	case exchange.Stale:
		return "The rules changed meanwhile. Do it again."
	case exchange.NotFound:
		if a.identity != nil {
			return "\"yizhan inbox\" and \"yizhan outbox\" list what " + string(a.identity.As) + " can name."
		}
	}
	return ""
}

func (a *app) printUsage(c *cobra.Command, err error) {
	if err.Error() == "" {
		return // the help was shown
	}
	if a.json() {
		a.printErrorJSON(errorView{Code: "usage", Message: err.Error(), Problems: []exchange.Problem{}, Hint: c.CommandPath() + " --help"})
		return
	}
	_, _ = fmt.Fprintf(a.stderr, "yizhan: %s\nSee: %s --help\n", clean(err.Error()), c.CommandPath())
}
