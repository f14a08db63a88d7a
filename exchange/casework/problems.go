package casework

import (
	_ "embed"
	"sync"

	"github.com/yizhan-exchange/yizhan/exchange/form"
)

//go:embed data/problems.yaml
var problemsYAML []byte

var loadProblems = sync.OnceValues(func() (form.Catalogue, error) { return form.LoadCatalogue(problemsYAML) })

// Problems returns the wordings of everything that is refused in a case.
func Problems() (form.Catalogue, error) { return loadProblems() }

// fault words one problem; a missing catalogue is left to the tests.
func fault(code string, args ...any) *form.Fault {
	c, _ := loadProblems()
	return c.Fault(code, args...)
}
