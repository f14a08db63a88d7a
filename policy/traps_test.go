package policy_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/policy"
)

// The traps here were each reproduced against a plain use of OPA, where they
// turn a deny into an allow or stop the process. Each test says how it is held.

const denyA = `deny contains {"code": "a", "zh": "拒", "en": "a"} if `

// A clearance that nobody stated is the lowest, not undefined: the comparison
// is made in Go over typed values and the deny fires.
func TestTrapMissingClearanceRefuses(t *testing.T) {
	q := classifiedNetwork()
	q.To[0].Unit = exchange.UnitInfo{Unit: "bgs@320000"}
	d := ask(t, newEngine(t, bundles()), q)
	if d.Allow || codes(d.Reasons) != "320000/clearance.unit" {
		t.Fatalf("%+v", d)
	}
}

// Comparisons that OPA accepts and that never fire do not load.
func TestTrapComparisonsThatNeverFire(t *testing.T) {
	for condition, code := range map[string]string{
		`input.years < "3"`:                                       "compare.order",
		`input.secrecy < "secret"`:                                "compare.order",
		`"9" > input.mains`:                                       "compare.order",
		`input.years == "3"`:                                      "compare.type",
		`input.classified == "true"`:                              "compare.type",
		`input.mains == true`:                                     "compare.type",
		`input.kind == input.classified`:                          "compare.type",
		`input.kind == input.secrecy`:                             "compare.type",
		`input.secrecy == "机密"`:                                   "compare.enum",
		`input.kind in {"document", "cases"}`:                     "compare.enum",
		`"cases" == input.kind`:                                   "compare.enum",
		`input.clearance == 1`:                                    "input.unknown",
		`input.from.clearance.grade == 1`:                         "input.unknown",
		`input.to.direction == "up"`:                              "input.unknown",
		`input.kind.name == "x"`:                                  "input.unknown",
		`input.to[0].directon == "up"`:                            "input.unknown",
		`some r in input.to; r.direction == "upward"`:             "compare.enum",
		`some r in input.to; r.directon == "up"`:                  "input.unknown",
		`r := input.to[_]; r.role == "cc"`:                        "compare.enum",
		`every r in input.to { r.role == "cc" }`:                  "compare.enum",
		`x := input; x.kindd == "case"`:                           "input.unknown",
		`count([r | some r in input.to; r.level == "towns"]) > 0`: "compare.enum",
		`input[k] == "case"; k == "kind"`:                         "input.dynamic",
		`not input.secrecy`:                                       "compare.truth",
		`input.kind`:                                              "compare.truth",
		`some x in shadow; x.directon == "up"`:                    "field.unknown",
		`wrong(input.to[0])`:                                      "compare.enum",
		`data.units["a"] == 1`:                                    "data.unknown",
		`data.yizhan.entry.allow`:                                 "data.unknown",
		`data[x] == 1; x == "a"`:                                  "data.unknown",
		`1 in input.to[0].units`:                                  "compare.type",
		`input.mains == 1e9`:                                      "number.form",
		`input.mains == 12345678901234567890`:                     "number.form",
		`count(deny2) == 0 with input.kind as "case"`:             "with",
	} {
		text := allowAll + "shadow contains x if some x in input.to\nwrong(r) if r.role == \"cc\"\ndeny2 contains 1\n" + denyA + "{\n" + condition + "\n}"
		if code == "compare.enum" && !strings.HasPrefix(condition, "wrong") {
			text = strings.Replace(text, "wrong(r) if r.role == \"cc\"\n", "", 1)
		}
		wantProblem(t, module(text), code)
	}
}

func wantProblem(t *testing.T, files []exchange.PolicyFile, code string) {
	t.Helper()
	list := policy.Check(files)
	for _, p := range list {
		if p.Code == code {
			if p.Chinese == "" || p.Message == "" {
				t.Errorf("%s without words: %+v", code, p)
			}
			if _, err := policy.Load([]exchange.PolicyBundle{{Issuer: "320000", Files: files}}); exchange.CodeOf(err) != exchange.Invalid {
				t.Errorf("loads although it does not pass: %v", err)
			}
			return
		}
	}
	t.Errorf("no %s in %+v for\n%s", code, list, files[0].Data)
}

