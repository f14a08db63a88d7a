package chaos

import (
	"fmt"
	"strings"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Table sums results up by kind of fault, in Markdown.
func Table(results []Result) string {
	var b strings.Builder
	b.WriteString("| fault | runs | acknowledged | lost | duplicated | other violations | longest without service: county, city, province |\n|---|---|---|---|---|---|---|\n")
	for _, kind := range Faults {
		row(&b, string(kind), results, func(r Result) bool { return r.Kind == kind })
	}
	row(&b, "**together**", results, func(Result) bool { return true })
	return b.String()
}

func row(b *strings.Builder, name string, results []Result, which func(Result) bool) {
	var sum Result
	runs, other := 0, 0
	longest := map[exchange.Domain]time.Duration{}
	for _, r := range results {
		if !which(r) {
			continue
		}
		runs++
		sum.Acknowledged += r.Acknowledged
		sum.Lost += r.Lost
		sum.Duplicated += r.Duplicated
		other += len(r.Violations) - r.Lost - r.Duplicated
		for d, l := range r.Longest {
			longest[d] = max(longest[d], l)
		}
	}
	if runs == 0 {
		return
	}
	var gaps []string
	for _, d := range levels {
		gaps = append(gaps, fmt.Sprintf("%.1f s", longest[d].Seconds()))
	}
	fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %d | %s |\n", name, runs, sum.Acknowledged, sum.Lost, sum.Duplicated, other, strings.Join(gaps, ", "))
}
