package exchange_test

import (
	"bytes"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// decodes holds for every statement: bytes that are read at all have one
// meaning, and what is written from it reads back the same.
func decodes[T any](f *testing.F, seed T) {
	f.Add(exchange.Encode(seed))
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := exchange.Decode[T](raw)
		if err != nil {
			return
		}
		once := exchange.Encode(v)
		again, err := exchange.Decode[T](once)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if !bytes.Equal(once, exchange.Encode(again)) {
			t.Fatal("two encodings of one value")
		}
	})
}

func FuzzManifest(f *testing.F) {
	decodes(f, exchange.Manifest{ID: exchange.ID{1}, Kind: exchange.Document, From: "wjw@320582", To: []exchange.Recipient{{Unit: "wjw@320500", Role: exchange.Copy}},
		Parts: []exchange.Part{{Size: 1, Chunks: []crypto.Digest{{2}}}}, Wraps: []exchange.Wrap{{Domain: "320500", Data: []byte{3}}}})
}

func FuzzReceipt(f *testing.F) {
	decodes(f, exchange.Receipt{State: exchange.Arrived, Exchange: exchange.ID{1}, Domain: "320500", Deliveries: []uint16{0, 7}, Reasons: []string{"R1"}, Note: []byte{1}})
}

func FuzzMessage(f *testing.F) {
	s := crypto.Signed{Bytes: []byte("yizhan/receipt/v1\nx")}
	decodes(f, exchange.Message{Envelope: &exchange.Envelope{Manifest: s, Deliveries: []uint16{1}, Custody: []crypto.Signed{s}, Inline: [][]byte{{1}}}})
}

func FuzzNotice(f *testing.F) {
	decodes(f, exchange.Notice{Kind: exchange.Recall, Exchange: exchange.ID{1}, Deliveries: []uint16{0}, From: "wjw@320582"})
}

func TestAMessageCarriesOneThing(t *testing.T) {
	s := &crypto.Signed{}
	for _, m := range []exchange.Message{{}, {Receipt: s, Notice: s}} {
		if m.Valid() {
			t.Errorf("%+v is taken for a message", m)
		}
	}
	if m := (exchange.Message{Void: s}); !m.Valid() {
		t.Error("a withdrawn row is not a message")
	}
}

func TestWhatIsNotUnderstoodIsNotDropped(t *testing.T) {
	receipt := exchange.Encode(exchange.Receipt{State: exchange.Arrived})
	unknown := append([]byte{receipt[0] + 1}, append(bytes.Clone(receipt[1:]), 0x18, 0x63, 0x01)...) // field 99
	for name, raw := range map[string][]byte{"an unknown field": unknown, "a trailing byte": append(bytes.Clone(receipt), 0), "a truncated end": receipt[:len(receipt)-1]} {
		if _, err := exchange.Decode[exchange.Receipt](raw); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
