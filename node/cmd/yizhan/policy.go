package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/policy"
)

func newPolicyCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "policy", Short: "Check, publish and explain the rules (规则)"}
	c.AddCommand(newPolicyCheckCommand(a), newPolicyPublishCommand(a), newPolicyExplainCommand(a), newPolicyStatusCommand(a))
	return c
}

func newPolicyCheckCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "check DIR", Short: "Check a folder of rules without publishing it",
		Long:    "Check a folder of Rego modules and JSON data against the gates that publishing applies. Nothing is sent.",
		Example: "  yizhan policy check 规则/", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			files, err := readPolicy(args[0])
			if err != nil {
				return err
			}
			return a.print(map[string]any{"ok": true, "files": len(files)}, func(w io.Writer) {
				_, _ = fmt.Fprintf(w, "%d files pass every gate\n", len(files))
			})
		},
	}
}

// readPolicy reads a folder and applies the gates.
func readPolicy(dir string) ([]exchange.PolicyFile, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, exchange.Errorf(exchange.Invalid, "policy.check", "%s is not a folder", dir)
	}
	files, err := policy.LoadDir(os.DirFS(dir))
	if err != nil {
		return nil, err
	}
	return files, policy.Check(files).Err("policy.check")
}

func newPolicyPublishCommand(a *app) *cobra.Command {
	var expected uint64
	c := &cobra.Command{
		Use: "publish DIR", Short: "Sign a folder of rules as the domain's next bundle and put it in force",
		Long: `Sign a folder of rules as the domain's next numbered bundle, put it in force here
and pass it down to the domains below. Rolling back is publishing earlier content
under a new number. --expect refuses when somebody else published meanwhile.`,
		Example: "  yizhan policy check 规则/ && yizhan policy publish 规则/ --expect 4",
		Args:    cobra.ExactArgs(1),
	}
	c.Flags().Uint64Var(&expected, "expect", 0, "the `NUMBER` that this bundle must get (0: whatever is next)")
	c.RunE = a.with(shortLimit, func(ctx context.Context, cl *client.Client, args []string) error {
		files, err := readPolicy(args[0])
		if err != nil {
			return err
		}
		l, err := cl.PublishPolicy(ctx, files, expected)
		if err != nil {
			return err
		}
		v := layerView{l.Issuer, l.Number, 0, l.Digest.String(), l.Files}
		return a.print(v, func(w io.Writer) {
			_, _ = fmt.Fprintf(w, "%s@%d is in force, %d files, SM3 %s\n", l.Issuer, l.Number, l.Files, l.Digest.Short())
		})
	})
	return c
}

// layerView is a layer for programs, with its digest.
type layerView struct {
	Issuer exchange.Domain `json:"issuer"`
	Number uint64          `json:"number"`
	At     exchange.Time   `json:"at,omitempty"`
	Digest string          `json:"digest"`
	Files  int             `json:"files"`
}

func newPolicyStatusCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "List the layers in force, the superior's first", Args: cobra.NoArgs,
		RunE: a.with(shortLimit, func(ctx context.Context, c *client.Client, _ []string) error {
			layers, err := c.PolicyStatus(ctx)
			if err != nil {
				return err
			}
			views := []layerView{}
			t := newTable("ISSUER", "NUMBER", "SINCE", "FILES", "SM3")
			for _, l := range layers {
				views = append(views, layerView{l.Issuer, l.Number, l.At, l.Digest.String(), l.Files})
				t.add(string(l.Issuer), fmt.Sprint(l.Number), clock(l.At), fmt.Sprint(l.Files), l.Digest.Short())
			}
			return a.print(views, t.write)
		}),
	}
}

func newPolicyExplainCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "explain ID", Short: "Tell why decisions about an exchange fell as they did",
		Example: "  yizhan policy explain '昆卫〔2026〕5号'", Args: cobra.ExactArgs(1),
		RunE: a.with(shortLimit, func(ctx context.Context, c *client.Client, args []string) error {
			records, err := c.ExplainPolicy(ctx, args[0])
			if err != nil {
				return err
			}
			if records == nil {
				records = []exchange.DecisionRecord{}
			}
			return a.print(records, func(w io.Writer) {
				for _, r := range records {
					printDecision(w, r)
				}
			})
		}),
	}
}

func printDecision(w io.Writer, r exchange.DecisionRecord) {
	var revisions, obligations []string
	for _, v := range r.Revisions {
		revisions = append(revisions, fmt.Sprintf("%s@%d", v.Layer, v.Number))
	}
	for _, o := range r.Obligations {
		obligations = append(obligations, strings.Trim(o.Kind+"="+o.Value, "="))
	}
	_, _ = fmt.Fprintf(w, "%s  %s  %s  %s\n", r.Point, verdict(r.Decision), clock(r.At), clean(strings.Join(revisions, " ")))
	for _, reason := range r.Reasons {
		_, _ = fmt.Fprintln(w, "  "+clean(reasonLine(reason)))
	}
	for _, warning := range r.Warnings {
		_, _ = fmt.Fprintln(w, "  warning 提示: "+clean(reasonLine(warning)))
	}
	if len(obligations) > 0 {
		_, _ = fmt.Fprintln(w, "  obligations 附带义务: "+clean(strings.Join(obligations, " ")))
	}
}

func verdict(d exchange.Decision) string {
	switch {
	case !d.Allow:
		return "denied 不予放行"
	case d.Hold:
		return "held 待审核"
	}
	return "allowed 放行"
}

func reasonLine(r exchange.Reason) string {
	return problemLine(exchange.Problem{
		Field: r.Layer, Code: r.Code, Message: r.English, Chinese: r.Chinese, Clause: r.Clause, Remedy: r.Remedy,
	})
}
