package layer

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Entry documents of a layer. Only allow must be there, and undefined is deny.
const (
	entryAllow       = "allow"
	entryDeny        = "deny"
	entryHold        = "hold"
	entryWarn        = "warn"
	entryObligations = "obligations"
)

var sets = []string{entryDeny, entryHold, entryObligations, entryWarn}

func isEntry(name string) bool {
	return name == entryAllow || isSet(name)
}

func isSet(name string) bool {
	for _, s := range sets {
		if s == name {
			return true
		}
	}
	return false
}

// entries checks the shape of every entry rule of every module.
func (a *analysis) entries() {
	allows := 0
	for i := range a.modules {
		m := &a.modules[i]
		for _, r := range m.Rules {
			name := headName(r)
			switch {
			case !isEntry(name):
				continue
			case m.test:
				a.add(where(r.Location), "entry.test", name+" may not be defined in a test file", "测试文件不得定义 "+name)
			case name == entryAllow:
				allows++
				a.allow(r)
			default:
				a.member(name, r)
			}
		}
	}
	if allows == 0 && len(a.modules) > 0 {
		a.add("", "entry.allow", "no rule defines allow; the layer would refuse everything", "未定义 allow，规则包将拒绝一切")
	}
}

func headName(r *ast.Rule) string {
	if ref := r.Head.Ref(); len(ref) > 0 {
		if v, ok := ref[0].Value.(ast.Var); ok {
			return string(v)
		}
	}
	return ""
}

func (a *analysis) allow(r *ast.Rule) {
	value := r.Head.Value
	if len(r.Head.Ref()) != 1 || r.Head.Key != nil || len(r.Head.Args) > 0 || value == nil || scalar(value) != "boolean" {
		a.add(where(r.Location), "entry.shape", "allow is a plain rule: allow if { … }", "allow 须写作 allow if { … }")
	}
}

func (a *analysis) member(name string, r *ast.Rule) {
	if len(r.Head.Ref()) != 1 || r.Head.Key == nil || len(r.Head.Args) > 0 || r.Default {
		a.add(where(r.Location), "entry.shape", name+" is a set: "+name+" contains { … } if { … }", name+" 须写作 "+name+" contains { … } if { … }")
		return
	}
	obj, ok := r.Head.Key.Value.(ast.Object)
	if !ok {
		a.add(where(r.Location), "reason.shape", "write the object in the rule's head, so that its text is fixed", "理由须直接写在规则头部")
		return
	}
	texts, ok := literals(obj)
	if !ok {
		a.add(where(r.Location), "reason.shape", "every key and value is literal text", "键和值都必须是固定文字")
		return
	}
	if name == entryObligations {
		a.obligation(r, texts)
	} else {
		a.reason(r, texts)
	}
}

// literals reads an object whose keys are strings and whose values are strings
// or numbers.
func literals(obj ast.Object) (map[string]string, bool) {
	out, ok := map[string]string{}, true
	obj.Foreach(func(k, v *ast.Term) {
		key, isText := k.Value.(ast.String)
		switch v := v.Value.(type) {
		case ast.String:
			out[string(key)] = string(v)
		case ast.Number:
			out[string(key)] = string(v)
		default:
			ok = false
		}
		ok = ok && isText
	})
	return out, ok
}

var codeForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,63}$`)

func (a *analysis) reason(r *ast.Rule, texts map[string]string) {
	at := where(r.Location)
	for k, v := range texts {
		if !strings.Contains(" code zh en clause remedy ", " "+k+" ") {
			a.add(at, "reason.shape", "a reason has code, zh, en, clause and remedy; not "+k, "理由中有不认识的键："+k)
		}
		if len(v) > 1024 {
			a.add(at, "reason.shape", k+" is longer than 1024 bytes", k+" 过长")
		}
	}
	if !codeForm.MatchString(texts["code"]) {
		a.add(at, "reason.code", "code is missing or not of letters, digits, dots and dashes", "缺少 code 或格式不对")
	}
	if !hasHan(texts["zh"]) {
		a.add(at, "reason.zh", "zh is missing or has no Chinese text", "缺少中文说明 zh")
	}
	if strings.TrimSpace(texts["en"]) == "" {
		a.add(at, "reason.en", "en is missing", "缺少英文说明 en")
	}
}

func (a *analysis) obligation(r *ast.Rule, texts map[string]string) {
	for k := range texts {
		if k != "kind" && k != "value" {
			a.add(where(r.Location), "obligation.shape", "an obligation has kind and value; not "+k, "义务中有不认识的键："+k)
		}
	}
	if !codeForm.MatchString(texts["kind"]) {
		a.add(where(r.Location), "obligation.shape", "kind is missing or malformed", "缺少 kind 或格式不对")
	}
}

func hasHan(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}
