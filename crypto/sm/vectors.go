package sm

import (
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// Published known answers of GB/T 32905, 32907, 32918.5 and RFC 8998. They are
// in the binary because the power-on self-test needs them.
//
//go:embed testdata/sm.json
var vectorFile []byte

// octets is a byte string written in hexadecimal.
type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

type knownAnswers struct {
	SM3 []struct{ Msg, Digest octets } `json:"sm3"`
	GCM []struct {
		Key, Nonce, AAD, Plain, Cipher, Tag octets
	} `json:"sm4_gcm"`
	Sign []struct {
		D, Px, Py, Msg, K, R, S octets
	} `json:"sm2_sign"`
	Encrypt []struct {
		D, K, Msg, C1, C2, C3 octets
	} `json:"sm2_encrypt"`
}

func loadKnownAnswers() (*knownAnswers, error) {
	v := new(knownAnswers)
	if err := json.Unmarshal(vectorFile, v); err != nil {
		return nil, fmt.Errorf("reading the built-in known answers: %w", err)
	}
	if len(v.SM3) == 0 || len(v.GCM) == 0 || len(v.Sign) == 0 || len(v.Encrypt) == 0 {
		return nil, fmt.Errorf("the built-in known answers lack a primitive")
	}
	return v, nil
}

func joinPoint(x, y []byte) (p crypto.PublicKey) {
	copy(p[:32], x)
	copy(p[32:], y)
	return p
}
