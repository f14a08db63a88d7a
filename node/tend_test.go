package node_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
)

const countyDomain exchange.Domain = "320582"

// chunkFiles lists the chunks of the county that a node stores.
func chunkFiles(t *testing.T, trial *founding.Trial, name string) (dir string, files []string) {
	t.Helper()
	c, err := config.Load(trial.NodeConfig(name))
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(c.Data, string(countyDomain), "content", "chunks")
	files, err = filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return dir, files
}

func flip(t *testing.T, path string) []byte {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(whole)
	damaged[len(damaged)/2] ^= 1
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	return whole
}

// TestContentIsReadAgainMendedAndSwept flips a bit on one replica, then of
// another chunk on all; and leaves chunks behind that nobody refers to, old and
// new.
func TestContentIsReadAgainMendedAndSwept(t *testing.T) {
	trial, nodes := startNodes(t, func(f *founding.Federation) { f.Topology = founding.Joint })
	county := dial(t, trial, "wjw@320582")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	done, err := submit(ctx, county, "k", "wjw@320500", bytes.Repeat([]byte("材料"), 400<<10))
	if err != nil {
		t.Fatal(err)
	}
	watch(t, county, done.ID, "arrived")
	var names []string
	all := 0 // a majority has all of them; the others follow
	for _, name := range trial.Nodes {
		_, files := chunkFiles(t, trial, name)
		all = max(all, len(files))
	}
	for _, name := range trial.Nodes {
		for {
			if _, files := chunkFiles(t, trial, name); all > 2 && len(files) == all {
				break
			}
			if ctx.Err() != nil {
				t.Fatalf("%s does not get all chunks", name)
			}
			time.Sleep(20 * time.Millisecond)
		}
		names = append(names, name)
	}
	dir, files := chunkFiles(t, trial, names[0])
	month := time.Now().Add(-30 * 24 * time.Hour)
	for _, f := range files {
		if err := os.Chtimes(f, month, month); err != nil {
			t.Fatal(err)
		}
	}
	orphan, young := leave(t, dir, "old", month), leave(t, dir, "young", time.Now())

	whole := flip(t, files[0])
	got := nodes[names[0]].Tend(ctx, countyDomain)
	if got.Rounds != 1 || got.Mended != 1 || got.Lost != 0 || got.Swept != 1 || got.Read != uint64(len(files))+1 {
		t.Fatalf("%+v, %d chunks", got, len(files))
	}
	if mended, err := os.ReadFile(files[0]); err != nil || !bytes.Equal(mended, whole) {
		t.Fatalf("the chunk is not whole again: %v", err)
	}
	if _, err := os.Stat(orphan); err == nil {
		t.Error("what nobody refers to is still there")
	}
	if _, err := os.Stat(young); err != nil {
		t.Error("what may be of an upload was taken")
	}

	for _, name := range names {
		d, _ := chunkFiles(t, trial, name)
		flip(t, filepath.Join(d, files[1][len(dir):]))
	}
	if got := nodes[names[0]].Tend(ctx, countyDomain); got.Lost != 1 || got.Rounds != 2 {
		t.Fatalf("damaged everywhere: %+v", got)
	}
	admin := dial(t, trial, "bgs@320582/trial.admin")
	status, err := admin.ClusterStatus(ctx)
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for _, s := range status {
		seen = seen || s.Domain == countyDomain && s.Content.Rounds == 2 && s.Content.Lost == 1
	}
	if answered := status[0].Replica; !seen && answered == exchange.Replica(names[0]) {
		t.Fatalf("%s tells nothing of it: %+v", answered, status)
	}
}

// leave puts a chunk into a store that no exchange refers to.
func leave(t *testing.T, dir, data string, at time.Time) (path string) {
	t.Helper()
	p, err := sm.New("")
	if err != nil {
		t.Fatal(err)
	}
	name := p.Sum([]byte(data)).String()
	path = filepath.Join(dir, name[:2], name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
	return path
}
