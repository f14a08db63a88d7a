package audit

import (
	"fmt"
	"strings"
)

// Text renders the report for people, in Chinese for "zh" and otherwise in
// English: the verdict, what failed, what is proved.
func (r *Report) Text(lang string) string {
	zh := strings.HasPrefix(lang, "zh")
	pick := func(chinese, english string) string {
		if zh {
			return chinese
		}
		return english
	}
	var b strings.Builder
	failed := r.Failed()
	if len(failed) == 0 {
		fmt.Fprintf(&b, pick("核验通过：交换 %s，信任锚 %s，共 %d 项检查\n", "VERIFIED: exchange %s, anchor %s, %d checks\n"), r.Exchange, r.Root, len(r.Checks))
	} else {
		fmt.Fprintf(&b, pick("核验未通过：%d 项问题（共 %d 项检查）\n", "NOT VERIFIED: %d problems in %d checks\n"), len(failed), len(r.Checks))
	}
	for _, c := range failed {
		fmt.Fprintf(&b, "  ✗ %s: %s\n", c.Object, pick(c.Chinese, c.class.English+": "+c.Detail))
	}
	for _, c := range r.Checks {
		if c.Warning {
			fmt.Fprintf(&b, "  ! %s: %s\n", c.Object, pick(c.Chinese, c.Detail))
		}
	}
	for _, d := range r.Deliveries {
		fmt.Fprintf(&b, "  → %s  %s", d.To, pick(d.Chinese, word(d.Name)))
		if d.At != 0 {
			fmt.Fprintf(&b, "  %s", clock(d.At))
		}
		b.WriteString("\n")
	}
	if len(r.Proves) > 0 {
		b.WriteString(pick("证据表明：\n", "What this proves:\n"))
	}
	for _, s := range r.Proves {
		fmt.Fprintf(&b, "  · %s\n", pick(s.Chinese, s.English))
	}
	return b.String()
}
