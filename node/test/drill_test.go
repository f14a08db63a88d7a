package test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/check"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// place is a domain that is destroyed, and the one beside it.
type place struct {
	domain    exchange.Domain
	neighbour exchange.Domain
	admits    exchange.Domain // its new life
}

var (
	aCounty = place{domain: "320582", neighbour: "320500", admits: "320500"}
	theTop  = place{domain: "320000", neighbour: "320500", admits: "320000"}
)

// drill is a federation of which one domain is backed up, destroyed and
// restored, by nothing but the documented commands.
type drill struct {
	*testing.T
	place
	f       *fleet.Fleet
	program fleet.Command
	offline string // directory of the offline key
	pass    string
	own     *client.Client // of a unit of the domain
	beside  *client.Client // and of one beside it
}

// newDrill makes the offline key and three replicas that name it, between
// domains of one.
func newDrill(t *testing.T, at place) *drill {
	t.Helper()
	d := &drill{T: t, place: at, f: fleet.New(t, func(f *founding.Federation) {
		for i := range f.Domains {
			f.Domains[i].Replicas = 1
			if f.Domains[i].Domain == at.domain {
				f.Domains[i].Replicas = 3
			}
		}
	}), program: fleet.Command{Program: fleet.Program(t, "")}}
	d.offline, d.pass = filepath.Join(t.TempDir(), "offline"), filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(d.pass, []byte("correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	public := filepath.Join(d.f.Dir, "backup.pub")
	d.must("cluster", "backup-key", "--domain", string(d.domain), "--out", d.offline, "--public", public, "--passphrase-file", d.pass)
	for _, name := range d.f.Names() {
		c := &d.f.Config(name).Domains[0]
		c.Heartbeat = config.Duration(500 * time.Millisecond)
		if c.Domain == d.domain {
			c.BackupKey = public
		}
		d.f.Save(name)
	}
	d.f.StartAll()
	d.own, d.beside = d.f.Client("wjw@"+string(at.domain)), d.f.Client("wjw@"+string(at.neighbour))
	return d
}

// run runs a command on the settings of the federation.
func (d *drill) run(args ...string) fleet.Ended {
	d.Helper()
	c := d.program
	c.Env = append(os.Environ(), "YIZHAN_CONFIG="+filepath.Join(d.f.Dir, "client.yaml"))
	return c.Run(d, args...)
}

func (d *drill) must(args ...string) string {
	d.Helper()
	e := d.run(args...)
	if e.Status != 0 {
		d.Fatalf("yizhan %v: status %d\n%s%s", args, e.Status, e.Stdout, e.Stderr)
	}
	return e.Stdout
}

func (d *drill) refused(said string, args ...string) {
	d.Helper()
	if e := d.run(args...); e.Status != 1 || !strings.Contains(e.Stderr, said) {
		d.Fatalf("yizhan %v: status %d, want 1 and %q\n%s", args, e.Status, said, e.Stderr)
	}
}

// destroy kills every replica of the domain and takes its machines away. What
// was kept elsewhere, the key file of one of them, is returned.
func (d *drill) destroy(survivorOfTheSafe string) (keyFile []byte) {
	d.Helper()
	for _, name := range d.f.Names() {
		if d.f.Config(name).Domains[0].Domain == d.domain {
			d.f.Kill(name)
		}
	}
	keyFile, err := os.ReadFile(d.f.Config(survivorOfTheSafe).Domains[0].Unlock.KeyFile)
	if err != nil {
		d.Fatal(err)
	}
	for _, name := range d.f.Names() {
		if d.f.Config(name).Domains[0].Domain != d.domain {
			continue
		}
		if err := os.RemoveAll(filepath.Join(d.f.Dir, "nodes", name)); err != nil {
			d.Fatal(err)
		}
	}
	return keyFile
}

// send files n cases from the domain to the one beside it.
func (d *drill) send(name string, n int) map[exchange.ID]string {
	d.Helper()
	var progress atomic.Int64
	return traffic(d.T, d.own, name, n, 4, "wjw@"+string(d.neighbour), &progress)
}

// sendThere files n cases from the domain beside it to it.
func (d *drill) sendThere(name string, n int) map[exchange.ID]string {
	d.Helper()
	var progress atomic.Int64
	return traffic(d.T, d.beside, name, n, 4, "wjw@"+string(d.domain), &progress)
}

func TestADomainIsRestoredFromABackupOnEmptyMachines(t *testing.T) {
	if testing.Short() {
		t.Skip("five processes; left out of short runs")
	}
	d := newDrill(t, aCounty)
	file := filepath.Join(t.TempDir(), "320582.backup")

	// Traffic, a backup in the middle of it, and traffic after it.
	before := d.send("before", 20)
	large, err := upload(d.own, "large", 3<<20)
	if err != nil {
		t.Fatal(err)
	}
	during := make(chan map[exchange.ID]string)
	go func() { during <- d.send("during", 40) }()
	d.must("cluster", "backup", "--output", file, "--as", d.f.Administrator(d.domain))
	d.must("cluster", "check", "--online", "--content", "--as", d.f.Administrator(d.domain))
	meanwhile := <-during
	after := d.send("after", 10)
	allArrived(t, d.f, d.own, d.beside, merged(before, meanwhile, after))

	// What has not left when the machine room burns down.
	d.f.Kill("city-1")
	kept := d.send("kept", 5)

	by := d.made(file)
	key := d.destroy(by)
	d.restore(file, by, key)
	d.f.Start("city-1")
	d.admit()

	// Everything that had left is there again, with its receipts.
	whole := merged(before, meanwhile, after)
	d.f.Eventually(2*time.Minute, "everything that had left is given back", func(ctx context.Context) error {
		for id, name := range whole {
			if err := hasState(ctx, d.own, id, "arrived"); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return hasState(ctx, d.own, large, "arrived")
	})
	lost := 0
	for id := range kept {
		if _, err := d.own.Track(t.Context(), id.String()); err != nil {
			lost++
		}
	}
	t.Logf("%d of %d filings that had not left are gone, as the command said", lost, len(kept))

	// The domain goes on, and is sound.
	d.send("again", 10)
	d.must("cluster", "check", "--online", "--content", "--signatures", "--as", d.f.Administrator(d.domain))
	d.sound(by, "city-1", "province-1")
}

// TestTheTopDomainIsRestoredFromABackup restores the domain that has no
// superior: it states its own new life, and those below believe it.
func TestTheTopDomainIsRestoredFromABackup(t *testing.T) {
	if testing.Short() {
		t.Skip("five processes; left out of short runs")
	}
	d := newDrill(t, theTop)
	file := filepath.Join(t.TempDir(), "320000.backup")
	down, up := d.send("down before", 10), d.sendThere("up before", 10)
	d.must("cluster", "backup", "--output", file, "--as", d.f.Administrator(d.domain))
	down, up = merged(down, d.send("down after", 10)), merged(up, d.sendThere("up after", 10))
	allArrived(t, d.f, d.own, d.beside, down)
	allArrived(t, d.f, d.beside, d.own, up)

	by := d.made(file)
	key := d.destroy(by)
	up = merged(up, d.sendThere("up meanwhile", 5))
	d.restore(file, by, key)
	d.admit()

	d.f.Eventually(2*time.Minute, "what it had sent is given back", func(ctx context.Context) error {
		for id, name := range down {
			if err := hasState(ctx, d.own, id, "arrived"); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
	allArrived(t, d.f, d.beside, d.own, up)
	allArrived(t, d.f, d.own, d.beside, merged(down, d.send("down again", 5)))
	allArrived(t, d.f, d.beside, d.own, merged(up, d.sendThere("up again", 5)))
	d.must("cluster", "check", "--online", "--content", "--signatures", "--as", d.f.Administrator(d.domain))
	d.sound(by, "city-1", "county-1")
}

func merged(all ...map[exchange.ID]string) map[exchange.ID]string {
	out := map[exchange.ID]string{}
	for _, m := range all {
		for id, name := range m {
			out[id] = name
		}
	}
	return out
}

// made verifies a backup and returns the replica that made it.
func (d *drill) made(file string) string {
	d.Helper()
	out := d.must("cluster", "backup", "verify", file, "--key", d.offline, "--passphrase-file", d.pass, "--deep",
		"--anchor", filepath.Join(d.f.Dir, "anchor.pem"), "--domain", string(d.domain))
	for _, name := range d.f.Names() {
		if strings.Contains(out, "by replica "+name+"\n") {
			return name
		}
	}
	d.Fatalf("nobody made it: %s", out)
	return ""
}

// restore brings one replica back on a machine that has its key file.
func (d *drill) restore(file, name string, keyFile []byte) {
	d.Helper()
	dir := filepath.Join(d.f.Dir, "nodes", name)
	conf := filepath.Join(dir, "node.yaml")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		d.Fatal(err)
	}
	args := []string{"cluster", "restore", file, "--key", d.offline, "--passphrase-file", d.pass, "--config", conf}
	d.refused("key store does not go with the backup", args...)
	if err := os.WriteFile(filepath.Join(dir, "unlock.key"), keyFile, 0o600); err != nil {
		d.Fatal(err)
	}
	out := d.must(args...)
	for _, said := range []string{"recovery point", "given back", "lost", "twice", string(d.neighbour), "domain admit", "核对"} {
		if !strings.Contains(out, said) {
			d.Errorf("the command does not say %q:\n%s", said, out)
		}
	}
	d.refused("data directory is not empty", args...)
	d.must("cluster", "check", "--config", conf)
	d.f.Start(name)
	d.f.Eventually(time.Minute, "the restored domain serves", func(ctx context.Context) error {
		s, err := d.f.Status(ctx, d.domain)
		if err == nil && (s.Role != "leader" || s.Incarnation <= 1) {
			err = fmt.Errorf("%s of incarnation %d", s.Role, s.Incarnation)
		}
		return err
	})
	d.must("cluster", "check", "--online", "--as", d.f.Administrator(d.domain)) // while nobody admitted it yet
}

// admit has the new life admitted, and waits for the link.
func (d *drill) admit() {
	d.Helper()
	d.f.Eventually(time.Minute, "the new life is admitted", func(ctx context.Context) error {
		s, err := d.f.Status(ctx, d.domain)
		if err != nil {
			return err
		}
		e := d.run("domain", "admit", string(d.domain), "--incarnation", fmt.Sprint(s.Incarnation), "--as", d.f.Administrator(d.admits))
		if e.Status != 0 {
			return fmt.Errorf("status %d: %s", e.Status, e.Stderr)
		}
		return nil
	})
	d.f.Eventually(time.Minute, "the link is open again", func(ctx context.Context) error {
		s, err := d.f.Status(ctx, d.domain)
		if err != nil {
			return err
		}
		for _, l := range s.Links {
			if l.Peer == d.neighbour && l.State == "connected" {
				return nil
			}
		}
		return fmt.Errorf("%+v", s.Links)
	})
}

// sound stops processes and checks what they keep.
func (d *drill) sound(names ...string) {
	d.Helper()
	for _, name := range names {
		d.f.Stop(name)
	}
	for _, name := range names {
		reports, err := check.Node(context.Background(), d.f.Config(name), check.Options{Signatures: true, Content: true, Strict: true})
		if err != nil {
			d.Errorf("%s: %v", name, err)
		}
		for _, r := range reports {
			for _, found := range r.Findings {
				d.Errorf("%s of %s: %s", r.Replica, r.Domain, found)
			}
		}
	}
}
