# A county's own layer, given as an example.
package yizhan.layer

allow if input.kind == "document"

allow if input.kind == "case"

allow if input.kind == "query"

# The county's office hears of every document that goes up without passing it.
obligations contains {"kind": "notify", "value": "office"} if {
	input.point == "submit"
	input.kind == "document"
	input.any.up == true
	input.from.office == false
}

warn contains {
	"code": "county.most_urgent",
	"zh": "特急件请同时电话告知收件单位",
	"en": "please also telephone the recipient of a most urgent document",
	"clause": "《县公文办理规则（示例）》第五条",
	"remedy": "电话告知后在附注中写明",
} if {
	input.point == "submit"
	input.urgency == "most_urgent"
}
