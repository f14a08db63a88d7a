package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/api/apitest"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"yizhan": main}) }

// TestScripts runs each script in testdata/script against a server of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: func(e *testscript.Env) error { return setUp(t, e) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "desk": deskCommand, "has": has,
		},
	})
}

type station struct {
	desk   *apitest.Desk
	server *apitest.Server
}

func (s *station) fail(err error) {
	s.desk.Change(func(d *apitest.Desk) { d.Fail = func(string) error { return err } })
}

func setUp(t *testing.T, e *testscript.Env) error {
	desk := &apitest.Desk{
		Tracking: tracking(),
		Details: exchange.Details{
			Summary: exchange.Summary{
				ID: tracking().ID, Kind: "document", From: "zfb@320500", FromName: "苏州市人民政府办公室", To: []exchange.Unit{"wjw@320582"},
				Type: "通知", Number: "苏府办〔2026〕12号", Title: "关于做好防汛工作的通知\x1b[31m", State: "arrived", At: 1_790_000_000_000,
			},
			Fields:   []byte(`{"申请人":"某某"}`),
			FileList: []exchange.File{{Name: "通知.ofd", Size: 6, Main: true}, {Name: "附件.txt", Size: 3}, {Name: "附件.txt", Size: 3}},
		},
		Contents:    map[string][]byte{"通知.ofd": []byte("正文"), "附件.txt": []byte("abc"), "../evil": []byte("x"), ".profile": []byte("x")},
		Outcome:     exchange.Outcome{ID: tracking().ID, State: "signed", Receipt: &tracking().Deliveries[0].Receipts[0]},
		AddressBook: []exchange.UnitSummary{{Unit: "wjw@320500", Name: "苏州市卫生健康委员会", DomainName: "苏州市", Level: "city"}},
		Layers:      []exchange.PolicyLayer{{Issuer: "320000", Number: 3, At: 1_790_000_000_000, Digest: crypto.Digest{5}, Files: 2}},
		Decisions: []exchange.DecisionRecord{{Decision: exchange.Decision{
			Point: exchange.PointSubmit, At: 1, Reasons: []exchange.Reason{{Code: "R1", Layer: "kernel", Chinese: "越级行文", English: "a level is skipped", Clause: "条例 第十四条"}},
			Revisions: []exchange.Revision{{Layer: "kernel", Number: 1}},
		}}},
		Cluster:  []exchange.DomainStatus{{Domain: "320582", Name: "昆山市", Level: "county", Role: "leader", Members: []exchange.MemberStatus{{Replica: "county-1", Leader: true, Voter: true}}, Links: []exchange.LinkStatus{{Peer: "320500", Direction: "up", State: "connected"}}}},
		Evidence: []byte("evidence"),
		Aside: []exchange.HeldMessage{{Number: 3, Peer: "320583", Kind: "receipt", Says: "signed", Reason: "given up after 20 attempts", Tries: 20,
			At: 1_790_000_000_000, Class: "control", Sequence: 7, Size: 300, Digest: "ab", Remedy: []string{"what it refers to may be here by now: release it"}}},
	}
	s := &station{desk, apitest.Start(t, desk, nil)}
	e.Values["station"] = s
	settings := &client.Settings{Default: "wjw@320582", Identities: []client.Identity{
		{As: "wjw@320582", Person: "li.ming", Endpoints: []string{s.server.Addr}, CA: s.server.CAFile, Token: s.server.Token("li.ming", exchange.Duties()...)},
		{As: "wjw@320582", Person: "xin.ren", Endpoints: []string{s.server.Addr}, CA: s.server.CAFile, Token: s.server.Token("xin.ren")},
	}}
	path := filepath.Join(e.WorkDir, "client.yaml")
	e.Setenv("YIZHAN_CONFIG", path)
	e.Setenv("TZ", "Asia/Shanghai")
	return client.SaveConfig(path, settings)
}

func tracking() exchange.Tracking {
	return exchange.Tracking{
		ID: exchange.ID{1, 2, 3}, Kind: "document", AsOf: 1_790_000_000_000,
		Deliveries: []exchange.DeliveryView{{
			To: "wjw@320500", ToName: "苏州市卫生健康委员会", Role: "main", State: "arrived", StateZh: "待签收", At: 1_790_000_000_000,
			Receipts: []exchange.ReceiptView{{State: "arrived", Domain: "320500", At: 1_790_000_000_000, Signed: crypto.Signed{Key: crypto.KeyID{9}}}},
			Where:    "320500", Waiting: []string{"签收"},
		}},
	}
}

