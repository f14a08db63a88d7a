package exchange

// Point is where policy is asked (策略点).
type Point string

// Policy points, in the order of the road.
const (
	PointSubmit  Point = "submit"
	PointRelay   Point = "relay"
	PointReceive Point = "receive"
	PointOpen    Point = "open"
)

// Reason says why a decision fell as it did, for people and programs.
type Reason struct {
	Code    string `cbor:"1,keyasint" json:"code"`  // stable: "R1", "network.ceiling"
	Layer   string `cbor:"2,keyasint" json:"layer"` // "kernel", or the domain whose policy it is
	Chinese string `cbor:"3,keyasint" json:"zh"`
	English string `cbor:"4,keyasint" json:"en"`
	Clause  string `cbor:"5,keyasint,omitempty" json:"clause,omitempty"`
	Remedy  string `cbor:"6,keyasint,omitempty" json:"remedy,omitempty"`
}

// Obligation is something that must be done for an allow to stand.
type Obligation struct {
	Kind  string `cbor:"1,keyasint" json:"kind"`
	Value string `cbor:"2,keyasint,omitempty" json:"value,omitempty"`
}

// Revision names one layer as it was when it judged.
type Revision struct {
	Layer  string `cbor:"1,keyasint" json:"layer"`
	Number uint64 `cbor:"2,keyasint" json:"number"`
}

// Decision is the record of one judgement. It is stored with what it judged.
type Decision struct {
	Point       Point        `cbor:"1,keyasint" json:"point"`
	Allow       bool         `cbor:"2,keyasint" json:"allow"`
	Hold        bool         `cbor:"3,keyasint,omitempty" json:"hold,omitempty"`
	Reasons     []Reason     `cbor:"4,keyasint,omitempty" json:"reasons"`
	Obligations []Obligation `cbor:"5,keyasint,omitempty" json:"obligations"`
	Revisions   []Revision   `cbor:"6,keyasint" json:"revisions"`
	At          Time         `cbor:"7,keyasint" json:"at"`
	Warnings    []Reason     `cbor:"8,keyasint,omitempty" json:"warnings,omitempty"`
}
