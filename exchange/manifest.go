package exchange

import "github.com/yizhan-exchange/yizhan/crypto"

// Kind is what an exchange carries.
type Kind uint8

// Kinds of exchange. Control exchanges (receipts, directory, policy) are
// Messages without a manifest and are judged by the kernel alone.
const (
	Document Kind = iota + 1 // 公文
	Case                     // 办件
	Query                    // 查询
)

var kindNames = [...]string{"", "document", "case", "query"}

// String returns the English name.
func (k Kind) String() string { return nameOf(kindNames[:], uint8(k)) }

func nameOf(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return ""
}

// Grade is a degree of state secrecy (密级), ascending.
type Grade uint8

// Grades of secrecy.
const (
	Unclassified Grade = iota // 无
	Secret                    // 秘密
	Confidential              // 机密
	TopSecret                 // 绝密
)

var gradeNames = [...]string{"", "秘密", "机密", "绝密"}

// String returns the Chinese mark, "" when unclassified.
func (g Grade) String() string { return nameOf(gradeNames[:], uint8(g)) }

// ParseGrade reads a Chinese mark.
func ParseGrade(s string) (Grade, bool) {
	for i, n := range gradeNames {
		if n == s {
			return Grade(i), true
		}
	}
	return 0, false
}

// Urgency (紧急程度) of an exchange; it chooses the class of its queue.
type Urgency uint8

// Urgencies of documents (条例 art. 9(3)).
const (
	Ordinary   Urgency = iota // 平件
	Urgent                    // 加急
	MostUrgent                // 特急
)

var urgencyNames = [...]string{"", "加急", "特急"}

// String returns the Chinese word, "" when ordinary.
func (u Urgency) String() string { return nameOf(urgencyNames[:], uint8(u)) }

// ParseUrgency reads the Chinese word; "" and 平件 are ordinary.
func ParseUrgency(s string) (Urgency, bool) {
	if s == "平件" {
		return Ordinary, true
	}
	for i, n := range urgencyNames {
		if n == s {
			return Urgency(i), true
		}
	}
	return 0, false
}

// ShareClass (共享类型) of a case's data (国务院令第809号).
type ShareClass uint8

// Share classes; ShareUnset is right for documents.
const (
	ShareUnset         ShareClass = iota
	ShareUnconditional            // 无条件共享
	ShareConditional              // 有条件共享
	ShareRefused                  // 不予共享
)

var shareNames = [...]string{"", "无条件", "有条件", "不予"}

// String returns the Chinese word.
func (s ShareClass) String() string { return nameOf(shareNames[:], uint8(s)) }

// ParseShareClass reads the Chinese word.
func ParseShareClass(v string) (ShareClass, bool) {
	for i, n := range shareNames {
		if n == v {
			return ShareClass(i), true
		}
	}
	return 0, false
}

// Disclosure (公开属性) of a document, set when it is drafted.
type Disclosure uint8

// Disclosure attributes (政府信息公开条例).
const (
	DisclosureUnset     Disclosure = iota
	DisclosureActive               // 主动公开
	DisclosureOnRequest            // 依申请公开
	DisclosureRefused              // 不予公开
)

var disclosureNames = [...]string{"", "主动公开", "依申请公开", "不予公开"}

// String returns the Chinese word.
func (d Disclosure) String() string { return nameOf(disclosureNames[:], uint8(d)) }

// ParseDisclosure reads the Chinese word.
func ParseDisclosure(v string) (Disclosure, bool) {
	for i, n := range disclosureNames {
		if n == v {
			return Disclosure(i), true
		}
	}
	return 0, false
}

// Role says why a unit is among the recipients.
type Role uint8

// Roles of recipients.
const (
	Main Role = iota // 主送
	Copy             // 抄送
)

var roleNames = [...]string{"main", "copy"}

// String returns the English word.
func (r Role) String() string { return nameOf(roleNames[:], uint8(r)) }

// Recipient is one unit to which an exchange is delivered.
type Recipient struct {
	Unit Unit `cbor:"1,keyasint"`
	Role Role `cbor:"2,keyasint,omitempty"`
}

