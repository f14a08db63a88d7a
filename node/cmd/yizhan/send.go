package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

const sendHelp = `Send a document (公文). FILE is its text (正文); --attach adds attachments (附件).

The answer is the ACCEPTED receipt of your domain: from then on nothing is lost.
Everything wrong with the document is told at once, each with its clause.

Each run makes a new idempotency key, so that sending the same text twice on
purpose is two documents. While it runs, it repeats under its key whatever got
no answer. If it has to give up without knowing the outcome, it prints the key:
run the same command again with --key KEY, and you get the original receipt or
the document is sent now, never both.`

const sendExample = `  # 请示：县卫生健康委向市卫生健康委
  yizhan send --to wjw@320500 --type 请示 --number '昆卫〔2026〕5号' \
      --title '关于开展基层医疗机构信息化改造的请示' --signer 王建国 --date 2026年3月2日 \
      请示.ofd --attach 预算明细.xlsx --attach 实施方案.pdf

  # 通知：特急，主送两个县，抄送省里，主动公开
  yizhan send --to 昆山市人民政府办公室,zfb@320581 --cc zfb@320000 --type 通知 --urgency 特急 \
      --number '苏府办〔2026〕12号' --title '关于做好防汛工作的通知' --disclosure 主动公开 通知.ofd`

// letter is a submission as flags give it.
type letter struct {
	exchange.Submission
	attach  []string
	expires time.Duration
}

// common are the flags that documents and cases share.
func (l *letter) common(f *pflag.FlagSet) {
	f.StringSliceVar(&l.To, "to", nil, "main recipients (主送), `UNIT@DOMAIN` or Chinese name")
	f.StringSliceVar(&l.Cc, "cc", nil, "copies to (抄送)")
	f.StringVar(&l.Title, "title", "", "title (标题)")
	f.StringVar(&l.Urgency, "urgency", "", "加急 or 特急")
	f.StringVar(&l.Remarks, "remarks", "", "remarks (附注)")
	f.StringArrayVar(&l.attach, "attach", nil, "attachment (附件), may be given several times")
	f.StringVar(&l.Key, "key", "", "idempotency key, to repeat a run whose outcome is unknown")
	f.DurationVar(&l.expires, "expires-in", 0, "give up delivery after this long (0: the domain's default)")
}

func newSendCommand(a *app) *cobra.Command {
	l := &letter{Submission: exchange.Submission{Kind: exchange.Document.String()}}
	c := &cobra.Command{
		Use: "send --to UNIT --type 文种 --title 标题 FILE", Short: "Send a document (公文)",
		Long: sendHelp, Example: sendExample, Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	l.common(f)
	f.StringVar(&l.Type, "type", "", "type (文种): 请示, 报告, 函, 通知 …")
	f.StringVar(&l.Number, "number", "", "document number (发文字号), 昆卫〔2026〕5号")
	f.StringVar(&l.Signer, "signer", "", "who signed it for issue (签发人); needed upward")
	f.StringVar(&l.Date, "date", "", "date (成文日期), 2026年3月2日")
	f.StringVar(&l.Secrecy, "secrecy", "", "秘密★1年, 机密, 绝密 or 工作秘密")
	f.StringVar(&l.Copies, "copies", "", "copy number (份号), six digits")
	f.StringVar(&l.Disclosure, "disclosure", "", "主动公开, 依申请公开 or 不予公开")
	f.StringVar(&l.DisclosureReason, "disclosure-reason", "", "why it is not disclosed")
	require(c, "to", "type", "title")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return a.submit(cmd.Context(), l, append(args, l.attach...), true)
	}
	return c
}

// require marks flags that a command cannot do without.
func require(c *cobra.Command, names ...string) {
	for _, n := range names {
		if err := c.MarkFlagRequired(n); err != nil {
			panic(err) // no such flag: a defect that every run shows
		}
	}
}

// submit sends a letter with files and prints its receipt.
func (a *app) submit(ctx context.Context, l *letter, paths []string, hasMain bool) error {
	if l.expires < 0 {
		return usagef("--expires-in is not negative")
	}
	files, err := a.gather(paths, hasMain)
	if err != nil {
		return err
	}
	defer files.close()
	l.Files, l.ExpiresIn = files.headers, int64(l.expires/time.Second)
	if l.Key == "" {
		l.Key = client.NewKey()
	}
	return a.within(ctx, transferLimit(files.total), func(ctx context.Context, c *client.Client) error {
		out, err := c.Submit(ctx, l.Submission, files.open)
		files.progress.end()
		if err != nil {
			return l.nextQuestion(err)
		}
		return a.printSubmitted(out, l.Key)
	})
}

// nextQuestion adds what to do about a submission that failed.
func (l *letter) nextQuestion(err error) error {
	switch exchange.CodeOf(err) {
	case exchange.Unknown:
		return hinted{err, "It may or may not have been sent. Run the same command again with --key " + l.Key + " to find out; it is never sent twice.", l.Key}
	case exchange.Unavailable:
		return hinted{err, "Nothing was sent. Run the same command again, if you like with --key " + l.Key, l.Key}
	case exchange.Conflict:
		return hinted{err, "A key belongs to one text and its files. Leave out --key to send this as something new.", l.Key}
	case exchange.Denied:
		return hinted{err, "It was not sent. \"yizhan policy status\" tells which rules are in force.", ""}
	}
	return err
}

// submittedView is what send prints for programs.
type submittedView struct {
	exchange.Submitted
	StateZh string `json:"state_zh"`
	Key     string `json:"idempotency_key"`
}

// errRefused makes the exit status 1 when the answer itself was printed.
var errRefused = errors.New("it was refused by a rule")

func (a *app) printSubmitted(s exchange.Submitted, key string) error {
	state, _ := exchange.ParseState(s.State)
	err := a.print(submittedView{s, state.Chinese(), key}, func(w io.Writer) {
		fields(w, "id", s.ID.String(), "state", stateWord(s.State), "receipt", receiptLine(s.Receipt))
		if s.Replayed {
			_, _ = fmt.Fprintln(w, "It had been sent before under this key; this is the original receipt. 此前已提交，以上为原回执。")
		}
		for _, warning := range s.Warnings {
			_, _ = fmt.Fprintln(w, "warning:", clean(warning))
		}
		_, _ = fmt.Fprintf(w, "Next: yizhan track %s --watch\n", s.ID)
	})
	if err == nil && state == exchange.Refused {
		return &exchange.Error{Code: exchange.Denied, Op: "send", Message: errRefused.Error(), Cause: errRefused}
	}
	return err
}
