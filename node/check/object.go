package check

import (
	"bytes"
	"encoding/hex"
	"fmt"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

const idSize = len(exchange.ID{})

// objectOf names a row by its key: exchanges and units as people write them.
// What follows a unit may be a person or a client's own words, and is left out.
func objectOf(t ledger.Table, key []byte) string {
	return t.String() + " " + keyText(t, key)
}

func keyText(t ledger.Table, key []byte) string {
	switch t {
	case ledger.TableMeta, ledger.TableLink, ledger.TableDirectory, ledger.TableUnits, ledger.TableDomain, ledger.TablePolicy, ledger.TableParent:
		return string(key)
	case ledger.TableExchange, ledger.TableGone, ledger.TableTomb, ledger.TableDelivery, ledger.TableReceipt, ledger.TableDecision, ledger.TableSeen, ledger.TableInline:
		if len(key) >= idSize {
			return idOf(key).String() + tail(key[idSize:])
		}
	case ledger.TableKey, ledger.TablePerson, ledger.TableInbox, ledger.TableOutbox, ledger.TableUnit:
		owner, _ := split(key)
		return string(owner)
	case ledger.TableQueue, ledger.TableWaiting, ledger.TableHistory, ledger.TableHeld, ledger.TableTold, ledger.TableOffer, ledger.TableStumble:
		owner, rest := split(key)
		return string(owner) + tail(rest)
	}
	return hex.EncodeToString(key)
}

func tail(rest []byte) string {
	if len(rest) == 0 {
		return ""
	}
	return "/" + hex.EncodeToString(rest)
}

// split parts a key at its first zero byte.
func split(key []byte) (owner, rest []byte) {
	owner, rest, _ = bytes.Cut(key, []byte{0})
	return owner, rest
}

// idOf reads the exchange that a key of at least that length begins with.
func idOf(key []byte) exchange.ID { return exchange.ID(key[:idSize]) }

// lastID reads the exchange that a key ends with.
func lastID(key []byte) exchange.ID { return exchange.ID(key[len(key)-idSize:]) }

func delivery(id exchange.ID, i uint16) string { return fmt.Sprintf("%s/%d", id, i) }

func class(peer exchange.Domain, n exchange.Class) string { return fmt.Sprintf("%s/%d", peer, n) }
