# Routing rules (行文规则) of the 条例 beyond those the kernel holds (R1, R9).
package yizhan.layer

# R13: a body that is not one's superior is asked by letter.
deny contains {
	"code": "R13",
	"zh": "向非上级机关请求批准应当用函，不得用请示",
	"en": "a body that is not one's superior is asked by letter (函), never by 请示",
	"clause": "《党政机关公文处理工作条例》第八条（十四）",
	"remedy": "改用函",
} if {
	input.type_fits == false
	input.type == "0B"
}

# Reports go up; orders do not.
deny contains {
	"code": "type.direction",
	"zh": "文种与行文方向不符",
	"en": "this type of document may not be addressed in this direction",
	"clause": "《党政机关公文处理工作条例》第八条",
	"remedy": "更换文种，或更换主送机关",
} if {
	input.type_fits == false
	input.type != "0B"
}

# R2: an upward document may copy superiors and peers, never subordinates.
deny contains {
	"code": "R2.copy",
	"zh": "上行文不得抄送下级机关",
	"en": "an upward document is not copied to subordinates",
	"clause": "《党政机关公文处理工作条例》第十五条（一）",
	"remedy": "去除下级抄送机关",
} if {
	input.any.up == true
	input.any.down == true
	upward
	some r in input.to
	r.direction == "down"
	r.role == "copy"
}

# R2: in principle one main recipient; so a note, not a refusal.
warn contains {
	"code": "R2",
	"zh": "上行文原则上主送一个上级机关",
	"en": "an upward document has in principle one main recipient",
	"clause": "《党政机关公文处理工作条例》第十五条（一）",
	"remedy": "保留一个主送机关，其余改为抄送",
} if {
	input.any.up == true
	input.mains != 1
	upward
}

upward if {
	input.kind == "document"
	input.type in data.upward_types
}

# R10: a department directs the lower department of its own line, not another's.
deny contains {
	"code": "R10",
	"zh": "部门只能向下级对口部门发布指令性公文",
	"en": "a department issues directive documents only to the lower department of its own line",
	"clause": "《党政机关公文处理工作条例》第十六条（三）",
	"remedy": "改以函行文，或由办公厅（室）转发",
} if {
	input.directive == true
	input.any.down == true
	input.from.office == false
	input.from.line != ""
	some r in input.to
	r.direction == "down"
	r.role == "main"
	r.line != ""
	r.same_line == false
}

# A case travels between levels within its line; across lines it is handled
# jointly inside one domain.
deny contains {
	"code": "case.line",
	"zh": "办件跨层级流转应在本条线内",
	"en": "a case travels between domains within its own line of departments",
	"clause": "《国务院关于在线政务服务的若干规定》",
	"remedy": "先在本级转交对口部门，再由其上报或下转",
} if {
	input.kind == "case"
	input.from.line != ""
	some r in input.to
	r.direction != "inside"
	r.line != ""
	r.same_line == false
}
