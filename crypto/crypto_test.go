package crypto

import (
	"bytes"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

//go:embed testdata/signatures.json
var signatureFile []byte

type signatureVector struct{ Name, DER, Class string }

func signatureVectors(t testing.TB) []signatureVector {
	var v []signatureVector
	if err := json.Unmarshal(signatureFile, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOnlyTheCanonicalEncodingOfASignatureIsRead(t *testing.T) {
	classes := map[string]error{"": nil, "encoding": ErrEncoding}
	for _, v := range signatureVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			if _, err := ParseSignature(unhex(t, v.DER)); !errors.Is(err, classes[v.Class]) {
				t.Errorf("got %v, want %v", err, classes[v.Class])
			}
		})
	}
}

func TestASignatureSurvivesItsEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Signature
		r := rapid.SliceOfN(rapid.Byte(), 1, 32).Draw(t, "r")
		v := rapid.SliceOfN(rapid.Byte(), 1, 32).Draw(t, "s")
		copy(s[32-len(r):32], r)
		copy(s[64-len(v):], v)
		got, err := ParseSignature(s.DER())
		if bytes.Equal(s[:32], make([]byte, 32)) || bytes.Equal(s[32:], make([]byte, 32)) {
			if !errors.Is(err, ErrEncoding) {
				t.Fatalf("zero is read: %v", err)
			}
		} else if err != nil || got != s {
			t.Fatalf("%x became %x: %v", s, got, err)
		}
	})
}

func TestDigestsAreReadAndPrintedInHexadecimal(t *testing.T) {
	text := strings.Repeat("0a", 32)
	d, err := ParseDigest(text)
	if err != nil || d.String() != text || d.Short() != "0a0a0a0a" || d.IsZero() || !(Digest{}).IsZero() {
		t.Errorf("%v %v", d, err)
	}
	for _, bad := range []string{"", text[1:], text + "0", strings.Repeat("xy", 32)} {
		if _, err := ParseDigest(bad); !errors.Is(err, ErrEncoding) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	k := KeyID(d)
	if k.String() != text || k.Short() != "0a0a0a0a" || !(PublicKey{}).IsZero() || (PublicKey{1}).IsZero() {
		t.Error("key id or public key print wrongly")
	}
}

// echo signs by copying the start of the message.
type echo struct{ fail error }

func (echo) KeyID() KeyID { return KeyID{7} }

func (e echo) Sign(msg []byte) (s Signature, err error) {
	copy(s[:], msg)
	return s, e.fail
}

func TestAStatementKeepsTheBytesThatWereSigned(t *testing.T) {
	s, err := Sign(echo{}, ContextReceipt, []byte("body"))
	if err != nil || string(s.Bytes) != ContextReceipt+"\nbody" || s.Key != (KeyID{7}) || !bytes.HasPrefix(s.Sig[:], []byte("yizhan/receipt")) {
		t.Fatalf("%q %v", s.Bytes, err)
	}
	if body, ok := s.Body(ContextReceipt); !ok || string(body) != "body" {
		t.Errorf("body %q", body)
	}
	broken := errors.New("device unplugged")
	if _, err := Sign(echo{broken}, ContextReceipt, nil); !errors.Is(err, broken) {
		t.Errorf("cause is lost: %v", err)
	}
}

func TestAStatementHasNoBodyUnderAnotherContext(t *testing.T) {
	for _, b := range []string{"", "yizhan/receipt/v1", "yizhan/receipt/v1x\n", "yizhan/receipt/v2\nbody", "\nbody", "yizhan/receipt/v11\nbody"} {
		if body, ok := (Signed{Bytes: []byte(b)}).Body(ContextReceipt); ok {
			t.Errorf("%q has body %q", b, body)
		}
	}
	empty := Signed{Bytes: WithContext(ContextVoid, nil)}
	if body, ok := empty.Body(ContextVoid); !ok || len(body) != 0 {
		t.Errorf("an empty body is lost: %q %v", body, ok)
	}
}

// FuzzParseSignature checks that whatever is read has exactly one encoding.
func FuzzParseSignature(f *testing.F) {
	for _, v := range signatureVectors(f) {
		f.Add(unhex(f, v.DER))
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		s, err := ParseSignature(der)
		if err != nil {
			if !errors.Is(err, ErrEncoding) || s != (Signature{}) {
				t.Errorf("class or value: %v", err)
			}
			return
		}
		if !bytes.Equal(s.DER(), der) {
			t.Errorf("%x is read but written as %x", der, s.DER())
		}
	})
}
