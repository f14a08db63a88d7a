package exchange

import "context"

// Admitter lets a superior's administrator state the raised incarnation of a
// domain that was restored or recovered (DESIGN §6). The pipeline implements it
// in the server, exchange/client over the network; both fail with *Error.
type Admitter interface {
	// Asked lists the incarnations with which neighbours greet and which nobody
	// admitted yet, by name.
	Asked(ctx context.Context) ([]AskedIncarnation, error)
	// Admit states the incarnation of a child in the next directory statement,
	// or at the top of the federation of the domain itself. It must be higher
	// than the one stated, and the one that was asked for, where one was.
	Admit(ctx context.Context, child Domain, incarnation uint64) (Admission, error)
}

// AskedIncarnation is what a neighbour greets with while nobody admitted it.
type AskedIncarnation struct {
	Domain      Domain `json:"domain"`
	Name        string `json:"name"`
	Stated      uint64 `json:"stated"` // by the directory, now
	Incarnation uint64 `json:"incarnation"`
	Reason      string `json:"reason"` // its claim: restored, recovered
	Since       Time   `json:"since"`  // its claim: how old the state was that it began from
	At          Time   `json:"at"`     // when it was first seen here
	By          Domain `json:"by"`     // who has to admit it
}

// Admission is an incarnation that is stated now.
type Admission struct {
	Domain      Domain `json:"domain"`
	Incarnation uint64 `json:"incarnation"`
	Number      uint64 `json:"number"` // of the directory statement
}
