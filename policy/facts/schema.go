package facts

// Node describes one place of the input that rules read. The whole input has
// exactly this shape at every evaluation: nothing optional, nothing more.
type Node struct {
	Type   string           // "object", "array", "string", "number" or "boolean"
	Enum   []string         // the only values of a string, when it is closed
	Fields map[string]*Node // of an object
	Items  *Node            // of an array
	About  string           // what it says, for the reference and for officers
}

func text(about string) *Node   { return &Node{Type: "string", About: about} }
func number(about string) *Node { return &Node{Type: "number", About: about} }
func flag(about string) *Node   { return &Node{Type: "boolean", About: about} }
func list(items *Node) *Node    { return &Node{Type: "array", Items: items, About: items.About} }
func enum(words []string, about string) *Node {
	return &Node{Type: "string", Enum: words, About: about}
}

// Schema is the shape of input.
var Schema = &Node{Type: "object", About: "the exchange under judgement", Fields: map[string]*Node{
	"point":       enum(pointWords, "where policy is asked"),
	"kind":        enum(kindWords[1:], "what is exchanged"),
	"type":        text("文种 code, or kind of case"),
	"urgency":     enum(urgencyWords, "紧急程度"),
	"secrecy":     enum(gradeWords, "密级"),
	"classified":  flag("it bears a 密级"),
	"years":       number("保密期限 in years, 0 when unclassified"),
	"work_secret": flag("工作秘密"),
	"disclosure":  enum(disclosureWords, "公开属性"),
	"share":       enum(shareWords, "共享类型"),
	"mains":       number("how many main recipients it has"),
	"directive":   flag("a document that binds those below (指令性公文)"),
	"type_fits":   flag("the type of document may be addressed to every recipient"),
	"leaves":      flag("some recipient is outside the sender's domain"),
	"self": {Type: "object", About: "the deciding domain", Fields: map[string]*Node{
		"domain":  text("its name"),
		"level":   enum(levelWords, "its level"),
		"ceiling": enum(gradeWords, "the grade its network is built for"),
	}},
	"peer": {Type: "object", About: "the neighbour on the link", Fields: map[string]*Node{
		"present": flag("a link is involved"),
		"domain":  text("its name, empty when absent"),
		"level":   enum(levelWords, "its level, empty when absent"),
		"ceiling": enum(gradeWords, "the grade its network is built for"),
	}},
	"from": {Type: "object", About: "the sender", Fields: map[string]*Node{
		"unit":   text("its name, unit@domain"),
		"domain": text("its domain"),
		"level":  enum(levelWords, "level of its domain"),
		"line":   text("its vertical line, empty for none"),
		"office": flag("it is a general office"),
	}},
	"any": {Type: "object", About: "some recipient lies that way", Fields: map[string]*Node{
		"up": flag("上行"), "down": flag("下行"), "parallel": flag("平行"), "inside": flag("the same domain"),
	}},
	"fits": {Type: "object", About: "密级 within what is permitted", Fields: map[string]*Node{
		"self":  flag("by the deciding domain's network"),
		"peer":  flag("by the neighbour's network"),
		"all":   flag("by every recipient's network"),
		"units": flag("by the clearance of every recipient unit"),
	}},
	"actor": {Type: "object", About: "who acts, at submit and open", Fields: map[string]*Node{
		"unit":      text("unit of the person"),
		"handler":   flag("经办"),
		"clerk":     flag("签收"),
		"concerned": flag("the unit sends or receives this exchange"),
		"cleared":   flag("密级 within the person's clearance"),
	}},
	"to": list(groupSchema),
}}

var groupSchema = &Node{Type: "object", About: "recipients alike in everything said here", Fields: map[string]*Node{
	"units":      list(text("names of the units")),
	"domains":    list(text("their domains")),
	"level":      enum(levelWords, "level of their domain"),
	"line":       text("their vertical line, empty for none"),
	"role":       enum(roleWords, "主送 or 抄送"),
	"direction":  enum(directionWords[1:], "how they lie to the sender"),
	"skips":      flag("more than one level away"),
	"copied":     flag("every body between is addressed too"),
	"office":     flag("general offices"),
	"same_line":  flag("of the sender's vertical line"),
	"type_fits":  flag("the type of document may be addressed this way"),
	"within_net": flag("密级 within the ceiling of their network"),
	"cleared":    flag("密级 within the clearance of the units"),
	"here":       flag("in the deciding domain"),
}}
