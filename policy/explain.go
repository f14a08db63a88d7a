package policy

import (
	"fmt"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// words of an explanation in one language.
type words struct {
	allowed, held, refused                     string
	reason, warning, obligation, judged        string
	clause, remedy, kernel, layer, none, comma string
	text                                       func(exchange.Reason) string
}

var languages = map[string]words{
	"zh": {
		allowed: "允许", held: "允许，但须先经人工审核", refused: "拒绝",
		reason: "理由", warning: "提示", obligation: "须履行", judged: "依据",
		clause: "条款", remedy: "怎么办", kernel: "内核", layer: "%s 规则", none: "各层规则均无异议", comma: "，",
		text: func(r exchange.Reason) string { return r.Chinese },
	},
	"en": {
		allowed: "Allowed", held: "Allowed, but held for a person's review", refused: "Refused",
		reason: "Reason", warning: "Note", obligation: "Must be done", judged: "Judged under",
		clause: "clause", remedy: "what to do", kernel: "kernel", layer: "policy of %s", none: "no layer objects", comma: ", ",
		text: func(r exchange.Reason) string { return r.English },
	},
}

// Explain puts a decision in plain language, "zh" or "en" (the default for any
// other), several lines without a final newline.
func Explain(d exchange.Decision, lang string) string {
	w, ok := languages[lang]
	if !ok {
		w = languages["en"]
	}
	var b strings.Builder
	b.WriteString(w.verdict(d))
	for _, r := range d.Reasons {
		w.line(&b, w.reason, r)
	}
	if d.Allow && len(d.Reasons) == 0 {
		b.WriteString(w.comma + w.none)
	}
	for _, r := range d.Warnings {
		w.line(&b, w.warning, r)
	}
	for _, o := range d.Obligations {
		fmt.Fprintf(&b, "\n  %s: %s", w.obligation, strings.TrimSpace(o.Kind+" "+o.Value))
	}
	fmt.Fprintf(&b, "\n  %s: %s", w.judged, w.revisions(d.Revisions))
	return b.String()
}

func (w *words) verdict(d exchange.Decision) string {
	switch {
	case !d.Allow:
		return w.refused
	case d.Hold:
		return w.held
	}
	return w.allowed
}

func (w *words) line(b *strings.Builder, label string, r exchange.Reason) {
	fmt.Fprintf(b, "\n  %s [%s, %s]: %s", label, r.Code, w.source(r.Layer), w.text(r))
	if r.Clause != "" {
		fmt.Fprintf(b, "\n    %s: %s", w.clause, r.Clause)
	}
	if r.Remedy != "" {
		fmt.Fprintf(b, "\n    %s: %s", w.remedy, r.Remedy)
	}
}

func (w *words) source(layer string) string {
	if layer == "kernel" {
		return w.kernel
	}
	return fmt.Sprintf(w.layer, layer)
}

func (w *words) revisions(list []exchange.Revision) string {
	var out []string
	for _, r := range list {
		out = append(out, fmt.Sprintf("%s #%d", w.source(r.Layer), r.Number))
	}
	return strings.Join(out, w.comma)
}
