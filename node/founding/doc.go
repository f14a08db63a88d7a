// Package founding makes a whole federation from one declaration, for trials,
// demonstrations and tests: the authority, every domain's keys, directory,
// units, policy and persons, and the configuration of each node and client.
// Nothing in it is fixed in advance: keys and tokens are made when Make runs.
//
// A production domain takes the same founding file (File), with certificates
// of its own authority; what differs is who makes them. Like the commands, the
// package belongs to the composition root and may use several adapters.
package founding
