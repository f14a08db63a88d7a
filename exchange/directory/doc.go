// Package directory keeps the verified view of the federation: who is a domain,
// whose child it is, and with which keys it signs and is written to. It is built
// from signed statements alone and is pure: no clock, no input or output. Every
// question about a key carries the time it is asked for. DESIGN.md has the rules
// and their reasons.
package directory
