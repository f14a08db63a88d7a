package kernel

import (
	"slices"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/policy/facts"
)

// identity rules ask who is writing to whom, and whether they may at all.
var identity = []rule{
	{reason("question.invalid", "交换内容含本版本不认识的取值，或没有可判定的收件单位", "the exchange has a value this version does not know, or no recipient to judge",
		"", "检查类型、密级、紧急程度等取值，或升级网关"), invalid},
	{reason("domain.unknown", "交换域不在经核验的目录中，或与单位不一致", "a domain is not in the verified directory, or does not match its unit",
		"", "核对收件单位所属的交换域，必要时请上级更新目录"), domainUnknown},
	{reason("unit.unknown", "发件或收件单位未在目录中登记", "the sending or a receiving unit is not in the directory",
		"", "核对单位名称，或请其所在地登记"), unitUnknown},
	{reason("unit.suspended", "发件或收件单位（或其交换域）已停用", "the sending or a receiving unit, or its domain, is suspended",
		"", "联系该单位的主管交换域"), suspended},
	{reason("key.revoked", "签名所用证书已吊销", "the key that signed this is revoked",
		"《电子签名法》第十三条", "更换证书后重新发送"), func(f *facts.Facts) bool { return f.RevokedKey }},
	{reason("relation.unknown", "无法从目录确定双方的隶属关系", "how sender and recipient lie to each other cannot be established from the directory",
		"《条例》第十三条", "待目录同步后重发，或请上级补全目录"), func(f *facts.Facts) bool { return !f.RoutesKnown }},
}

// invalid also holds for a submission in the name of another domain's unit.
func invalid(f *facts.Facts) bool {
	return !f.Valid() || len(f.Groups) == 0 ||
		(f.Point == exchange.PointSubmit && f.From.Domain.Domain != f.Self.Domain)
}

func domainUnknown(f *facts.Facts) bool {
	return f.Self.Domain == "" || f.From.Domain.Domain == "" || anyGroup(f, func(g *facts.Group) bool {
		return slices.Contains(g.Domains, "")
	})
}

func unitUnknown(f *facts.Facts) bool {
	return !f.Named() || anyGroup(f, func(g *facts.Group) bool { return !g.Known })
}

func suspended(f *facts.Facts) bool {
	return f.Self.Suspended || f.Peer.Suspended || f.From.Unit.Suspended || f.From.Domain.Suspended ||
		anyGroup(f, func(g *facts.Group) bool { return !g.Active })
}

// atOpen reports whether a person is about to read the content.
func atOpen(f *facts.Facts) bool { return f.Point == exchange.PointOpen }
