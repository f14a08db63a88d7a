package sm

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
)

func TestSoundProvidersPassTheSelfTest(t *testing.T) {
	both(t, func(t *testing.T, p, w Provider) {
		start := time.Now()
		if err := SelfTest(p, w); err != nil {
			t.Fatal(err)
		}
		t.Logf("took %v", time.Since(start))
	})
}

func TestAProviderIsNotItsOwnWitness(t *testing.T) {
	both(t, func(t *testing.T, p, _ Provider) {
		if err := SelfTest(p, p); !errors.Is(err, ErrSelfTest) {
			t.Error(err)
		}
	})
}

// credulous accepts every signature.
type credulous struct{ emmansun }

func (credulous) Verify(crypto.PublicKey, []byte, crypto.Signature) error { return nil }

func TestAWrongVerdictIsBlamedOnTheProviderThatGaveIt(t *testing.T) {
	err := SelfTest(tjfoc{}, credulous{})
	if !errors.Is(err, ErrSelfTest) || !strings.Contains(err.Error(), "sm2-verify of provider emmansun") {
		t.Error(err)
	}
}

func TestASourceThatIsVisiblyNotRandomIsRefused(t *testing.T) {
	counter := make([]byte, 2500)
	for i := range counter {
		counter[i] = byte(i % 16)
	}
	repeating := freshBytes(2500)
	copy(repeating[1616:1632], repeating[1600:1616])
	for name, sample := range map[string][]byte{"zero": make([]byte, 2500), "counter": counter, "repeating": repeating} {
		if randomDefect(sample) == nil {
			t.Errorf("%s passes", name)
		}
	}
}

// The corruption tests are compiled only under their tag, so this one builds
// them and runs them.
func TestACorruptedPrimitiveFailsTheSelfTestOfABinaryBuiltForIt(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the package again")
	}
	cmd := exec.Command("go", "test", "-tags", "selftest_corrupt", "-count=1", "-v", "-run", "Corrupted$", ".")
	cmd.Env = append(os.Environ(), "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestTheSelfTestNamesThePrimitiveThatIsCorrupted") {
		t.Errorf("%v\n%s", err, out)
	}
}
