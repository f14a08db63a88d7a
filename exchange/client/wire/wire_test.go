package wire_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
)

// fill sets every field below v to a distinct value that is not zero, so that
// a field forgotten by a conversion is noticed.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("字%d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint8:
		v.SetUint(uint64(*n%100 + 1))
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	default:
		panic("fill: " + v.Kind().String())
	}
}

func roundTrip[T any](t *testing.T, back func(T) (T, error)) {
	t.Helper()
	for _, full := range []bool{true, false} {
		var in T
		n := 0
		if full {
			fill(reflect.ValueOf(&in).Elem(), &n)
		}
		out, err := back(in)
		if err != nil {
			t.Fatalf("%T: %v", in, err)
		}
		if !reflect.DeepEqual(in, out) {
			t.Errorf("%T changed on the way:\n in  %+v\n out %+v", in, in, out)
		}
	}
}

func ok[T any](v T) (T, error) { return v, nil }

func TestEveryFieldSurvivesTheWire(t *testing.T) {
	roundTrip(t, func(v []exchange.HeldMessage) ([]exchange.HeldMessage, error) {
		return wire.DecodeHeld(wire.EncodeHeld(v)), nil
	})
	roundTrip(t, func(v exchange.HeldMessage) (exchange.HeldMessage, error) {
		return wire.DecodeOneHeld(wire.EncodeOneHeld(v)), nil
	})
	roundTrip(t, func(v exchange.HeldOutcome) (exchange.HeldOutcome, error) {
		return wire.DecodeHeldOutcome(wire.EncodeHeldOutcome(v)), nil
	})
	roundTrip(t, func(v exchange.Capabilities) (exchange.Capabilities, error) {
		return ok(wire.DecodeCapabilities(wire.EncodeCapabilities(v)))
	})
	roundTrip(t, func(v exchange.Submission) (exchange.Submission, error) {
		return ok(wire.DecodeSubmission(wire.EncodeSubmission(v)))
	})
	roundTrip(t, func(v exchange.Submitted) (exchange.Submitted, error) {
		return wire.DecodeSubmitted(wire.EncodeSubmitted(v))
	})
	roundTrip(t, func(v exchange.ListQuery) (exchange.ListQuery, error) {
		return ok(wire.DecodeQuery(wire.EncodeQuery(v)))
	})
	roundTrip(t, func(v exchange.List) (exchange.List, error) { return wire.DecodeList(wire.EncodeList(v)) })
	roundTrip(t, func(v exchange.Details) (exchange.Details, error) {
		return wire.DecodeDetails(wire.EncodeDetails(v))
	})
	roundTrip(t, func(v exchange.Tracking) (exchange.Tracking, error) {
		return wire.DecodeTracking(wire.EncodeTracking(v))
	})
	roundTrip(t, func(v exchange.Outcome) (exchange.Outcome, error) {
		return wire.DecodeOutcome(wire.EncodeOutcome(v))
	})
	roundTrip(t, func(v []exchange.UnitSummary) ([]exchange.UnitSummary, error) {
		return ok(wire.DecodeUnits(wire.EncodeUnits(v)))
	})
	roundTrip(t, func(v []exchange.PolicyFile) ([]exchange.PolicyFile, error) {
		return ok(wire.DecodePolicyFiles(wire.EncodePolicyFiles(v)))
	})
	roundTrip(t, func(v []exchange.PolicyLayer) ([]exchange.PolicyLayer, error) {
		return wire.DecodeLayers(wire.EncodeLayers(v))
	})
	roundTrip(t, func(v []exchange.DecisionRecord) ([]exchange.DecisionRecord, error) {
		return wire.DecodeDecisions(wire.EncodeDecisions(v))
	})
	roundTrip(t, func(v []exchange.DomainStatus) ([]exchange.DomainStatus, error) {
		return ok(wire.DecodeCluster(wire.EncodeCluster(v)))
	})
	roundTrip(t, func(v exchange.Snapshot) (exchange.Snapshot, error) {
		return ok(wire.DecodeSnapshot(wire.EncodeSnapshot(v)))
	})
	roundTrip(t, func(v exchange.CheckOptions) (exchange.CheckOptions, error) {
		return ok(wire.DecodeCheckOptions(wire.EncodeCheckOptions(v)))
	})
	roundTrip(t, func(v exchange.CheckProgress) (exchange.CheckProgress, error) {
		return ok(wire.DecodeCheckProgress(wire.EncodeCheckProgress(v)))
	})
	roundTrip(t, func(v exchange.DomainCheck) (exchange.DomainCheck, error) {
		return ok(wire.DecodeDomainCheck(wire.EncodeDomainCheck(v)))
	})
}

func TestAnErrorLosesOnlyItsCause(t *testing.T) {
	in := exchange.Errorf(exchange.Conflict, "pipeline.submit", "the key is taken: %w", fmt.Errorf("row 7"))
	in.Problems = exchange.Problems{{Field: "key", Code: "key.taken", Message: "m", Chinese: "中", Clause: "c", Remedy: "r"}}
	in.RetryAfter = 1500 * time.Millisecond
	out := wire.DecodeError(wire.EncodeError(in))
	if out.Cause != nil {
		t.Errorf("the cause travelled: %v", out.Cause)
	}
	in.Cause = nil
	if !reflect.DeepEqual(in, out) {
		t.Errorf("got %+v, want %+v", out, in)
	}
}

func TestMalformedAnswersAreCorrupt(t *testing.T) {
	p := wire.EncodeTracking(exchange.Tracking{})
	p.Id = "not an id"
	if _, err := wire.DecodeTracking(p); exchange.CodeOf(err) != exchange.Corrupt {
		t.Errorf("got %v, want Corrupt", err)
	}
	s := wire.EncodeSubmitted(exchange.Submitted{})
	s.Receipt.Key = "abcd"
	if _, err := wire.DecodeSubmitted(s); exchange.CodeOf(err) != exchange.Corrupt {
		t.Errorf("got %v, want Corrupt", err)
	}
}
