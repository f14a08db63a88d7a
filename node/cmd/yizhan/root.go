package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange/client"
)

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1 // refused or failed
	exitUsage  = 2 // wrong usage
)

// commands are the command groups, in the order of the help.
var commands = []func(*app) *cobra.Command{
	newSendCommand,
	newInboxCommand,
	newOutboxCommand,
	newShowCommand,
	newTrackCommand,
	newFetchCommand,
	newSignCommand,
	newReturnCommand,
	newRecallCommand,
	newUrgeCommand,
	newCaseCommand,
	newEvidenceCommand,
	newPolicyCommand,
	newClusterCommand,
	newHoldCommand,
	newDomainCommand,
	newUnitsCommand,
	newCapabilitiesCommand,
	newDemoCommand,
	newBenchCommand,
	newRunCommand,
	newInitCommand,
	newVersionCommand,
}

// app is what all commands share: where they read and write, and the flags
// that every command takes.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	terminal       bool // stderr is one

	configFile string
	as         string
	output     string // table, json
	timeout    time.Duration

	running  bool           // a command has begun: what fails now is not wrong usage
	identity *client.Config // set once known, for messages
}

func newApp(stdin io.Reader, stdout, stderr io.Writer) *app {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, output: "table"}
	if f, ok := stderr.(*os.File); ok {
		a.terminal = isatty.IsTerminal(f.Fd())
	}
	return a
}

// json reports whether programs read the output.
func (a *app) json() bool { return a.output == "json" }

const rootHelp = `Yizhan 驿站 exchanges official documents (公文) and cases (办件) between the levels
of government, and lets every body along the way prove what it was handed.

An ID may be given whole, as an unambiguous part of at least six characters, or
as the 发文字号 of the document. A recipient is written UNIT@DOMAIN, or by its
Chinese name: "yizhan units 卫生" finds both.

Who you are is told by client.yaml, taken from --config, else YIZHAN_CONFIG, else
yizhan/client.yaml in your configuration directory:

  identities:
    - as: wjw@320582                 # UNIT@DOMAIN
      person: li.ming
      endpoints: [127.0.0.1:7443]    # nodes of the domain, tried in turn
      ca: api-ca.pem                 # relative to this file
      token: yzt_320582_…            # or token_file: li.token
  default: wjw@320582

With -o json the answer is JSON on the standard output, and an error is
{"error":{"code","message","problems":[…]}} on the standard error.
Exit status: 0 done, 1 refused or failed, 2 wrong usage.`

const rootExample = `  yizhan send --to 苏州市卫生健康委员会 --type 请示 --number '昆卫〔2026〕5号' \
      --title '关于开展基层医疗机构信息化改造的请示' --signer 王建国 请示.ofd
  yizhan track '昆卫〔2026〕5号' --watch
  yizhan inbox
  yizhan fetch 01KABC --out 收文 && yizhan sign 01KABC`

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use: "yizhan", Short: "Yizhan 驿站, the government document exchange",
		Long: rootHelp, Example: rootExample,
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.checkFlags() },
	}
	f := root.PersistentFlags()
	f.StringVar(&a.configFile, "config", "", "client settings `FILE`")
	f.StringVar(&a.as, "as", "", "identity, `UNIT@DOMAIN[/PERSON]`")
	f.StringVarP(&a.output, "output", "o", a.output, "`FORMAT`: table or json")
	f.DurationVar(&a.timeout, "timeout", 0, "give up after this long (0: what suits the command)")
	for _, construct := range commands {
		root.AddCommand(construct(a))
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	a.mark(root)
	return root
}

func (a *app) checkFlags() error {
	if a.output != "table" && a.output != "json" {
		given := a.output
		a.output = "table"
		return usagef("-o takes table or json, not %q", given)
	}
	if a.timeout < 0 {
		return usagef("--timeout is not negative")
	}
	return nil
}

// mark notes when a command begins: whatever fails before, in flags and
// arguments, is wrong usage. A group without a command is wrong usage too.
func (a *app) mark(c *cobra.Command) {
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			a.running = true
			return run(c, args)
		}
	} else if c.HasSubCommands() && c.Run == nil {
		c.Args = cobra.ArbitraryArgs
		c.RunE = groupOnly
	}
	for _, sub := range c.Commands() {
		a.mark(sub)
	}
}

func groupOnly(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("unknown command %q for %q%s", args[0], c.CommandPath(), suggestions(c, args[0]))
	}
	_ = c.Help()
	return usageError{}
}

func suggestions(c *cobra.Command, typed string) (s string) {
	c.SuggestionsMinimumDistance = 2
	for _, name := range c.SuggestionsFor(typed) {
		s += fmt.Sprintf("; did you mean %q?", name)
	}
	return s
}

// usageError is wrong usage; empty when the help says it all.
type usageError struct{ text string }

// Error implements error.
func (e usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// execute runs one command line and returns its exit status.
func execute(ctx context.Context, a *app, args []string) int {
	root := newRoot(a)
	root.SetArgs(args)
	ran, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	var usage usageError
	if errors.As(err, &usage) || !a.running {
		a.printUsage(ran, err)
		return exitUsage
	}
	a.printError(err)
	return exitFailed
}
