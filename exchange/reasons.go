package exchange

import "slices"

// ActReason is a reason that a person chooses for an act. The code travels
// where every station on the road can read it, so acts take no free text
// except a sealed note.
type ActReason struct {
	Code    string
	Chinese string
}

// ReturnReasons are the failed checks of 初审 for which a document may be
// returned (条例 第二十四条(三)).
func ReturnReasons() []ActReason {
	return []ActReason{
		{"not_ours", "不应由本机关办理"},
		{"routing", "不符合行文规则"},
		{"form", "文种、格式不符合要求"},
		{"not_agreed", "涉及其他地区或部门职权的事项未协商、会签"},
		{"drafting", "不符合公文起草的其他要求"},
	}
}

// RecallReasons say why a sender takes something back.
func RecallReasons() []ActReason {
	return []ActReason{
		{"content", "内容有误"},
		{"recipient", "发送对象有误"},
		{"superseded", "已另行发文"},
		{"withdrawn", "事项已撤销"},
	}
}

// FindReason returns the code of a reason that was given as its code or as its
// Chinese text.
func FindReason(reasons []ActReason, given string) (code string, ok bool) {
	i := slices.IndexFunc(reasons, func(r ActReason) bool { return r.Code == given || r.Chinese == given })
	if i < 0 {
		return "", false
	}
	return reasons[i].Code, true
}
