package channel

import (
	"bytes"
	"fmt"

	"github.com/yizhan-exchange/yizhan/crypto/trust"
)

// verifyPair returns the verified pair of a hello. Certificates that the
// transport beneath has verified already must be the same ones, and are not
// verified twice. wantDomain is "" when any domain may call.
func verifyPair(o Options, beneath *verified, h hello, wantDomain string) (trust.Pair, error) {
	if beneath != nil {
		if !bytes.Equal(h.sign, beneath.pair.Sign.Raw) || !bytes.Equal(h.encrypt, beneath.pair.Encrypt.Raw) {
			return trust.Pair{}, fmt.Errorf("%w: hello and handshake show different certificates", ErrProof)
		}
		return beneath.pair, nil
	}
	return verifyCertificates(o, append([][]byte{h.sign, h.encrypt}, h.chain...), wantDomain)
}

// verifyCertificates parses and verifies signing certificate, encryption
// certificate and chain, in the order of a TLCP Certificate message.
func verifyCertificates(o Options, ders [][]byte, wantDomain string) (p trust.Pair, err error) {
	if len(ders) < 2 || len(ders) > 2+trust.MaxChain {
		return p, fmt.Errorf("%w: %d certificates, want a pair and at most %d authorities", trust.ErrUsage, len(ders), trust.MaxChain)
	}
	certs := make([]*trust.Certificate, len(ders))
	for i, der := range ders {
		if certs[i], err = trust.ParseCertificate(der); err != nil {
			return p, err
		}
	}
	p = trust.Pair{Sign: certs[0], Encrypt: certs[1], Chain: certs[2:]}
	return p, o.Trust.VerifyPair(p, wantDomain, o.Now())
}
