package form

import (
	_ "embed"
	"sync"
)

//go:embed problems.yaml
var problemsYAML []byte

var loadProblems = sync.OnceValues(func() (Catalogue, error) { return LoadCatalogue(problemsYAML) })

// Problems returns the catalogue of this room.
func Problems() (Catalogue, error) { return loadProblems() }

// problems is Problems for wording faults. Without its catalogue a fault still
// has its code, so the error is left to the tests.
func problems() Catalogue {
	c, _ := loadProblems()
	return c
}
