//go:build soak

package test

import (
	"context"
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
