package test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/channel"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/replica"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// neighbours are a province with two cities: one will go wrong.
const (
	wrong, right   = "320500", "320100"
	wrongN, rightN = "city-320500-1", "city-320100-1"
)

func neighbours(f *founding.Federation) {
	second := f.Domains[1]
	second.Domain, second.Name = right, "南京市"
	second.Units = slices.Clone(second.Units)
	for i := range second.Units {
		second.Units[i].USCC = ""
	}
	f.Domains = []founding.Domain{f.Domains[0], f.Domains[1], second}
}

func TestACityWhoseCertificateIsNotGoodIsRefusedAndOthersGoOn(t *testing.T) {
	if testing.Short() {
		t.Skip("three processes; left out of short runs")
	}
	f := small(t, neighbours)
	for _, name := range f.Names() {
		if s := f.Config(name).Domains[0].Superior; s != nil {
			s.Retry = config.Retry{First: config.Duration(50 * time.Millisecond), Ceiling: config.Duration(time.Second)}
			f.Save(name)
		}
	}
	f.StartAll()
	crosses(t, f, "wjw@"+wrong, "before")
	now := time.Now()
	for _, c := range []struct {
		name   string
		begins time.Time
		life   time.Duration
		why    string
	}{
		{"expired", now.Add(-48 * time.Hour), 24 * time.Hour, "has expired"},
		{"early", now.Add(24 * time.Hour), 24 * time.Hour, "not valid yet"},
	} {
		f.Stop(wrongN)
		reissue(t, f, c.begins, c.life)
		f.Start(wrongN)
		refusedLink(t, f, "bad certificate", c.why)
		logs(t, f, wrongN, "own certificates are not good", c.why)
		crosses(t, f, "wjw@"+right, c.name)
	}
	f.Stop(wrongN)
	reissue(t, f, now.Add(-time.Minute), time.Hour)
	f.Start(wrongN)
	connected(t, f)
	crosses(t, f, "wjw@"+wrong, "with a good certificate again")
	revoke(t, f)
	refusedLink(t, f, "not authorized", "revoked")
	crosses(t, f, "wjw@"+right, "while another is revoked")
}

// crosses files a case from a city and waits until the province has it.
func crosses(t *testing.T, f *fleet.Fleet, from, key string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := f.Client(from)
	id, err := file(ctx, c, key, "wjw@320000")
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	arrives(t, f, c, id)
}

// reissue gives the city's own keys a certificate of another validity.
func reissue(t *testing.T, f *fleet.Fleet, begins time.Time, life time.Duration) {
	t.Helper()
	authority, err := founding.OpenAuthority(f.Dir, provider(t))
	if err != nil {
		t.Fatal(err)
	}
	vault := vaultOf(t, filepath.Join(f.Dir, "nodes", wrongN))
	_, old, err := vault.DomainIdentity()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.CA.WithValidity(begins, life).IssuePair(wrong, old.Sign.PublicKey, old.Encrypt.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := vault.Rotate(trust.Keys{}, pair); err != nil {
		t.Fatal(err)
	}
}

// refusedLink waits until the city's administrator is told that the superior
// refuses its link, and the superior has logged why.
func refusedLink(t *testing.T, f *fleet.Fleet, told, logged string) {
	t.Helper()
	f.Eventually(20*time.Second, "the link is refused: "+told, func(ctx context.Context) error {
		link, err := linkOf(ctx, f)
		if err == nil && (link.State == "connected" || !strings.Contains(link.LastError, told)) {
			err = exchange.Errorf(exchange.Unavailable, "test", "the link is %+v", link)
		}
		return err
	})
	logs(t, f, "province-1", "connection refused", "plane=link", logged)
}

func connected(t *testing.T, f *fleet.Fleet) {
	t.Helper()
	f.Eventually(20*time.Second, "the link is connected", func(ctx context.Context) error {
		link, err := linkOf(ctx, f)
		if err == nil && link.State != "connected" {
			err = exchange.Errorf(exchange.Unavailable, "test", "the link is %+v", link)
		}
		return err
	})
}

// linkOf is the city's link to the province as its administrator sees it.
func linkOf(ctx context.Context, f *fleet.Fleet) (exchange.LinkStatus, error) {
	status, err := f.Status(ctx, wrong)
	if err != nil {
		return exchange.LinkStatus{}, err
	}
	for _, l := range status.Links {
		if l.Peer == "320000" {
			return l, nil
		}
	}
	return exchange.LinkStatus{}, exchange.Errorf(exchange.NotFound, "test", "no link in %+v", status)
}

// revoke has the province state that the city's signing key is revoked.
func revoke(t *testing.T, f *fleet.Fleet) {
	t.Helper()
	node := filepath.Join(f.Dir, "nodes", "province-1")
	file, err := founding.LoadFile(filepath.Join(node, "320000.founding"))
	if err != nil {
		t.Fatal(err)
	}
	first := file.Bootstrap([16]byte{}).Directory[0]
	body, _ := first.Body(crypto.ContextDirectory)
	d, err := exchange.Decode[exchange.Directory](body)
	if err != nil {
		t.Fatal(err)
	}
	now := exchange.TimeOf(time.Now())
	d.Number, d.Prev, d.NotBefore = 2, provider(t).Sum(first.Bytes), now
	d.Revoked = []exchange.Revocation{{Key: asDomain(t, filepath.Join(f.Dir, "nodes", wrongN)).Sign.KeyID(), Since: now, Reason: "stolen"}}
	signer, err := vaultOf(t, node).Signer()
	if err != nil {
		t.Fatal(err)
	}
	s, err := directory.Sign(signer, d)
	if err != nil {
		t.Fatal(err)
	}
	propose(t, f, ledger.Command{Time: now, Statement: &ledger.Statement{Directory: &s}})
}

// propose commits a command as a replica of the province would.
func propose(t *testing.T, f *fleet.Fleet, c ledger.Command) {
	t.Helper()
	self := asReplica(t, filepath.Join(f.Dir, "nodes", "province-1"))
	creds := channel.RotatingCredentials(transport(t, f, channel.ProtocolReplica), func() (channel.Identity, error) { return self, nil }, "320000", channel.ProtocolReplica)
	conn, err := grpc.NewClient("passthrough:///"+f.Config("province-1").Listen.Peer, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := replica.NewClient("320000", "province-1", conn).Propose(context.Background(), exchange.Encode(c))
	if err != nil {
		t.Fatal(err)
	}
	if res, err := exchange.Decode[ledger.Result](raw); err != nil || res.Code != "" {
		t.Fatalf("%+v, %v", res, err)
	}
}
