package facts

import "github.com/yizhan-exchange/yizhan/exchange"

// Words of the enumerations as rules write them. "invalid" stands for a value
// this version does not know; the kernel refuses it before any rule sees it.
var (
	gradeWords      = []string{"none", "secret", "confidential", "top_secret"}
	urgencyWords    = []string{"ordinary", "urgent", "most_urgent"}
	disclosureWords = []string{"unset", "active", "on_request", "refused"}
	shareWords      = []string{"unset", "unconditional", "conditional", "refused"}
	kindWords       = []string{"", "document", "case", "query"}
	levelWords      = []string{"", "national", "province", "city", "county", "township"}
	roleWords       = []string{"main", "copy"}
	pointWords      = []string{"submit", "relay", "receive", "open"}
)

// Valid reports whether every enumeration has a value this version knows.
func (q *Question) Valid() bool {
	return pointKnown(q.Point) && q.Kind >= exchange.Document && q.Kind <= exchange.Query &&
		q.Urgency <= exchange.MostUrgent && q.Secrecy <= exchange.TopSecret &&
		q.Disclosure <= exchange.DisclosureRefused && q.Share <= exchange.ShareRefused && q.rolesValid()
}

func (q *Question) rolesValid() bool {
	for i := range q.To {
		if q.To[i].Role > exchange.Copy {
			return false
		}
	}
	return true
}

func pointKnown(p exchange.Point) bool {
	for _, w := range pointWords {
		if w == string(p) {
			return true
		}
	}
	return false
}
