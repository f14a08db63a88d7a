package test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/channel"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// people are those of the sample, and persons with one duty each.
func people(f *founding.Federation) {
	f.Domains[2].Persons = append(f.Domains[2].Persons,
		founding.Person{Person: "only.clerk", Unit: "wjw", Duties: []exchange.Duty{exchange.Clerk}},
		founding.Person{Person: "only.handler", Unit: "wjw", Duties: []exchange.Duty{exchange.Handler}})
}

func TestStrangersAreRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("three processes; left out of short runs")
	}
	f, other := small(t, people), fleet.New(t, nil)
	f.StartAll()
	t.Run("on the planes of replicas and domains", func(t *testing.T) { refusedPlanes(t, f, other) })
	t.Run("by their tokens", func(t *testing.T) { refusedTokens(t, f) })
	t.Run("by their duties", func(t *testing.T) { refusedDuties(t, f) })
}

func refusedPlanes(t *testing.T, f, other *fleet.Fleet) {
	node := func(f *fleet.Fleet, name string) string { return filepath.Join(f.Dir, "nodes", name) }
	for _, c := range []struct {
		name, process, protocol string
		self                    channel.Identity
		class                   error
		logged                  string
	}{
		{"another domain's replica, at Raft", "county-1", channel.ProtocolRaft, asReplica(t, node(f, "city-1")), trust.ErrWrongDomain, "is for replicas of 320582"},
		{"another domain's replica, at its RPC", "county-1", channel.ProtocolReplica, asReplica(t, node(f, "city-1")), trust.ErrWrongDomain, "is for replicas of 320582"},
		{"a superior, at Raft", "county-1", channel.ProtocolRaft, asDomain(t, node(f, "city-1")), trust.ErrWrongDomain, "is for replicas of 320582"},
		{"the domain instead of a replica", "county-1", channel.ProtocolReplica, asDomain(t, node(f, "county-1")), channel.ErrRole, "needs role replica"},
		{"a replica of that name elsewhere", "county-1", channel.ProtocolRaft, asReplica(t, node(other, "county-1")), trust.ErrUntrusted, "not trusted"},
		{"a replica instead of its domain, at a link", "city-1", channel.ProtocolLink, asReplica(t, node(f, "county-1")), channel.ErrRole, "needs role domain"},
		{"a child of that name elsewhere, at a link", "city-1", channel.ProtocolLink, asDomain(t, node(other, "county-1")), nil, "not trusted"},
		{"a grandchild, at a link", "province-1", channel.ProtocolLink, asDomain(t, node(f, "county-1")), channel.ErrUnauthorized, "is not a neighbour of 320000"},
	} {
		err := dialAs(t, f, c.self, c.process, c.protocol)
		if err == nil || c.class != nil && (!errors.Is(err, c.class) || !errors.Is(err, channel.ErrRefused)) {
			t.Errorf("%s: %v", c.name, err)
		}
		logs(t, f, c.process, "connection refused", c.logged)
	}
	for _, protocol := range []string{channel.ProtocolReplica, channel.ProtocolRaft} { // and who belongs there gets in
		if err := dialAs(t, f, asReplica(t, node(f, "county-1")), "county-1", protocol); err != nil {
			t.Errorf("a replica of the domain is refused at %s: %v", protocol, err)
		}
	}
}

func refusedTokens(t *testing.T, f *fleet.Fleet) {
	county, city := identity(t, f, "wjw@320582"), identity(t, f, "wjw@320500")
	for name, token := range map[string]string{
		"of another domain": county.Token, "of nobody": "yzt_320500_" + city.Token[11:len(city.Token)-4] + "aaaa", "that is none": "x",
	} {
		conf := city
		conf.Token = token
		c, err := client.Dial(conf)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Inbox(context.Background(), exchange.ListQuery{}); exchange.CodeOf(err) != exchange.Unauthenticated {
			t.Errorf("a token %s: %v", name, err)
		}
		_ = c.Close()
	}
}

func refusedDuties(t *testing.T, f *fleet.Fleet) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	clerk, handler := f.Client("wjw@320582/only.clerk"), f.Client("wjw@320582/only.handler")
	id, err := file(ctx, handler, "duties", "wjw@320500")
	if err != nil {
		t.Fatal(err)
	}
	ref, out := id.String(), func(int, exchange.File) (io.Writer, error) { return new(bytes.Buffer), nil }
	expect := func(what string, code exchange.Code, err error) {
		t.Helper()
		if exchange.CodeOf(err) != code {
			t.Errorf("%s: %v, want %s", what, err, code)
		}
	}
	_, err = file(ctx, clerk, "by-a-clerk", "wjw@320500")
	expect("a clerk submits", exchange.Denied, err)
	_, err = handler.Sign(ctx, ref)
	expect("a handler signs for", exchange.Denied, err)
	_, err = handler.ClusterStatus(ctx)
	expect("a handler administers", exchange.Denied, err)
	_, err = handler.PublishPolicy(ctx, []exchange.PolicyFile{{Path: "a.rego", Data: []byte("package a")}}, 0)
	expect("a handler makes policy", exchange.Denied, err)
	_, err = f.Client("bgs@320582").Show(ctx, ref)
	expect("another unit opens", exchange.NotFound, err)
	for _, officer := range []string{"trial.security", "trial.admin", "trial.auditor"} {
		c := f.Client("bgs@320582/" + officer)
		_, err := c.Show(ctx, ref)
		if code := exchange.CodeOf(err); code != exchange.Denied && code != exchange.NotFound {
			t.Errorf("%s opens: %v", officer, err)
		}
		expect(officer+" fetches", exchange.Denied, c.Fetch(ctx, ref, nil, out))
		var evidence bytes.Buffer
		if err := c.ExportEvidence(ctx, ref, "disclosed", &evidence); err == nil {
			t.Errorf("%s has the key disclosed", officer)
		}
		_, err = file(ctx, c, "by-an-officer", "wjw@320500")
		expect(officer+" submits", exchange.Denied, err)
	}
	if _, err := handler.Show(ctx, ref); err != nil { // who sent it may
		t.Error(err)
	}
}
