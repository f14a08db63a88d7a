package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/yizhan-exchange/yizhan/node/bench"
)

func TestTheBenchmarkReportsForPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("starts nine nodes")
	}
	var out, errs bytes.Buffer
	args := []string{"bench", "--clients", "2", "--duration", "500ms", "--size", "1KiB", "-o", "json"}
	if code := execute(t.Context(), newApp(nil, &out, &errs), args); code != exitDone {
		t.Fatalf("exit %d: %s", code, &errs)
	}
	var r bench.Result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || r.Filings < 2 || r.Size != 1024 || r.CoreMicros <= 0 {
		t.Errorf("%s, %v", &out, err)
	}
}

func TestTheBenchmarkSaysWhatIsWrongWithItsFlags(t *testing.T) {
	for _, args := range [][]string{{"--size", "4KB"}, {"--clients", "0"}, {"--duration", "0s"}, {"leaps"}} {
		var out, errs bytes.Buffer
		if code := execute(t.Context(), newApp(nil, &out, &errs), append([]string{"bench"}, args...)); code != exitUsage || errs.Len() == 0 {
			t.Errorf("%v: exit %d, %s", args, code, &errs)
		}
	}
}