// status N COMMAND … runs a command that must end with exit status N.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command …")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// desk WHAT lets something go wrong from now on.
func deskCommand(ts *testscript.TestScript, neg bool, args []string) {
	s := ts.Value("station").(*station)
	switch args[0] {
	case "refuses":
		var p exchange.Problems
		p.Add("number", "document.number.brackets", "the year stands in 〔〕", "发文字号的年份应使用六角括号", "条例 第九条(五)", "write 昆卫〔2026〕5号")
		p.Add("signer", "document.signer.missing", "an upward document names who signed it", "上行文应标注签发人", "条例 第九条(六)", "give --signer")
		err := p.Err("pipeline.submit")
		s.fail(err)
	case "fails":
		s.fail(exchange.Errorf(exchange.Code(args[1]), "pipeline.test", "the desk says %s", args[1]))
	case "forgets":
		lost := exchange.Errorf(exchange.Unknown, "raft.apply", "leadership was lost")
		s.desk.Change(func(d *apitest.Desk) { d.After = func(exchange.Submission) error { return lost } })
	case "works":
		s.desk.Change(func(d *apitest.Desk) { d.Fail, d.After = nil, nil })
	case "stops":
		s.server.Stop()
	case "kept":
		if n := len(s.desk.Kept()); strconv.Itoa(n) != args[1] {
			ts.Fatalf("%d submissions were kept, want %s", n, args[1])
		}
	case "got":
		k := s.desk.Kept()[len(s.desk.Kept())-1]
		if got := fmt.Sprintf("%+v %q", k.Submission, append(k.Content, k.Fields)); !strings.Contains(got, args[1]) {
			ts.Fatalf("got %s, want %s in it", got, args[1])
		}
	case "calls":
		calls := s.desk.Calls()
		if got := fmt.Sprint(calls[len(calls)-1].Method, calls[len(calls)-1].Args); got != args[1] {
			ts.Fatalf("got %s, want %s", got, args[1])
		}
	case "names":
		s.desk.Change(func(d *apitest.Desk) { d.Details.FileList = []exchange.File{{Name: args[1], Size: 1}} })
	default:
		ts.Fatalf("unknown: desk %v", args)
	}
}

// has FILE PATH … checks that the JSON in a file has values at all paths
// (a.0.b), and with PATH=VALUE which.
func has(ts *testscript.TestScript, neg bool, args []string) {
	var root any
	text := ts.ReadFile(args[0])
	if err := json.Unmarshal([]byte(text), &root); err != nil {
		ts.Fatalf("%v in %s", err, text)
	}
	for _, want := range args[1:] {
		path, value, exact := strings.Cut(want, "=")
		v, ok := dig(root, strings.Split(path, "."))
		if ok && exact {
			ok = fmt.Sprint(v) == value
		}
		if ok == neg {
			ts.Fatalf("%s: found %v, in %s", want, v, text)
		}
	}
}

func dig(v any, path []string) (any, bool) {
	for _, p := range path {
		switch x := v.(type) {
		case map[string]any:
			next, ok := x[p]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(p)
			if err != nil || i >= len(x) {
				return nil, false
			}
			v = x[i]
		default:
			return nil, false
		}
	}
	return v, true
}

func TestTablesAlignChinese(t *testing.T) {
	tab := newTable("A", "B")
	tab.add("中文", "x")
	tab.add("ab\x1b[31m", "\u202ey")
	var b strings.Builder
	tab.write(&b)
	if want := "A        B\n中文     x\nab\uFFFD[31m  \uFFFDy\n"; b.String() != want {
		t.Errorf("got\n%s%q, want\n%s", b.String(), b.String(), want)
	}
}

func TestEveryCommandHasHelp(t *testing.T) {
	root := newRoot(newApp(os.Stdin, os.Stdout, os.Stderr))
	for _, c := range root.Commands() {
		if c.Short == "" || c.RunE == nil {
			t.Errorf("%s: no help or nothing to run", c.Name())
		}
	}
}
