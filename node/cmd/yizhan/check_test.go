package main

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/demo"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/store"
)

func TestANodeIsCheckedOnceItIsStopped(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	d, err := demo.Start(ctx, demo.Options{Dir: filepath.Join(t.TempDir(), "f"), Topology: founding.Joint, BasePort: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close(context.Background()) })
	path := d.NodeConfig("county")
	run := func(args ...string) (status int, stdout, stderr string) {
		var out, errs bytes.Buffer
		status = execute(ctx, newApp(strings.NewReader(""), &out, &errs), append([]string{"cluster", "check", "--config", path}, args...))
		return status, out.String(), errs.String()
	}
	if status, _, told := run(); status != exitFailed || !strings.Contains(told, "the node is running") || !strings.Contains(told, "Stop the node first") {
		t.Errorf("a running node: status %d, %s", status, told)
	}
	if err := d.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if status, out, told := run("--signatures", "--content", "--strict"); status != exitDone || strings.Count(out, "nothing amiss") != 3 {
		t.Errorf("a stopped node: status %d, %s%s", status, out, told)
	}
	status, out, told := run("-o", "json")
	var v checkView
	if err := json.Unmarshal([]byte(out), &v); err != nil || status != exitDone || !v.OK || len(v.Replicas) != 3 || v.Replicas[0].Index == 0 {
		t.Errorf("for programs: status %d, %s%s %v", status, out, told, err)
	}
	spoil(t, path)
	if status, out, told := run(); status != exitFailed || !strings.Contains(out, "audit.gap") || !strings.Contains(told, "Do not start this node") {
		t.Errorf("a damaged node: status %d, %s%s", status, out, told)
	}
}

// spoil writes a row into the store of a stopped node that does not belong
// there.
func spoil(t *testing.T, path string) {
	t.Helper()
	conf, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(filepath.Join(conf.Data, string(conf.Domains[0].Domain), "state"), store.Options{Hash: func(...[]byte) (d crypto.Digest) { return d }})
	if err != nil {
		t.Fatal(err)
	}
	index := s.AppliedIndex() + 1
	if _, err := s.Apply(intruder{}, []store.Entry{{Index: index, Term: 99, Commands: [][]byte{{}}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// intruder adds an audit leaf far from the others.
type intruder struct{}

func (intruder) Apply(ledger.Reader, uint64, []byte) ([]byte, []ledger.Mutation, error) {
	return nil, []ledger.Mutation{{Table: ledger.TableAudit, Key: bytes.Repeat([]byte{1}, 8), Value: exchange.Encode(ledger.Event{})}}, nil
}
