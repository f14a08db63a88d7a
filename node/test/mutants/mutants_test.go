//go:build soak

package mutants

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// mutant is a defect and a rung that has to find it.
type mutant struct {
	tag  string
	rung string
	test []string // arguments of go test, without tags
	says string   // what the rung says, as a regular expression
	real bool     // the rung starts programs, which are built with the tag
}

var mutants = []mutant{
	{"mutant_ack_before_sync", "power cut, log alone", []string{"./node/raftnode/journal", "-run", "TestEveryCrashIsSurvived$"}, `it has \d+ to \d+ and promised`, false},
	{"mutant_ack_before_sync", "power cut, real processes", []string{"./node/test/powercut", "-run", "TestPowerIsCut$", "-seed", "1", "-runs", "20"}, `was acknowledged|not after .*acknowledgements`, true},
	{"mutant_apply_without_index", "real processes killed", []string{"./node/test/chaos", "-kind", "all killed", "-seed", "1", "-runs", "20", "-first", "-faults", "8s"}, `replicas.diverged|contradict`, true},
	{"mutant_skip_cursor", "simulation", []string{"./node/test/sim", "-run", "TestSeeds$", "-seeds", "3"}, `does not come to rest|never sent|for ever|there$`, false},
	{"mutant_drop_outbox", "simulation", []string{"./node/test/sim", "-run", "TestSeeds$", "-seeds", "3"}, `does not come to rest|for ever`, false},
	{"mutant_reuse_sequence", "simulation", []string{"./node/test/sim", "-run", "TestSeeds$", "-seeds", "3"}, `never sent|other bytes|does not come to rest`, false},
}

// patience is how long a rung may take to find a defect.
const patience = 10 * time.Minute

func TestEveryMutantIsCaught(t *testing.T) {
	table := "\n| mutant | caught by | after | command | it says |\n|---|---|---|---|---|\n"
	for _, m := range mutants {
		t.Run(m.tag+"/"+m.rung, func(t *testing.T) { table += m.hunt(t) })
	}
	t.Log(table)
}

// hunt runs the rung and returns a row of the table.
func (m *mutant) hunt(t *testing.T) string {
	t.Helper()
	args := append([]string{"test", "-count=1", "-tags", "soak," + m.tag}, m.test...)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = "../../.."
	cmd.WaitDelay = 10 * time.Second
	if m.real {
		cmd.Env = append(os.Environ(), fleet.TagsVariable+"="+m.tag)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	found := regexp.MustCompile(`(?m)^.*(` + m.says + `).*$`).FindString(out.String())
	if err == nil || found == "" || strings.Contains(out.String(), "[build failed]") {
		t.Errorf("%s was not caught by %q (%v): %s", m.tag, strings.Join(args, " "), err, tail(out.String()))
		return ""
	}
	found = strings.TrimSpace(found)
	t.Logf("caught after %v: %s", took.Round(time.Second), found)
	return fmt.Sprintf("| `%s` | %s | %.0f s | `go %s` | %.120s |\n", m.tag, m.rung, took.Seconds(), strings.Join(args, " "), found)
}

func tail(s string) string { return s[max(0, len(s)-2000):] }
