package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

func newUnitsCommand(a *app) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "units [MATCH]", Short: "Find units in the address book, by name or code",
		Example: "  yizhan units 卫生\n  yizhan units 320500", Args: cobra.MaximumNArgs(1),
	}
	c.Flags().IntVar(&limit, "limit", 100, "at most so many")
	c.RunE = a.with(shortLimit, func(ctx context.Context, cl *client.Client, args []string) error {
		found, err := cl.Units(ctx, strings.Join(args, ""), limit)
		if err != nil {
			return err
		}
		if found == nil {
			found = []exchange.UnitSummary{}
		}
		return a.print(found, func(w io.Writer) {
			t := newTable("UNIT", "NAME", "DOMAIN", "LEVEL", "")
			for _, u := range found {
				t.add(string(u.Unit), u.Name, u.DomainName, u.Level, suspendedWord(u.Suspended))
			}
			t.write(w)
		})
	})
	return c
}

func suspendedWord(suspended bool) string {
	if suspended {
		return "suspended 已停用"
	}
	return ""
}

func newCapabilitiesCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "capabilities", Short: "Tell what the domain accepts: types, sizes, numbers", Args: cobra.NoArgs,
		RunE: a.with(shortLimit, func(ctx context.Context, c *client.Client, _ []string) error {
			v, err := c.Capabilities(ctx)
			if err != nil {
				return err
			}
			return a.print(v, func(w io.Writer) {
				fields(w,
					"domain", string(v.Domain), "content", "at most "+bytesOf(v.MaxContent), "files", fmt.Sprintf("at most %d", v.MaxFiles),
					"recipients", fmt.Sprintf("at most %d", v.MaxRecipients), "form", "at most "+bytesOf(int64(v.MaxFields)),
					"documents 文种", strings.Join(v.DocumentTypes, " "), "cases 事项", strings.Join(v.CaseTypes, " "),
					"cryptography", v.Provider, "version", v.Version,
				)
			})
		}),
	}
}

// version is set by the linker in releases.
var version = ""

// versionText is the version of this build.
func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

func newVersionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version of this program", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := map[string]string{"version": versionText(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
			return a.print(v, func(w io.Writer) {
				_, _ = fmt.Fprintf(w, "yizhan %s %s %s\n", v["version"], v["go"], v["platform"])
			})
		},
	}
}
