package raftnode

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
)

func TestFramesHoldAnyNumberOfCommands(t *testing.T) {
	for _, commands := range [][][]byte{nil, {{}}, {[]byte("a"), {}, bytes.Repeat([]byte("b"), 70_000)}} {
		got, err := decodeFrame(encodeFrame(commands))
		if err != nil || len(got) != len(commands) {
			t.Fatalf("%d commands became %d: %v", len(commands), len(got), err)
		}
		for i := range got {
			if !bytes.Equal(got[i], commands[i]) {
				t.Fatalf("command %d differs", i)
			}
		}
	}
	for _, bad := range [][]byte{nil, {2}, {1, 5, 'a'}, {1, 0xff}, append([]byte{1}, bytes.Repeat([]byte{0xff}, 11)...)} {
		if _, err := decodeFrame(bad); err == nil {
			t.Errorf("%x was decoded", bad)
		}
	}
}

func FuzzDecodeFrame(f *testing.F) {
	f.Add([]byte{1, 1, 'a', 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		commands, err := decodeFrame(b)
		if err != nil {
			return
		}
		again, err := decodeFrame(encodeFrame(commands))
		if err != nil || len(again) != len(commands) {
			t.Fatalf("%x: %v", b, err)
		}
	})
}

func TestLoggerFormatsAndObeysTheLevel(t *testing.T) {
	var b bytes.Buffer
	l := newBridge(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelInfo})))
	l.Debug("quiet")
	l.Named("raft").With("domain", "320582").Info("servers", "list", hclog.Fmt("%d of %d", 1, 3))
	l.StandardLogger(nil).Print("plain")
	got := b.String()
	if strings.Contains(got, "quiet") || !strings.Contains(got, `list="1 of 3"`) || !strings.Contains(got, "domain=320582") || !strings.Contains(got, "plain") {
		t.Fatal(got)
	}
	if l.IsDebug() || !l.IsWarn() || l.GetLevel() != hclog.Info {
		t.Fatal("level")
	}
}
