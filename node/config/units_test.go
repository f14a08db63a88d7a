package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/config"
)

func TestDurationsAreWrittenAsTheyAreRead(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"500ms": 500 * time.Millisecond, "2s": 2 * time.Second, "15m": 15 * time.Minute, "1h30m": 90 * time.Minute,
		"1h0m5s": time.Hour + 5*time.Second, "30d": 720 * time.Hour, "0s": 0, "2h": 2 * time.Hour,
	} {
		d, err := config.ParseDuration(text)
		if err != nil || d.Std() != want || d.String() != text {
			t.Errorf("%s: got %v, written %s, %v", text, d.Std(), d, err)
		}
	}
	for _, text := range []string{"", "5", "-1s", "1w", "99999999d", "soon", "1.5d"} {
		if d, err := config.ParseDuration(text); err == nil {
			t.Errorf("%q is read as %v", text, d)
		}
	}
}

func TestSizesAreWrittenAsTheyAreRead(t *testing.T) {
	for text, want := range map[string]config.Size{
		"0": 0, "1000": 1000, "1KiB": 1 << 10, "64MiB": 64 << 20, "4GiB": 4 << 30, "3TiB": 3 << 40,
	} {
		if s, err := config.ParseSize(text); err != nil || s != want || s.String() != text {
			t.Errorf("%s: got %d, written %s, %v", text, s, s, err)
		}
	}
	for _, text := range []string{"", "-1", "1.5GiB", "4GB", "4 G", "1PiB", "9223372036854775807KiB", "99999999999999999999"} {
		if s, err := config.ParseSize(text); err == nil {
			t.Errorf("%q is read as %d", text, s)
		}
	}
}

func TestAKeyStoreOpensByFileOrByPassphrase(t *testing.T) {
	dir := t.TempDir()
	good, open, empty := filepath.Join(dir, "good"), filepath.Join(dir, "open"), filepath.Join(dir, "empty")
	write(t, good, "correct horse\n")
	write(t, empty, "\n")
	write(t, open, "x")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		unlock config.Unlock
		kind   string
	}{
		{config.Unlock{KeyFile: "k"}, "keyfile"}, {config.Unlock{PassphraseFile: good}, "passphrase"},
		{config.Unlock{PassphraseFile: open}, ""}, {config.Unlock{PassphraseFile: empty}, ""}, {config.Unlock{PassphraseFile: dir + "/none"}, ""},
	} {
		lock, err := c.unlock.Lock()
		if (err == nil) != (c.kind != "") || err == nil && lock.Kind() != c.kind {
			t.Errorf("%+v: got %v, %v", c.unlock, lock, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("node: a\ndomains: [{domain: 1, superior: {}, replicas: [{}]}]\n"))
	f.Add([]byte("domains: &a\n- *a\n"))
	f.Add([]byte("{? [a]: b, <<: {node: x}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		first, err := config.Parse(text)
		if err != nil {
			if exchange.CodeOf(err) != exchange.Invalid {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		path := filepath.Join(t.TempDir(), "node.yaml")
		if err := first.Save(path); err != nil {
			t.Fatal(err)
		}
		saved, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		second, err := config.Parse(saved)
		if err != nil {
			t.Fatalf("%q is accepted, and saved as what is not: %v\n%s", text, err, saved)
		}
		if err := second.Save(path); err != nil {
			t.Fatal(err)
		}
		if again, _ := os.ReadFile(path); !reflect.DeepEqual(saved, again) {
			t.Errorf("saved as\n%s\nthen as\n%s", saved, again)
		}
	})
}
