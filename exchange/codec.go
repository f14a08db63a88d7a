package exchange

import (
	"bytes"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

var (
	encMode = must(cbor.EncOptions{
		Sort: cbor.SortCoreDeterministic, ShortestFloat: cbor.ShortestFloat16,
		NaNConvert: cbor.NaNConvertReject, InfConvert: cbor.InfConvertReject,
		IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		NilContainers: cbor.NilContainerAsEmpty,
	}.EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
		TagsMd: cbor.TagsForbidden, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels: 16, MaxArrayElements: 1 << 17, MaxMapPairs: 1 << 14,
		UTF8: cbor.UTF8RejectInvalid,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil { // constant options, proved by every test
		panic(err)
	}
	return v
}

// Encode returns the deterministic CBOR of v. It fails only for types that
// have no encoding, which is a defect, so it panics then.
func Encode(v any) []byte { return must(encMode.Marshal(v)) }

// Decode reads exactly one value in its deterministic encoding. Unknown fields,
// duplicate keys, indefinite lengths, tags, trailing bytes, byte strings of
// another length than their type and every other second spelling are errors:
// what is not understood is never silently dropped.
func Decode[T any](b []byte) (T, error) {
	v, err := DecodeStored[T](b)
	if err == nil && !bytes.Equal(Encode(v), b) {
		var zero T
		return zero, fmt.Errorf("decoding %T: not the deterministic encoding of a value of this type", zero)
	}
	return v, err
}

// DecodeStored is Decode for bytes that Encode made in this program and that
// were kept safely since: it trusts their spelling.
func DecodeStored[T any](b []byte) (T, error) {
	var v T
	if err := decMode.Unmarshal(b, &v); err != nil {
		var zero T
		return zero, fmt.Errorf("decoding %T: %w", zero, err)
	}
	return v, nil
}
