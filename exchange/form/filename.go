package form

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the longest file name in bytes of UTF-8, as most file systems
// have it.
const MaxName = 255

// CheckName returns everything wrong with a file name, each kind of fault once.
// A name is only ever a name: what reads as a path, hides or reverses
// characters, or cannot be written on a clerk's machine is refused rather than
// repaired, because a repaired name is no longer what the sender signed.
func CheckName(name string) []*Fault {
	cat := problems()
	switch {
	case name == "":
		return []*Fault{cat.Fault("files.name.empty")}
	case !utf8.ValidString(name):
		return []*Fault{cat.Fault("files.name.encoding")}
	case name == "." || name == "..":
		return []*Fault{cat.Fault("files.name.relative")}
	}
	faults := checkRunes(name)
	if len(name) > MaxName {
		faults = append(faults, cat.Fault("files.name.long", MaxName))
	}
	if reservedName(name) {
		faults = append(faults, cat.Fault("files.name.reserved"))
	}
	if strings.TrimSpace(name) != name || strings.HasSuffix(name, ".") {
		faults = append(faults, cat.Fault("files.name.edge"))
	}
	return faults
}

// checkRunes reports the first rune of each forbidden class, by its code point
// and position, never by itself.
func checkRunes(name string) []*Fault {
	var faults []*Fault
	seen := map[string]bool{}
	at := 0
	for _, r := range name {
		at++
		class := runeClass(r)
		if class == "" || seen[class] {
			continue
		}
		seen[class] = true
		faults = append(faults, problems().Fault("files.name."+class, CodePoint(r), at))
	}
	return faults
}

// runeClass names the class for which a rune is forbidden in a file name.
func runeClass(r rune) string {
	switch {
	case r == 0:
		return "nul"
	case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
		return "control"
	case Bidi(r):
		return "bidi"
	case invisible(r):
		return "invisible"
	case strings.ContainsRune(`/\`+"\u2044\u2215\uff0f\uff3c", r):
		return "separator"
	case strings.ContainsRune(`<>:"|?*`, r):
		return "character"
	}
	return ""
}

// Bidi reports whether r is a control of the bidirectional algorithm
// (Unicode UAX #9 §2), which can make a name read as another.
func Bidi(r rune) bool {
	return r == '\u061c' || r == '\u200e' || r == '\u200f' ||
		r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// invisible reports format characters that no script needs in a name. The
// joiners and the Mongolian vowel separator are needed by scripts in use.
func invisible(r rune) bool {
	if r == '\u200c' || r == '\u200d' || r == '\u180e' {
		return false
	}
	return unicode.Is(unicode.Cf, r) || r == utf8.RuneError || unicode.Is(unicode.Co, r)
}

// CodePoint describes a rune without printing it: "U+202E".
func CodePoint(r rune) string { return fmt.Sprintf("U+%04X", r) }

// reservedName reports device names that some systems open instead of a file.
func reservedName(name string) bool {
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	stem = strings.TrimSpace(stem)
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	device := strings.HasPrefix(stem, "COM") || strings.HasPrefix(stem, "LPT")
	return device && len(stem) == 4 && stem[3] >= '1' && stem[3] <= '9'
}
