package exchange

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code classes an error for programs. One table in node/api maps it to gRPC
// and HTTP.
type Code string

// Codes.
const (
	Invalid         Code = "invalid"         // the request is wrong; Problems lists everything
	NotFound        Code = "not_found"       // no such thing, or not visible to the caller
	Conflict        Code = "conflict"        // the same key with other content, or a state that forbids it
	Unauthenticated Code = "unauthenticated" // no or unknown credential
	Denied          Code = "denied"          // role or policy; Problems carries the reasons
	Unavailable     Code = "unavailable"     // try again later; nothing was done
	Unknown         Code = "unknown_outcome" // may or may not have been done; ask again with the same key
	Exhausted       Code = "exhausted"       // a stated limit: quota, queue, disk
	Stale           Code = "stale"           // decided under superseded revisions; decide again
	Corrupt         Code = "corrupt"         // a digest or signature does not verify
	Internal        Code = "internal"        // a defect
)

// Error is the one error type that crosses package borders. Message and
// Problems are safe to show: they never hold content, keys or personal data.
type Error struct {
	Code     Code
	Op       string // "pipeline.submit"
	Message  string
	Problems []Problem
	// RetryAfter says that nothing was done, and that the same call under the
	// same key is worth repeating after about that time. 0: nothing is said.
	RetryAfter time.Duration
	Cause      error // for the log, never shown
}

// Problem is one thing wrong with a request.
type Problem struct {
	Field   string `json:"field"`            // "number", "to[1]", "files[3].name"
	Code    string `json:"code"`             // stable: "document.number.brackets"
	Message string `json:"message"`          // English
	Chinese string `json:"zh,omitempty"`     // for clerks
	Clause  string `json:"clause,omitempty"` // "条例 第九条(五)"
	Remedy  string `json:"remedy,omitempty"` // what to do
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	b.WriteString(e.Message)
	if len(e.Problems) > 0 {
		fmt.Fprintf(&b, " (%d problems)", len(e.Problems))
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an Error without problems. A trailing %w keeps the cause for
// the log; its text is part of the message, so it must be safe.
func Errorf(code Code, op, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Op: op, Message: err.Error(), Cause: errors.Unwrap(err)}
}

// CodeOf returns the code of the first *Error in the chain, Internal when
// there is none, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// Problems collects everything wrong with a request before answering.
type Problems []Problem

// Add appends one problem.
func (p *Problems) Add(field, code, message, chinese, clause, remedy string) {
	*p = append(*p, Problem{field, code, message, chinese, clause, remedy})
}

// Err returns nil when nothing is wrong.
func (p Problems) Err(op string) error {
	if len(p) == 0 {
		return nil
	}
	return &Error{Code: Invalid, Op: op, Message: "the request is not acceptable", Problems: p}
}
