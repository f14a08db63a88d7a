package powercut

import "maps"

const (
	pageSize = 4096
	// sector is what a drive writes whole or not at all.
	sector = 512
)

// pages are the bytes of a file. Pages that were never written are zero and
// take no memory, so that files may be allocated in advance.
type pages struct {
	size int64
	at   map[int64]*[pageSize]byte
}

func newPages() pages { return pages{at: map[int64]*[pageSize]byte{}} }

// clone shares nothing with p.
func (p *pages) clone() pages {
	out := pages{p.size, maps.Clone(p.at)}
	for i, page := range out.at {
		copied := *page
		out.at[i] = &copied
	}
	return out
}

func (p *pages) write(b []byte, offset int64) {
	p.size = max(p.size, offset+int64(len(b)))
	for len(b) > 0 {
		i, from := offset/pageSize, offset%pageSize
		page := p.at[i]
		if page == nil {
			page = new([pageSize]byte)
			p.at[i] = page
		}
		n := copy(page[from:], b)
		b, offset = b[n:], offset+int64(n)
	}
}

func (p *pages) read(b []byte, offset int64) int {
	if offset >= p.size {
		return 0
	}
	b = b[:min(int64(len(b)), p.size-offset)]
	for done := 0; done < len(b); {
		at := offset + int64(done)
		end := min(len(b), done+int(pageSize-at%pageSize))
		if page := p.at[at/pageSize]; page != nil {
			copy(b[done:end], page[at%pageSize:])
		} else {
			clear(b[done:end])
		}
		done = end
	}
	return len(b)
}

// truncate shortens or extends; what comes back after shortening is zero.
func (p *pages) truncate(size int64) {
	if size < p.size {
		for i := range p.at {
			if i*pageSize >= size {
				delete(p.at, i)
			}
		}
		if page := p.at[size/pageSize]; page != nil {
			clear(page[size%pageSize:])
		}
	}
	p.size = size
}

// write is one change of a file that was not synced yet.
type write struct {
	offset   int64
	data     []byte
	truncate bool // to offset, instead of writing
}

func (p *pages) apply(w write) {
	if w.truncate {
		p.truncate(w.offset)
		return
	}
	p.write(w.data, w.offset)
}
