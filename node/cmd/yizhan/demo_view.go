package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/demo"
)

// demoView is what demo prints for programs.
type demoView struct {
	Dir      string       `json:"dir"`
	Client   string       `json:"client"`
	Log      string       `json:"log"`
	Topology string       `json:"topology"`
	Provider string       `json:"provider"`
	Nodes    []string     `json:"nodes"`
	Domains  []demoDomain `json:"domains"`
	Try      []string     `json:"try"`
}

type demoDomain struct {
	Domain    exchange.Domain `json:"domain"`
	Level     string          `json:"level"`
	Name      string          `json:"name"`
	Endpoints []string        `json:"endpoints"`
}

func demoViewOf(d *demo.Demo, log string, try []string) demoView {
	v := demoView{Dir: d.Dir, Client: d.ClientConfig(), Log: log, Topology: string(d.Federation.Topology), Provider: d.Provider, Nodes: d.Nodes, Try: try}
	for _, domain := range d.Federation.Domains {
		v.Domains = append(v.Domains, demoDomain{domain.Domain, domain.Level, domain.Name, d.Endpoints(domain.Domain)})
	}
	return v
}

func showDemo(w io.Writer, d *demo.Demo, log string) {
	word := "continued"
	if d.Made {
		word = "made"
	}
	_, _ = fmt.Fprintf(w, "%s %s: %d nodes, %s, %s; ready after %s. Log: %s\n\n", d.Dir, word, len(d.Nodes), d.Federation.Topology,
		d.Provider, d.Startup.Round(time.Millisecond), log)
	t := newTable("DOMAIN", "LEVEL", "NAME", "ENDPOINTS")
	for _, domain := range d.Federation.Domains {
		t.add(string(domain.Domain), domain.Level, domain.Name, strings.Join(d.Endpoints(domain.Domain), " "))
	}
	t.write(w)
	_, _ = fmt.Fprintln(w)
}

// writeSample writes a document to send, and returns the commands that send,
// find and sign for it.
func writeSample(d *demo.Demo) ([]string, error) {
	path := filepath.Join(d.Dir, "请示.txt")
	text := "苏州市卫生健康委员会：\n\n　　为提高院前急救能力，拟在我市增设急救站。妥否，请批示。\n\n　　　　　　　　张家港市卫生健康委员会\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	now := time.Now()
	number := fmt.Sprintf("张卫〔%d〕%d号", now.Year(), now.Unix()/10%9000+1) // another at each start
	as := func(unit string) string {
		return fmt.Sprintf("%s --config %s --as %s", os.Args[0], d.ClientConfig(), unit)
	}
	return []string{
		fmt.Sprintf("%s send --to wjw@320500 --type 请示 --number '%s' --title '关于增设急救站的请示' --signer 王明 --date %s %s",
			as("wjw@320582"), number, now.Format("2006年1月2日"), path),
		as("wjw@320500") + " inbox",
		fmt.Sprintf("%s sign '%s'", as("wjw@320500"), number),
	}, nil
}
