//go:build soak

package test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/check"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// TestEveryReplicaOfADomainIsReplacedInTurn replaces city-1, city-2 and city-3
// by new ones, each after it was killed, while its subordinate files upwards and
// units send large content. Neighbours and clients are told of the new
// endpoints as the documents say.
func TestEveryReplicaOfADomainIsReplacedInTurn(t *testing.T) {
	const city = exchange.Domain("320500")
	f := fleet.New(t, func(d *founding.Federation) {
		for i := range d.Domains {
			if d.Domains[i].Domain != city {
				d.Domains[i].Replicas = 1
			}
		}
	})
	f.StartAll()
	up, inside := newRoad(f, "wjw@320582", "wjw@320500"), newRoad(f, "wjw@320500", "bgs@320500")
	stop := carry(t, up)
	members := []string{"city-1", "city-2", "city-3"}
	admins := func(not string) exchange.Membership { // at a process that is alive
		for _, name := range members {
			if name != not {
				return f.ClientAt(f.Administrator(city), name)
			}
		}
		return nil
	}
	for i := range 3 {
		dead, fresh := members[0], fmt.Sprintf("city-%d", i+4)
		inside.from = f.ClientAt("wjw@320500", members[1])
		fileLarge(t, f, inside, "large-"+fresh)
		f.Kill(dead)
		address := f.Prepare(members[1], fresh)
		f.Start(fresh)
		f.Eventually(time.Minute, fresh+" is joined", func(ctx context.Context) error {
			_, err := admins(dead).JoinReplica(ctx, exchange.Replica(fresh), address)
			return err
		})
		f.Eventually(3*time.Minute, fresh+" votes", func(ctx context.Context) error {
			s, err := f.StatusAt(ctx, city, members[1])
			for _, m := range s.Members {
				if m.Replica == exchange.Replica(fresh) && m.Voter {
					return nil
				}
			}
			return errors.Join(err, fmt.Errorf("%+v", s.Members))
		})
		f.Eventually(time.Minute, dead+" is removed", func(ctx context.Context) error {
			_, err := admins(dead).RemoveReplica(ctx, exchange.Replica(dead), false)
			if exchange.CodeOf(err) == exchange.NotFound {
				err = nil
			}
			return err
		})
		members = append(members[1:], fresh)
		retarget(f, city, members)
		t.Logf("%s took the place of %s", fresh, dead)
	}
	stop()
	up.to, inside.to = f.ClientAt("wjw@320500", members[0]), f.ClientAt("bgs@320500", members[1])
	inside.from = f.ClientAt("wjw@320500", members[2])
	allArrived(t, f, up.from, up.to, up.sent)
	allArrived(t, f, inside.from, inside.to, inside.sent)
	f.Eventually(time.Minute, "all members have everything", func(ctx context.Context) error {
		s, err := f.StatusAt(ctx, city, members[0])
		if err == nil && s.Health.State != "healthy" {
			err = fmt.Errorf("%+v", s.Health)
		}
		return err
	})
	sound(t, f, check.Options{Signatures: true, Content: true, Strict: true}, append(members, "county-1", "province-1")...)
}

// retarget tells the subordinate where its superior is now, and restarts it.
func retarget(f *fleet.Fleet, superior exchange.Domain, members []string) {
	c := f.Config("county-1")
	for i := range c.Domains {
		if s := c.Domains[i].Superior; s != nil && s.Domain == superior {
			s.Endpoints = nil
			for _, name := range members {
				s.Endpoints = append(s.Endpoints, f.Config(name).Listen.Link)
			}
		}
	}
	f.Save("county-1")
	f.Kill("county-1")
	f.Start("county-1")
}

