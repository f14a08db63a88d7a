package exchange

// Stored is one replica's statement that it keeps chunks durably. A command
// that relies on content carries them, and the ledger checks at apply that
// they are a majority of the configuration then in force.
type Stored struct {
	Replica       Replica  `cbor:"1,keyasint"`
	Store         [16]byte `cbor:"2,keyasint"` // identity of the store
	Configuration uint64   `cbor:"3,keyasint"` // index of the configuration it knew
}
