package policy_test

import (
	"regexp"
	"strings"
	"testing"
)

// opaParts are the only parts of OPA that may be imported, and this room the
// only place that may: the parser and compiler, the evaluator, and the store
// it reads data from.
var opaParts = map[string]bool{
	"ast": true, "topdown": true, "storage": true, "storage/inmem": true, "metrics": true,
}

var importOf = regexp.MustCompile(`"github.com/open-policy-agent/opa/v1/([a-z/]+)"`)

func TestOnlyTheNeededPartsOfOPA(t *testing.T) {
	for name, text := range sources(t) {
		for _, m := range importOf.FindAllStringSubmatch(text, -1) {
			if !opaParts[m[1]] {
				t.Errorf("%s imports %s", name, m[1])
			}
			if strings.HasPrefix(name, "kernel/") {
				t.Errorf("%s: the kernel is plain Go", name)
			}
		}
	}
}