// TestADomainBetweenTwoOthersRecovers loses two of the city's three replicas
// while the county files upwards and the city's own units file, recovers from
// the third by command, has the province admit the new life, and joins two new
// replicas. What the county was promised arrives; what the city's own units were
// promised is there but for the last moments, which the survivor cannot know.
func TestADomainBetweenTwoOthersRecovers(t *testing.T) {
	const city = exchange.Domain("320500")
	f := fleet.New(t, func(d *founding.Federation) {
		for i := range d.Domains {
			if d.Domains[i].Domain != city {
				d.Domains[i].Replicas = 1
			}
		}
	})
	f.StartAll()
	up, inside := newRoad(f, "wjw@320582", "wjw@320500"), newRoad(f, "wjw@320500", "bgs@320500")
	stop := carry(t, up)
	fileSome(t, f, inside, "before", 50)
	survivor := ""
	for _, name := range []string{"city-1", "city-2", "city-3"} {
		if name != f.Leader(city) {
			survivor = name
		}
	}
	var lost []string
	for _, name := range []string{"city-1", "city-2", "city-3"} {
		if name != survivor {
			lost = append(lost, name)
		}
	}
	f.KillTogether(lost...)
	f.Stop(survivor)
	f.Yizhan("cluster", "inspect", "--config", f.ConfigFile(survivor))
	f.Yizhan("cluster", "recover", "--config", f.ConfigFile(survivor), "--domain", string(city), "--as-of-survivor", "--confirm", string(city))
	f.Start(survivor)
	admit(t, f, city, "320000")

	members := []string{survivor}
	admin := f.ClientAt(f.Administrator(city), survivor)
	for _, fresh := range []string{"city-4", "city-5"} {
		address := f.Prepare(survivor, fresh)
		f.Start(fresh)
		f.Eventually(time.Minute, fresh+" is joined", func(ctx context.Context) error {
			_, err := admin.JoinReplica(ctx, exchange.Replica(fresh), address)
			return err
		})
		f.Eventually(3*time.Minute, fresh+" votes", func(ctx context.Context) error {
			s, err := f.StatusAt(ctx, city, survivor)
			for _, m := range s.Members {
				if m.Replica == exchange.Replica(fresh) && m.Voter {
					return nil
				}
			}
			return errors.Join(err, fmt.Errorf("%+v", s.Members))
		})
		members = append(members, fresh)
	}
	for _, name := range lost {
		f.Start(name)
		f.Eventually(time.Minute, name+" learns that its life is over", func(context.Context) error {
			if !f.Said(name, "the domain began a new life") {
				return errors.New("it goes on")
			}
			return nil
		})
	}
	retarget(f, city, members)
	stop()
	up.to, inside.from, inside.to = f.ClientAt("wjw@320500", survivor), f.ClientAt("wjw@320500", survivor), f.ClientAt("bgs@320500", survivor)
	fileSome(t, f, inside, "after", 20)
	forgotten(t, f, inside)
	allArrived(t, f, up.from, up.to, up.sent)
	allArrived(t, f, inside.from, inside.to, inside.sent)
	t.Logf("%d filings of the county and %d of the city", len(up.sent), len(inside.sent))
	for _, name := range lost {
		f.Stop(name)
	}
	sound(t, f, check.Options{Signatures: true, Content: true}, append(members, "county-1", "province-1")...)
}

// admit has the superior admit the new life of a domain, by command.
func admit(t *testing.T, f *fleet.Fleet, d, superior exchange.Domain) {
	t.Helper()
	settings := []string{"--config", f.Dir + "/client.yaml", "--as", f.Administrator(superior)}
	f.Eventually(time.Minute, "the new life is asked for and admitted", func(ctx context.Context) error {
		var pending []struct {
			Domain      exchange.Domain `json:"domain"`
			Incarnation uint64          `json:"incarnation"`
		}
		if err := json.Unmarshal([]byte(f.Yizhan(append([]string{"domain", "pending", "-o", "json"}, settings...)...)), &pending); err != nil {
			return err
		}
		for _, p := range pending {
			if p.Domain == d {
				f.Yizhan(append([]string{"domain", "admit", string(d), "--incarnation", fmt.Sprint(p.Incarnation)}, settings...)...)
				return nil
			}
		}
		return fmt.Errorf("nobody asks: %+v", pending)
	})
}

// forgotten takes off the list what the domain itself had acknowledged and the
// survivor never received: at most the last few, and none before one that it
// has.
func forgotten(t *testing.T, f *fleet.Fleet, r *road) {
	t.Helper()
	var gone []string
	f.Eventually(time.Minute, "the outbox is read", func(ctx context.Context) error {
		gone = nil
		for id, key := range r.sent {
			_, err := r.from.Track(ctx, id.String())
			if exchange.CodeOf(err) == exchange.NotFound {
				gone = append(gone, key)
				continue
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	for id, key := range r.sent {
		for _, g := range gone {
			if key == g {
				delete(r.sent, id)
			}
		}
	}
	if len(gone) > 5 {
		t.Errorf("the survivor lacked %d acknowledged filings: %v", len(gone), gone)
	}
	t.Logf("acknowledged without the survivor, and given up: %v", gone)
}
