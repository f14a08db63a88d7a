package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/mattn/go-runewidth"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// print writes v as JSON for programs, else what people prints.
func (a *app) print(v any, people func(w io.Writer)) error {
	if !a.json() {
		people(a.stdout)
		return nil
	}
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printLine writes v as one line of JSON, for streams.
func (a *app) printLine(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// table aligns columns by the width of characters on a terminal, where a
// Chinese character takes two places.
type table struct{ rows [][]string }

func newTable(head ...string) *table { return &table{rows: [][]string{head}} }

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) write(w io.Writer) {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i := range row {
			row[i] = strings.ReplaceAll(clean(row[i]), "\n", " ")
			widths[i] = max(widths[i], runewidth.StringWidth(row[i]))
		}
	}
	for _, row := range t.rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			b.WriteString(strings.Repeat(" ", widths[i]-runewidth.StringWidth(cell)+2))
		}
		_, _ = fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

// clean replaces what could command a terminal or reverse the direction of
// text. Titles and names come from other bodies.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || !unicode.IsControl(r) && !reverses(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}

// reverses reports whether r changes the direction of the text that follows.
func reverses(r rune) bool {
	return r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 || r == 0x200E || r == 0x200F
}

// stateWord is the state in English and Chinese.
func stateWord(s string) string {
	state, ok := exchange.ParseState(s)
	if !ok {
		return s
	}
	return s + " " + state.Chinese()
}

// clock shows a time as the wall clock here does.
func clock(t exchange.Time) string {
	if t == 0 {
		return "-"
	}
	return t.Std().Local().Format("2006-01-02 15:04")
}

// duration shows milliseconds roughly.
func duration(ms int64) string {
	if ms == 0 {
		return "-"
	}
	return (time.Duration(ms) * time.Millisecond).Round(100 * time.Millisecond).String()
}

// bytesOf shows a size in binary units.
func bytesOf(n int64) string {
	const unit = 1 << 10
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/unit, 0
	for ; v >= unit && i < 3; i++ {
		v /= unit
	}
	return fmt.Sprintf("%.1f %ciB", v, "KMGT"[i])
}

func joinUnits(units []exchange.Unit, most int) string {
	var names []string
	for i, u := range units {
		if i == most {
			names = append(names, fmt.Sprintf("… %d in all", len(units)))
			break
		}
		names = append(names, string(u))
	}
	return strings.Join(names, " ")
}

// fields prints label and value, skipping what is empty.
func fields(w io.Writer, pairs ...string) {
	t := &table{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			t.add(pairs[i], pairs[i+1])
		}
	}
	if len(t.rows) > 0 {
		t.write(w)
	}
}
