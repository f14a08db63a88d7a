package rules

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

// line says what one room may import of this module. The first line that
// matches a room is the room's. Every room may import what is below itself, and
// a test kit the room above it.
type line struct {
	room string
	may  []string
	why  string
}

// adapter is what every adapter under node may import.
var adapter = []string{"crypto/...", "exchange/...", "proto/...", "node/durable", "node/failpoint"}

// table is the plan of the house (DESIGN.md, "Allowed imports").
var table = []line{
	{"crypto/...", []string{"crypto/..."},
		"cryptography is reviewed by itself, without the exchange around it"},
	{"proto/...", nil,
		"generated code is a leaf"},

	{"exchange", []string{"crypto"},
		"the words everybody uses: digests and signatures are part of them, ciphers are not"},
	{"exchange/ledger/...", []string{"crypto", "crypto/merkle", "exchange", "exchange/route"},
		"whatever Apply depends on must behave the same on every replica of one feature level"},
	{"exchange/route", []string{"exchange"}, "pure"},
	{"exchange/calendar", []string{"exchange"}, "pure"},
	{"exchange/form", []string{"exchange"}, "pure"},
	{"exchange/official", []string{"exchange", "exchange/calendar", "exchange/form"}, "pure"},
	{"exchange/casework", []string{"exchange", "exchange/calendar", "exchange/form", "exchange/official"},
		"pure; it borrows identifiers from official"},
	{"exchange/directory/...", []string{"crypto/...", "exchange"},
		"verifies signatures and certificates, of which there are none below crypto"},
	{"exchange/delivery", []string{"crypto", "exchange", "exchange/ledger", "exchange/route"},
		"decides what to send; it neither opens nor judges anything"},
	{"exchange/audit", []string{"crypto/...", "exchange", "exchange/directory"},
		"proof must be checkable by whoever has none of the machinery"},
	{"exchange/client/...", []string{"crypto/...", "exchange", "exchange/audit", "exchange/directory", "proto/..."},
		"the SDK: what other programs link, so nothing of the server's inside"},
	{"exchange/pipeline", []string{"crypto/...", "exchange/...", "policy/..."},
		"the use cases: the one room of exchange that asks policy"},
	{"policy/...", []string{"exchange", "policy/..."},
		"judges facts and knows nothing else"},

	{"node/failpoint", nil,
		"marks in the code of others: it knows none of them"},
	{"node/durable", []string{"node/failpoint"},
		"the order in which files and directories are synced, said once for every room that keeps some"},
	{"node/raftnode/journal", []string{"node/durable", "node/failpoint"},
		"a log of bytes: what Raft is stays above it"},
	{"node/raftnode", slices.Concat(adapter, []string{"node/store"}),
		"the state machine's adapter applies to the store itself: an interface between them would have " +
			"one implementation on each side and hide that index and effect share a transaction"},
	{"node/founding", slices.Concat(adapter, []string{"policy/...", "node/config", "node/auth"}),
		"belongs to the composition root: it writes the policy, configuration and tokens that these read"},
	{"node/check", slices.Concat(adapter, []string{"node/config", "node/content", "node/store"}),
		"looks at what a stopped node keeps, where its configuration says, in the stores as they are"},
	{"node/backup", slices.Concat(adapter, []string{"node/check", "node/config", "node/content", "node/newlife", "node/raftnode", "node/store"}),
		"reads and writes what a replica keeps on its disks, as it lies there; a restored replica is one that " +
			"the stores, the log and the marker of a new life all agree about"},
	{"node/api/apitest", slices.Concat(adapter, []string{"node/api", "node/auth"}),
		"a test kit that starts the server with real tokens"},
	{"node/test/...", []string{"..."},
		"tests of the whole house: several nodes, killed, cut off and restarted"},
	{"node/rules", nil, "reads the sources, imports none"},
	{"node", []string{"..."}, "the composition root: the only wiring"},
	{"node/cmd/...", []string{"..."}, "commands"},
	{"node/demo", []string{"crypto/...", "exchange/...", "node", "node/config", "node/founding"},
		"starts whole nodes in one process, for commands and tests"},
	{"node/tour", []string{"crypto", "exchange/..."},
		"plays what clients see, over the API they use"},
	{"node/bench", []string{"..."}, "measures the wired whole, and each room by itself"},
	{"node/...", adapter,
		"adapters meet in the composition root and nowhere else"},
}

// roots are the rooms that may start nodes.
var roots = []string{"node/cmd/...", "node/demo", "node/bench"}

