// Package link joins a domain to its parent and to its children. The child
// dials (Dialer), the parent serves (Server); once they have greeted each
// other both ends are the same session: numbered messages in both directions
// on one stream, sealed chunks on a second stream of its own connection.
//
// The package moves bytes and keeps windows. What to send, what may be
// received and what an acknowledgement does is decided and committed by a
// delivery.Station. DESIGN.md beside this file argues the protocol.
package link
