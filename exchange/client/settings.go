package client

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Settings is the content of client.yaml: the identities of the person who
// owns the file.
type Settings struct {
	Identities []Identity    `yaml:"identities"`
	Default    exchange.Unit `yaml:"default,omitempty"`
	// Warnings are about the file, for people; nothing is refused for them.
	Warnings []string `yaml:"-"`

	dir string // files are named relative to it
}

// Identity is one person of one unit. Exactly one of Token and TokenFile is
// set.
type Identity struct {
	As        exchange.Unit   `yaml:"as"`
	Person    exchange.Person `yaml:"person,omitempty"`
	Endpoints []string        `yaml:"endpoints,flow"`
	CA        string          `yaml:"ca"` // file
	Token     string          `yaml:"token,omitempty"`
	TokenFile string          `yaml:"token_file,omitempty"`

	line int
}

// Name is what --as takes: UNIT@DOMAIN, or UNIT@DOMAIN/person.
func (i Identity) Name() string {
	if i.Person == "" {
		return string(i.As)
	}
	return string(i.As) + "/" + string(i.Person)
}

// Pick returns the identity named UNIT@DOMAIN or UNIT@DOMAIN/person, ready to
// dial. "" is the default, or the only one. When several persons of a unit are
// listed, the first is taken.
func (s *Settings) Pick(as string) (Config, error) {
	if as == "" {
		as = string(s.Default)
	}
	if as == "" && len(s.Identities) == 1 {
		return s.config(s.Identities[0])
	}
	unit, person, named := strings.Cut(as, "/")
	for _, i := range s.Identities {
		if as != "" && string(i.As) == unit && (!named || string(i.Person) == person) {
			return s.config(i)
		}
	}
	return Config{}, s.noSuch(as)
}

func (s *Settings) noSuch(as string) error {
	var names []string
	for _, i := range s.Identities {
		names = append(names, i.Name())
	}
	e := exchange.Errorf(exchange.Invalid, "client.identity", "no identity %q in the client settings", as)
	if as == "" {
		e = exchange.Errorf(exchange.Invalid, "client.identity", "the client settings have no default identity")
	}
	var p exchange.Problems
	p.Add("as", "identity.unknown", "known here: "+strings.Join(names, ", "), "可用身份："+strings.Join(names, "、"), "", "give one of them with --as")
	e.Problems = p
	return e
}

func (s *Settings) config(i Identity) (Config, error) {
	const op = "client.identity"
	c := Config{As: i.As, Person: i.Person, Endpoints: i.Endpoints, Token: i.Token}
	var err error
	if c.CA, err = os.ReadFile(s.resolve(i.CA)); err != nil {
		return Config{}, exchange.Errorf(exchange.Invalid, op, "reading the CA of %s: %w", i.Name(), err)
	}
	if i.TokenFile != "" {
		b, err := os.ReadFile(s.resolve(i.TokenFile))
		if err != nil {
			return Config{}, exchange.Errorf(exchange.Invalid, op, "reading the token of %s: %w", i.Name(), err)
		}
		c.Token = strings.TrimSpace(string(b))
	}
	return c, nil
}

func (s *Settings) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.dir, path)
}

// check finds everything wrong with the settings at once.
func (s *Settings) check() exchange.Problems {
	var p exchange.Problems
	seen := map[string]bool{}
	for n, i := range s.Identities {
		add := func(field, code, message, chinese, remedy string) {
			p.Add(fmt.Sprintf("identities[%d].%s", n, field), "config."+code, at(i.line)+message, chinese, "", remedy)
		}
		if !i.As.Valid() {
			add("as", "as", fmt.Sprintf("%q is not UNIT@DOMAIN", i.As), "身份应写作 单位@交换域", "write for example wjw@320582")
		}
		if i.Person != "" && !i.Person.Valid() {
			add("person", "person", fmt.Sprintf("%q is not the name of a person", i.Person), "人员标识不正确", "write for example li.ming")
		}
		if len(i.Endpoints) == 0 {
			add("endpoints", "endpoints", "no endpoint is given", "未填写接入地址", "list at least one host:port")
		}
		if i.CA == "" {
			add("ca", "ca", "no CA is given", "未填写 CA 证书文件", "name the PEM file that your domain gave you")
		}
		if (i.Token == "") == (i.TokenFile == "") {
			add("token", "token", "exactly one of token and token_file is needed", "token 与 token_file 须且只能填写一项", "")
		}
		if seen[i.Name()] {
			add("as", "twice", i.Name()+" is listed twice", "身份重复", "remove one of them")
		}
		seen[i.Name()] = true
	}
	if s.Default != "" && !s.lists(s.Default) {
		p.Add("default", "config.default", fmt.Sprintf("%q is not among the identities", s.Default), "默认身份未列出", "", "list it, or choose another default")
	}
	return p
}

func (s *Settings) lists(u exchange.Unit) bool {
	for _, i := range s.Identities {
		if i.As == u {
			return true
		}
	}
	return false
}

func at(line int) string {
	if line == 0 {
		return ""
	}
	return fmt.Sprintf("line %d: ", line)
}
