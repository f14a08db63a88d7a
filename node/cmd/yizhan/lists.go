package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

// maxPage is the most that a domain answers at once.
const maxPage = 1000

func newInboxCommand(a *app) *cobra.Command {
	return a.listCommand(&cobra.Command{
		Use: "inbox", Short: "List what was delivered to your unit, newest first (收文)",
		Example: "  yizhan inbox --state arrived          # 待签收\n  yizhan inbox --kind case --limit 20",
	}, func(c *client.Client) lister { return c.Inbox })
}

func newOutboxCommand(a *app) *cobra.Command {
	return a.listCommand(&cobra.Command{
		Use: "outbox", Short: "List what your unit sent, newest first (发文)",
		Example: "  yizhan outbox --state returned        # 被退文的",
	}, func(c *client.Client) lister { return c.Outbox })
}

type lister = func(context.Context, exchange.ListQuery) (exchange.List, error)

func (a *app) listCommand(c *cobra.Command, from func(*client.Client) lister) *cobra.Command {
	var q exchange.ListQuery
	c.Args = cobra.NoArgs
	f := c.Flags()
	f.StringVar(&q.State, "state", "", "only this state: arrived, signed, returned …")
	f.StringVar(&q.Kind, "kind", q.Kind, "only document, case or query")
	f.IntVar(&q.Limit, "limit", 100, "at most so many")
	f.StringVar(&q.Before, "before", "", "continue after this `ID`")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkQuery(q); err != nil {
			return err
		}
		return a.within(cmd.Context(), shortLimit, func(ctx context.Context, cl *client.Client) error {
			items, next, err := collect(ctx, from(cl), q)
			if err != nil {
				return err
			}
			return a.printList(items, next)
		})
	}
	return c
}

func checkQuery(q exchange.ListQuery) error {
	if _, ok := exchange.ParseState(q.State); q.State != "" && !ok {
		return usagef("--state: %q is no state; see yizhan track --help", q.State)
	}
	if q.Limit < 1 {
		return usagef("--limit begins at 1")
	}
	return nil
}

// collect asks page after page until limit items are there.
func collect(ctx context.Context, list lister, q exchange.ListQuery) ([]exchange.Summary, string, error) {
	items := []exchange.Summary{}
	for want := q.Limit; ; {
		q.Limit = min(want-len(items), maxPage)
		page, err := list(ctx, q)
		if err != nil {
			return nil, "", err
		}
		items = append(items, page.Items...)
		if q.Before = page.Next; page.Next == "" || len(items) >= want || len(page.Items) == 0 {
			return items, page.Next, nil
		}
	}
}

func (a *app) printList(items []exchange.Summary, next string) error {
	return a.print(items, func(w io.Writer) {
		t := newTable("ID", "TIME", "STATE", "FROM", "TO", "TYPE", "NUMBER", "TITLE")
		for _, s := range items {
			t.add(s.ID.String(), clock(s.At), stateWord(s.State)+urged(s.Urged)+late(s.Delayed), string(s.From), joinUnits(s.To, 2), s.Type, s.Number, mark(s.Urgency)+s.Title)
		}
		t.write(w)
		if next != "" {
			_, _ = fmt.Fprintf(w, "There is more: --before %s\n", clean(next))
		}
	})
}

func urged(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" 催办%d次", n)
}

func late(delayed bool) string {
	if delayed {
		return " 迟延"
	}
	return ""
}

func mark(urgency string) string {
	if urgency == "" {
		return ""
	}
	return "【" + urgency + "】"
}
