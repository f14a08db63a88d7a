package audit

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/seal"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
)

// Format is the version of the format that Export writes and Verify reads.
const Format = "yizhan/evidence/v1"

// Names of the entries. A statement named S is three entries: S.bin the signed
// bytes, S.sig the signature in DER, S.key the key id in hexadecimal.
const (
	nameReadme   = "README.txt"
	nameIndex    = "index.json"
	nameManifest = "manifest"
	nameKey      = "key.bin"
)

// Bounds of what is read.
const (
	maxEntries   = 1 << 15
	maxIndex     = 8 << 20
	maxStatement = directory.MaxStatement
	maxSmall     = 64 << 10
	maxChunk     = seal.ChunkSize + seal.Overhead
)

// kind is what an entry is by its name: its largest size, and the class of
// failure when it is not what it was.
type kind struct {
	form    *regexp.Regexp
	max     uint64
	altered *Class
}

const (
	domainName = `[0-9]{6}(\.[a-z][a-z0-9-]{0,31})?`
	serial     = `(0|[1-9][0-9]{0,9})`
)

func entry(form string, max uint64, altered *Class) kind {
	return kind{regexp.MustCompile("^" + form + "$"), max, altered}
}

var kinds = []kind{
	entry(`README\.txt`, maxSmall, ErrIndex),
	entry(`index\.json`, maxIndex, ErrIndex),
	entry(`manifest\.bin`, exchange.MaxManifestSize+maxSmall, ErrManifest),
	entry(`manifest\.(sig|key)`, 128, ErrManifest),
	entry(`receipts/[0-9]{2,5}-[a-z]{1,16}-`+domainName+`\.bin`, maxStatement, ErrReceipt),
	entry(`receipts/[0-9]{2,5}-[a-z]{1,16}-`+domainName+`\.(sig|key)`, 128, ErrReceipt),
	entry(`directory/`+domainName+`-[0-9]{1,20}\.bin`, maxStatement, ErrDirectory),
	entry(`directory/`+domainName+`-[0-9]{1,20}\.(sig|key)`, 128, ErrDirectory),
	entry(`units/`+domainName+`-[0-9]{1,20}\.bin`, maxStatement, ErrUnits),
	entry(`units/`+domainName+`-[0-9]{1,20}\.(sig|key)`, 128, ErrUnits),
	entry(`certificates/`+domainName+`-sign(-[0-9a-f]{8})?\.pem`, maxSmall, ErrCertificate),
	entry(`content/`+serial+`-`+serial+`\.bin`, maxChunk, ErrContent),
	entry(`key\.bin`, 64, ErrKey),
}

// kindOf returns what an entry is, or false for a name that has no place.
func kindOf(name string) (kind, bool) {
	for _, k := range kinds {
		if k.form.MatchString(name) {
			return k, true
		}
	}
	return kind{}, false
}

// stem returns the name of the object that an entry belongs to.
func stem(name string) string {
	for _, end := range []string{".bin", ".sig", ".key"} {
		if s, ok := strings.CutSuffix(name, end); ok && name != nameKey && !strings.HasPrefix(name, "content/") {
			return s
		}
	}
	return name
}

func receiptName(i int, r *exchange.Receipt) string {
	return fmt.Sprintf("receipts/%02d-%s-%s", i+1, r.State, r.Domain)
}

func directoryName(d *exchange.Directory) string {
	return fmt.Sprintf("directory/%s-%d", d.Issuer, d.Number)
}

func unitsName(u *exchange.Units) string { return fmt.Sprintf("units/%s-%d", u.Domain, u.Number) }

func chunkName(part, chunk int) string { return fmt.Sprintf("content/%d-%d.bin", part, chunk) }

// certificateName is short for the key that the domain used first in this file.
func certificateName(d exchange.Domain, key crypto.KeyID, first bool) string {
	if first {
		return fmt.Sprintf("certificates/%s-sign.pem", d)
	}
	return fmt.Sprintf("certificates/%s-sign-%s.pem", d, key.Short())
}
