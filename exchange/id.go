package exchange

import (
	"errors"
	"io"

	"github.com/oklog/ulid/v2"
)

// ID names an exchange for ever: a ULID, 48 bits of milliseconds and 80 random
// bits, shown as 26 characters of Crockford base 32. It is made before the
// log, and its order is roughly the order of submission.
type ID [16]byte

// ErrID reports text that is not an exchange id.
var ErrID = errors.New("an exchange id has 26 characters of 0-9 A-Z without I, L, O, U")

// NewID makes an id from a time and a source of randomness.
func NewID(at Time, random io.Reader) (ID, error) {
	id, err := ulid.New(uint64(at), random)
	return ID(id), err
}

// ParseID reads the 26-character form.
func ParseID(s string) (ID, error) {
	id, err := ulid.ParseStrict(s)
	if err != nil {
		return ID{}, ErrID
	}
	return ID(id), nil
}

// String returns the 26-character form.
func (id ID) String() string { return ulid.ULID(id).String() }

// Time is when the id was made, as its maker's clock had it.
func (id ID) Time() Time { return Time(ulid.ULID(id).Time()) }

// IsZero reports whether the id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText implements encoding.TextMarshaler, for JSON output.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *ID) UnmarshalText(b []byte) (err error) { *id, err = ParseID(string(b)); return err }
