package trust

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
)

const (
	blockCertificate = "CERTIFICATE"
	headerRoot       = "Yizhan-Root"
	maxFile          = 1 << 20
)

var oidNameConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}

// Anchor is where trust begins: the topmost domain of a federation, and the
// authorities whose certificates are believed in it.
type Anchor struct {
	Root string   // the top domain: "320000"
	CAs  [][]byte // DER certificates
}

// LoadAnchor reads an anchor file: PEM certificates, each after a line
// "Yizhan-Root: 320000" and all of one root. The line stands before the block as
// explanatory text (RFC 7468 §5.2), so that certificate tools read the file too;
// as a header inside the block it is understood as well. A file without it is
// ErrCertificate.
func LoadAnchor(path string) (Anchor, error) {
	data, err := readFile(path)
	if err != nil {
		return Anchor{}, fmt.Errorf("trust anchor: %w", err)
	}
	a, err := ParseAnchor(data)
	if err != nil {
		return Anchor{}, fmt.Errorf("trust anchor %s: %w", path, err)
	}
	return a, nil
}

// ParseAnchor reads the text form that LoadAnchor describes.
func ParseAnchor(data []byte) (a Anchor, err error) {
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		root := rootOf(data, block)
		data = rest
		if block.Type != blockCertificate || !domainForm.MatchString(root) || (a.Root != "" && a.Root != root) {
			return Anchor{}, fmt.Errorf("%w: every block is a certificate after the same line %q", ErrCertificate, headerRoot+": …")
		}
		c, err := ParseCertificate(block.Bytes)
		if err != nil {
			return Anchor{}, err
		}
		if c.Use != UseCA {
			return Anchor{}, fmt.Errorf("%w: %s is not an authority", ErrUsage, c)
		}
		a.Root, a.CAs = root, append(a.CAs, c.Raw)
	}
	if len(a.CAs) == 0 {
		return Anchor{}, fmt.Errorf("%w: no certificate in the file", ErrCertificate)
	}
	return a, nil
}

// PEM returns the text form.
func (a Anchor) PEM() []byte {
	var out bytes.Buffer
	for _, der := range a.CAs {
		fmt.Fprintf(&out, "%s: %s\n", headerRoot, a.Root)
		out.Write(pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: der}))
	}
	return out.Bytes()
}

// rootOf finds the line that names the root of the block that data begins with.
func rootOf(data []byte, block *pem.Block) string {
	if root, ok := block.Headers[headerRoot]; ok {
		return root
	}
	text, _, _ := strings.Cut(string(data), "-----BEGIN")
	for line := range strings.Lines(text) {
		if root, ok := strings.CutPrefix(line, headerRoot+":"); ok {
			return strings.TrimSpace(root)
		}
	}
	return ""
}

// Save writes the text form, readable by all: an anchor is public, but whoever
// can change it decides whom the node believes.
func (a Anchor) Save(path string) error { return writeFile(path, a.PEM(), 0o644) }

// EncodePair returns signing certificate, encryption certificate and chain as
// PEM, in the order of a TLCP Certificate message (GB/T 38636 §6.4.5.3).
func EncodePair(p Pair) []byte {
	var out bytes.Buffer
	for _, c := range append([]*Certificate{p.Sign, p.Encrypt}, p.Chain...) {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: c.Raw}))
	}
	return out.Bytes()
}

// ParsePair reads what EncodePair writes, and the PEM pairs of outside
// authorities: leaves are told apart by key usage, authorities become the chain.
// Two certificates for one use, or one missing, are ErrUsage.
func ParsePair(data []byte) (p Pair, err error) {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != blockCertificate {
			continue
		}
		c, err := ParseCertificate(block.Bytes)
		if err != nil {
			return Pair{}, err
		}
		switch {
		case c.Use == UseSign && p.Sign == nil:
			p.Sign = c
		case c.Use == UseEncrypt && p.Encrypt == nil:
			p.Encrypt = c
		case c.Use == UseCA && len(p.Chain) < MaxChain:
			p.Chain = append(p.Chain, c)
		default:
			return Pair{}, fmt.Errorf("%w: %s has no place in a pair", ErrUsage, c)
		}
	}
	if p.Sign == nil || p.Encrypt == nil {
		return Pair{}, fmt.Errorf("%w: a pair is one certificate to sign and one to encrypt", ErrUsage)
	}
	return p, nil
}

// constrained reports a name-constraints extension (RFC 5280 §4.2.1.10).
func constrained(extensions []pkix.Extension) bool {
	for _, e := range extensions {
		if e.Id.Equal(oidNameConstraints) {
			return true
		}
	}
	return false
}

// readFile reads a small file and refuses a large one.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%w: %s has %d bytes, at most %d", ErrDamaged, path, info.Size(), maxFile)
	}
	return os.ReadFile(path)
}
