package channel

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto/trust"
)

func TestAHelloComesBackAsItWas(t *testing.T) {
	want := hello{ProtocolRaft, "320582", 1 << 63, []byte("sign"), []byte("encrypt"), [][]byte{[]byte("a"), []byte("b")}}
	body, err := want.marshal()
	check(t, err)
	got, err := parseHello(body)
	check(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	for i := range body {
		if _, err := parseHello(body[:i]); !errors.Is(err, ErrHandshake) {
			t.Errorf("cut after %d bytes: %v", i, err)
		}
	}
	if _, err := parseHello(append(body, 0)); !errors.Is(err, ErrHandshake) {
		t.Errorf("with a byte too many: %v", err)
	}
}

func TestAHelloThatNobodyWouldReadIsNotSent(t *testing.T) {
	big := make([]byte, 20<<10)
	for _, h := range []hello{
		{sign: big, encrypt: big}, {sign: make([]byte, 1<<16)},
		{chain: make([][]byte, trust.MaxChain+1)},
	} {
		if _, err := h.marshal(); !errors.Is(err, ErrHandshake) {
			t.Errorf("got %v", err)
		}
	}
}

func TestEveryRefusalArrivesAsItsClass(t *testing.T) {
	for code, class := range refusals {
		if class == nil {
			continue
		}
		if codeOf(class) != byte(code) {
			t.Errorf("%v has code %d, sent as %d", class, code, codeOf(class))
		}
		_, err := readFrame(bytes.NewReader(appendFrame(nil, frameRefuse, []byte{byte(code)})), frameProof)
		if !errors.Is(err, ErrRefused) || !errors.Is(err, class) {
			t.Errorf("code %d arrives as %v", code, err)
		}
	}
	_, err := readFrame(bytes.NewReader([]byte{byte(frameRefuse), 0, 1, 200}), frameHello)
	if !errors.Is(err, ErrRefused) {
		t.Errorf("an unknown code arrives as %v", err)
	}
}

func FuzzBindingFrames(f *testing.F) {
	body, err := hello{ProtocolLink, "320500", 1, []byte("sign"), []byte("enc"), [][]byte{[]byte("ca")}}.marshal()
	check(f, err)
	f.Add(appendFrame(nil, frameHello, body))
	f.Add(appendFrame(nil, frameProof, make([]byte, 64)))
	f.Add(appendFrame(nil, frameRefuse, []byte{7}))
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := bytes.NewReader(wire)
		for _, want := range []frameKind{frameHello, frameProof, frameReady} {
			r.Reset(wire)
			body, err := readFrame(r, want)
			if err != nil {
				if !errors.Is(err, ErrHandshake) && !errors.Is(err, ErrRefused) {
					t.Fatalf("error without a class: %v", err)
				}
				continue
			}
			if read := len(wire) - r.Len(); read != frameHeader+len(body) {
				t.Fatalf("read %d bytes for a frame of %d", read, frameHeader+len(body))
			}
			if h, err := parseHello(body); err == nil {
				if again, err := h.marshal(); err != nil || !bytes.Equal(again, body) {
					t.Fatalf("a hello has two encodings, or %v", err)
				}
			}
			_, _ = parseProof(body)
		}
	})
}

func FuzzClientHello(f *testing.F) {
	fixed := append([]byte{1, 1}, make([]byte, 32)...)
	fixed = append(fixed, 0, 0, 2, 0xe0, 0x13, 1, 0)
	h := clientHello{fixed: fixed, serverName: "320582", protocols: []string{ProtocolLink}}
	for _, add := range []bool{true, false} {
		record, err := h.record([]byte{22, 1, 1}, add)
		check(f, err)
		f.Add(record)
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		h, err := parseClientHello(record)
		if err != nil {
			if !errors.Is(err, ErrHandshake) {
				t.Fatalf("error without a class: %v", err)
			}
			return
		}
		if !h.marked {
			return
		}
		bare, err := h.record(record, false)
		check(t, err)
		again, err := parseClientHello(bare)
		if err != nil || again.marked || again.serverName != "" || !bytes.Equal(again.fixed, h.fixed) {
			t.Fatalf("what is left of a marked hello: %+v, %v", again, err)
		}
	})
}

func TestNameAndProtocolTravelInTheClientHello(t *testing.T) {
	fixed := append([]byte{1, 1}, make([]byte, 32)...)
	fixed = append(fixed, 0, 0, 2, 0xe0, 0x13, 1, 0)
	sent, err := clientHello{fixed: fixed, serverName: "320582.health", protocols: []string{ProtocolRaft}}.record([]byte{22, 1, 1}, true)
	check(t, err)
	h, err := parseClientHello(sent)
	check(t, err)
	check(t, h.acceptable())
	if h.serverName != "320582.health" || len(h.protocols) != 1 || h.protocols[0] != ProtocolRaft || !h.marked {
		t.Errorf("got %+v", h)
	}
}
