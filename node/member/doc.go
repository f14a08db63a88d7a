// Package member decides about the replicas of a domain: when a new one is
// promoted, when one may be removed, what the whole can still bear, and when a
// replica is of a life that is over. It is pure: it is told what the replicas
// said, and when.
package member