// Manifest is the readable, signed half of an envelope: what routing and
// policy need, and the digests of everything sealed. Title, document number,
// file names and case fields are not in it; they are in the sealed Header.
// It is signed by the origin domain under crypto.ContextManifest.
type Manifest struct {
	ID         ID            `cbor:"1,keyasint"`
	Kind       Kind          `cbor:"2,keyasint"`
	From       Unit          `cbor:"3,keyasint"`
	To         []Recipient   `cbor:"4,keyasint"`           // 1 to MaxRecipients; the index names the delivery
	Type       string        `cbor:"5,keyasint,omitempty"` // 文种 code ("0B"), or kind of case
	Urgency    Urgency       `cbor:"6,keyasint,omitempty"`
	Secrecy    Grade         `cbor:"7,keyasint,omitempty"`
	Years      uint8         `cbor:"8,keyasint,omitempty"` // 保密期限, 0 when unclassified
	WorkSecret bool          `cbor:"9,keyasint,omitempty"` // 工作秘密
	Disclosure Disclosure    `cbor:"10,keyasint,omitempty"`
	Share      ShareClass    `cbor:"11,keyasint,omitempty"`
	Created    Time          `cbor:"12,keyasint"`
	NotAfter   Time          `cbor:"13,keyasint"` // delivery is given up after this
	Parts      []Part        `cbor:"14,keyasint"` // part 0 is the Header
	Wraps      []Wrap        `cbor:"15,keyasint"` // one for each recipient domain, and the origin's own
	Commitment crypto.Digest `cbor:"16,keyasint"` // SM3(context, id, K)
}

// Part is one sealed stream: the header or a file.
type Part struct {
	Attempt [16]byte        `cbor:"1,keyasint"` // separates the keys of repeated uploads
	Size    int64           `cbor:"2,keyasint"` // plaintext bytes
	Chunks  []crypto.Digest `cbor:"3,keyasint"` // SM3 of each sealed chunk, in order
}

// Wrap is the exchange's key, encrypted to one domain.
type Wrap struct {
	Domain Domain       `cbor:"1,keyasint"`
	Key    crypto.KeyID `cbor:"2,keyasint"`
	Data   []byte       `cbor:"3,keyasint"` // SM2 ciphertext, DER
}

// Limits of one exchange, published by capabilities.
const (
	MaxRecipients   = 512
	MaxFiles        = 64        // attachments and the text together
	MaxContent      = 4 << 30   // bytes of plaintext, all files together, unless configured lower
	MaxInline       = 32 << 10  // sealed bytes that may ride in a command
	MaxFieldsSize   = 256 << 10 // JSON fields of a case
	MaxManifestSize = 384 << 10 // encoded
)

// Header is the sealed description of an exchange, part 0.
type Header struct {
	Title   string `cbor:"1,keyasint"`
	Number  string `cbor:"2,keyasint,omitempty"` // 发文字号
	Signer  string `cbor:"3,keyasint,omitempty"` // 签发人
	Date    string `cbor:"4,keyasint,omitempty"` // 成文日期
	Copies  string `cbor:"5,keyasint,omitempty"` // 份号
	Files   []File `cbor:"6,keyasint"`           // Files[i] is sealed as part i+1
	Fields  []byte `cbor:"7,keyasint,omitempty"` // JSON object of a case
	CaseNo  string `cbor:"8,keyasint,omitempty"` // the sender's own number of the case
	Remarks string `cbor:"9,keyasint,omitempty"` // 附注
}

// File describes one file. Name is only ever a name, never a path.
type File struct {
	Name string `cbor:"1,keyasint"`
	Size int64  `cbor:"2,keyasint"`           // bytes
	Main bool   `cbor:"3,keyasint,omitempty"` // 正文, else 附件
}

// Chunks lists the addresses of all sealed chunks, header first.
func (m *Manifest) Chunks() []crypto.Digest {
	var out []crypto.Digest
	for _, p := range m.Parts {
		out = append(out, p.Chunks...)
	}
	return out
}

// RecipientDomains lists the distinct domains of the recipients, in order of
// first mention.
func (m *Manifest) RecipientDomains() []Domain {
	var out []Domain
	seen := map[Domain]bool{}
	for _, r := range m.To {
		if d := r.Unit.Domain(); !seen[d] {
			seen[d] = true
			out = append(out, d)
		}
	}
	return out
}