// A built-in that fails must not silently skip its deny.
func TestTrapBuiltInErrorIsUnavailable(t *testing.T) {
	for _, condition := range []string{
		`sum(input.to[0].units) > 0`,
		`some x in data.mixed; startswith(x, "1")`,
		`some x in data.mixed; count(x) == 9`,
		`some x in data.mixed; x + 1 == 9`,
	} {
		b := layer("320000", allowAll+denyA+"{\n"+condition+"\n}")
		b.Files = append(b.Files, exchange.PolicyFile{Path: "data.json", Data: []byte(`{"mixed": [true]}`)})
		e := newEngine(t, []exchange.PolicyBundle{b})
		d, err := e.Decide(context.Background(), policy.Sample())
		if exchange.CodeOf(err) != exchange.Unavailable || d.Allow {
			t.Errorf("%s: %+v %v", condition, d, err)
		}
	}
}

// OPA's rule index passes over startswith(number, …) before it can fail, strict
// or not; so operands of the wrong type do not load.
func TestTrapOperandsOfTheWrongType(t *testing.T) {
	for _, condition := range []string{
		`startswith(input.mains, "1")`, `startswith("1", input.mains)`, `endswith(input.classified, "e")`,
		`contains(data.number, "1")`, `lower(input.to[0].skips) == "x"`, `count(input.mains) > 0`,
		`max(input.kind) == "x"`, `count(input.kind) == 4`, `sum(data.number) == 1`,
	} {
		files := append(module(allowAll+denyA+condition), exchange.PolicyFile{Path: "data.json", Data: []byte(`{"number": 1}`)})
		wantProblem(t, files, "compare.type")
	}
}

// A rule with two values is an error of the evaluation, not a choice.
func TestTrapConflictIsUnavailable(t *testing.T) {
	e := newEngine(t, []exchange.PolicyBundle{layer("320000", "allow := true if input.leaves == true\nallow := false if input.kind == \"case\"")})
	if d, err := e.Decide(context.Background(), policy.Sample()); exchange.CodeOf(err) != exchange.Unavailable || d.Allow {
		t.Fatalf("%+v %v", d, err)
	}
}

// In one shared namespace a subordinate's `scope_ok if true` is one more way to
// satisfy the superior's rule, and its deny is gone. Layers share nothing.
func TestTrapSubordinateCannotExtendItsSuperior(t *testing.T) {
	superior := layer("320000", allowAll+denyA+"not scope_ok\nscope_ok if input.kind == \"document\"")
	subordinate := layer("320500", allowAll+"scope_ok if true")
	d := ask(t, newEngine(t, []exchange.PolicyBundle{superior, subordinate}), policy.Sample())
	if d.Allow || codes(d.Reasons) != "320000/a" {
		t.Fatalf("the superior's deny was erased: %+v", d)
	}
}

// Nor can it reach the superior's package, its data, or the engine's entry.
func TestTrapForeignPackagesAndImports(t *testing.T) {
	for text, code := range map[string]string{
		"package yizhan.entry\n\nallow := true":                             "package",
		"package yizhan.layer.more\n\nallow := true":                        "package",
		"package superior\n\nscope_ok if true":                              "package",
		"package yizhan.layer\n\nimport data.superior\n\nallow := true":     "import",
		"package yizhan.layer\n\nimport input.kind\n\nallow := true":        "import",
		"package yizhan.layer\n\nallow if data.superior.scope_ok":           "data.unknown",
		"package yizhan.layer\n\nallow if data.yizhan[x].allow\nx := \"e\"": "data.unknown",
	} {
		wantProblem(t, []exchange.PolicyFile{{Path: "a.rego", Data: []byte(text)}}, code)
	}
}

// bits.lsh(1, 40000000) ran for seconds under a deadline of milliseconds,
// since a built-in is not interrupted. What can grow its argument, reach the
// world or differ between replicas is not there to be called.
func TestTrapBuiltInsThatAreNotThere(t *testing.T) {
	for _, call := range []string{
		`bits.lsh(1, 40000000) > 0`, `9 * 9 == 81`, `9 / 3 == 3`, `9 % 2 == 1`,
		`http.send({"method": "get", "url": "http://x"}).status_code == 200`,
		`time.now_ns() > 0`, `rand.intn("x", 9) == 1`, `uuid.rfc4122("x") != ""`, `opa.runtime() != {}`,
		`regex.match("(a*)*b", "aaaa")`, `numbers.range(1, 99999999)[0] == 1`, `sprintf("%1000000d", [1]) != ""`,
		`concat("", ["a", "a"]) == "aa"`, `replace("aa", "a", "aa") == ""`, `object.get(input, "clearance", 9) == 9`,
		`json.unmarshal("{}") == {}`, `walk(input, [[], 1])`, `array.concat([1], [2]) == []`, `io.jwt.decode("a")`,
		`net.lookup_ip_addr("x") != set()`, `glob.match("*", [], "a")`, `graph.reachable({}, {"a"}) == set()`,
		`to_number("x") == 1`, `units.parse("1K") == 1`, `crypto.md5("x") == ""`, `strings.repeat("a", 9999999) == ""`,
	} {
		list := policy.Check(module(allowAll + denyA + call))
		if len(list) == 0 {
			t.Errorf("%s passes", call)
		}
	}
}

