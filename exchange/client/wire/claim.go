package wire

import "github.com/yizhan-exchange/yizhan/exchange"

// What a submission says of itself in the metadata of its call, so that it can
// be let in or refused before anything of it is read. A submission that says
// nothing waits as an ordinary one of unknown size.
const (
	HeaderUrgency      = "yizhan-urgency"       // most-urgent (特急), urgent (加急); none: ordinary
	HeaderContentBytes = "yizhan-content-bytes" // of all files together, decimal
)

var urgencyHeaders = map[exchange.Urgency]string{exchange.MostUrgent: "most-urgent", exchange.Urgent: "urgent"}

// EncodeUrgencyHeader returns the value of HeaderUrgency, "" for none.
func EncodeUrgencyHeader(u exchange.Urgency) string { return urgencyHeaders[u] }

// DecodeUrgencyHeader is the inverse; a word that is not known is ordinary.
func DecodeUrgencyHeader(v string) exchange.Urgency {
	for u, name := range urgencyHeaders {
		if name == v {
			return u
		}
	}
	return exchange.Ordinary
}
