package channel_test

import (
	"errors"
	"io"
	"net"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto/channel"
)

func TestARevocationReachesConnectionsThatAreOpen(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		var live channel.Live
		a, c, b := w.domain(county), w.domain("320583"), w.domain(city)
		o := w.options(b)
		o.Live = &live
		server := w.transport(o)
		_, revoked := meet(t, w.transport(w.options(a)), server, a, city, channel.ProtocolLink)
		_, kept := meet(t, w.transport(w.options(c)), server, c, city, channel.ProtocolLink)
		check(t, revoked.err)
		check(t, kept.err)
		n := live.Recheck(func(_ channel.Identity, p channel.Peer) error {
			if p.Key == a.Sign.KeyID() {
				return errors.New("revoked")
			}
			return nil
		})
		if peers := live.Peers(); n != 1 || len(peers) != 1 || peers[0].Domain != "320583" {
			t.Errorf("%d closed, left %v", n, peers)
		}
		if err := first(revoked.conn.Read(make([]byte, 1))); !errors.Is(err, net.ErrClosed) && err != io.EOF {
			t.Errorf("the revoked connection reads %v", err)
		}
		check(t, first(kept.conn.Write([]byte("!"))))
		check(t, kept.conn.Close())
		if len(live.Peers()) != 0 {
			t.Error("a closed connection is still counted")
		}
	})
}

func TestARevocationDuringTheHandshakeIsNotMissed(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		var live channel.Live
		a, b := w.domain(county), w.domain(city)
		o := w.options(b)
		o.Live = &live
		asked := 0
		o.Authorize = func(channel.Identity, channel.Peer) error {
			if asked++; asked == 1 { // the list changes right after this answer
				return nil
			}
			return errors.New("revoked meanwhile")
		}
		_, s := meet(t, w.transport(w.options(a)), w.transport(o), a, city, channel.ProtocolLink)
		refused(t, s.err, channel.ErrUnauthorized)
		if len(live.Peers()) != 0 {
			t.Error("the refused connection is counted")
		}
	})
}
