package check

// MaxFindings is how many findings a report lists.
const MaxFindings = maxFindings

// InBatches returns options under which so many objects are remembered at once.
func InBatches(o Options, n int) Options {
	o.batch = n
	return o
}

// Add is add.
func (r *Report) Add(f Finding) { r.add(f) }

// Under is under.
var Under = under

// IDOf is idOf.
var IDOf = idOf

// IDSize is idSize.
const IDSize = idSize
