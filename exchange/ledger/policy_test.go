package ledger_test

import (
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

func policyOf(issuer exchange.Domain, number uint64) crypto.Signed {
	return state(crypto.ContextPolicy, exchange.PolicyBundle{Issuer: issuer, Number: number, At: begin})
}

// policies lists what policy statements are queued for a peer, by number.
func (d *domain) policies(peer exchange.Domain) (out []uint64) {
	for _, q := range d.queued(peer, exchange.ClassControl) {
		msg, err := exchange.Decode[exchange.Message](q.Message)
		if err == nil && msg.Policy != nil {
			b, _ := ledger.StatementOf[exchange.PolicyBundle](*msg.Policy, crypto.ContextPolicy)
			out = append(out, b.Number)
		}
	}
	return out
}

// TestPolicyThatEverybodyAboveForgotGoesUp: the province and the city were
// restored to before a policy of the province, which the county has.
func TestPolicyThatEverybodyAboveForgotGoesUp(t *testing.T) {
	d := found(t, county)
	two, own := policyOf(province, 2), policyOf(county, 1)
	d.carry(city, exchange.ClassControl, exchange.Message{Policy: &two})
	d.must(ledger.Command{Statement: &ledger.Statement{Policy: &own}})
	d.greet(city, 2, 9)
	if got := d.policies(city); len(got) != 1 || got[0] != 2 {
		t.Fatalf("the county tells the city policies %v", got)
	}

	d = found(t, city)
	d.carry(county, exchange.ClassControl, exchange.Message{Policy: &two})
	if up, down := d.policies(province), d.policies(sibling); len(up) != 1 || len(down) != 1 || len(d.policies(county)) != 0 {
		t.Fatalf("the city passes on %v to the province and %v to the sibling", up, down)
	}
	d = found(t, city)
	d.carry(province, exchange.ClassControl, exchange.Message{Policy: &two})
	if up := d.policies(province); len(up) != 0 {
		t.Fatalf("what came down goes up again: %v", up)
	}
}
