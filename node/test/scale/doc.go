// Package scale measures one replica that keeps millions of exchanges: how
// fast it starts, what an exchange costs, and what sending such a state to
// another replica does to the leader. Everything in it takes minutes and is
// built with the tag soak:
//
//	go test -tags soak ./node/test/scale -run TestTenMillion -v -timeout 2h -exchanges 10000000 -dir D
//	go test -tags soak ./node/test/scale -run TestCatchUp -v -timeout 1h -exchanges 1000000 -dir D
//
// The rows are those that a filing leaves: commands go through ledger.Machine
// and the store like any other. Only what is signed, wrapped and sealed is
// shaped instead of computed: random bytes of the right length. The ledger
// verifies none of it; the pipeline did, before the log.
package scale
