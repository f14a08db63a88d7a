package kernel

import (
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/policy/facts"
)

const regulations = "《党政机关公文处理工作条例》"

// content rules ask whether this may go there.
var content = []rule{
	{reason("network.ceiling", "密级高于本交换域网络的准许等级；非涉密网络不得传输标密内容", "its grade of secrecy is above what this domain's network is built for; an unclassified network carries nothing that bears a grade",
		regulations+"第二十六条", "改用机要交通、密码电报或相应等级的涉密系统"), func(f *facts.Facts) bool { return !f.SelfFits }},
	{reason("network.ceiling.peer", "密级高于对端网络的准许等级", "its grade of secrecy is above what the neighbour's network is built for",
		regulations+"第二十六条", "改用机要交通、密码电报或相应等级的涉密系统"), func(f *facts.Facts) bool { return !f.PeerFits }},
	{reason("network.ceiling.recipient", "密级高于收件方网络的准许等级", "its grade of secrecy is above what a recipient's network is built for",
		regulations+"第二十六条", "从收件单位中去除等级不足者，改以机要方式送达"), func(f *facts.Facts) bool { return !f.AllFit }},
	{reason("R1", "越级行文而未抄送被越过的机关", "an upward document skips a level without a copy to the body that was skipped",
		regulations+"第十四条", "抄送被越过的机关，或改向直接上级行文"), skipsUncopied},
	{reason("R9", "办公厅（室）以外的部门不得向下级党委、政府发布指令性公文", "a body other than the general office may not issue a directive document to a lower party committee or government",
		regulations+"第十六条（二）", "请本级办公厅（室）转发，或改发下级对口部门，或以函行文"), directsLower},
	{reason("worksecret.kind", "工作秘密只能以公文发给指定单位，不得进入办件或查询", "a work secret travels only as a document to named recipients, never as a case or query",
		"《政务数据共享条例》；《保守国家秘密法》第六十四条", "改以公文发送"), func(f *facts.Facts) bool { return f.WorkSecret && f.Kind != exchange.Document }},
	{reason("worksecret.share", "工作秘密不得进入共享", "a work secret never enters sharing",
		"《政务数据共享条例》", "去除共享类型，或先行解除工作秘密"), func(f *facts.Facts) bool { return f.WorkSecret && f.Share != exchange.ShareUnset }},
	{reason("worksecret.disclosure", "工作秘密不得公开", "a work secret is never disclosed",
		"《政府信息公开条例》第十六条", "将公开属性改为不予公开"), func(f *facts.Facts) bool { return f.WorkSecret && disclosable(f) }},
	{reason("secret.share", "国家秘密不得进入共享", "a state secret never enters sharing",
		"《政务数据共享条例》", "去除共享类型"), func(f *facts.Facts) bool {
		return classified(f) && f.Share != exchange.ShareUnset && f.Share != exchange.ShareRefused
	}},
	{reason("secret.disclosure", "国家秘密不得公开", "a state secret is never disclosed",
		"《政府信息公开条例》第十四条", "将公开属性改为不予公开"), func(f *facts.Facts) bool { return classified(f) && disclosable(f) }},
	{reason("share.refused", "不予共享的数据不得作为共享数据离开本交换域", "data of share class “refused” does not leave its domain as shared data",
		"《政务数据共享条例》", "如确需报送，请改以公文行文，或由数据提供方变更共享类型"), sharesRefused},
	{reason("open.recipient", "只有发件或收件单位的人员可以打开", "only members of the sending or a receiving unit may open it",
		"GB/T 22239-2019", "由收件单位人员办理"), func(f *facts.Facts) bool { return atOpen(f) && !f.ActorConcerned }},
	{reason("open.role", "打开内容须有经办或签收角色", "opening needs the role of handler or clerk",
		"GB/T 22239-2019", "由本单位经办或签收人员办理；三员不得查看业务内容"), func(f *facts.Facts) bool { return atOpen(f) && !f.Actor.Has(exchange.Handler, exchange.Clerk) }},
	{reason("person.suspended", "人员已停用或未登记", "the person is suspended or not named",
		"GB/T 22239-2019", "联系本单位系统管理员"), func(f *facts.Facts) bool { return atOpen(f) && (f.Actor.Suspended || f.Actor.Person == "") }},
}

func classified(f *facts.Facts) bool { return f.Secrecy != exchange.Unclassified }

func disclosable(f *facts.Facts) bool {
	return f.Disclosure == exchange.DisclosureActive || f.Disclosure == exchange.DisclosureOnRequest
}

// skipsUncopied is R1. It concerns documents other than letters (函), upward
// only: issuing down through several levels at once is ordinary. A copy that
// skips counts too, or a main recipient elsewhere would be a way round it.
func skipsUncopied(f *facts.Facts) bool {
	return f.Kind == exchange.Document && f.Type != facts.TypeLetter && anyGroup(f, func(g *facts.Group) bool {
		return g.Direction == facts.Up && g.Skips && !g.Copied
	})
}

// directsLower is R9. A general office stands for the party committee or
// government it serves.
func directsLower(f *facts.Facts) bool {
	return f.Directive && !f.From.Unit.Office && anyGroup(f, func(g *facts.Group) bool {
		return g.Direction == facts.Down && g.Role == exchange.Main && g.Office
	})
}

func sharesRefused(f *facts.Facts) bool {
	return f.Kind != exchange.Document && f.Share == exchange.ShareRefused && f.Leaves
}
