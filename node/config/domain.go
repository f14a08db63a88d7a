package config

import (
	"fmt"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

func (d *Domain) check(r *reader, key string) {
	if !d.Domain.Valid() {
		r.problem(key+".domain", "domain", fmt.Sprintf("%q is not a domain", d.Domain), "交换域代码不正确", `write six digits, for example "320582"`)
	}
	if !exchange.Person(d.Replica).Valid() {
		r.problem(key+".replica", "replica", fmt.Sprintf("%q is not the name of a replica", d.Replica), "副本名称不正确", "write for example county-1")
	}
	if d.Keys == "" {
		r.problem(key+".keys", "required", "no key store is named", "未填写密钥库目录", "name its directory, for example keys/320582")
	}
	if (d.Unlock.KeyFile == "") == (d.Unlock.PassphraseFile == "") {
		r.problem(key+".unlock", "unlock", "exactly one of key_file and passphrase_file is needed", "key_file 与 passphrase_file 须且只能填写一项", "")
	}
	d.checkReplicas(r, key)
	if d.Superior != nil {
		d.Superior.check(r, key+".superior", d.Domain)
	}
	if d.Subordinates != nil {
		oneOf(r, key+".subordinates.channel", d.Subordinates.Channel, TLCP, TLS)
	}
	d.Limits.check(r, key+".limits")
	d.Retention.check(r, key+".retention")
	between(r, key+".heartbeat", d.Heartbeat, Duration(50*time.Millisecond), Duration(time.Minute))
}

func (d *Domain) checkReplicas(r *reader, key string) {
	names, addresses := map[exchange.Replica]bool{}, map[string]bool{}
	for i, m := range d.Replicas {
		at := fmt.Sprintf("%s.replicas[%d]", key, i)
		if !exchange.Person(m.Name).Valid() {
			r.problem(at+".name", "replica", fmt.Sprintf("%q is not the name of a replica", m.Name), "副本名称不正确", "write for example county-1")
		}
		address(r, at+".address", m.Address)
		if names[m.Name] || addresses[m.Address] {
			r.problem(at, "replica.twice", "the name or the address is that of another replica", "副本名称或地址重复", "give each its own")
		}
		names[m.Name], addresses[m.Address] = true, true
	}
	if !names[d.Replica] {
		r.problem(key+".replicas", "replica.missing", fmt.Sprintf("this replica, %q, is not listed", d.Replica), "未列出本副本", "list every founding member with its address, this one included")
	}
}

func (s *Superior) check(r *reader, key string, own exchange.Domain) {
	if !s.Domain.Valid() {
		r.problem(key+".domain", "domain", fmt.Sprintf("%q is not a domain", s.Domain), "交换域代码不正确", `write six digits, for example "320500"`)
	} else if s.Domain == own {
		r.problem(key+".domain", "superior.self", "a domain is not its own superior", "上级不能是本域", "name the superior, or remove superior at the top")
	}
	if len(s.Endpoints) == 0 {
		r.problem(key+".endpoints", "required", "no endpoint is given", "未填写上级接入地址", "list the link address of each replica of the superior")
	}
	seen := map[string]bool{}
	for i, e := range s.Endpoints {
		at := fmt.Sprintf("%s.endpoints[%d]", key, i)
		address(r, at, e)
		if seen[e] {
			r.problem(at, "endpoint.twice", e+" is listed twice", "地址重复", "remove one of them")
		}
		seen[e] = true
	}
	oneOf(r, key+".channel", s.Channel, TLCP, TLS)
	between(r, key+".retry.first", s.Retry.First, Duration(10*time.Millisecond), Duration(time.Hour))
	if s.Retry.Ceiling < s.Retry.First {
		r.problem(key+".retry.ceiling", "retry", fmt.Sprintf("%v is shorter than the first wait, %v", s.Retry.Ceiling, s.Retry.First), "重试上限小于首次等待", "make it at least as long")
	}
	for i, w := range s.Bandwidth {
		w.check(r, fmt.Sprintf("%s.bandwidth[%d]", key, i))
	}
}

func (w Window) check(r *reader, key string) {
	if w.From < 0 || w.From > 23 || w.To < 0 || w.To > 24 {
		r.problem(key, "bandwidth", fmt.Sprintf("no hours of a day: from %d to %d", w.From, w.To), "时段不正确", "from is 0 to 23, to is 0 to 24")
	}
}

// leastRetention is six months, whichever they are.
const leastRetention = 184 * day

func (k *Retention) check(r *reader, key string) {
	between(r, key+".documents", k.Documents, Duration(leastRetention), Duration(36500*day))
	between(r, key+".cases", k.Cases, Duration(leastRetention), Duration(36500*day))
	between(r, key+".others", k.Others, Duration(leastRetention), Duration(36500*day))
	between(r, key+".duplicates", k.Duplicates, Duration(leastRetention), Duration(36500*day))
}

func (l *Limits) check(r *reader, key string) {
	between(r, key+".content", l.Content, 1, exchange.MaxContent)
	between(r, key+".files", l.Files, 1, exchange.MaxFiles)
	between(r, key+".recipients", l.Recipients, 1, exchange.MaxRecipients)
	between(r, key+".delay", l.Delay, Duration(time.Minute), Duration(30*day))
	between(r, key+".bounce", l.Bounce, Duration(time.Hour), Duration(365*day))
	between(r, key+".expiry", l.Expiry, Duration(time.Hour), Duration(3650*day))
	between(r, key+".scrub", l.Scrub, 64<<10, 1<<30)
	between(r, key+".free_disk", l.FreeDisk, 1<<20, 1<<50)
	between(r, key+".catch_up", l.CatchUp, 1<<20, 1<<40)
}

// check holds the least memory to what one submission and one 特急 may take at
// once in a quarter of it.
func (c *Capacity) check(r *reader, key string) {
	between(r, key+".memory", c.Memory, 128<<20, 1<<40)
	between(r, key+".submissions", c.Submissions, 2, 4096)
	between(r, key+".most_urgent", c.MostUrgent, 0, 1_000_000)
	between(r, key+".readers", c.Readers, 1, 4096)
	between(r, key+".connections", c.Connections, 16, 1<<20)
}

func between[T ~int | ~int64](r *reader, key string, v, least, most T) {
	if v < least || v > most {
		r.problem(key, "range", fmt.Sprintf("%v is out of range", v), "取值超出范围", fmt.Sprintf("write %v to %v", least, most))
	}
}
