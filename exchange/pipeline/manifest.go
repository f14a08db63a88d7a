package pipeline

import (
	"github.com/yizhan-exchange/yizhan/crypto/seal"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// maxHeader bounds the sealed header, which is opened whole in memory: the
// fields of a case, and names and texts beside them.
const maxHeader = exchange.MaxFieldsSize + 256<<10

// checkManifest bounds what a neighbour may hand in, before anything is done
// in proportion to it.
func checkManifest(m *exchange.Manifest, deliveries []uint16) error {
	switch {
	case m.ID.IsZero() || !m.From.Valid() || len(m.To) == 0 || len(m.To) > exchange.MaxRecipients || !ascending(deliveries, len(m.To)):
		return corrupt("the manifest's id, sender or recipients are not well formed")
	case m.Kind < exchange.Document || m.Kind > exchange.Query || m.Urgency > exchange.MostUrgent || m.Secrecy > exchange.TopSecret ||
		m.Share > exchange.ShareRefused || m.Disclosure > exchange.DisclosureRefused:
		return corrupt("the manifest has a kind or grade that this version does not know")
	case len(m.Parts) == 0 || len(m.Parts) > exchange.MaxFiles+1 || len(m.Wraps) > exchange.MaxRecipients+1:
		return corrupt("the manifest has %d parts and %d wraps", len(m.Parts), len(m.Wraps))
	}
	for _, to := range m.To {
		if !to.Unit.Valid() {
			return corrupt("a recipient of the manifest is not well formed")
		}
	}
	return checkParts(m.Parts)
}

// checkParts holds sizes and numbers of chunks against each other and the
// limits. The header is part 0.
func checkParts(parts []exchange.Part) error {
	total := int64(0)
	for i, p := range parts {
		if p.Size < 0 || p.Size > exchange.MaxContent || int64(len(p.Chunks)) != max((p.Size+seal.ChunkSize-1)/seal.ChunkSize, 1) {
			return corrupt("part %d of the manifest has %d chunks for %d bytes", i, len(p.Chunks), p.Size)
		}
		total += p.Size
	}
	if parts[0].Size > maxHeader || total-parts[0].Size > exchange.MaxContent {
		return corrupt("the manifest describes more content than an exchange may have")
	}
	return nil
}
