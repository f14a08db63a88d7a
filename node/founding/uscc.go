package founding

import (
	"fmt"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/official"
)

// fictitiousUSCC makes a unified social credit code (GB 32100) whose check
// characters are right and whose body code, FAKE0001, is nobody's. The two
// check characters are found by trying.
func fictitiousUSCC(d exchange.Domain, serial int) string {
	stem := fmt.Sprintf("11%sFAKE%04d", d.Division(), serial)
	for _, body := range "0123456789X" {
		for _, check := range "0123456789ABCDEFGHJKLMNPQRTUWXY" {
			if code, err := official.ParseUSCC(stem + string(body) + string(check)); err == nil {
				return string(code)
			}
		}
	}
	return "" // a division that is no division; Check says so
}
