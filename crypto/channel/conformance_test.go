package channel_test

import (
	"bytes"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto/channel"
)

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
				p.Key != end.peer.Sign.KeyID() || p.EncryptKey != end.peer.Encrypt.KeyID() ||
				!bytes.Equal(p.Certificate, end.peer.Certificate) {
				t.Errorf("%s sees %+v", end.me, p)
			}
		}
	})
}
