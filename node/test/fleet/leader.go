package fleet

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

// Leader names the process that leads a domain now.
func (f *Fleet) Leader(d exchange.Domain) string {
	f.t.Helper()
	name := ""
	f.Eventually(30*time.Second, "a leader of "+string(d), func(ctx context.Context) error {
		status, err := f.Status(ctx, d)
		if err != nil {
			return err
		}
		if name = f.processOf(d, status.Leader); name == "" || f.Pid(name) == 0 {
			return fmt.Errorf("%s is said to lead", status.Leader)
		}
		return nil
	})
	return name
}

// Status asks any replica of a domain how it is, as its administrator.
func (f *Fleet) Status(ctx context.Context, d exchange.Domain) (exchange.DomainStatus, error) {
	all, err := f.Client(f.administrator(d)).ClusterStatus(ctx)
	for _, s := range all {
		if s.Domain == d {
			return s, nil
		}
	}
	return exchange.DomainStatus{}, fmt.Errorf("no status of %s: %w", d, err)
}

// administrator is the identity of the domain's system administrator.
func (f *Fleet) administrator(d exchange.Domain) string {
	for _, i := range f.settings.Identities {
		if i.As.Domain() == d && strings.Contains(string(i.Person), "admin") {
			return i.Name()
		}
	}
	f.t.Fatalf("no administrator of %s in client.yaml", d)
	return ""
}

func (f *Fleet) processOf(d exchange.Domain, r exchange.Replica) string {
	for name, c := range f.configs {
		for _, h := range c.Domains {
			if h.Domain == d && h.Replica == r {
				return name
			}
		}
	}
	return ""
}

// AnonymousMemory returns RssAnon of a process in bytes (proc(5)): what it
// holds itself, without mapped files.
func (f *Fleet) AnonymousMemory(name string) int64 {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", f.Pid(name)))
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "RssAnon:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10
		}
	}
	return 0
}

// LeaderStatus asks the leader of a domain, whichever process that is: links
// are open only there.
func (f *Fleet) LeaderStatus(ctx context.Context, d exchange.Domain) (exchange.DomainStatus, error) {
	any, err := f.Status(ctx, d)
	if err != nil {
		return any, err
	}
	process := f.processOf(d, any.Leader)
	if process == "" {
		return any, fmt.Errorf("%s has no leader", d)
	}
	return f.StatusAt(ctx, d, process)
}

// StatusAt asks one process about its replica of a domain.
func (f *Fleet) StatusAt(ctx context.Context, d exchange.Domain, process string) (exchange.DomainStatus, error) {
	conf, err := f.settings.Pick(f.administrator(d))
	if err != nil {
		return exchange.DomainStatus{}, err
	}
	conf.Endpoints = []string{f.configs[process].Listen.API}
	c, err := client.Dial(conf)
	if err != nil {
		return exchange.DomainStatus{}, err
	}
	defer c.Close()
	all, err := c.ClusterStatus(ctx)
	for _, s := range all {
		if s.Domain == d {
			return s, nil
		}
	}
	return exchange.DomainStatus{}, fmt.Errorf("no status of %s from %s: %w", d, process, err)
}

// ClientAt is Client, speaking to one process only.
func (f *Fleet) ClientAt(as, process string) *client.Client {
	f.t.Helper()
	conf, err := f.settings.Pick(as)
	if err != nil {
		f.t.Fatal(err)
	}
	conf.Endpoints = []string{f.api[process]}
	c, err := client.Dial(conf)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = c.Close() })
	return c
}
