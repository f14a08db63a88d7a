package node

import (
	"context"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Tend looks after the content of a hosted domain once, now.
func (n *Node) Tend(ctx context.Context, d exchange.Domain) exchange.ContentStatus {
	t := n.hosted[d].tend
	t.round(ctx)
	return t.status()
}
