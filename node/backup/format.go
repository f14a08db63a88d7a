package backup

import (
	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// version of the form. A reader refuses any other.
const version = 1

// Header stands at the beginning, in the clear. The statement at the end signs
// its digest.
type Header struct {
	Version    uint32           `cbor:"1,keyasint"`
	Domain     exchange.Domain  `cbor:"2,keyasint"`
	Replica    exchange.Replica `cbor:"3,keyasint"`
	ID         [16]byte         `cbor:"4,keyasint"` // random
	At         exchange.Time    `cbor:"5,keyasint"` // when it was begun, by the replica's clock
	OfflineKey crypto.KeyID     `cbor:"6,keyasint"`
	Wrap       []byte           `cbor:"7,keyasint"` // the content key, encrypted to OfflineKey
	Commitment crypto.Digest    `cbor:"8,keyasint"` // binds the content key to ID
	Attempt    [16]byte         `cbor:"9,keyasint"`
	Pair       []byte           `cbor:"10,keyasint"` // PEM: the domain's certificates and the authorities above
	Program    string           `cbor:"11,keyasint"` // version of the program that wrote it
}

// Statement stands at the end, signed by the domain, in the clear: it says what
// the backup holds to whoever looks after it and has no key.
type Statement struct {
	Domain   exchange.Domain  `cbor:"1,keyasint" json:"domain"`
	Replica  exchange.Replica `cbor:"2,keyasint" json:"replica"`
	ID       [16]byte         `cbor:"3,keyasint" json:"-"`
	Begun    exchange.Time    `cbor:"4,keyasint" json:"begun"`
	Ended    exchange.Time    `cbor:"5,keyasint" json:"ended"`
	Header   crypto.Digest    `cbor:"6,keyasint" json:"-"`    // SM3 of the header
	Frames   uint32           `cbor:"7,keyasint" json:"-"`    // sealed chunks of the backup itself
	Sum      crypto.Digest    `cbor:"8,keyasint" json:"-"`    // SM3 over the SM3 of each, in order
	Size     int64            `cbor:"9,keyasint" json:"size"` // bytes before sealing
	Contents Contents         `cbor:"10,keyasint" json:"contents"`
}

// Contents is the table of contents.
type Contents struct {
	// Index, Term and Digest are of the last entry that the state contains.
	Index       uint64             `cbor:"1,keyasint" json:"index"`
	Term        uint64             `cbor:"2,keyasint" json:"term"`
	Digest      crypto.Digest      `cbor:"3,keyasint" json:"-"`
	Incarnation uint64             `cbor:"4,keyasint" json:"incarnation"`
	Level       uint32             `cbor:"5,keyasint" json:"feature_level"`
	LedgerTime  exchange.Time      `cbor:"6,keyasint" json:"ledger_time"`
	Exchanges   uint64             `cbor:"7,keyasint" json:"exchanges"`
	Voters      []exchange.Replica `cbor:"8,keyasint" json:"voters"`
	Neighbours  []exchange.Domain  `cbor:"9,keyasint" json:"neighbours"`
	Lock        string             `cbor:"10,keyasint" json:"key_store_lock"` // what opens the key store: keyfile, passphrase
	Files       []Part             `cbor:"11,keyasint" json:"files"`          // configuration and sealed keys
	State       Part               `cbor:"12,keyasint" json:"state"`
	// Chunks of content, their bytes, and SM3 over their addresses in order.
	Chunks     uint64        `cbor:"13,keyasint" json:"chunks"`
	ChunkBytes uint64        `cbor:"14,keyasint" json:"chunk_bytes"`
	ChunkSum   crypto.Digest `cbor:"15,keyasint" json:"-"`
	// Missing counts chunks that the domain answers for and no replica could
	// give; MissingFrom names some of the exchanges that they belong to.
	Missing     uint64        `cbor:"16,keyasint" json:"missing"`
	MissingFrom []exchange.ID `cbor:"17,keyasint,omitempty" json:"missing_from,omitempty"`
}

// Part is one file of a backup.
type Part struct {
	Name string        `cbor:"1,keyasint" json:"name"`
	Size int64         `cbor:"2,keyasint" json:"size"`
	Sum  crypto.Digest `cbor:"3,keyasint" json:"-"`
}

// Names inside a backup, which is a tar archive once it is opened.
const (
	nameConfig   = "node.yaml"
	nameAnchor   = "anchor.pem"
	nameFounding = "founding"
	nameAPI      = "api.pem"
	nameOffline  = "backup.pub"
	nameKeys     = "keys/" // followed by the path inside the key store
	nameState    = "state"
	nameContent  = "content/" // followed by the address
)

// Bounds of what a reader takes in at once, whatever a stream says.
const (
	maxHeader    = 256 << 10
	maxStatement = 256 << 10
	maxFile      = 1 << 20 // of one configuration or key file
	maxFiles     = 4096    // configuration and key files
	maxNamed     = 20      // exchanges that MissingFrom names
)
