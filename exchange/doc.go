// Package exchange is the domain root of Yizhan: what the parts of an exchange
// are called, which states a delivery has, and how statements are encoded. It
// performs no input or output and knows no clock. Adapters import it and never
// each other.
//
// Everything signed or stored is encoded as deterministic CBOR (RFC 8949
// §4.2.1) with integer keys; see Encode and Decode.
package exchange
