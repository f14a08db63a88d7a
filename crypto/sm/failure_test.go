package sm

import (
	_ "embed"
	"encoding/json"
	"errors"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// failureFile holds inputs with the class of failure they must meet; "" is
// success. The malicious ones were computed by a third implementation, so that
// a library without the check would accept them.
//
//go:embed testdata/failures.json
var failureFile []byte

type failure struct {
	Name, Op, Class               string
	Pub, Msg, Sig, D, DER, Sealed octets
	Key, Nonce, AAD               octets
}

var classes = map[string]error{
	"": nil, "signature": ErrSignature, "public key": ErrPublicKey, "decrypt": ErrDecrypt,
}

func (f failure) run(p Provider) error {
	switch f.Op {
	case "verify":
		return p.Verify(crypto.PublicKey(f.Pub), f.Msg, crypto.Signature(f.Sig))
	case "unwrap":
		_, err := must(p.ParseKey(f.D)).Unwrap(f.DER)
		return err
	case "open": // an AEAD has one failure, and no sentinel for it
		if _, err := must(p.NewGCM(f.Key)).Open(nil, f.Nonce, f.Sealed, f.AAD); err != nil {
			return ErrDecrypt
		}
		return nil
	}
	return errors.New("unknown operation " + f.Op)
}

func TestEveryBadInputMeetsItsClassOfFailure(t *testing.T) {
	var vectors []failure
	if err := json.Unmarshal(failureFile, &vectors); err != nil {
		t.Fatal(err)
	}
	both(t, func(t *testing.T, p, _ Provider) {
		for _, f := range vectors {
			t.Run(f.Op+"/"+f.Name, func(t *testing.T) {
				if err := f.run(p); !errors.Is(err, classes[f.Class]) {
					t.Errorf("got %v, want %v", err, classes[f.Class])
				}
			})
		}
	})
}

// FuzzUnwrapDER holds the two libraries to the same verdict on any ciphertext.
func FuzzUnwrapDER(f *testing.F) {
	var vectors []failure
	if err := json.Unmarshal(failureFile, &vectors); err != nil {
		f.Fatal(err)
	}
	var d []byte
	for _, v := range vectors {
		if v.Op == "unwrap" {
			d = v.D
			f.Add([]byte(v.DER))
		}
	}
	a, b := must(emmansun{}.ParseKey(d)), must(tjfoc{}.ParseKey(d))
	f.Fuzz(func(t *testing.T, der []byte) {
		x, errX := a.Unwrap(der)
		y, errY := b.Unwrap(der)
		if errX != errY || string(x) != string(y) {
			t.Errorf("emmansun %x %v, tjfoc %x %v", x, errX, y, errY)
		}
	})
}

// FuzzVerify holds the two libraries to the same verdict on any key and signature.
func FuzzVerify(f *testing.F) {
	var vectors []failure
	if err := json.Unmarshal(failureFile, &vectors); err != nil {
		f.Fatal(err)
	}
	for _, v := range vectors {
		if v.Op == "verify" {
			f.Add([]byte(v.Pub), []byte(v.Msg), []byte(v.Sig))
		}
	}
	f.Fuzz(func(t *testing.T, pub, msg, sig []byte) {
		if len(pub) != 64 || len(sig) != 64 {
			return
		}
		x := emmansun{}.Verify(crypto.PublicKey(pub), msg, crypto.Signature(sig))
		y := tjfoc{}.Verify(crypto.PublicKey(pub), msg, crypto.Signature(sig))
		if x != y {
			t.Errorf("emmansun %v, tjfoc %v", x, y)
		}
	})
}
