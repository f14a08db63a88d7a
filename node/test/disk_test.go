package test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// upload files a case of a size that does not ride in a command.
func upload(c *client.Client, key string, size int) (exchange.ID, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	content := bytes.Repeat([]byte(key), 1+size/len(key))
	done, err := c.Submit(ctx, exchange.Submission{Key: key, Kind: "case", To: []string{"wjw@320500"}, Type: "上报件", Title: "大件 " + key,
		Files: []exchange.File{{Name: "材料.bin", Size: int64(len(content))}}},
		func(int) (io.Reader, error) { return bytes.NewReader(content), nil })
	return done.ID, err
}

// full checks that an upload is refused for want of space, in words that help.
func full(t *testing.T, c *client.Client, key string) {
	t.Helper()
	_, err := upload(c, key, 2<<20)
	if exchange.CodeOf(err) != exchange.Exhausted || !containsAll(err.Error(), []string{"disks are full", "free space or enlarge"}) {
		t.Errorf("%s: %v", key, err)
	}
}

func TestAContentReserveThatCannotBeMetRefusesUploadsOnly(t *testing.T) {
	if testing.Short() {
		t.Skip("three processes; left out of short runs")
	}
	f := small(t, nil)
	f.Config("county-1").Domains[0].Limits.FreeDisk = 1 << 50
	f.Save("county-1")
	f.StartAll()
	county := f.Client("wjw@320582")
	full(t, county, "large")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	id, err := file(ctx, county, "small", "wjw@320500") // rides in the command, beside the reserve
	if err != nil {
		t.Fatal(err)
	}
	arrives(t, f, county, id)
	if out, err := county.Outbox(ctx, exchange.ListQuery{}); err != nil || len(out.Items) != 1 {
		t.Errorf("what was refused left a trace: %+v, %v", out, err)
	}
}

// tiny mounts a disk of 96 MiB as the data directory of a process.
func tiny(t *testing.T, f *fleet.Fleet, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tiny")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("no small disk can be mounted here: %v %s", err, out)
	}
	t.Cleanup(func() {
		if b, err := os.ReadFile(f.Output(name)); t.Failed() && err == nil {
			t.Logf("last words of %s:\n%s", name, b[max(0, len(b)-1<<14):])
		}
		f.Kill(name)
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	n := f.Config(name)
	n.Data = filepath.Join(dir, "data")
	n.Domains[0].Limits.FreeDisk = config.Size(8 << 20)
	f.Save(name)
	return dir
}

func TestAFullDiskLosesNothingAndRecoversByItself(t *testing.T) {
	if testing.Short() {
		t.Skip("three processes; left out of short runs")
	}
	f := small(t, nil)
	disk := tiny(t, f, "county-1")
	f.StartAll()
	county, city := f.Client("wjw@320582"), f.Client("wjw@320500")
	sent := map[exchange.ID]string{}
	keep := func(key string, size int) {
		t.Helper()
		id, err := upload(county, key, size)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		sent[id] = key
	}
	keep("before", 2<<20)
	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast, 6<<20) // within the reserve: content stops, the log goes on
	full(t, county, "in-the-reserve")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	id, err := file(ctx, county, "small-in-the-reserve", "wjw@320500")
	if err != nil {
		t.Fatal(err)
	}
	sent[id] = "small-in-the-reserve"
	fill(t, ballast, 0) // nothing is left
	nothingLeft(t, county, sent)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	f.Eventually(30*time.Second, "uploads are accepted again", func(context.Context) error {
		id, err := upload(county, "afterwards", 2<<20)
		if err == nil {
			sent[id] = "afterwards"
		}
		return err
	})
	if !f.Running("county-1") {
		t.Error("the process ended")
	}
	for _, key := range withoutRoom { // asking again resolves what was unknown, and does what was refused
		id, err := file(ctx, county, key, "wjw@320500")
		if err != nil {
			t.Errorf("%s, asked again: %v", key, err)
		}
		sent[id] = key
	}
	for id := range sent {
		arrives(t, f, county, id)
	}
	got, err := list(ctx, city)
	if err != nil || len(got) != len(sent) {
		t.Errorf("%d arrived, %d were acknowledged, %v", len(got), len(sent), err)
	}
}

var withoutRoom = []string{"full-1", "full-2", "full-3"}

// nothingLeft files on a disk without a free byte. What is acknowledged there
// has to arrive like everything else; what is not has to fail in clear words.
// Reading goes on.
func nothingLeft(t *testing.T, c *client.Client, sent map[exchange.ID]string) {
	t.Helper()
	for _, key := range withoutRoom {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		id, err := file(ctx, c, key, "wjw@320500")
		cancel()
		if err == nil {
			sent[id] = key
			continue
		}
		switch exchange.CodeOf(err) {
		case exchange.Exhausted, exchange.Unavailable, exchange.Unknown:
		default:
			t.Errorf("%s: %v", key, err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if out, err := c.Outbox(ctx, exchange.ListQuery{}); err != nil || len(out.Items) < 2 {
		t.Errorf("reading from a full disk: %+v, %v", out, err)
	}
}

// fill makes a file that leaves so many bytes free, to the last page.
func fill(t *testing.T, path string, leave int64) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for page := make([]byte, 1<<12); free(t, path) > leave; {
		if _, err := file.Write(page); err != nil {
			return // full
		}
	}
}

// free is how many bytes the disk of a file has left.
func free(t *testing.T, path string) int64 {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}
