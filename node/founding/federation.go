package founding

import (
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/config"
)

// Federation declares domains, who is in them, and which processes run them.
// It is federation.yaml.
type Federation struct {
	Topology Topology       `yaml:"topology"`
	Provider string         `yaml:"provider,omitempty"` // of the national algorithms; emmansun
	Profile  config.Profile `yaml:"profile,omitempty"`
	Host     string         `yaml:"host,omitempty"` // where processes run; 127.0.0.1
	// BasePort is the first of the ports used, ten for each process. Zero
	// chooses free ports.
	BasePort int      `yaml:"base_port"`
	Domains  []Domain `yaml:"domains"`
}

// Topology says which processes host which domains (DESIGN §1).
type Topology string

// Topologies.
const (
	// Separate gives each domain its own processes.
	Separate Topology = "separate"
	// Joint runs one process for each domain, and each hosts a replica of
	// every domain: the hosts hold each other's keys.
	Joint Topology = "joint"
)

// Domain declares one domain.
type Domain struct {
	Domain exchange.Domain `yaml:"domain"`
	Name   string          `yaml:"name"` // 苏州市
	Level  string          `yaml:"level"`
	Parent exchange.Domain `yaml:"parent,omitempty"` // "" at the top
	// Ceiling is the highest grade of secrecy its network is built for, as the
	// Chinese mark; "" is none.
	Ceiling string `yaml:"ceiling,omitempty"`
	// Process names its processes: county is county-1, county-2 … in the
	// separate topology and county in the joint one. It is the level when left
	// out, with the code when several domains have that level.
	Process  string   `yaml:"process,omitempty"`
	Replicas int      `yaml:"replicas,omitempty"` // in the separate topology; 3
	Hosts    []string `yaml:"hosts,omitempty,flow"`
	// PolicyDir holds the domain's own policy. The top domain has the baseline
	// when it names none.
	PolicyDir string   `yaml:"policy_dir,omitempty"`
	Units     []Unit   `yaml:"units"`
	Persons   []Person `yaml:"persons"`
}

// Unit declares a unit of a domain.
type Unit struct {
	Unit   string `yaml:"unit"` // local name: wjw
	Name   string `yaml:"name"`
	USCC   string `yaml:"uscc,omitempty"`
	Line   string `yaml:"line,omitempty"`
	Office bool   `yaml:"office,omitempty"`
}

// Person declares a person of a unit.
type Person struct {
	Person exchange.Person `yaml:"person"`
	Unit   string          `yaml:"unit"` // local name
	Duties []exchange.Duty `yaml:"duties,flow"`
}

// officer reports whether the person has one of the three officers' duties.
func (p Person) officer() bool { return p.officers() > 0 }

func (p Person) officers() (n int) {
	for _, d := range p.Duties {
		if d == exchange.SecurityOfficer || d == exchange.Administrator || d == exchange.Auditor {
			n++
		}
	}
	return n
}

// unit is the full name of a local one.
func (d *Domain) unit(local string) exchange.Unit {
	return exchange.Unit(local + "@" + string(d.Domain))
}

func (d *Domain) level() exchange.Level {
	l, _ := exchange.ParseLevel(d.Level) // checked
	return l
}

// find returns the declaration of a domain, or nil.
func (f *Federation) find(name exchange.Domain) *Domain {
	for i := range f.Domains {
		if f.Domains[i].Domain == name {
			return &f.Domains[i]
		}
	}
	return nil
}

// root is the top domain.
func (f *Federation) root() *Domain {
	for i := range f.Domains {
		if f.Domains[i].Parent == "" {
			return &f.Domains[i]
		}
	}
	return nil
}

// children lists the domains directly below one.
func (f *Federation) children(name exchange.Domain) []*Domain {
	var out []*Domain
	for i := range f.Domains {
		if d := &f.Domains[i]; d.Parent == name && name != "" {
			out = append(out, d)
		}
	}
	return out
}

// descending lists all domains, superiors first.
func (f *Federation) descending() []*Domain {
	var out []*Domain
	for queue := []*Domain{f.root()}; len(queue) > 0; queue = queue[1:] {
		out = append(out, queue[0])
		queue = append(queue, f.children(queue[0].Domain)...)
	}
	return out
}

// ancestry lists a domain and its superiors, the top first.
func (f *Federation) ancestry(d *Domain) []*Domain {
	if d.Parent == "" {
		return []*Domain{d}
	}
	return append(f.ancestry(f.find(d.Parent)), d)
}
