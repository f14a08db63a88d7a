package content

import (
	"context"
	"errors"
	"syscall"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Stat implements Store.
func (l *Local) Stat(context.Context) (Stat, error) {
	free, total, err := l.space(l.dir)
	if err != nil {
		return Stat{}, l.ioError(err)
	}
	return Stat{Free: free, Total: total, Reserved: l.opts.Reserve}, nil
}

// room refuses a write that would eat into the reserve.
func (l *Local) room(n int) error {
	free, _, err := l.space(l.dir)
	if err != nil {
		return l.ioError(err)
	}
	if free < l.opts.Reserve+uint64(n) {
		return l.full(nil)
	}
	return nil
}

func (l *Local) full(cause error) error {
	return &exchange.Error{
		Code: exchange.Exhausted, Op: opLocal, Cause: cause,
		Message: "disk full: no more content is accepted here; free space or enlarge the disk of the content directory",
	}
}

// ioError gives errors of the operating system a code. Their text names paths,
// so it stays in the cause.
func (l *Local) ioError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return l.full(err)
	}
	return &exchange.Error{Code: exchange.Unavailable, Op: opLocal, Message: "the content store failed to read or write", Cause: err}
}
