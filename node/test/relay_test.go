package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// Every word that only sender and recipient may know is one that occurs
// nowhere else.
var markers = map[string]string{
	"title":           "标题甲乙丙丁XQZJ7401关于密件",
	"document number": fmt.Sprintf("苏卫发〔%d〕90731号", time.Now().Year()),
	"case number":     "CASE-NO-XQZJ7402-办件编号",
	"field name":      "字段名XQZJ7403的名称",
	"field":           "字段值XQZJ7404的内容",
	"remarks":         "附注XQZJ7405不得外传之语",
	"file name":       "附件XQZJ7406的名字.bin",
	"small content":   "小文件内容XQZJ7407绝无仅有",
	"large content":   "大文件内容XQZJ7408绝无仅有",
}

// small is the sample federation with one process for each domain, which elect
// quickly.
func small(t *testing.T, change func(*founding.Federation)) *fleet.Fleet {
	t.Helper()
	f := fleet.New(t, func(f *founding.Federation) {
		for i := range f.Domains {
			f.Domains[i].Replicas = 1
		}
		if change != nil {
			change(f)
		}
	})
	for _, name := range f.Names() {
		f.Config(name).Domains[0].Heartbeat = config.Duration(500 * time.Millisecond)
		f.Save(name)
	}
	return f
}

// secret is a submission that is made of markers.
func secret(kind, content string, size int) (exchange.Submission, []byte) {
	text := strings.Repeat("——"+markers[content]+"——", 1+size/64)
	s := exchange.Submission{Key: "relay-" + kind + "-" + strings.Fields(content)[0], Kind: kind, Title: markers["title"], Remarks: markers["remarks"],
		Files: []exchange.File{{Name: markers["file name"], Size: int64(len(text))}}}
	if kind == "case" {
		s.Type, s.CaseNo = "上报件", markers["case number"]
		s.Fields = []byte(`{"` + markers["field name"] + `":"` + markers["field"] + `"}`)
	} else {
		s.Type, s.Number, s.Date = "通知", markers["document number"], time.Now().Format("2006年1月2日")
		s.Files[0].Main = true
	}
	return s, []byte(text)
}

func send(t *testing.T, c *client.Client, s exchange.Submission, content []byte, to string) exchange.ID {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s.Key, s.To = s.Key+to, []string{to}
	done, err := c.Submit(ctx, s, func(int) (io.Reader, error) { return bytes.NewReader(content), nil })
	if err != nil {
		t.Fatalf("%s to %s: %v %+v", s.Kind, to, err, problems(err))
	}
	return done.ID
}

func problems(err error) []exchange.Problem {
	var e *exchange.Error
	if errors.As(err, &e) {
		return e.Problems
	}
	return nil
}

// arrives waits until the only delivery of an exchange is at its recipient.
func arrives(t *testing.T, f *fleet.Fleet, from *client.Client, id exchange.ID) {
	t.Helper()
	f.Eventually(time.Minute, id.String()+" arrives", func(ctx context.Context) error {
		tr, err := from.Track(ctx, id.String())
		if err == nil && tr.Deliveries[0].State != "arrived" {
			err = exchange.Errorf(exchange.Unavailable, "test", "it is %s, waiting for %v", tr.Deliveries[0].State, tr.Deliveries[0].Waiting)
		}
		return err
	})
}

func TestTheDomainInBetweenCannotReadWhatItPassesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("five processes; left out of short runs")
	}
	f := small(t, func(f *founding.Federation) { f.Domains[1].Replicas = 3 })
	city := []string{"city-1", "city-2", "city-3"}
	for _, name := range city {
		f.Config(name).Log.Level = "debug"
		f.Save(name)
	}
	f.StartAll()
	county, province := f.Client("wjw@320582"), f.Client("wjw@320000")
	relayed := map[exchange.ID]*client.Client{}
	for _, c := range []struct {
		kind, content string
		size          int
		from          *client.Client
		to            string
	}{
		{"case", "small content", 600, county, "wjw@320000"},
		{"case", "large content", 3 << 20, county, "wjw@320000"},
		{"document", "small content", 600, province, "wjw@320582"},
		{"document", "large content", 3 << 20, province, "wjw@320582"},
	} {
		s, content := secret(c.kind, c.content, c.size)
		relayed[send(t, c.from, s, content, c.to)] = c.from
	}
	s, content := secret("case", "large content", 3<<20)
	own := send(t, county, s, content, "wjw@320500")
	arrives(t, f, county, own)
	for id, from := range relayed {
		arrives(t, f, from, id)
		if d, err := f.Client("wjw@320500").Show(context.Background(), id.String()); err == nil {
			t.Errorf("the city's clerk is shown %+v", d)
		}
	}
	var dirs []string
	for _, name := range f.Names() {
		f.Stop(name)
	}
	for _, name := range city {
		dirs = append(dirs, filepath.Join(f.Dir, "nodes", name))
	}
	for _, leak := range leaks(t, dirs...) {
		t.Errorf("the city keeps %s", leak)
	}
	for _, dir := range dirs {
		h := openHost(t, dir)
		h.opensNone(t, relayed)
		h.opens(t, own, content)
	}
}
