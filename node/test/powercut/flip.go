package powercut

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Flip changes one bit of a file whose path contains part and whose place holds
// something, in what is seen and in what was synced. It returns where.
func (d *Disk) Flip(r *rand.Rand, part string) (where string, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	files := map[string]*entry{}
	var walk func(string, *entry)
	walk = func(path string, e *entry) {
		for name, child := range e.names {
			walk(path+"/"+name, child)
		}
		if !e.dir && len(e.data.at) > 0 && strings.Contains(path, part) {
			files[path] = e
		}
	}
	walk("", d.root)
	if len(files) == 0 {
		return "", false
	}
	paths := keys(files)
	path := paths[r.IntN(len(paths))]
	e := files[path]
	for range 1000 {
		offset := r.Int64N(e.data.size)
		b := make([]byte, 1)
		if e.data.read(b, offset); b[0] == 0 {
			continue // perhaps nothing is there
		}
		b[0] ^= 1 << r.IntN(8)
		e.data.write(b, offset)
		e.safe.write(b, offset)
		return fmt.Sprintf("%s byte %d", path, offset), true
	}
	return "", false
}

func keys(m map[string]*entry) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
