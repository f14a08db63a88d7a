package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

func newShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show one exchange: elements, fields, files, where it is",
		Long:    "Show one exchange. Opening it is decided by policy and logged.",
		Example: "  yizhan show '苏府办〔2026〕12号'",
		Args:    cobra.ExactArgs(1),
		RunE: a.with(shortLimit, func(ctx context.Context, c *client.Client, args []string) error {
			d, err := c.Show(ctx, args[0])
			if err != nil {
				return err
			}
			return a.print(viewDetails(d), func(w io.Writer) { printDetails(w, d) })
		}),
	}
}

// detailsView is exchange.Details with its files and fields for programs.
type detailsView struct {
	exchange.Details
	FileList []fileView      `json:"file_list"`
	Fields   json.RawMessage `json:"fields,omitempty"`
}

type fileView struct {
	Number int    `json:"number"` // as --file of fetch takes it
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	Main   bool   `json:"main,omitempty"`
}

func viewDetails(d exchange.Details) detailsView {
	v := detailsView{Details: d, FileList: []fileView{}}
	for i, f := range d.FileList {
		v.FileList = append(v.FileList, fileView{i + 1, f.Name, f.Size, f.Main})
	}
	if json.Valid(d.Fields) {
		v.Fields = d.Fields
	}
	return v
}

func printDetails(w io.Writer, d exchange.Details) {
	fields(w,
		"id", d.ID.String(), "kind", d.Kind, "title 标题", d.Title, "number 发文字号", d.Number, "type 文种", d.Type,
		"from 发文单位", trimJoin(string(d.From), d.FromName), "to 主送", joinUnits(d.To, 8), "signer 签发人", d.Signer,
		"date 成文日期", d.Date, "urgency 紧急程度", d.Urgency, "secrecy 密级", d.Secrecy, "copies 份号", d.Copies,
		"disclosure 公开属性", d.Disclosure, "share 共享类型", d.Share, "case 办件编号", d.CaseNo, "remarks 附注", d.Remarks,
		"state 状态", stateWord(d.State), "time 时间", clock(d.At),
	)
	if len(d.Fields) > 0 {
		_, _ = fmt.Fprintf(w, "fields 表单 %s\n", clean(string(d.Fields)))
	}
	if len(d.FileList) > 0 {
		t := newTable("#", "FILE", "SIZE", "")
		for i, f := range d.FileList {
			t.add(fmt.Sprint(i+1), f.Name, bytesOf(f.Size), part(f.Main))
		}
		t.write(w)
	}
	printDeliveries(w, d.Deliveries)
}

func part(main bool) string {
	if main {
		return "正文"
	}
	return "附件"
}

func trimJoin(a, b string) string {
	if b == "" {
		return a
	}
	return a + " " + b
}
