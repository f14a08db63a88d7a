package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/content"
	"github.com/yizhan-exchange/yizhan/node/newlife"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// machine is an empty one: all that is there is the key file, kept elsewhere
// until now, where the configuration expects it.
func (d *domain) machine() (configPath string) {
	d.t.Helper()
	dir := filepath.Join(d.t.TempDir(), "county-1")
	must(d.t, os.MkdirAll(dir, 0o700))
	key, err := os.ReadFile(d.conf.Unlock.KeyFile)
	must(d.t, err)
	must(d.t, os.WriteFile(filepath.Join(dir, filepath.Base(d.conf.Unlock.KeyFile)), key, 0o600))
	return filepath.Join(dir, "node.yaml")
}

func (d *domain) restore(b []byte, path string) (*Restored, error) {
	e := d.expect()
	e.Domain, e.Anchor = "", nil
	return Restore(context.Background(), bytes.NewReader(b), RestoreOptions{Expect: e, Config: path, Random: rand.Reader, Now: 1e12})
}

func TestARestoredReplicaHasEverythingAndBeginsANewLife(t *testing.T) {
	d := newDomain(t)
	d.keep(1, 3)
	d.keep(2, 2)
	path := d.machine()
	done, err := d.restore(d.backup(), path)
	must(t, err)
	conf, err := config.Load(path)
	must(t, err)
	c := &conf.Domains[0]
	if done.Replica != c.Replica || done.Data != filepath.Join(conf.Data, string(county)) || c.Replica != d.conf.Replica {
		t.Errorf("%+v", done)
	}
	s, err := store.Open(filepath.Join(done.Data, "state"), store.Options{Hash: d.provider.Sum, MapSize: 64 << 20})
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	must(t, s.View(func(r ledger.Reader) error {
		m, err := ledger.ConfigurationOf(r)
		if len(m.Voters) != 1 || m.Voters[0] != c.Replica {
			t.Errorf("voters %v", m.Voters)
		}
		return err
	}))
	if s.AppliedIndex() != done.Statement.Contents.Index+1 {
		t.Errorf("at %d after a backup at %d", s.AppliedIndex(), done.Statement.Contents.Index)
	}
	chunks, err := content.Open(filepath.Join(done.Data, "content"), content.Options{Hash: d.provider.Sum})
	must(t, err)
	for a := range d.chunks {
		_, err := chunks.Get(t.Context(), a)
		must(t, err)
	}
	if life, ok, err := newlife.Read(done.Data); err != nil || !ok || life.Reason != newlife.Restored || life.Index != done.Statement.Contents.Index {
		t.Errorf("the mark says %+v, %t, %v", life, ok, err)
	}
	lock, err := c.Unlock.Lock()
	must(t, err)
	vault, err := trust.OpenStore(c.Keys, d.provider, rand.Reader, lock)
	must(t, err)
	_, _, err = vault.ReplicaIdentity(string(c.Replica))
	must(t, err)
	for _, name := range []string{conf.API.Certificate, conf.API.Key, c.Anchor, c.BackupKey} {
		got, err := os.ReadFile(name)
		must(t, err)
		want, err := os.ReadFile(filepath.Join(d.dir, filepath.Base(name)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs: %v", name, err)
		}
	}
	if i, err := os.Stat(conf.API.Key); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("the key of the API: %v", i.Mode())
	}
}

// names lists everything below a directory.
func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		out = append(out, path)
		return err
	}))
	return out
}

// TestARestoreThatIsRefusedLeavesNothing tries everything that is in the way,
// and then restores into the same place.
func TestARestoreThatIsRefusedLeavesNothing(t *testing.T) {
	d, other := newDomain(t), newDomain(t)
	d.keep(1, 3)
	good := d.backup()
	path := d.machine()
	dir := filepath.Dir(path)
	key := filepath.Join(dir, filepath.Base(d.conf.Unlock.KeyFile))
	theirs, err := os.ReadFile(other.conf.Unlock.KeyFile)
	must(t, err)
	mine, err := os.ReadFile(key)
	must(t, err)
	var forged bytes.Buffer
	s := d.source()
	keys, pair, err := other.vault.DomainIdentity()
	must(t, err)
	s.Signer, s.Pair = keys.Sign, pair
	_, err = Make(t.Context(), &forged, s)
	must(t, err)
	before := names(t, dir)
	for _, c := range []struct {
		name   string
		bytes  []byte
		change func()
		undo   func()
		want   error
	}{
		{"cut short", good[:len(good)-50], nil, nil, ErrTruncated},
		{"damaged at the end", append(bytes.Clone(good[:len(good)-100]), make([]byte, 100)...), nil, nil, ErrDamaged},
		{"without the key file", good, func() { must(t, os.Remove(key)) }, func() { must(t, os.WriteFile(key, mine, 0o600)) }, ErrKeyStore},
		{"with another key file", good, func() { must(t, os.WriteFile(key, theirs, 0o600)) }, func() { must(t, os.WriteFile(key, mine, 0o600)) }, ErrKeyStore},
		{"signed by somebody else", forged.Bytes(), nil, nil, ErrUntrusted},
	} {
		if c.change != nil {
			c.change()
		}
		_, err := d.restore(c.bytes, path)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if c.undo != nil {
			c.undo()
		}
		if after := withoutEmpty(t, dir); len(after) != len(before) {
			t.Errorf("%s left %v", c.name, after)
		}
	}
	done, err := d.restore(good, path)
	must(t, err)
	if _, err := d.restore(good, path); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("a second time: %v", err)
	}
	if _, ok, err := newlife.Read(done.Data); err != nil || !ok {
		t.Errorf("the second try hurt the first: %v", err)
	}
}

// withoutEmpty is names, but for directories that were made on the way.
func withoutEmpty(t *testing.T, dir string) (out []string) {
	for _, n := range names(t, dir) {
		if e, err := os.ReadDir(n); err != nil || len(e) > 0 || n == dir {
			out = append(out, n)
		}
	}
	return out
}

// TestAConfigurationThatIsThereIsTaken restores on a machine with other
// addresses, whose configuration was written from the backup and edited.
func TestAConfigurationThatIsThereIsTaken(t *testing.T) {
	d := newDomain(t)
	good := d.backup()
	text, st, err := ReadConfig(t.Context(), bytes.NewReader(good), d.expect())
	if err != nil || st.Domain != county {
		t.Fatal(err)
	}
	edited := func(change func(*config.Domain)) string {
		path := d.machine()
		must(t, os.WriteFile(path, text, 0o600))
		conf, err := config.Load(path)
		must(t, err)
		change(&conf.Domains[0])
		must(t, conf.Save(path))
		return path
	}
	done, err := d.restore(good, edited(func(c *config.Domain) {
		for i := range c.Replicas {
			if r := &c.Replicas[i]; r.Name == c.Replica {
				r.Address = "10.1.2.3:7444"
			}
		}
	}))
	if err != nil || done.Address != "10.1.2.3:7444" {
		t.Fatalf("%+v, %v", done, err)
	}
	if _, err := d.restore(good, edited(func(c *config.Domain) { c.Domain = "320581" })); !errors.Is(err, ErrHosts) {
		t.Errorf("a configuration of another domain: %v", err)
	}
	if _, err := d.restore(good, edited(func(c *config.Domain) {
		c.Replica = "nobody"
		c.Replicas = append(c.Replicas, config.Member{Name: "nobody", Address: "10.1.2.4:7444"})
	})); !errors.Is(err, ErrKeyStore) {
		t.Errorf("a replica without certificates: %v", err)
	}
}
