package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
)

// trialView describes a federation to people and programs.
type trialView struct {
	Dir          string            `json:"dir"`
	Topology     founding.Topology `json:"topology"`
	Made         bool              `json:"made"`
	Nodes        []trialNode       `json:"nodes"`
	ClientConfig string            `json:"client_config"`
	Identities   []string          `json:"identities"`
}

type trialNode struct {
	Name    string            `json:"name"`
	Config  string            `json:"config"`
	Domains []exchange.Domain `json:"domains"`
	API     string            `json:"api"`
	Peer    string            `json:"peer"`
	Link    string            `json:"link,omitempty"`
}

func describeTrial(t *founding.Trial, made bool) (*trialView, error) {
	v := &trialView{Dir: here(t.Dir), Topology: t.Federation.Topology, Made: made, ClientConfig: here(t.ClientConfig())}
	for _, name := range t.Nodes {
		n, err := config.Load(t.NodeConfig(name))
		if err != nil {
			return nil, err
		}
		row := trialNode{Name: name, Config: here(t.NodeConfig(name)), API: n.Listen.API, Peer: n.Listen.Peer, Link: n.Listen.Link}
		for _, d := range n.Domains {
			row.Domains = append(row.Domains, d.Domain)
		}
		v.Nodes = append(v.Nodes, row)
	}
	settings, err := client.LoadConfig(t.ClientConfig())
	if err != nil {
		return nil, err
	}
	for _, i := range settings.Identities {
		v.Identities = append(v.Identities, i.Name())
	}
	return v, nil
}

// here shortens a path below the working directory.
func here(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return rel
}

func (v *trialView) people(w io.Writer) {
	what := "Made a trial federation (已建立试验联邦)"
	if !v.Made {
		what = "There is a federation already (联邦已存在，未改动)"
	}
	_, _ = fmt.Fprintf(w, "%s, topology %s, in %s\n\n", what, v.Topology, v.Dir)
	nodes := newTable("NODE", "DOMAINS", "API", "PEER", "LINK")
	for _, n := range v.Nodes {
		nodes.add(n.Name, strings.Trim(fmt.Sprint(n.Domains), "[]"), n.API, n.Peer, n.Link)
	}
	nodes.write(w)
	_, _ = fmt.Fprintf(w, "\nIdentities for --as: %s\n", strings.Join(v.Identities, " "))
	_, _ = fmt.Fprintln(w, "\nNext, start each node (启动各节点):")
	for _, n := range v.Nodes {
		_, _ = fmt.Fprintf(w, "  yizhan run --config %s\n", quoted(n.Config))
	}
	_, _ = fmt.Fprintf(w, "\nThen ask as one of the units (以单位身份使用):\n  yizhan --config %s --as %s inbox\n", quoted(v.ClientConfig), v.example())
}

// example is an identity that may send: the last unit's, lowest in the tree.
func (v *trialView) example() string {
	for i := len(v.Identities) - 1; i >= 0; i-- {
		unit, _, _ := strings.Cut(v.Identities[i], "/")
		if strings.HasPrefix(unit, "wjw@") || i == 0 {
			return unit
		}
	}
	return ""
}

// quoted writes a path for a shell.
func quoted(path string) string {
	if strings.ContainsAny(path, " '\"$&;|<>()*?`\\") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
