package link

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/yizhan-exchange/yizhan/exchange"
	yizhanv1 "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// Codes of Close frames, and two that stay here.
const (
	codeNotLeader   = "not_leader"
	codeFenced      = "fenced"      // a higher Raft term of the same domain was seen
	codeRevoked     = "revoked"     // a certificate
	codeIncarnation = "incarnation" // an earlier life, or one that nobody admitted yet
	codeProtocol    = "protocol"    // no common version, or a frame that breaks the rules
	codeShutdown    = "shutdown"
	codeOverloaded  = "overloaded"
	codeDenied      = "denied"      // refused for another reason
	codeConflict    = "conflict"    // the two ends disagree about what was sent
	codeUnavailable = "unavailable" // nothing was done; try again
	codeReplaced    = "replaced"    // by a newer session of the same peer
	codeInternal    = "internal"    // a defect
	codeLost        = "lost"        // never sent: the stream is gone
	codeRefused     = "refused"     // never sent: the transport refused
)

// pace is how soon another attempt is worth it.
type pace uint8

const (
	soon   pace = iota // with jitter
	atOnce             // at another replica
	slow               // near the ceiling: somebody has to act
	asked              // somebody was asked to act, and looks whether it helped
)

var paces = map[string]pace{
	codeNotLeader: atOnce, codeShutdown: atOnce,
	codeFenced: slow, codeRevoked: slow, codeIncarnation: asked, codeProtocol: slow,
	codeDenied: slow, codeConflict: slow, codeRefused: slow,
}

// closure says why a session ended. Text is safe to show.
type closure struct {
	code   string
	text   string
	remote bool          // the peer said so
	after  time.Duration // the peer's wish
	cause  error         // for the log
}

// Error implements error.
func (c *closure) Error() string { return c.code + ": " + c.text }

// Unwrap returns the cause.
func (c *closure) Unwrap() error { return c.cause }

func (c *closure) pace() pace { return paces[c.code] }

// silent tells that the peer need not or cannot be told.
func (c *closure) silent() bool {
	return c.remote || c.code == codeLost || c.code == codeRefused
}

func violation(text string) *closure { return &closure{code: codeProtocol, text: text} }

// closureOf classes whatever ended a session.
func closureOf(err error) *closure {
	var c *closure
	var e *exchange.Error
	switch {
	case errors.As(err, &c):
		return c
	case errors.As(err, &e):
		return &closure{code: codeOfStation(e), text: e.Message, cause: err}
	case err == nil, errors.Is(err, context.Canceled):
		return &closure{code: codeShutdown, text: "this replica stops serving the link", cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &closure{code: codeUnavailable, text: "the time allowed has passed", cause: err}
	}
	return &closure{code: codeInternal, text: "a defect; see the log of this replica", cause: err}
}

// codeOfStation maps the station's error. Denied is refined by the code of its
// first problem, when that is one of the protocol's refusals.
func codeOfStation(e *exchange.Error) string {
	switch e.Code {
	case exchange.Denied:
		for _, p := range e.Problems {
			switch p.Code {
			case codeFenced, codeRevoked, codeIncarnation:
				return p.Code
			}
		}
		return codeDenied
	case exchange.Conflict:
		return codeConflict
	case exchange.Unavailable, exchange.Unknown, exchange.Stale:
		return codeUnavailable
	case exchange.Exhausted:
		return codeOverloaded
	}
	return codeInternal
}

// transport classes the failure of a stream.
func transport(err error) *closure {
	var c *closure
	if errors.As(err, &c) {
		return c
	}
	switch code := status.Code(err); code {
	case codes.Unknown, codes.Unavailable, codes.Canceled: // what a cut connection looks like
	case codes.Unauthenticated, codes.PermissionDenied, codes.Unimplemented, codes.ResourceExhausted:
		return &closure{code: codeRefused, text: "the transport answers " + code.String(), cause: err}
	default:
		return &closure{code: codeLost, text: "the transport answers " + code.String(), cause: err}
	}
	return &closure{code: codeLost, text: "the connection ended", cause: err}
}

// remote reads the peer's Close. Its text is shown to people here, so it is
// cut and cleaned; a code this build does not know is tried again soon.
func remote(f *yizhanv1.Close) *closure {
	return &closure{
		code: clean(f.GetCode(), 32), text: clean(f.GetMessage(), 200), remote: true,
		after: time.Duration(min(max(f.GetRetryAfterMs(), 0), 24*3600*1000)) * time.Millisecond,
	}
}

func clean(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s[:min(len(s), limit)])
	return strings.ToValidUTF8(s, "")
}

func (c *closure) frame() *yizhanv1.Frame {
	return &yizhanv1.Frame{Kind: &yizhanv1.Frame_Close{Close: &yizhanv1.Close{
		Code: c.code, Message: c.text, RetryAfterMs: c.after.Milliseconds(),
	}}}
}
