package form

import (
	"fmt"
	"math"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// CheckFiles reports everything wrong with the list of files: how many, how
// large, how named. Whether files are required is the room's own question.
// Past the permitted number further files are not looked at.
func CheckFiles(r *Report, files []exchange.File, limits Limits) {
	if len(files) > limits.Files {
		r.AddFaults("files", problems().Fault("files.many", len(files), limits.Files))
		files = files[:limits.Files]
	}
	checkSizes(r, files, limits)
	first := map[string]int{}
	for i, f := range files {
		field := fmt.Sprintf("files[%d].name", i)
		faults := CheckName(f.Name)
		r.AddFaults(field, faults...)
		if len(faults) > 0 {
			continue
		}
		key := strings.ToLower(norm.NFC.String(f.Name))
		if j, dup := first[key]; dup {
			r.AddFaults(field, problems().Fault("files.name.duplicate", j))
		} else {
			first[key] = i
		}
	}
}

func checkSizes(r *Report, files []exchange.File, limits Limits) {
	var total int64
	for i, f := range files {
		field := fmt.Sprintf("files[%d].size", i)
		switch {
		case f.Size < 0:
			r.AddFaults(field, problems().Fault("files.size.negative"))
		case f.Size == 0:
			r.AddFaults(field, problems().Fault("files.size.empty"))
		case total > math.MaxInt64-f.Size:
			total = math.MaxInt64
		default:
			total += f.Size
		}
	}
	if total > limits.Content {
		r.AddFaults("files", problems().Fault("files.size.total", Bytes(total), Bytes(limits.Content)))
	}
}

// Bytes writes a size for people, in binary units: "4 GiB", "1.5 MiB".
func Bytes(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, u := float64(n), 0
	for v >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	s := strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	return s + " " + units[u]
}
