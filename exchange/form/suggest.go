package form

import (
	"sort"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Candidate is something a person may have meant: its name as the system
// writes it, and other words for it.
type Candidate struct {
	Name  string   // "wjw@320582", "请示"
	Alias []string // "昆山市卫生健康委员会"
}

const (
	suggestions = 5   // how many are worth reading
	maxInput    = 256 // bytes; nothing longer is a misspelt name
)

// Suggest returns the names nearest to the input, best first, at most five: a
// word that contains the input or is contained in it, or differs in no more
// than a third of its characters. It returns nothing for a blank input.
func Suggest(input string, candidates []Candidate) []string {
	input = strings.ToLower(strings.TrimSpace(input))
	if input == "" || len(input) > maxInput {
		return nil
	}
	type scored struct {
		name  string
		score int
	}
	var found []scored
	for _, c := range candidates {
		if s, ok := nearest(input, c); ok {
			found = append(found, scored{c.Name, s})
		}
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].score < found[j].score })
	var out []string
	for _, f := range found[:min(len(found), suggestions)] {
		out = append(out, f.name)
	}
	return out
}

// nearest returns the best score over the candidate's words; 0 is the same.
func nearest(input string, c Candidate) (score int, ok bool) {
	for _, word := range append([]string{c.Name}, c.Alias...) {
		s, near := distance(input, strings.ToLower(word))
		if near && (!ok || s < score) {
			score, ok = s, true
		}
	}
	return score, ok
}

// distance orders by edits, so that an exact word comes before one that
// contains the input, and that before one with as many wrong characters.
func distance(input, word string) (score int, near bool) {
	long := max(len([]rune(input)), len([]rune(word)))
	edits := levenshtein.ComputeDistance(input, word)
	switch {
	case word == "":
		return 0, false
	case strings.Contains(word, input) && len([]rune(input)) > 1:
		return edits, true
	case edits <= max(1, long/3) && edits < long:
		return edits + 1, true
	}
	return 0, false
}
