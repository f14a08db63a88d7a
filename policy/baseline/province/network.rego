# Secrecy against networks and clearances. The kernel has refused most of this
# already; it is said again so that no single defect opens the way.
package yizhan.layer

deny contains {
	"code": "province.network",
	"zh": "密级高于所经网络的准许等级",
	"en": "the grade of secrecy is above what a network on the way is built for",
	"clause": "《党政机关公文处理工作条例》第二十六条",
	"remedy": "改用机要交通、密码电报或相应等级的涉密系统",
} if {
	beyond_network
}

beyond_network if input.fits.self == false

beyond_network if input.fits.peer == false

beyond_network if input.fits.all == false

# A unit receives only what it is cleared for.
deny contains {
	"code": "clearance.unit",
	"zh": "收件单位的知悉范围低于密级",
	"en": "a receiving unit is not cleared for this grade of secrecy",
	"clause": "《保守国家秘密法》第二十条",
	"remedy": "从收件单位中去除未获授权的单位",
} if {
	input.fits.units == false
}

# A person opens only what he or she is cleared for.
deny contains {
	"code": "clearance.person",
	"zh": "打开人的涉密等级低于密级",
	"en": "the person is not cleared for this grade of secrecy",
	"clause": "《保守国家秘密法》第四十三条",
	"remedy": "由具备相应涉密等级的人员办理",
} if {
	input.point == "open"
	input.actor.cleared == false
}

# A body without authority to classify may still pass on a source's grade
# (派生定密), so a person looks at it instead of a rule refusing it. Which levels
# have authority is local practice and stands in the data.
hold contains {
	"code": "classify.authority",
	"zh": "发文机关所在层级一般无此密级的定密权，须核对派生定密依据",
	"en": "bodies of this level rarely hold authority for this grade; the source it is derived from is to be checked",
	"clause": "《国家秘密定密管理规定》",
	"remedy": "由安全保密管理员核对定密依据后放行",
} if {
	input.point == "submit"
	input.classified == true
	not may_classify
}

may_classify if input.secrecy in data.classification[input.from.level]
