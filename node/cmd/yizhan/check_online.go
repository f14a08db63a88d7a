package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

// checkOnline lets the replicas of the identity's domain check themselves.
func (a *app) checkOnline(ctx context.Context, o exchange.CheckOptions) error {
	return a.within(ctx, noLimit, func(ctx context.Context, c *client.Client) error {
		p := &checkProgress{app: a, at: map[exchange.Replica]exchange.CheckProgress{}}
		found, err := c.CheckDomain(ctx, o, p.tell)
		p.end()
		if err != nil {
			return err
		}
		if err := a.print(found, func(w io.Writer) { printDomainCheck(w, found) }); err != nil || found.OK {
			return err
		}
		return hinted{exchange.Errorf(exchange.Corrupt, "check", "what the domain keeps does not fit together"),
			"A code on one replica only: stop that one, let the others serve, and join it anew. On all: keep the data, report it. 仅一个副本有误：停止该副本并重新加入；全部有误：保留数据并报告。node/check/DESIGN.md tells what each code means.", ""}
	})
}

// checkProgress shows on a terminal what each replica is at.
type checkProgress struct {
	app   *app
	at    map[exchange.Replica]exchange.CheckProgress
	last  time.Time
	shown bool
}

func (p *checkProgress) tell(c exchange.CheckProgress) {
	p.at[c.Replica] = c
	if !p.app.terminal || p.app.json() || time.Since(p.last) < 200*time.Millisecond {
		return
	}
	p.last, p.shown = time.Now(), true
	var words []string
	for r, c := range p.at {
		words = append(words, fmt.Sprintf("%s %s %d", r, c.Stage, c.Rows))
	}
	sort.Strings(words)
	_, _ = fmt.Fprintf(p.app.stderr, "\r\x1b[K%s", clean(strings.Join(words, ", ")))
}

func (p *checkProgress) end() {
	if p.shown {
		_, _ = fmt.Fprint(p.app.stderr, "\r\x1b[K")
	}
}

func printDomainCheck(w io.Writer, d exchange.DomainCheck) {
	t := newTable("REPLICA", "INDEX", "DIGEST", "EXCHANGES", "RECEIPTS", "QUEUED", "CHUNKS", "MISSING", "FOUND")
	findings := slices.Clone(d.Findings)
	for _, r := range d.Replicas {
		if r.Failed != "" {
			t.add(string(r.Replica), "-", "-", "-", "-", "-", "-", "-", "not checked 未检查")
			continue
		}
		n := func(name string) string { return fmt.Sprint(r.Counts[name]) }
		t.add(string(r.Replica), fmt.Sprint(r.Index), r.Digest[:min(8, len(r.Digest))], n("exchanges"), n("receipts"), n("queued"), n("chunks"), n("missing"), foundBy(r))
		for _, f := range r.Findings {
			f.Object = string(r.Replica) + " " + f.Object
			findings = append(findings, f)
		}
	}
	_, _ = fmt.Fprintf(w, "domain %s\n", d.Domain)
	t.write(w)
	if len(findings) == 0 {
		_, _ = fmt.Fprintln(w, "nothing amiss 未发现问题")
		return
	}
	f := newTable("SEVERITY", "CODE", "OBJECT", "")
	for _, found := range findings {
		f.add(found.Severity, found.Code, found.Object, found.Message)
	}
	_, _ = fmt.Fprintln(w)
	f.write(w)
	for _, r := range d.Replicas {
		if r.Omitted > 0 {
			_, _ = fmt.Fprintf(w, "… and %d more on %s\n", r.Omitted, r.Replica)
		}
	}
}

func foundBy(r exchange.ReplicaCheck) string {
	all := uint64(len(r.Findings)) + r.Omitted
	if all == 0 {
		return "-"
	}
	return fmt.Sprintf("%d errors, %d warnings", r.Errors, all-r.Errors)
}
