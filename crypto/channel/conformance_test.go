package channel_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/channel"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
)

// The conformance suite: what every transport does with every provider.

func TestBothEndsKnowEachOther(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		a, b := w.domain(county), w.domain(city)
		a.Incarnation, b.Incarnation = 4, 9
		c, s := meet(t, w.transport(w.options(a)), w.transport(w.options(b)), a, city, channel.ProtocolLink)
		check(t, c.err)
		check(t, s.err)
		for _, end := range []struct {
			conn *channel.Conn
			me   channel.Identity
			peer channel.Identity
		}{{c.conn, a, b}, {s.conn, b, a}} {
			p := end.conn.Peer
			if end.conn.Local.Domain != end.me.Domain || end.conn.Protocol != channel.ProtocolLink ||
				p.Domain != end.peer.Domain || p.Role != end.peer.Role || p.Incarnation != end.peer.Incarnation ||
				p.Protocol != channel.ProtocolLink ||
				p.Key != end.peer.Sign.KeyID() || p.EncryptKey != end.peer.Encrypt.KeyID() ||
				!bytes.Equal(p.Certificate, end.peer.Certificate) {
				t.Errorf("%s sees %+v", end.me, p)
			}
		}
	})
}

func TestReplicasOfOneDomainMeetOnRaftAndReplica(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		one, two := w.replica(county, "county-1"), w.replica(county, "county-2")
		for _, protocol := range []string{channel.ProtocolRaft, channel.ProtocolReplica} {
			c, s := meet(t, w.transport(w.options(one)), w.transport(w.options(two)), one, county, protocol)
			check(t, c.err)
			check(t, s.err)
			if c.conn.Peer.Name != "county-2" || s.conn.Peer.Name != "county-1" {
				t.Errorf("%s and %s met", c.conn.Peer, s.conn.Peer)
			}
		}
	})
}

func TestAPeerWithABadCertificateIsRefusedByClass(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		good := w.domain(county)
		now := time.Now()
		stranger := newWorld(t, "tls", w.provider.Name())
		for _, c := range []struct {
			name string
			bad  channel.Identity
			want error
		}{
			{"expired", w.domainBy(w.ca.WithValidity(now.Add(-2*time.Hour), time.Hour), city), trust.ErrExpired},
			{"not yet valid", w.domainBy(w.ca.WithValidity(now.Add(time.Hour), time.Hour), city), trust.ErrNotYetValid},
			{"of an unknown authority", stranger.domain(city), trust.ErrUntrusted},
			{"with halves swapped", swapped(w.domain(city)), trust.ErrUsage},
			{"with halves of two holders", mixed(w.domain(city), w.domain("320600")), trust.ErrWrongDomain},
			{"that is garbage", garbled(w.domain(city)), trust.ErrCertificate},
		} {
			t.Run(c.name, func(t *testing.T) {
				cl, sv := meet(t, w.transport(w.options(good)), w.transport(w.options(c.bad)), good, city, channel.ProtocolLink)
				refusedBy(t, "client", cl, sv, c.want)
				asServer := w.transport(w.options(good))
				cl, sv = meet(t, w.transport(w.options(c.bad)), asServer, c.bad, county, channel.ProtocolLink)
				refusedBy(t, "server", sv, cl, c.want)
			})
		}
	})
}

func TestAServerOfAnotherDomainIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		a, impostor := w.domain(county), w.domain("320600")
		impostor.Domain = city // what it claims; its certificate says otherwise
		c, s := meet(t, w.transport(w.options(a)), w.transport(w.options(impostor)), a, city, channel.ProtocolLink)
		refusedBy(t, "client", c, s, trust.ErrWrongDomain)
	})
}

func TestADomainThatIsNotHostedIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		a, b := w.domain(county), w.domain(city)
		for _, c := range []struct{ domain, protocol string }{
			{"320600", channel.ProtocolLink}, {city, channel.ProtocolRaft}, {city, "h2"},
		} {
			cl, sv := meet(t, w.transport(w.options(a)), w.transport(w.options(b)), a, c.domain, c.protocol)
			refused(t, sv.err, channel.ErrUnknownDomain)
			if cl.err == nil {
				t.Error("the client believes that it is connected")
			}
		}
	})
}

// The class of CVE-2021-37218: a valid certificate of the federation must not
// be enough to speak Raft.
func TestOnlyAReplicaOfTheDomainSpeaksRaft(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		member := w.replica(county, "county-1")
		domain := w.domain(county)
		both := w.options(member, domain)
		for _, c := range []struct {
			name     string
			self     channel.Identity
			protocol string
			want     error
		}{
			{"the domain's own certificate on raft", domain, channel.ProtocolRaft, channel.ErrRole},
			{"the domain's own certificate on replica", domain, channel.ProtocolReplica, channel.ErrRole},
			{"another domain on raft", w.domain(city), channel.ProtocolRaft, trust.ErrWrongDomain},
			{"a replica of another domain on raft", w.replica(city, "county-1"), channel.ProtocolRaft, trust.ErrWrongDomain},
			{"a replica of another domain on replica", w.replica(city, "city-1"), channel.ProtocolReplica, trust.ErrWrongDomain},
			{"a replica on a link", w.replica(city, "city-1"), channel.ProtocolLink, channel.ErrRole},
		} {
			t.Run(c.name, func(t *testing.T) {
				cl, sv := meet(t, w.transport(w.options()), w.transport(both), c.self, county, c.protocol)
				refusedBy(t, "server", sv, cl, c.want)
			})
		}
	})
}

