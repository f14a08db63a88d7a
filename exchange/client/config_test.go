package client_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

const example = `identities:
  - as: wjw@320582
    person: li.ming
    endpoints: [127.0.0.1:7443, 127.0.0.1:7444]
    ca: api-ca.pem
    token: yzt_320582_x
  - as: wjw@320582
    person: wang.fang
    endpoints: [127.0.0.1:7443]
    ca: api-ca.pem
    token_file: wang.token
default: wjw@320582
`

func TestSettingsAreReadSavedAndReadAgain(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "api-ca.pem"), "pem")
	write(t, filepath.Join(dir, "wang.token"), " yzt_320582_y\n")
	s, err := client.ParseConfig([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "client.yaml")
	if err := client.SaveConfig(path, s); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if s, err = client.LoadConfig(path); err != nil {
		t.Fatal(err)
	}
	for as, want := range map[string]string{"": "yzt_320582_x", "wjw@320582": "yzt_320582_x", "wjw@320582/wang.fang": "yzt_320582_y"} {
		c, err := s.Pick(as)
		if err != nil || c.Token != want || string(c.CA) != "pem" {
			t.Errorf("%q: got token %q, CA %q, %v", as, c.Token, c.CA, err)
		}
	}
	_, err = s.Pick("fgw@320582")
	if exchange.CodeOf(err) != exchange.Invalid || !strings.Contains(problems(err), "wjw@320582/wang.fang") {
		t.Errorf("got %v %s", err, problems(err))
	}
}

func TestWhateverIsWrongWithSettingsIsSaidAtOnceWithItsLine(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"two unknown keys": {"identities:\n  - as: wjw@320582\n    tokn: x\n    endpoint: y\n", "line 3: unknown key tokn|line 4: unknown key endpoint"},
		"incomplete":       {"identities:\n  - as: wjw\n    endpoints: []\n", `line 2: "wjw" is not UNIT@DOMAIN|line 2: no endpoint|line 2: no CA|line 2: exactly one of token`},
		"syntax":           {"identities:\n\t- x", "line 2"},
		"wrong shape":      {"identities: {a: yzt_secret}", "line 1"},
		"empty":            {"", "no identity"},
		"two documents":    {example + "---\na: b\n", "more follows"},
		"no such default":  {strings.Replace(example, "default: wjw", "default: fgw", 1), "not among"},
		"both tokens":      {strings.Replace(example, "    token_file", "    token: x\n    token_file", 1), "line 7: exactly one"},
		"twice":            {strings.Replace(example, "wang.fang", "li.ming", 1), "listed twice"},
		"key twice":        {example + "default: x\n", "line"},
	} {
		_, err := client.ParseConfig([]byte(c.text))
		got := problems(err)
		for _, want := range strings.Split(c.want, "|") {
			if !strings.Contains(got, want) {
				t.Errorf("%s: got %v %s, want %q", name, err, got, want)
			}
		}
		if strings.Contains(got, "yzt_secret") {
			t.Errorf("%s: the message repeats a secret", name)
		}
	}
}

func TestATokenThatOthersCanReadIsAWarning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "client.yaml")
	write(t, path, example)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := client.LoadConfig(path)
	if err != nil || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "chmod 600") {
		t.Errorf("got %v, %v", s, err)
	}
}

func TestMissingSettingsSayHowToGetThem(t *testing.T) {
	_, err := client.LoadConfig(filepath.Join(t.TempDir(), "none.yaml"))
	if exchange.CodeOf(err) != exchange.NotFound || !strings.Contains(problems(err), "YIZHAN_CONFIG") {
		t.Errorf("got %v %s", err, problems(err))
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("identities: [{as: a@1, endpoints: [x]}]"))
	f.Add([]byte("&a [*a]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := client.ParseConfig(b)
		if err == nil && len(s.Identities) == 0 {
			t.Error("accepted without an identity")
		}
		if err != nil && exchange.CodeOf(err) != exchange.Invalid {
			t.Errorf("got %v", err)
		}
	})
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// problems is an error with everything it lists.
func problems(err error) string {
	var e *exchange.Error
	if err == nil {
		return ""
	}
	if !errors.As(err, &e) {
		return err.Error()
	}
	lines := []string{e.Message}
	for _, p := range e.Problems {
		lines = append(lines, p.Field+": "+p.Code+": "+p.Message+" → "+p.Remedy)
	}
	return strings.Join(lines, "\n")
}
