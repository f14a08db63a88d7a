package policy

import (
	"slices"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/policy/kernel"
	"github.com/yizhan-exchange/yizhan/policy/layer"
)

var noPolicy = exchange.Reason{Code: "policy.none", Layer: kernel.Layer,
	Chinese: "本交换域尚无生效的规则，默认拒绝", English: "no policy is in force here; the default is to refuse",
	Clause: "GB/T 22239-2019", Remedy: "请安全保密管理员发布规则"}

// combine unites the verdicts: allowed only if every layer allows and none
// denies; every obligation of every layer, the strictest of each kind.
func (e *Engine) combine(d *exchange.Decision, s *Set, verdicts []layer.Verdict) {
	u := union{known: e.known}
	var holds []exchange.Reason
	for i := range verdicts {
		v, issuer := &verdicts[i], string(s.layers[i].Issuer)
		d.Reasons = append(d.Reasons, v.Deny...)
		if !v.Allow && len(v.Deny) == 0 {
			d.Reasons = append(d.Reasons, notAllowed(issuer))
		}
		holds = append(holds, v.Hold...)
		d.Warnings = append(d.Warnings, v.Warn...)
		for _, o := range v.Obligations {
			u.add(issuer, o)
		}
	}
	d.Reasons = append(d.Reasons, u.reasons...)
	if len(d.Reasons) > 0 {
		return
	}
	d.Allow, d.Obligations, d.Reasons = true, u.list(), holds
	d.Hold = len(holds) > 0 || u.holds()
}

func (u *union) holds() bool {
	return slices.ContainsFunc(u.every, func(o exchange.Obligation) bool { return o.Kind == kindHold })
}

func notAllowed(issuer string) exchange.Reason {
	return exchange.Reason{Code: "layer.undefined", Layer: issuer,
		Chinese: "该层规则未明确允许此类交换，默认拒绝", English: "this layer does not say that such an exchange is allowed; the default is to refuse",
		Clause: "GB/T 22239-2019", Remedy: "请规则发布方明确允许的范围"}
}
