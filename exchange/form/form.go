package form

import "github.com/yizhan-exchange/yizhan/exchange"

// Party is a unit together with the domain it stands in, as the directory
// states them.
type Party struct {
	Unit   exchange.UnitInfo
	Domain exchange.DomainInfo
}

// Line returns the vertical line of departments the party belongs to: its own,
// else its domain's, else "".
func (p Party) Line() string {
	if p.Unit.Line != "" {
		return p.Unit.Line
	}
	return p.Unit.Unit.Domain().Line()
}

// Addressee is one recipient with its role (主送 or 抄送).
type Addressee struct {
	Party
	Role exchange.Role
}

// Recipients returns the addressees as a manifest lists them.
func Recipients(to []Addressee) []exchange.Recipient {
	out := make([]exchange.Recipient, len(to))
	for i, a := range to {
		out[i] = exchange.Recipient{Unit: a.Unit.Unit, Role: a.Role}
	}
	return out
}

// Limits bound one exchange. A zero field means the limit of the domain root.
type Limits struct {
	Recipients int   // units, main and copies together
	Files      int   // the text and its attachments together
	Content    int64 // bytes of all files together
}

// WithDefaults returns l with zero fields filled in, and none above the limits
// of the domain root, which the format of the manifest depends on.
func (l Limits) WithDefaults() Limits {
	return Limits{
		Recipients: bounded(l.Recipients, exchange.MaxRecipients),
		Files:      bounded(l.Files, exchange.MaxFiles),
		Content:    bounded(l.Content, exchange.MaxContent),
	}
}

func bounded[T int | int64](v, most T) T {
	if v <= 0 || v > most {
		return most
	}
	return v
}