// What is there is interrupted: a rule that would run for hours costs the
// deadline and no more, and nothing is decided.
func TestTrapCPUBurnEndsAtTheDeadline(t *testing.T) {
	n := `["0","1","2","3","4","5","6","7","8","9"]`
	burn := allowAll + "n := " + n + "\n" + denyA + `count([1 | some a in n; some b in n; some c in n; some d in n; some e in n
some f in n; some g in n; some h in n; some i in n; a == b; b != i; h == "x"]) == 1`
	e, err := policy.NewEngine(policy.Options{Deadline: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	set, err := policy.Load([]exchange.PolicyBundle{layer("320000", burn)})
	if err != nil {
		t.Fatal(problems(err))
	}
	e.Swap(set)
	start := time.Now()
	d, err := e.Decide(context.Background(), policy.Sample())
	if exchange.CodeOf(err) != exchange.Unavailable || d.Allow || len(d.Reasons) > 0 {
		t.Fatalf("%+v %v", d, err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Fatalf("the deadline did not hold: %v", took)
	}
}

func TestACancelledCallerIsUnavailable(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	e := newEngine(t, []exchange.PolicyBundle{layer("320000", allowAll+`n := ["0","1","2","3","4","5","6","7","8","9"]
`+denyA+`count([1 | some a in n; some b in n; some c in n; some d in n; some e in n; some f in n; some g in n; a != g]) == 1`)})
	if _, err := e.Decide(ctx, policy.Sample()); exchange.CodeOf(err) != exchange.Unavailable {
		t.Fatal(err)
	}
}

// A reason whose text is computed, or is not a reason, could carry content or
// be lost on its way to the sender.
func TestTrapReasonsWithoutTheirShape(t *testing.T) {
	for head, code := range map[string]string{
		`deny contains "no"`: "reason.shape",
		`deny contains {"code": "a", "zh": input.type, "en": "a"}`:    "reason.shape",
		`deny contains {"code": "a", "zh": "拒", "en": "a", "x": "y"}`: "reason.shape",
		`deny contains {"zh": "拒", "en": "a"}`:                        "reason.code",
		`deny contains {"code": "a b", "zh": "拒", "en": "a"}`:         "reason.code",
		`deny contains {"code": "a", "en": "a"}`:                      "reason.zh",
		`deny contains {"code": "a", "zh": "refused", "en": "a"}`:     "reason.zh",
		`deny contains {"code": "a", "zh": "拒", "en": " "}`:           "reason.en",
		`hold contains {"code": "a", "zh": "拒"}`:                      "reason.en",
		`warn contains r if { r := {"code": "a"} }`:                   "reason.shape",
		`obligations contains {"kind": "log", "until": "x"}`:          "obligation.shape",
		`obligations contains {"value": "x"}`:                         "obligation.shape",
		`deny := {"a"}`:                                               "entry.shape",
		`deny if true`:                                                "entry.shape",
		`deny.more contains "x"`:                                      "entry.shape",
		`deny[x] := 1 if x := "a"`:                                    "entry.shape",
		`allow contains "x"`:                                          "entry.shape",
		`allow(x) if x == 1`:                                          "entry.shape",
		`allow := "yes"`:                                              "entry.shape",
	} {
		wantProblem(t, module("allow if input.leaves\n"+head), code)
	}
	wantProblem(t, module("deny contains {\"code\": \"a\", \"zh\": \"拒\", \"en\": \"a\"}"), "entry.allow")
}

// Partial evaluation never ended on policies like these and took the memory of
// the machine. No code path asks for it; this holds the sources to that.
func TestTrapNoPartialEvaluation(t *testing.T) {
	for name, text := range sources(t) {
		for _, word := range []string{"PartialRun", "PartialResult", "PrepareForPartial", "opa/v1/sdk", "opa/v1/runtime", "opa/v1/rego\"", "wasm"} {
			if strings.Contains(text, word) {
				t.Errorf("%s mentions %s", name, word)
			}
		}
	}
}
