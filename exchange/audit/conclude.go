package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// claims finds the proven state of every delivery and compares it with the one
// that the index claims.
func (v *verifier) claims() {
	if v.manifest == nil {
		if len(v.table.Deliveries) > 0 {
			v.fail(ErrUnproven, "deliveries", "清单有问题", "the manifest that names the recipients is not sound")
		}
		return
	}
	var list []stated
	for _, r := range v.receipts {
		if r.proven {
			list = append(list, r.stated)
		}
	}
	list = inOrder(list)
	pointers := make([]*stated, len(list))
	for i := range list {
		pointers[i] = &list[i]
	}
	for i, to := range v.manifest.To {
		d := Delivery{Index: uint16(i), To: to.Unit, Chinese: "无回执"}
		if r := final(pointers, d.Index, to.Unit.Domain()); r != nil {
			d.State, d.Name, d.Chinese, d.At = r.State, r.State.String(), r.State.Chinese(), r.At
			d.Steps = v.steps(r)
		}
		v.report.Deliveries = append(v.report.Deliveries, d)
	}
	if v.indexed {
		v.compare()
	}
}

func (v *verifier) steps(last *stated) (out []Step) {
	for r := v.byDigest[last.digest]; r != nil; r = r.prev {
		out = append(out, Step{
			State: r.State, Name: r.State.String(), Domain: r.Domain, Unit: r.Unit, Person: r.Person,
			At: r.At, Reasons: r.Reasons, Object: r.object,
		})
	}
	slices.Reverse(out)
	return out
}

func (v *verifier) compare() {
	if len(v.table.Deliveries) != len(v.report.Deliveries) {
		v.fail(ErrIndex, nameIndex, "收文单位数目不符", "the index lists %d deliveries, the manifest %d", len(v.table.Deliveries), len(v.report.Deliveries))
		return
	}
	for i, d := range v.report.Deliveries {
		c, object := v.table.Deliveries[i], fmt.Sprintf("deliveries/%d", i)
		switch {
		case c.Index != d.Index || c.To != d.To:
			v.fail(ErrIndex, nameIndex, "第 %d 个收文单位不符", "delivery %d is to another unit in the manifest", i)
		case c.State == d.Name:
			v.pass("delivery", object, "%[1]s：%[3]s", "%s: %s", d.To, word(d.Name), d.Chinese)
		case v.damaged() || v.keysUnsure() || v.failed[ErrMissingEntry] > 0:
			v.fail(ErrUnproven, object, "所称状态 %[2]q 未获证明", "%s: the index claims %q, the sound receipts prove %q", d.To, c.State, d.Name)
		default:
			v.fail(ErrMissingReceipt, object, "%[1]s 所称状态为 %[2]q，回执只证明 %[3]q", "%s: the index claims %q, the receipts prove %q", d.To, c.State, d.Name)
		}
	}
}

func word(state string) string {
	if state == "" {
		return "no receipt"
	}
	return state
}

// conclude says in plain words what is proved, and what is not.
func (v *verifier) conclude() {
	m := v.manifest
	if m == nil {
		return
	}
	v.say("%[1]s 为单位 %[2]s 签发了交换 %[3]s（共 %[4]d 个收文单位），称签发于 %[5]s。",
		"%[1]s signed exchange %[3]s of its unit %[2]s to %[4]d recipients, and says it did so on %[5]s.",
		m.From.Domain(), m.From, m.ID, len(m.To), clock(m.Created))
	for _, d := range v.report.Deliveries {
		for _, s := range d.Steps {
			v.say("%[1]s 声明：对 %[2]s 的投递，%[3]s（%[5]s）%[6]s。", "%[1]s states of the delivery to %[2]s: %[4]s, on %[5]s%[7]s.",
				s.Domain, d.To, s.State.Chinese(), s.State, clock(s.At), who(s, "，经办 "), who(s, ", by "))
		}
	}
	switch {
	case v.report.Header != nil:
		v.say("内容已用所披露的密钥打开，与清单签名所定的内容一致。", "The content opens with the disclosed key and is the one that the signed manifest fixes.")
	case v.table.Content == Sealed && v.indexed:
		v.say("所附密封内容正是清单签名所定的内容；其含义未披露。", "The sealed content is the one that the signed manifest fixes; what it says is not disclosed.")
	}
	v.say("时间为各签名者所称，由前后回执互相约束。", "Times are the signers' own claims, bounded by the receipts before and after.")
}

func who(s Step, lead string) string {
	if s.Unit == "" {
		return ""
	}
	return lead + strings.TrimPrefix(string(s.Person)+" @ "+string(s.Unit), " @ ")
}

func (v *verifier) say(zh, en string, args ...any) {
	v.report.Proves = append(v.report.Proves, Sentence{render(zh, args), render(en, args)})
}

// beijing is the time that Chinese offices write.
var beijing = time.FixedZone("UTC+8", 8*3600)

func clock(t exchange.Time) string { return t.Std().In(beijing).Format("2006-01-02 15:04:05 -07:00") }
