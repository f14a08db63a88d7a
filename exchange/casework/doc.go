// Package casework knows cases and filings (办件): the kinds there are, what a
// filing must hold, the life of a case from 收件 to 送达, and the clocks that law
// and promise set to it.
//
// Accepting (受理) and delivering (送达) are legal acts of the body that handles
// the case; they start and stop clocks and say nothing about who keeps the
// exchange. The bases are 行政许可法 (2019) and the tables of deployed case
// systems, which differ from place to place and are therefore versioned data.
package casework
