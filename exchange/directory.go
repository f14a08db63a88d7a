package exchange

import "github.com/yizhan-exchange/yizhan/crypto"

// DomainInfo is what a superior states about one of its children (or, at the
// top, about itself).
type DomainInfo struct {
	Domain      Domain `cbor:"1,keyasint"`
	Name        string `cbor:"2,keyasint"` // 苏州市
	Level       Level  `cbor:"3,keyasint"`
	Parent      Domain `cbor:"4,keyasint,omitempty"` // "" only at the top
	SignCert    []byte `cbor:"5,keyasint"`           // DER, SM2
	EncryptCert []byte `cbor:"6,keyasint"`           // DER, SM2
	Incarnation uint64 `cbor:"7,keyasint"`           // raised when a backup is restored
	Ceiling     Grade  `cbor:"8,keyasint,omitempty"` // grade its network is built for
	Suspended   bool   `cbor:"9,keyasint,omitempty"`
}

// Revocation withdraws a key. A signature older than Since stands only when an
// earlier receipt of another, unrevoked domain covers it.
type Revocation struct {
	Key    crypto.KeyID `cbor:"1,keyasint"`
	Since  Time         `cbor:"2,keyasint"`
	Reason string       `cbor:"3,keyasint,omitempty"`
}

// Directory is one domain's numbered, chained, expiring statement of its
// children, signed under crypto.ContextDirectory. It is valid only for the
// children it lists; the top domain also lists itself.
type Directory struct {
	Issuer    Domain        `cbor:"1,keyasint"`
	Number    uint64        `cbor:"2,keyasint"` // 1, 2, 3 …
	Prev      crypto.Digest `cbor:"3,keyasint"` // SM3 of the statement before it; zero for number 1
	NotBefore Time          `cbor:"4,keyasint"`
	NotAfter  Time          `cbor:"5,keyasint"`
	Children  []DomainInfo  `cbor:"6,keyasint"`
	Revoked   []Revocation  `cbor:"7,keyasint,omitempty"`
}

// UnitInfo is what a domain states about one of its own units.
type UnitInfo struct {
	Unit      Unit   `cbor:"1,keyasint"`
	Name      string `cbor:"2,keyasint"`           // 昆山市卫生健康委员会
	USCC      string `cbor:"3,keyasint,omitempty"` // GB 32100
	Line      string `cbor:"4,keyasint,omitempty"` // vertical line of departments: "health"
	Office    bool   `cbor:"5,keyasint,omitempty"` // general office (办公厅、办公室), R9
	Suspended bool   `cbor:"6,keyasint,omitempty"`
	Clearance Grade  `cbor:"7,keyasint,omitempty"`
}

// Units is a domain's numbered, chained statement of its units, signed under
// crypto.ContextUnits.
type Units struct {
	Domain   Domain        `cbor:"1,keyasint"`
	Number   uint64        `cbor:"2,keyasint"`
	Prev     crypto.Digest `cbor:"3,keyasint"`
	NotAfter Time          `cbor:"4,keyasint"`
	Units    []UnitInfo    `cbor:"5,keyasint"`
}

// PolicyBundle is one domain's numbered, chained policy, signed under
// crypto.ContextPolicy and passed down to its descendants.
type PolicyBundle struct {
	Issuer Domain        `cbor:"1,keyasint"`
	Number uint64        `cbor:"2,keyasint"`
	Prev   crypto.Digest `cbor:"3,keyasint"`
	At     Time          `cbor:"4,keyasint"`
	Author Person        `cbor:"5,keyasint,omitempty"`
	Files  []PolicyFile  `cbor:"6,keyasint"` // ordered by path
}

// PolicyFile is one Rego module or JSON data file of a bundle.
type PolicyFile struct {
	Path string `cbor:"1,keyasint"`
	Data []byte `cbor:"2,keyasint"`
}
