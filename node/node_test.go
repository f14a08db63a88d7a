package node_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
)

// startAll founds the sample federation and runs all of its nodes in this
// process.
func startAll(t *testing.T, change func(*founding.Federation)) *founding.Trial {
	t.Helper()
	trial, _ := startNodes(t, change)
	return trial
}

func startNodes(t *testing.T, change func(*founding.Federation)) (*founding.Trial, map[string]*node.Node) {
	t.Helper()
	nodes := map[string]*node.Node{}
	f := founding.Sample()
	f.BasePort = 0
	if change != nil {
		change(&f)
	}
	trial, err := founding.Make(f, filepath.Join(t.TempDir(), "federation"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range trial.Nodes {
		c, err := config.Load(trial.NodeConfig(name))
		if err != nil {
			t.Fatal(err)
		}
		n, err := node.Start(c, node.Options{Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))})
		if err != nil {
			t.Fatal(err)
		}
		nodes[name] = n
		t.Cleanup(func() {
			if err := n.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	return trial, nodes
}

func dial(t *testing.T, trial *founding.Trial, as string) *client.Client {
	t.Helper()
	settings, err := client.LoadConfig(trial.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	conf, err := settings.Pick(as)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func submit(ctx context.Context, c *client.Client, key, to string, content []byte) (exchange.Submitted, error) {
	return c.Submit(ctx, exchange.Submission{Key: key, Kind: "case", To: []string{to}, Type: "上报件", Title: "医疗机构设置审批",
		Fields: []byte(`{"applicant":"某医院"}`), Files: []exchange.File{{Name: "材料.bin", Size: int64(len(content))}}},
		func(int) (io.Reader, error) { return bytes.NewReader(content), nil })
}

// watch follows an exchange until its only delivery has the state.
func watch(t *testing.T, c *client.Client, id exchange.ID, state string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		tr, err := c.Track(context.Background(), id.String())
		if err == nil && tr.Deliveries[0].State == state {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not %s: %+v, %v", id, state, tr, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestTheNationalProfileCarriesEveryPlane(t *testing.T) {
	trial := startAll(t, func(f *founding.Federation) { f.Topology, f.Profile = founding.Joint, config.ProfileGM })
	county := dial(t, trial, "wjw@320582")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	done, err := submit(ctx, county, "gm", "wjw@320000", bytes.Repeat([]byte("国密"), 20<<10))
	if err != nil {
		t.Fatal(err)
	}
	watch(t, county, done.ID, "arrived")
}

func TestAFilingCrossesThreeLevelsOfRealNodes(t *testing.T) {
	for _, topology := range []founding.Topology{founding.Separate, founding.Joint} {
		t.Run(string(topology), func(t *testing.T) {
			trial := startAll(t, func(f *founding.Federation) { f.Topology = topology })
			county, province := dial(t, trial, "wjw@320582"), dial(t, trial, "wjw@320000")
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			content := bytes.Repeat([]byte("材料"), 1<<20)
			for name, data := range map[string][]byte{"small": content[:600], "large": content} {
				begun := time.Now()
				done, err := submit(ctx, county, "key-"+name, "wjw@320000", data)
				if err != nil {
					t.Fatal(err)
				}
				watch(t, county, done.ID, "arrived")
				t.Logf("%s: arrived after %v", name, time.Since(begun))
				var got bytes.Buffer
				if err := province.Fetch(ctx, done.ID.String(), nil, func(int, exchange.File) (io.Writer, error) { return &got, nil }); err != nil || !bytes.Equal(got.Bytes(), data) {
					t.Fatalf("%d bytes of %d came back, %v", got.Len(), len(data), err)
				}
				if _, err := province.Sign(ctx, done.ID.String()); err != nil {
					t.Fatal(err)
				}
				watch(t, county, done.ID, "signed")
			}
		})
	}
}
