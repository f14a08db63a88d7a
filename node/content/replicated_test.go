package content_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/content"
	"github.com/yizhan-exchange/yizhan/node/content/contenttest"
)

// trio is replica a with peers b and c.
func trio(t testing.TB) (r *content.Replicated, a, b, c *contenttest.Memory) {
	t.Helper()
	h := hash(t)
	a, b, c = contenttest.NewMemory("a", h), contenttest.NewMemory("b", h), contenttest.NewMemory("c", h)
	return &content.Replicated{
		Self: "a", Local: a, Hash: h,
		Peers: func() []content.Peer { return []content.Peer{b.Peer(), c.Peer()} },
		Configuration: func() ledger.Configuration {
			return ledger.Configuration{Index: 7, Voters: []exchange.Replica{"a", "b", "c"}}
		},
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}, a, b, c
}

func dead(context.Context, string) error {
	return exchange.Errorf(exchange.Unavailable, "test", "dead")
}

func full(context.Context, string) error {
	return exchange.Errorf(exchange.Exhausted, "test", "disk full")
}

func hang(ctx context.Context, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

func chunks(t testing.TB, n int) []content.Chunk {
	var out []content.Chunk
	for i := range n {
		out = append(out, contenttest.Chunk(hash(t), i))
	}
	return out
}

func each(list []content.Chunk) content.Next {
	i := 0
	return func(context.Context) (content.Chunk, bool, error) {
		if i == len(list) {
			return content.Chunk{}, false, nil
		}
		i++
		return list[i-1], true, nil
	}
}

func replicas(proofs []exchange.Stored) string {
	seen := map[exchange.Replica]bool{}
	for _, p := range proofs {
		if p.Configuration != 7 || string(bytes.TrimRight(p.Store[:], "\x00")) != "store of "+string(p.Replica) {
			return fmt.Sprintf("wrong proof %v", p)
		}
		seen[p.Replica] = true
	}
	return fmt.Sprint(len(seen), "-", len(proofs))
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal(what)
}

func TestUploadIsProvedByAMajorityAndReachesAll(t *testing.T) {
	r, a, b, c := trio(t)
	proofs, err := r.PutAll(t.Context(), each(chunks(t, 50)))
	if err != nil || replicas(proofs) != "2-2" {
		t.Fatalf("%s, %v", replicas(proofs), err)
	}
	if a.Len()+b.Len()+c.Len() < 100 {
		t.Fatal("no majority")
	}
}

func TestSlightlySlowerVoterStillGetsEverything(t *testing.T) {
	r, a, b, c := trio(t)
	c.SetFault(func(context.Context, string) error { time.Sleep(2 * time.Millisecond); return nil })
	if _, err := r.PutAll(t.Context(), each(chunks(t, 3))); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the slower voter is left behind", func() bool { return a.Len() == 3 && b.Len() == 3 && c.Len() == 3 })
}

func TestDeadPeerDoesNotMatterAndTwoDo(t *testing.T) {
	r, _, b, c := trio(t)
	b.SetFault(dead)
	proofs, err := r.PutAll(t.Context(), each(chunks(t, 20)))
	if err != nil || replicas(proofs) != "2-2" {
		t.Fatalf("%s, %v", replicas(proofs), err)
	}
	c.SetFault(dead)
	if _, err := r.PutAll(t.Context(), each(chunks(t, 20))); exchange.CodeOf(err) != exchange.Unavailable {
		t.Fatalf("without a majority: %v", err)
	}
	b.SetFault(full)
	c.SetFault(full)
	for _, n := range []int{1, 20} { // told at the end of the upload, and in its midst
		if _, err := r.PutAll(t.Context(), each(chunks(t, n))); exchange.CodeOf(err) != exchange.Exhausted {
			t.Fatalf("%d chunks on full disks: %v", n, err)
		}
	}
}

func TestHangingPeerDoesNotHoldTheMajorityUp(t *testing.T) {
	r, _, _, c := trio(t)
	c.SetFault(hang)
	start := time.Now()
	proofs, err := r.PutAll(t.Context(), each(chunks(t, 30)))
	if err != nil || replicas(proofs) != "2-2" || time.Since(start) > 5*time.Second {
		t.Fatalf("%s after %s, %v", replicas(proofs), time.Since(start), err)
	}
}

func TestReplicasThatMissedDifferentChunksAreCompleted(t *testing.T) {
	r, a, b, c := trio(t)
	list := chunks(t, 10)
	// b fails early and c late, so that after the upload only a has everything.
	var nb, nc atomic.Int64
	b.SetFault(func(_ context.Context, call string) error {
		if call == "put" && nb.Add(1) == 3 {
			return exchange.Errorf(exchange.Internal, "test", "once")
		}
		return nil
	})
	c.SetFault(func(_ context.Context, call string) error {
		if call == "put" && nc.Add(1) == 10 {
			return exchange.Errorf(exchange.Internal, "test", "once")
		}
		return nil
	})
	proofs, err := r.PutAll(t.Context(), each(list))
	if err != nil || replicas(proofs) != "2-2" {
		t.Fatalf("%s, %v", replicas(proofs), err)
	}
	if a.Len() != 10 || max(b.Len(), c.Len()) != 10 {
		t.Fatalf("%d %d %d", a.Len(), b.Len(), c.Len())
	}
}

func TestTransientFailureIsRetried(t *testing.T) {
	r, _, b, c := trio(t)
	c.SetFault(dead)
	var n atomic.Int64
	b.SetFault(func(context.Context, string) error {
		if n.Add(1)%2 == 1 {
			return exchange.Errorf(exchange.Unavailable, "test", "blip")
		}
		return nil
	})
	if _, err := r.PutAll(t.Context(), each(chunks(t, 5))); err != nil || b.Len() != 5 {
		t.Fatalf("%d, %v", b.Len(), err)
	}
}

func TestFailureOfTheCallerEndsTheUpload(t *testing.T) {
	r, _, _, _ := trio(t)
	want := exchange.Errorf(exchange.Invalid, "test", "the client went away")
	_, err := r.PutAll(t.Context(), func(context.Context) (content.Chunk, bool, error) { return content.Chunk{}, false, want })
	if err != want {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	r, a, b, _ := trio(t)
	a.SetFault(hang)
	b.SetFault(hang)
	if _, err := r.PutAll(ctx, each(chunks(t, 20))); err == nil {
		t.Fatal("kept")
	}
}

func TestDamagedAndMissingChunksAreMendedFromPeers(t *testing.T) {
	r, a, b, _ := trio(t)
	list := chunks(t, 4)
	if _, err := r.PutAll(t.Context(), each(list)); err != nil {
		t.Fatal(err)
	}
	for _, c := range list { // wherever the majority was
		if err := b.Put(t.Context(), c.Address, c.Data); err != nil {
			t.Fatal(err)
		}
		if err := a.Put(t.Context(), c.Address, c.Data); err != nil {
			t.Fatal(err)
		}
	}
	a.Damage(list[0].Address)
	if err := a.Delete(t.Context(), list[1].Address); err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		got, err := r.Get(t.Context(), c.Address)
		if err != nil || !bytes.Equal(got, c.Data) {
			t.Fatal(err)
		}
		if _, err := a.Get(t.Context(), c.Address); err != nil {
			t.Fatalf("not mended: %v", err)
		}
	}
	a.Damage(list[2].Address)
	report, err := r.Scrub(t.Context(), nil)
	if err != nil || report.Chunks != 4 || len(report.Mended) != 1 || len(report.Lost) != 0 {
		t.Fatalf("%+v, %v", report, err)
	}
}

func TestLyingPeerIsNotBelieved(t *testing.T) {
	r, a, b, c := trio(t)
	chunk := contenttest.Chunk(hash(t), 1)
	if err := b.Put(t.Context(), chunk.Address, chunk.Data); err != nil {
		t.Fatal(err)
	}
	b.Damage(chunk.Address)
	if _, err := r.Get(t.Context(), chunk.Address); exchange.CodeOf(err) != exchange.Corrupt || a.Len() != 0 {
		t.Fatal(err)
	}
	c.SetFault(dead)
	if _, err := r.Get(t.Context(), hash(t)([]byte("nowhere"))); exchange.CodeOf(err) != exchange.Unavailable {
		t.Fatalf("one peer could not be asked: %v", err)
	}
	c.SetFault(nil)
	if _, err := r.Get(t.Context(), hash(t)([]byte("nowhere"))); exchange.CodeOf(err) != exchange.NotFound {
		t.Fatal(err)
	}
}

func TestConfirmSendsWhatAVoterLacks(t *testing.T) {
	r, a, b, c := trio(t)
	c.SetFault(dead)
	list := chunks(t, 6)
	var addresses []crypto.Digest
	for _, x := range list {
		addresses = append(addresses, x.Address)
		if err := a.Put(t.Context(), x.Address, x.Data); err != nil {
			t.Fatal(err)
		}
	}
	proofs, err := r.Confirm(t.Context(), addresses)
	if err != nil || replicas(proofs) != "2-2" || b.Len() != 6 {
		t.Fatalf("%s, %d, %v", replicas(proofs), b.Len(), err)
	}
	addresses = append(addresses, hash(t)([]byte("nowhere")))
	if _, err := r.Confirm(t.Context(), addresses); err == nil {
		t.Fatal("confirmed what nobody has")
	}
	missing, err := r.Fetch(t.Context(), addresses)
	if err != nil || len(missing) != 1 {
		t.Fatalf("%v, %v", missing, err)
	}
}

// diskPeer is a local directory as another replica sees it, without a network.
type diskPeer struct {
	*content.Local
	name exchange.Replica
}

func (p diskPeer) Replica() exchange.Replica { return p.name }

func (p diskPeer) Put(ctx context.Context, a crypto.Digest, data []byte) ([16]byte, error) {
	return p.ID(), p.Local.Put(ctx, a, data)
}

func (p diskPeer) Has(ctx context.Context, addresses []crypto.Digest) ([16]byte, []bool, error) {
	stored, err := p.Local.Has(ctx, addresses)
	return p.ID(), stored, err
}

func BenchmarkPutReplicated1MiB(b *testing.B) {
	r, _, _, _ := trio(b)
	local, second, third := open(b, b.TempDir(), 1), open(b, b.TempDir(), 1), open(b, b.TempDir(), 1)
	r.Local = local
	r.Peers = func() []content.Peer { return []content.Peer{diskPeer{second, "b"}, diskPeer{third, "c"}} }
	h, n := hash(b), 0
	b.SetBytes(1 << 20)
	_, err := r.PutAll(b.Context(), func(context.Context) (content.Chunk, bool, error) {
		if !b.Loop() {
			return content.Chunk{}, false, nil
		}
		n++
		data := bytes.Repeat([]byte{byte(n), byte(n >> 8), byte(n >> 16), 0}, 1<<18)
		return content.Chunk{Address: h(data), Data: data}, true, nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
