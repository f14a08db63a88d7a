package rules

import (
	"errors"
	"go/ast"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCommandsInDocumentsExist builds the binary and asks it about every
// command line that a document shows: with --help appended, it parses commands
// and flags as it always does, and then explains itself instead of acting.
func TestCommandsInDocumentsExist(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	binary := build(t)
	asked := map[string]bool{}
	for _, page := range pages(t) {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, words := range commandLines(string(text)) {
			if line := strings.Join(words, " "); !asked[line] {
				asked[line] = true
				ask(t, binary, page, words)
			}
		}
	}
	if len(asked) < 10 {
		t.Errorf("only %d commands found in the documents", len(asked))
	}
}

func TestTheSampleFederationCanBeMade(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	out, err := exec.Command(build(t), "init", "--federation", filepath.Join(root, "deploy/samples/federation.yaml"),
		"--dir", filepath.Join(t.TempDir(), "trial")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// build makes the binary that documents speak of.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "yizhan")
	c := exec.Command("go", "build", "-o", binary, "./node/cmd/yizhan")
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// pages are README.md and every Markdown page below the rooms.
func pages(t *testing.T) (found []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.IsDir() && p != "." && skipped(d.Name()):
			return fs.SkipDir
		case strings.HasSuffix(p, ".md"):
			found = append(found, p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var groupUsage = regexp.MustCompile(`(?m)^  (yizhan.*) \[command\]$`)

func ask(t *testing.T, binary, page string, words []string) {
	t.Helper()
	out, err := exec.Command(binary, append(words, "--help")...).CombinedOutput()
	line := "yizhan " + strings.Join(words, " ")
	if err != nil {
		t.Errorf("%s: %s: %v\n%s", page, line, err, out)
		return
	}
	// A group explains itself when it is given a command it does not have.
	path, _, _ := strings.Cut(line+" ", " -")
	if group := groupUsage.FindSubmatch(out); group != nil && strings.TrimSpace(path) != string(group[1]) {
		t.Errorf("%s: %s: no such command", page, line)
	}
}

var block = regexp.MustCompile("(?ms)^```sh\n(.*?)^```")

// commandLines are the arguments of yizhan wherever a ```sh block calls it.
func commandLines(markdown string) (lines [][]string) {
	for _, b := range block.FindAllStringSubmatch(markdown, -1) {
		for _, line := range strings.Split(strings.ReplaceAll(b[1], "\\\n", " "), "\n") {
			for _, words := range split(line) {
				if args := ofYizhan(words); args != nil {
					lines = append(lines, args)
				}
			}
		}
	}
	return lines
}

// ofYizhan returns what follows the program's name, or nil. Before it may stand
// settings (A=b), and sudo with its user.
func ofYizhan(words []string) []string {
	for i := 0; i < len(words); i++ {
		switch w := words[i]; {
		case w == "yizhan" || w == "./yizhan" || w == "./node/cmd/yizhan":
			return append([]string{}, words[i+1:]...)
		case w == "-u":
			i++
		case w == "sudo" || w == "go" || w == "run" || strings.Contains(w, "="):
		default:
			return nil
		}
	}
	return nil
}

// split cuts a line of shell into commands and words. It knows quotes, comments,
// separators and redirections, which is all the documents use.
func split(line string) (commands [][]string) {
	var words []string
	var word strings.Builder
	started, quote := false, rune(0)
	endWord := func() {
		if started {
			words = append(words, word.String())
		}
		word.Reset()
		started = false
	}
	endCommand := func() {
		endWord()
		if len(words) > 0 {
			commands = append(commands, words)
		}
		words = nil
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, started = r, true
		case r == '#' && !started:
			endCommand()
			return commands
		case strings.ContainsRune("|&;()", r):
			endCommand()
		case strings.ContainsRune("<>", r):
			endCommand()
			words = []string{"redirected"} // what follows is a file
		case r == ' ' || r == '\t':
			endWord()
		default:
			word.WriteRune(r)
			started = true
		}
	}
	endCommand()
	return commands
}

var testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)`")

// A page that names a test as the proof of something must not outlive it.
func TestTestsInDocumentsExist(t *testing.T) {
	known := map[string]bool{}
	for _, f := range sources(t) {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && f.isTest() {
				known[fn.Name.Name] = true
			}
		}
	}
	for _, page := range pages(t) {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testName.FindAllStringSubmatch(string(text), -1) {
			if !known[m[1]] {
				t.Errorf("%s: there is no test %s", page, m[1])
			}
		}
	}
}

var relativeLink = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

func TestLinksInDocumentsLeadSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range relativeLink.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", page, m[1])
			}
		}
	}
}

// A package comment that refers to a DESIGN.md promises one.
func TestPromisedDesignsExist(t *testing.T) {
	for _, f := range sources(t) {
		if f.syntax.Doc == nil || !strings.Contains(f.syntax.Doc.Text(), "DESIGN.md") {
			continue
		}
		if _, err := os.Stat(filepath.Join(root, f.room(), "DESIGN.md")); err != nil {
			t.Errorf("%s: the package comment refers to a DESIGN.md that is not there", f.path)
		}
	}
}

func TestCommandLinesAreReadAsAShellWould(t *testing.T) {
	got := commandLines("text\n```sh\n$ ignored\nyizhan send --title 'a  b' \\\n  FILE # why\n" +
		"A=b sudo -u yizhan yizhan run --config x && yizhan demo > log\nls yizhan\n```\n```yaml\nyizhan no\n```\n")
	want := []string{"send|--title|a  b|FILE", "run|--config|x", "demo"}
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if strings.Join(got[i], "|") != want[i] {
			t.Errorf("%q, not %q", got[i], want[i])
		}
	}
}
