// Package baseline holds the policies the gateway is shipped with: a province's
// baseline, and a city's and a county's additions as examples.
package baseline

import (
	"embed"
	"io/fs"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/policy/layer"
)

//go:embed province city county
var files embed.FS

// Province is the baseline of the topmost domain.
func Province() []exchange.PolicyFile { return read("province") }

// City is an example of a city's additions.
func City() []exchange.PolicyFile { return read("city") }

// County is an example of a county's additions.
func County() []exchange.PolicyFile { return read("county") }

func read(dir string) []exchange.PolicyFile {
	sub, err := fs.Sub(files, dir)
	if err != nil { // the directory is embedded; every test would fail
		panic(err)
	}
	out, err := layer.LoadDir(sub)
	if err != nil {
		panic(err)
	}
	return out
}
