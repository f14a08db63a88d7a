// Package check looks at what a replica keeps and tells everything that
// does not fit together: rows that contradict each other, receipts that back no
// delivery, chunks that are gone. It changes nothing, reads each table in order
// with bounded memory, and names objects by their ids, never by what is in them.
//
// It is the oracle after every test that hurts a federation, and the command
// "yizhan cluster check". DESIGN.md lists the codes and what to do about each.
package check
