package node

import (
	"context"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/content"
)

// chunks is pipeline.Content over the replicated store.
type chunks struct{ *content.Replicated }

func (c chunks) Put(ctx context.Context, address crypto.Digest, data []byte) error {
	_, err := c.Replicated.Put(ctx, address, data)
	return err
}

func (c chunks) Kept(ctx context.Context, addresses []crypto.Digest) ([]exchange.Stored, error) {
	return c.Confirm(ctx, addresses)
}

// Missing asks this replica, then the others for what is not here. A replica
// that cannot be asked counts as having nothing: what it has is sent again.
func (c chunks) Missing(ctx context.Context, addresses []crypto.Digest) ([]crypto.Digest, error) {
	stored, err := c.Local.Has(ctx, addresses)
	if err != nil {
		return nil, err
	}
	missing := without(addresses, stored)
	for _, p := range c.Peers() {
		if len(missing) == 0 {
			break
		}
		if _, stored, err := p.Has(ctx, missing); err == nil {
			missing = without(missing, stored)
		}
	}
	return missing, ctx.Err()
}

func without(addresses []crypto.Digest, stored []bool) []crypto.Digest {
	var out []crypto.Digest
	for i, a := range addresses {
		if i >= len(stored) || !stored[i] {
			out = append(out, a)
		}
	}
	return out
}
