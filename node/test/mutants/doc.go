// Package mutants builds defects into the product and demands that the ladder
// of fault tests finds each. See DESIGN.md.
package mutants