// testsMay widens the table for test files. Every test may import test kits,
// a provider of cryptography and the rooms of its own line.
var testsMay = []line{
	{"exchange/client", []string{"node/api"},
		"the SDK is tested against the real server, not against a mock of it"},
	{"exchange/pipeline", []string{"policy"},
		"the road is tested with the policy that is shipped"},
	{"node/replica", []string{"node/content", "node/raftnode", "node/store"},
		"routing is tested over real groups and stores: its failures are theirs"},
	{"node/check", []string{"node/demo", "node/founding"},
		"the clean ledgers that are then damaged are those of a real federation"},
	{"node/backup", []string{"node/founding"},
		"what is backed up has the files, keys and founding of a real federation"},
	{"node/tour", []string{"node/demo", "node/founding"},
		"the tour is played on a real federation"},
}

// fence says which rooms may import a library.
type fence struct {
	library string // and everything below it
	rooms   []string
	why     string
}

var fences = []fence{
	{"github.com/open-policy-agent/opa", []string{"policy/..."},
		"one place evaluates rules, so one place bounds them"},
	{"go.etcd.io/bbolt", []string{"node/store"},
		"index and effect are one transaction only if nobody else opens the file"},
	{"github.com/hashicorp/raft", []string{"node/raftnode"},
		"raft.AppliedIndex and leadership have traps; they are argued once"},
	{"github.com/emmansun/gmsm", []string{"crypto/sm", "crypto/trust", "crypto/channel"},
		"the seam of crypto/sm checks what the library does not"},
	{"github.com/tjfoc/gmsm", []string{"crypto/sm", "crypto/trust", "crypto/channel"}, "as emmansun"},
	{"google.golang.org/grpc", []string{"proto/...", "crypto/channel", "exchange/client/...", "node/api/...", "node/link", "node/replica", "node"},
		"transport errors belong to transports; crypto/channel implements its credentials"},
	{"github.com/spf13/cobra", []string{"node/cmd/..."}, "commands only"},
	{"testing", nil, "test helpers stay out of production packages"},
}

func TestRoomsImportWhatTheTableAllows(t *testing.T) {
	report(t, checkImports(sources(t)))
}

func TestEveryLineOfTheTableIsNeeded(t *testing.T) {
	files := sources(t)
	for _, l := range slices.Concat(table, testsMay) {
		if !slices.ContainsFunc(files, func(f *file) bool { return within(f.room(), l.room) }) {
			t.Errorf("no room matches %q any more; remove the line", l.room)
		}
		if l.why == "" {
			t.Errorf("the line of %q has no reason", l.room)
		}
	}
}

func checkImports(files []*file) (found []string) {
	for _, f := range files {
		f.imports(func(spec *ast.ImportSpec, target string, own bool) {
			why, ok := "", true
			if own {
				why, ok = mayImport(f, target)
			} else {
				why, ok = mayUse(f, target)
			}
			if !ok {
				found = append(found, fmt.Sprintf("%s: %s imports %s: %s", f.at(spec), f.room(), target, why))
			}
		})
	}
	return found
}

// mayImport judges an import of this module.
func mayImport(f *file, target string) (why string, ok bool) {
	room := f.room()
	switch {
	case within(target, room+"/...") && room != "node",
		isKit(room) && target == path.Dir(room),
		isKit(target) && f.isTest():
		return "", true
	case isKit(target) && !f.isTest():
		return "test kits stay out of production", false
	case target == "node" && !withinAny(room, roots) && !f.isTest():
		return "nothing imports node but its commands and tests", false
	case within(target, "node/cmd/...") && !within(room, "node/cmd/..."):
		return "nothing imports a command", false
	}
	l, ok := lineOf(table, room)
	if !ok {
		return "the room has no line in the table", false
	}
	if allows(l, target) {
		return "", true
	}
	if f.isTest() && (within(target, "crypto/...") && !within(room, "crypto/...") || within(target, "exchange/...") && within(room, "node/...")) {
		return "", true
	}
	if more, ok := lineOf(testsMay, room); ok && f.isTest() && allows(more, target) {
		return "", true
	}
	return l.why, false
}

func lineOf(lines []line, room string) (line, bool) {
	i := slices.IndexFunc(lines, func(l line) bool { return within(room, l.room) })
	if i < 0 {
		return line{}, false
	}
	return lines[i], true
}

func allows(l line, target string) bool {
	return withinAny(target, l.may) || slices.Contains(l.may, "...")
}

// mayUse judges an import of a library. Tests use what they need.
func mayUse(f *file, library string) (why string, ok bool) {
	if f.isTest() {
		return "", true
	}
	for _, fence := range fences {
		if library == fence.library || strings.HasPrefix(library, fence.library+"/") {
			return fence.why, withinAny(f.room(), fence.rooms)
		}
	}
	return "", true
}
