package exchange

import (
	"regexp"
	"strings"
)

// Domain (交换域) names one jurisdiction's exchange: a six-digit division code
// (GB/T 2260), optionally followed by a line of departments: "320582",
// "320582.health".
type Domain string

// Unit (单位) names a body inside a domain: "wjw@320582".
type Unit string

// Person names a member of a unit within a domain: "zhang.san".
type Person string

// Replica names one member of a domain's Raft group: "county-1".
type Replica string

var (
	domainForm = regexp.MustCompile(`^[0-9]{6}(\.[a-z][a-z0-9-]{0,31})?$`)
	localForm  = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,31}$`)
)

// Valid reports whether the name has the form of a domain.
func (d Domain) Valid() bool { return domainForm.MatchString(string(d)) }

// Division returns the six-digit division code.
func (d Domain) Division() string { s, _, _ := strings.Cut(string(d), "."); return s }

// Line returns the vertical line of departments, or "" for the general line.
func (d Domain) Line() string { _, s, _ := strings.Cut(string(d), "."); return s }

// Valid reports whether the name has the form local@domain.
func (u Unit) Valid() bool {
	local, domain, ok := strings.Cut(string(u), "@")
	return ok && localForm.MatchString(local) && Domain(domain).Valid()
}

// Domain returns the part after the @.
func (u Unit) Domain() Domain { _, d, _ := strings.Cut(string(u), "@"); return Domain(d) }

// Local returns the part before the @.
func (u Unit) Local() string { s, _, _ := strings.Cut(string(u), "@"); return s }

// Valid reports whether the name has the form of a person's or replica's name.
func (p Person) Valid() bool { return localForm.MatchString(string(p)) }

// Level is the administrative level of a domain, from the top.
type Level uint8

// Levels of government.
const (
	National Level = iota + 1
	Province
	City
	County
	Township
)

var levelNames = [...]string{"", "national", "province", "city", "county", "township"}

// String returns the English name of the level, "" when unset.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return ""
}

// ParseLevel is the inverse of Level.String.
func ParseLevel(s string) (Level, bool) {
	for i, n := range levelNames {
		if i > 0 && n == s {
			return Level(i), true
		}
	}
	return 0, false
}
