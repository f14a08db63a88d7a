package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

func newCaseCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "case", Short: "File and follow cases (办件)"}
	show := newShowCommand(a)
	show.Short, show.Example = "Show one case", "  yizhan case show 01KABC"
	c.AddCommand(newCaseFileCommand(a), show, newCaseListCommand(a))
	return c
}

const caseFileHelp = `File a case (办件) with another body. Its form is a JSON object: --fields names a file
that holds it, or - for the standard input; --field adds or replaces one value, a
text with KEY=VALUE, any JSON with KEY:=JSON.

As with send, a run whose outcome is unknown prints the key to repeat it with.`

const caseFileExample = `  yizhan case file --to scjg@320500 --type 设立登记 --title '昆山某某医疗器械有限公司设立登记' \
      --fields 申请表.json --field 联系电话=0512-00000000 --field 从业人数:=12 \
      --share 有条件 --share-basis '江苏省公共数据管理办法 第十九条' --attach 营业场所证明.pdf`

func newCaseFileCommand(a *app) *cobra.Command {
	l := &letter{Submission: exchange.Submission{Kind: exchange.Case.String()}}
	var source string
	var pairs []string
	c := &cobra.Command{
		Use: "file --to UNIT --type TYPE --title TITLE", Short: "File a case with another body",
		Long: caseFileHelp, Example: caseFileExample, Args: cobra.NoArgs,
	}
	f := c.Flags()
	l.common(f)
	f.StringVar(&l.Type, "type", "", "kind of case (事项)")
	f.StringVar(&source, "fields", "", "JSON `FILE` of the form, - for the standard input")
	f.StringArrayVar(&pairs, "field", nil, "one value, `KEY=TEXT or KEY:=JSON`")
	f.StringVar(&l.Share, "share", "", "share class (共享类型): 无条件, 有条件 or 不予")
	f.StringVar(&l.ShareBasis, "share-basis", "", "the clause that the share class rests on")
	f.StringVar(&l.CaseNo, "case-no", "", "your own number of the case (办件编号)")
	require(c, "to", "type", "title")
	c.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if l.Fields, err = a.form(source, pairs); err != nil {
			return err
		}
		return a.submit(cmd.Context(), l, l.attach, false)
	}
	return c
}

func newCaseListCommand(a *app) *cobra.Command {
	var sent bool
	c := a.listCommand(&cobra.Command{
		Use: "list", Short: "List cases delivered to your unit, or with --sent those it filed",
		Example: "  yizhan case list\n  yizhan case list --sent --state returned",
	}, func(c *client.Client) lister {
		if sent {
			return c.Outbox
		}
		return c.Inbox
	})
	c.Flags().BoolVar(&sent, "sent", false, "those that your unit filed")
	kind := c.Flags().Lookup("kind")
	kind.Hidden = true
	_ = kind.Value.Set(exchange.Case.String()) // a string takes any value
	return c
}

// form puts the JSON object of a case together.
func (a *app) form(source string, pairs []string) ([]byte, error) {
	object := map[string]json.RawMessage{}
	if source != "" {
		b, err := a.readForm(source)
		if err != nil {
			return nil, err
		}
		d := json.NewDecoder(bytes.NewReader(b))
		if err := d.Decode(&object); err != nil || object == nil || d.More() {
			return nil, badForm("fields", "fields.json", source+" does not hold one JSON object", "表单不是一个 JSON 对象", `write for example {"申请人": "…"}`)
		}
		if len(pairs) == 0 {
			return b, nil
		}
	}
	for i, p := range pairs {
		key, value, err := onePair(p)
		if err != nil {
			return nil, badForm(fmt.Sprintf("field[%d]", i), "fields.pair", err.Error(), "表单字段写法不正确", "write KEY=TEXT or KEY:=JSON")
		}
		object[key] = value
	}
	if len(object) == 0 {
		return nil, nil
	}
	return json.Marshal(object)
}

func (a *app) readForm(source string) ([]byte, error) {
	in := a.stdin
	if source != "-" {
		f, err := os.Open(source)
		if err != nil {
			return nil, badForm("fields", "file.missing", reasonOf(source, err), "文件无法读取", "check the path")
		}
		defer func() { _ = f.Close() }() // only read
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, exchange.MaxFieldsSize+1))
	if err != nil {
		return nil, badForm("fields", "file.missing", reasonOf(source, err), "文件无法读取", "")
	}
	if len(b) > exchange.MaxFieldsSize {
		return nil, badForm("fields", "fields.large", "the form is larger than "+bytesOf(exchange.MaxFieldsSize), "表单过大", "put long texts into an attachment")
	}
	return b, nil
}

func onePair(p string) (string, json.RawMessage, error) {
	key, value, ok := strings.Cut(p, "=")
	if !ok || key == "" || key == ":" {
		return "", nil, fmt.Errorf("%q has no KEY=", p)
	}
	if raw, ok := strings.CutSuffix(key, ":"); ok {
		if !json.Valid([]byte(value)) {
			return "", nil, fmt.Errorf("%q: what follows := is not JSON", p)
		}
		return raw, json.RawMessage(value), nil
	}
	b, err := json.Marshal(value)
	return key, b, err
}

func badForm(field, code, message, chinese, remedy string) error {
	var p exchange.Problems
	p.Add(field, code, message, chinese, "", remedy)
	return p.Err("case.form")
}
