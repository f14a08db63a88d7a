package founding

import (
	"fmt"
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/official"
	"github.com/yizhan-exchange/yizhan/node/config"
)

const op = "founding"

// Check finds everything wrong with a declaration at once. The error is
// Invalid, with Problems.
func (f Federation) Check() error {
	f = f.complete()
	var p exchange.Problems
	add := func(field, message, remedy string) { p.Add(field, "federation", message, "", "", remedy) }
	if f.Topology != Separate && f.Topology != Joint {
		add("topology", fmt.Sprintf("%q is not known", f.Topology), "write separate or joint")
	}
	if _, err := sm.New(f.Provider); err != nil {
		add("provider", fmt.Sprintf("%q is not known", f.Provider), "write emmansun or tjfoc")
	}
	if f.Profile != config.ProfileDefault && f.Profile != config.ProfileGM {
		add("profile", fmt.Sprintf("%q is not known", f.Profile), "write default or gm")
	}
	if last := f.BasePort + portsPerProcess*len(f.processes()); f.BasePort != 0 && (f.BasePort < 1024 || last > 65535) {
		add("base_port", fmt.Sprintf("ports %d to %d cannot be used", f.BasePort, last), "choose a base from 1024 on that leaves ten ports for each process, or 0")
	}
	f.checkTree(add)
	for i := range f.Domains {
		f.Domains[i].check(fmt.Sprintf("domains[%d]", i), f.Topology, add)
	}
	return p.Err(op)
}

type addProblem func(field, message, remedy string)

// checkTree checks that the domains hang together under one root.
func (f Federation) checkTree(add addProblem) {
	if n := len(f.Domains); n == 0 || n > maxDomains {
		add("domains", fmt.Sprintf("%d domains are declared", n), fmt.Sprintf("declare 1 to %d", maxDomains))
	}
	seen, processes, roots := map[exchange.Domain]bool{}, map[string]bool{}, 0
	for i, d := range f.Domains {
		key := fmt.Sprintf("domains[%d]", i)
		if seen[d.Domain] {
			add(key+".domain", string(d.Domain)+" is declared twice", "remove one")
		}
		if processes[d.Process] {
			add(key+".process", d.Process+" names the processes of another domain", "give each domain its own name of processes")
		}
		seen[d.Domain], processes[d.Process] = true, true
		parent := f.find(d.Parent)
		switch {
		case d.Parent == "":
			roots++
		case parent == nil:
			add(key+".parent", fmt.Sprintf("%q is not declared", d.Parent), "declare it, or name another parent")
		case !below(d, *parent):
			add(key+".parent", fmt.Sprintf("%s (%s) is not below %s (%s)", d.Domain, d.Level, parent.Domain, parent.Level), "check the levels")
		}
	}
	if roots != 1 && len(f.Domains) > 0 {
		add("domains", fmt.Sprintf("%d domains have no parent", roots), "exactly one is the top")
	}
}

// below is the rule of directory statements: a lower level, or a line of
// departments beside its division. Levels strictly descend along general
// lines, so no declaration goes round.
func below(d, parent Domain) bool {
	line := d.Domain.Line() != "" && parent.Domain.Line() == "" && d.Domain.Division() == parent.Domain.Division()
	return d.level() > parent.level() || (d.level() == parent.level() && line)
}

func (d *Domain) check(key string, t Topology, add addProblem) {
	if !d.Domain.Valid() {
		add(key+".domain", fmt.Sprintf("%q is not a domain", d.Domain), `write six digits, for example "320582"`)
	}
	if d.level() == 0 {
		add(key+".level", fmt.Sprintf("%q is not a level", d.Level), "write province, city, county or township")
	}
	if d.Name == "" {
		add(key+".name", "the domain has no name", "write for example 苏州市")
	}
	if _, ok := exchange.ParseGrade(d.Ceiling); !ok {
		add(key+".ceiling", fmt.Sprintf("%q is not a grade", d.Ceiling), "write 秘密, 机密 or 绝密, or leave it out")
	}
	if d.Replicas < 1 || d.Replicas > maxReplicas {
		add(key+".replicas", fmt.Sprintf("%d replicas", d.Replicas), fmt.Sprintf("write 1 to %d; three bear the loss of one", maxReplicas))
	}
	if want := d.processCount(t); len(d.Hosts) != 0 && len(d.Hosts) != want {
		add(key+".hosts", fmt.Sprintf("%d hosts for %d processes", len(d.Hosts), want), "name one for each, or none")
	}
	if !exchange.Person(d.Process + "-1").Valid() {
		add(key+".process", fmt.Sprintf("%q cannot name processes", d.Process), "write for example county")
	}
	d.checkUnits(key, add)
	d.checkPersons(key, add)
}

func (d *Domain) checkUnits(key string, add addProblem) {
	if len(d.Units) == 0 {
		add(key+".units", "the domain has no unit", "declare at least one")
	}
	seen := map[string]bool{}
	for i, u := range d.Units {
		at := fmt.Sprintf("%s.units[%d]", key, i)
		if !d.unit(u.Unit).Valid() || seen[u.Unit] {
			add(at+".unit", fmt.Sprintf("%q is not the name of a unit, or is declared twice", u.Unit), "write for example wjw")
		}
		if u.Name == "" {
			add(at+".name", "the unit has no name", "write for example 苏州市卫生健康委员会")
		}
		if _, err := official.ParseUSCC(u.USCC); u.USCC != "" && err != nil {
			add(at+".uscc", "the credit code does not pass its check digits", "check the 18 characters, or leave it out")
		}
		seen[u.Unit] = true
	}
}

func (d *Domain) checkPersons(key string, add addProblem) {
	units, seen := map[string]bool{}, map[[2]string]bool{}
	for _, u := range d.Units {
		units[u.Unit] = true
	}
	if len(d.Persons) == 0 {
		add(key+".persons", "the domain has no person", "declare at least one")
	}
	for i, p := range d.Persons {
		at := fmt.Sprintf("%s.persons[%d]", key, i)
		name := [2]string{p.Unit, string(p.Person)}
		if !p.Person.Valid() || seen[name] {
			add(at+".person", fmt.Sprintf("%q is not the name of a person, or is declared twice", p.Person), "write for example li.ming")
		}
		if !units[p.Unit] {
			add(at+".unit", fmt.Sprintf("%q is not a unit of %s", p.Unit, d.Domain), "name one of its units")
		}
		for _, duty := range p.Duties {
			if !slices.Contains(exchange.Duties(), duty) {
				add(at+".duties", fmt.Sprintf("%q is not a duty", duty), fmt.Sprintf("known: %v", exchange.Duties()))
			}
		}
		if p.officers() > 1 {
			add(at+".duties", "one person cannot be more than one of administrator, security officer and auditor", "declare a person for each")
		}
		seen[name] = true
	}
}
