package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// check finds values out of range and settings that contradict each other.
func (n *Node) check(r *reader) {
	if !exchange.Person(n.Name).Valid() {
		r.problem("node", "node", fmt.Sprintf("%q is not the name of a node", n.Name), "节点名称不正确", "write for example county-1")
	}
	oneOf(r, "crypto.provider", n.Crypto.Provider, sm.Emmansun, sm.TJFOC)
	oneOf(r, "log.level", n.Log.Level, "debug", "info", "warn", "error")
	oneOf(r, "log.format", n.Log.Format, "text", "json")
	oneOf(r, "profile", n.Profile, ProfileDefault, ProfileGM)
	n.checkListen(r)
	n.Limits.check(r, "limits")
	if len(n.Domains) == 0 {
		r.problem("domains", "domains", "no domain is listed", "未列出任何交换域", "list at least one under domains:")
	}
	for i := range n.Domains {
		n.Domains[i].check(r, fmt.Sprintf("domains[%d]", i))
	}
	n.checkTogether(r)
}

func (n *Node) checkListen(r *reader) {
	address(r, "listen.api", n.Listen.API)
	address(r, "listen.peer", n.Listen.Peer)
	if n.Listen.Link != "" {
		address(r, "listen.link", n.Listen.Link)
	}
	seen := map[string]string{}
	for _, l := range []struct{ key, address string }{
		{"listen.api", n.Listen.API}, {"listen.peer", n.Listen.Peer}, {"listen.link", n.Listen.Link},
	} {
		if other := seen[l.address]; other != "" {
			r.problem(l.key, "listen.twice", l.address+" is also "+other, "监听地址重复", "give each its own port")
		}
		if l.address != "" && !strings.HasSuffix(l.address, ":0") {
			seen[l.address] = l.key
		}
	}
}

// checkTogether finds contradictions between sections.
func (n *Node) checkTogether(r *reader) {
	domains, keys := map[exchange.Domain]bool{}, map[string]exchange.Domain{}
	channel := n.LinkChannel()
	for i, d := range n.Domains {
		key := fmt.Sprintf("domains[%d]", i)
		if domains[d.Domain] {
			r.problem(key+".domain", "domain.twice", string(d.Domain)+" is listed twice", "交换域重复", "a node hosts at most one replica of a domain; remove one")
		}
		if other, ok := keys[d.Keys]; ok && d.Keys != "" && other != d.Domain {
			r.problem(key+".keys", "keys.shared", "the key store is also that of "+string(other), "密钥库不能共用", "give each domain its own directory")
		}
		domains[d.Domain], keys[d.Keys] = true, d.Domain
		n.checkChannels(r, key, d, channel)
	}
	if n.Listen.Link != "" && channel == "" && len(n.Domains) > 0 {
		r.problem("listen.link", "link.unused", "no domain here has subordinates", "没有下级交换域，无需监听", "remove listen.link, or add subordinates: {} to the domain that has them")
	}
}

func (n *Node) checkChannels(r *reader, key string, d Domain, channel Channel) {
	gm := func(field string, c Channel) {
		if n.Profile == ProfileGM && c == TLS {
			r.problem(key+field, "channel.profile", "profile gm is TLCP on every plane, and this says tls", "国密配置下不能使用 tls", "write tlcp, or profile: default")
		}
	}
	if d.Superior != nil {
		gm(".superior.channel", d.Superior.Channel)
	}
	if d.Subordinates == nil {
		return
	}
	gm(".subordinates.channel", d.Subordinates.Channel)
	if n.Listen.Link == "" {
		r.problem(key+".subordinates", "link.missing", "there are subordinates and no listen.link for them", "有下级交换域但未配置 listen.link", "add listen.link, or remove subordinates")
	}
	if d.Subordinates.Channel != channel {
		r.problem(key+".subordinates.channel", "channel.differs", "another domain of this node says "+string(channel)+", and listen.link is one", "同一节点的下级通道须一致", "name the same channel in both")
	}
}

func oneOf[T ~string](r *reader, key string, v T, known ...T) {
	if slices.Contains(known, v) {
		return
	}
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = string(k)
	}
	r.problem(key, "choice", fmt.Sprintf("%q is not known", v), "取值不在可选范围内", "write "+strings.Join(words, " or "))
}

// address checks host:port.
func address(r *reader, key, v string) {
	host, port, err := net.SplitHostPort(v)
	n, perr := strconv.ParseUint(port, 10, 16)
	switch {
	case v == "":
		r.problem(key, "required", "an address is required", "未填写地址", "write host:port, for example 127.0.0.1:7443")
	case err != nil || perr != nil:
		r.problem(key, "address", fmt.Sprintf("%q is not host:port", v), "地址应写作 主机:端口", "write for example 127.0.0.1:7443")
	case !strings.HasPrefix(key, "listen.") && (host == "" || n == 0):
		r.problem(key, "address", fmt.Sprintf("%q names no host or port to connect to", v), "地址缺少主机或端口", "write the address at which it is reached")
	}
}
