package form

import (
	"fmt"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// CheckRecipients reports everything wrong with the list of recipients: none,
// none to act, too many, named twice, the sender itself, a malformed name.
func CheckRecipients(r *Report, from Party, to []Addressee, limits Limits) {
	if len(to) == 0 {
		r.AddFaults("to", problems().Fault("recipients.none"))
		return
	}
	if len(to) > limits.Recipients {
		r.AddFaults("to", problems().Fault("recipients.many", len(to), limits.Recipients))
		to = to[:limits.Recipients]
	}
	if Count(to, exchange.Main) == 0 {
		r.AddFaults("to", problems().Fault("recipients.main"))
	}
	first := map[exchange.Unit]int{}
	for i, a := range to {
		j, dup := first[a.Unit.Unit]
		if !dup {
			first[a.Unit.Unit] = i
		}
		if f := checkRecipient(from, a, j, dup); f != nil {
			r.AddFaults(fmt.Sprintf("to[%d]", i), f)
		}
	}
}

func checkRecipient(from Party, a Addressee, earlier int, dup bool) *Fault {
	switch {
	case !a.Unit.Unit.Valid():
		return problems().Fault("recipients.form")
	case a.Role != exchange.Main && a.Role != exchange.Copy:
		return problems().Fault("recipients.role")
	case a.Unit.Unit == from.Unit.Unit:
		return problems().Fault("recipients.self")
	case dup:
		return problems().Fault("recipients.duplicate", earlier)
	}
	return nil
}

// Count returns how many addressees have the role.
func Count(to []Addressee, role exchange.Role) int {
	n := 0
	for _, a := range to {
		if a.Role == role {
			n++
		}
	}
	return n
}