func TestAServerInTheWrongRoleIsRefusedByTheClient(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		a, wrong := w.replica(county, "county-1"), w.domain(county)
		o := w.options()
		o.Host = func(string, string) (channel.Identity, bool) { return wrong, true }
		c, s := meet(t, w.transport(w.options(a)), w.transport(o), a, county, channel.ProtocolRaft)
		if c.err == nil || s.err == nil {
			t.Fatal("they met")
		}
		if !errors.Is(c.err, channel.ErrRole) {
			t.Errorf("client says %v", c.err)
		}
	})
}

func TestAuthorizeHasTheLastWordOnEitherSide(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		a, b := w.domain(county), w.domain(city)
		revoked := errors.New("key revoked on 2026-03-01")
		deny := func(hosted, unwanted channel.Identity) channel.Options {
			o := w.options(hosted)
			o.Authorize = func(local channel.Identity, p channel.Peer) error {
				if p.Key == unwanted.Sign.KeyID() && local.Domain == hosted.Domain && p.Incarnation == unwanted.Incarnation {
					return revoked
				}
				return nil
			}
			return o
		}
		c, s := meet(t, w.transport(deny(a, b)), w.transport(w.options(b)), a, city, channel.ProtocolLink)
		refusedBy(t, "client", c, s, channel.ErrUnauthorized)
		c, s = meet(t, w.transport(w.options(a)), w.transport(deny(b, a)), a, city, channel.ProtocolLink)
		refusedBy(t, "server", s, c, channel.ErrUnauthorized)
		refused(t, s.err, revoked)
		if errors.Is(c.err, revoked) {
			t.Error("the reason's text went over the wire")
		}
	})
}

func TestACertificateWithoutItsKeyIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		a, b := w.domain(county), w.domain(city)
		thief := a
		thief.Sign, thief.Encrypt = w.keys().Sign, w.keys().Encrypt
		c, s := meet(t, w.transport(w.options(thief)), w.transport(w.options(b)), thief, city, channel.ProtocolLink)
		if s.err == nil || c.err == nil {
			t.Fatal("a stolen certificate was enough for a client")
		}
		thief = b
		thief.Sign, thief.Encrypt = w.keys().Sign, w.keys().Encrypt
		c, s = meet(t, w.transport(w.options(a)), w.transport(w.options(thief)), a, city, channel.ProtocolLink)
		if s.err == nil || c.err == nil {
			t.Fatal("a stolen certificate was enough for a server")
		}
	})
}

func TestOneNodeAnswersForSeveralDomains(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		a, b, d := w.domain(county), w.domain(city), w.domain("320000.health")
		server := w.transport(w.options(b, d))
		for _, want := range []channel.Identity{b, d} {
			c, s := meet(t, w.transport(w.options(a)), server, a, want.Domain, channel.ProtocolLink)
			check(t, c.err)
			check(t, s.err)
			if c.conn.Peer.Domain != want.Domain || s.conn.Local.Domain != want.Domain {
				t.Errorf("asked for %s, got %s", want.Domain, c.conn.Peer)
			}
		}
	})
}

func TestAnIntermediateAuthorityTravelsWithThePair(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		middle, err := w.ca.Intermediate(w.provider, "Trial City CA", 365*24*time.Hour)
		check(t, err)
		a, b := w.domainBy(middle, county), w.domainBy(middle, city)
		c, s := meet(t, w.transport(w.options(a)), w.transport(w.options(b)), a, city, channel.ProtocolLink)
		check(t, c.err)
		check(t, s.err)
	})
}

// refusedBy checks that one side refused with the class, and that the other
// failed too: with the same class where the transport could still tell it. What
// has the wrong shape for TLCP its library refuses before we see it.
func refusedBy(t *testing.T, who string, refuser, other outcome, class error) {
	t.Helper()
	shape := (class == trust.ErrUsage || class == trust.ErrCertificate) && errors.Is(refuser.err, channel.ErrHandshake)
	if !errors.Is(refuser.err, class) && !shape {
		t.Errorf("%s says %v, want %v", who, refuser.err, class)
	}
	if other.err == nil {
		t.Errorf("%s refused, and the other side believes that it is connected", who)
	}
	if errors.Is(other.err, channel.ErrRefused) && !errors.Is(other.err, class) {
		t.Logf("the other side learns only: %v", other.err)
	}
}

func swapped(id channel.Identity) channel.Identity {
	id.Certificate, id.EncryptCertificate = id.EncryptCertificate, id.Certificate
	return id
}

func mixed(id, other channel.Identity) channel.Identity {
	id.Encrypt, id.EncryptCertificate = other.Encrypt, other.EncryptCertificate
	return id
}

func garbled(id channel.Identity) channel.Identity {
	id.Certificate = append([]byte{0x30}, id.Certificate[:40]...)
	return id
}
