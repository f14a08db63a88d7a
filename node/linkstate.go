package node

import "github.com/yizhan-exchange/yizhan/exchange"

// linkState is what the link to a neighbour is doing, in a word.
func (h *hosted) linkState(peer exchange.Domain) string {
	var links []exchange.LinkStatus
	if h.dialer != nil {
		links = append(links, h.dialer.Status())
	}
	if h.node.linkEnd != nil {
		links = append(links, h.node.linkEnd.Status(h.config.Domain)...)
	}
	for _, l := range links {
		if l.Peer == peer {
			return l.State
		}
	}
	return "never connected since this node started"
}
