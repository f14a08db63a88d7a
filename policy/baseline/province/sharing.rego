# Sharing and disclosure.
package yizhan.layer

deny contains {
	"code": "share.class",
	"zh": "不予共享的数据不得作为办件或查询数据离开本交换域",
	"en": "data of share class \"refused\" does not leave its domain in a case or query",
	"clause": "《政务数据共享条例》",
	"remedy": "改以公文行文，或由数据提供方变更共享类型",
} if {
	input.kind != "document"
	input.share == "refused"
	input.leaves == true
}

# Conditionally shared data needs the provider's consent, which a person gives.
hold contains {
	"code": "share.conditional",
	"zh": "有条件共享的数据须经提供方审核",
	"en": "conditionally shared data waits for its provider's consent",
	"clause": "《政务数据共享条例》",
	"remedy": "数据提供方在十个工作日内答复",
} if {
	input.point == "submit"
	input.kind == "query"
	input.share == "conditional"
	input.leaves == true
}

# A share class belongs to data, not to a document.
warn contains {
	"code": "share.document",
	"zh": "公文不标注共享类型",
	"en": "a document carries no share class",
	"clause": "《政务数据共享条例》",
	"remedy": "去除共享类型；公开与否以公开属性表示",
} if {
	input.kind == "document"
	input.share != "unset"
}
