package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Duration is a length of time, written 500ms, 2s, 15m, 1h30m or 30d.
type Duration time.Duration

// Size is a number of bytes, written 1048576, 512KiB, 64MiB, 4GiB or 1TiB.
type Size int64

const day = 24 * time.Hour

var (
	errDuration = errors.New("not a duration; write for example 500ms, 2s, 15m, 1h or 30d")
	errSize     = errors.New("not a size; write a number of bytes, or for example 512KiB, 64MiB or 4GiB")
	errDecimal  = errors.New("sizes are powers of 1024; write KiB, MiB, GiB or TiB")

	sizeForm = regexp.MustCompile(`^([0-9]{1,19})\s*([A-Za-z]*)$`)
)

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// Std converts to the standard library.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String writes the duration as ParseDuration reads it.
func (d Duration) String() string {
	if d > 0 && time.Duration(d)%day == 0 {
		return strconv.FormatInt(int64(time.Duration(d)/day), 10) + "d"
	}
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// ParseDuration reads a duration of the standard library's form, or a whole
// number of days.
func ParseDuration(s string) (Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, errDuration
		}
		return Duration(time.Duration(n) * day), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, errDuration
	}
	return Duration(d), nil
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *Duration) UnmarshalYAML(n *yaml.Node) (err error) {
	*d, err = ParseDuration(n.Value)
	return err
}

// MarshalYAML implements yaml.Marshaler.
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

// String writes the size in the largest unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && int64(s)%u.bytes == 0 && u.bytes > 1 {
			return fmt.Sprintf("%d%s", int64(s)/u.bytes, u.name)
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// ParseSize reads a number of bytes with an optional unit.
func ParseSize(text string) (Size, error) {
	m := sizeForm.FindStringSubmatch(text)
	if m == nil {
		return 0, errSize
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0, errSize
	}
	for _, u := range sizeUnits {
		if m[2] == u.name || (m[2] == "" && u.name == "B") {
			if n > math.MaxInt64/u.bytes {
				return 0, errSize
			}
			return Size(n * u.bytes), nil
		}
	}
	if strings.Contains("kmgt", strings.ToLower(m[2][:1])) {
		return 0, errDecimal
	}
	return 0, errSize
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (s *Size) UnmarshalYAML(n *yaml.Node) (err error) {
	*s, err = ParseSize(n.Value)
	return err
}

// MarshalYAML implements yaml.Marshaler. A size without a unit is a number.
func (s Size) MarshalYAML() (any, error) {
	if text := s.String(); strings.HasSuffix(text, "B") {
		return text, nil
	}
	return int64(s), nil
}
