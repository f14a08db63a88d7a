// Package chaos runs a federation of real processes on three levels with
// traffic both ways, breaks it by a number, lets it come to rest, and holds
// what is there against what its clients were told. See DESIGN.md.
package chaos
