# A city's own layer, given as an example. It can add to what the province asks
# and never take away.
package yizhan.layer

allow if input.kind == "document"

allow if input.kind == "case"

allow if input.kind == "query"

# The city keeps a year.
obligations contains {"kind": "retain_days", "value": "365"}

# Work secrets that leave for a body outside the city's own tree are looked at
# by a person first.
hold contains {
	"code": "worksecret.parallel",
	"zh": "工作秘密发往不相隶属机关，须先经审核",
	"en": "a work secret addressed to a body outside the hierarchy is reviewed first",
	"clause": "《苏州市交换规则（示例）》第二条",
	"remedy": "由安全保密管理员审核放行",
} if {
	input.point == "submit"
	input.work_secret == true
	input.any.parallel == true
}

# Some kinds of case are closed to counties listed in the data.
deny contains {
	"code": "case.closed",
	"zh": "该类办件已停止由本县上报",
	"en": "this kind of case is no longer filed by this county",
	"clause": "《苏州市交换规则（示例）》第三条",
	"remedy": "改由市级窗口直接受理",
} if {
	input.kind == "case"
	input.type in data.closed_cases[input.from.domain]
}
