package exchange_test

import (
	"bytes"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

func TestAValueHasOneEncoding(t *testing.T) {
	r := exchange.Receipt{State: exchange.Arrived, Exchange: exchange.ID{1}, Domain: "320500", Deliveries: []uint16{0, 2}, Prev: crypto.Digest{9}}
	good := exchange.Encode(r)
	if _, err := exchange.Decode[exchange.Receipt](good); err != nil {
		t.Fatal(err)
	}
	short := bytes.Replace(good, append([]byte{0x07, 0x58, 0x20}, r.Prev[:]...), []byte{0x07, 0x42, 9, 0}, 1)
	for name, b := range map[string][]byte{
		"a digest of two bytes": short,
		"trailing bytes":        append(bytes.Clone(good), 0),
		"an empty input":        nil,
		"an unknown field":      append([]byte{good[0] + 1}, append(bytes.Clone(good[1:]), 0x18, 0x63, 0x01)...),
	} {
		if v, err := exchange.Decode[exchange.Receipt](b); err == nil {
			t.Errorf("%s decodes to %+v", name, v)
		}
	}
}
