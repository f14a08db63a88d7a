package facts

import "github.com/yizhan-exchange/yizhan/exchange"

// docType is what rules need to know of a type of document (文种, 条例 第八条).
// Package official has the whole table for the form of documents; this is the
// part that a policy is judged by, and a change here is a change of kernel
// revision.
type docType struct {
	refuse    []Direction // where its main recipients may not stand
	directive bool        // it binds the recipient (第十六条(二))
}

var docTypes = map[string]docType{
	"01": {directive: true},                                    // 决议
	"02": {refuse: []Direction{Up}, directive: true},           // 决定
	"03": {refuse: []Direction{Up, Parallel}, directive: true}, // 命令
	"04": {}, "05": {}, "06": {}, "07": {},                     // 公报, 公告, 通告, 意见
	"08": {refuse: []Direction{Up}, directive: true},           // 通知
	"09": {refuse: []Direction{Up}, directive: true},           // 通报
	"0A": {refuse: []Direction{Down, Parallel}},                // 报告
	"0B": {refuse: []Direction{Down, Parallel}},                // 请示
	"0C": {refuse: []Direction{Up, Parallel}, directive: true}, // 批复
	"0D": {refuse: []Direction{Up, Down}},                      // 议案
	"0E": {}, "0F": {}, "0Z": {},                               // 函, 纪要, 其他
}

// TypeLetter is 函, with which one writes to bodies outside one's hierarchy.
const TypeLetter = "0E"

// directive reports whether a type of document binds those below (指令性公文),
// which only a general office may send to a lower government.
func directive(code string) bool { return docTypes[code].directive }

// typeFits reports whether the type may be addressed that way. Copies, cases
// and units of one domain, whose order the directory does not tell, always fit;
// a type nobody knows fits nowhere else.
func typeFits(kind exchange.Kind, code string, role exchange.Role, d Direction) bool {
	if kind != exchange.Document || role != exchange.Main || d == Inside {
		return true
	}
	t, known := docTypes[code]
	for _, not := range t.refuse {
		if not == d {
			return false
		}
	}
	return known
}
