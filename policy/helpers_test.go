package policy_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// problems spells out every problem of an error.
func problems(err error) string {
	var e *exchange.Error
	if !errors.As(err, &e) {
		return fmt.Sprint(err)
	}
	out := []string{err.Error()}
	for _, p := range e.Problems {
		out = append(out, fmt.Sprintf("%s [%s] %s", p.Field, p.Code, p.Message))
	}
	return strings.Join(out, "\n")
}
