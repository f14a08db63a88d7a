package channel

import (
	"crypto/rand"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
)

// bound runs the binding alone, over a pipe, with what each end believes to be
// the exporter and the transport of the connection beneath.
func bound(t *testing.T, client, server func(*binding)) (c, s error) {
	t.Helper()
	f := newFederation(t)
	a, b := net.Pipe()
	deadline := time.Now().Add(5 * time.Second)
	_, _ = a.SetDeadline(deadline), b.SetDeadline(deadline)
	mine := &binding{Options: f.options, conn: a, transport: "tls", exporter: make([]byte, exporterSize)}
	theirs := &binding{Options: f.options, conn: b, transport: "tls", exporter: make([]byte, exporterSize)}
	client(mine)
	server(theirs)
	done := make(chan error, 1)
	go func() {
		_, err := theirs.server(f.city, ProtocolLink)
		b.Close()
		done <- err
	}()
	_, c = mine.client(f.county, f.city.Domain, ProtocolLink)
	a.Close()
	return c, <-done
}

type federation struct {
	options      Options
	county, city Identity
}

func newFederation(t testing.TB) federation {
	t.Helper()
	p, err := sm.New("")
	check(t, err)
	ca, err := trust.NewCA(p, rand.Reader, "Trial Root", time.Now().Add(-time.Hour), 24*time.Hour)
	check(t, err)
	v, err := trust.NewVerifier(p, trust.Anchor{Root: "320000", CAs: [][]byte{ca.Certificate.Raw}})
	check(t, err)
	o, err := Options{Provider: p, Trust: v}.withDefaults()
	check(t, err)
	id := func(domain string) Identity {
		sign, err := p.GenerateKey(rand.Reader)
		check(t, err)
		encrypt, err := p.GenerateKey(rand.Reader)
		check(t, err)
		pair, err := ca.IssuePair(domain, sign.Public(), encrypt.Public())
		check(t, err)
		return NewIdentity(trust.Keys{Sign: sign, Encrypt: encrypt}, pair, 5)
	}
	return federation{options: o, county: id("320582"), city: id("320500")}
}

func TestABindingHoldsOnOneConnectionOnly(t *testing.T) {
	same := func(*binding) {}
	c, s := bound(t, same, same)
	if c != nil || s != nil {
		t.Fatal(c, s)
	}
	for name, change := range map[string]func(*binding){
		"another exporter":  func(b *binding) { b.exporter = append([]byte{1}, b.exporter[1:]...) },
		"a shorter one":     func(b *binding) { b.exporter = b.exporter[1:] },
		"another transport": func(b *binding) { b.transport = "tlcp" },
	} {
		c, s := bound(t, same, change)
		if !errors.Is(c, ErrProof) || !errors.Is(s, ErrRefused) || !errors.Is(s, ErrProof) {
			t.Errorf("%s: client %v, server %v", name, c, s)
		}
	}
}

// Whatever either side said is signed by both: incarnations, certificates and
// names cannot be changed on the way, even by one who can write the frames.
func TestWhatWasSaidCannotBeChangedOnTheWay(t *testing.T) {
	f := newFederation(t)
	b := &binding{Options: f.options, transport: "tls", exporter: make([]byte, exporterSize)}
	peerOf := func(id Identity) Peer {
		return Peer{Domain: id.Domain, Role: id.Role, Name: id.Name, Incarnation: id.Incarnation, Protocol: ProtocolLink}
	}
	mine, theirs := []byte("hello of the client"), []byte("hello of the server")
	said := b.statement(f.county, peerOf(f.city), mine, theirs, sideClient)
	if heard := b.statement(f.city, peerOf(f.county), theirs, mine, sideServer); string(heard.body) != string(said.body) {
		t.Fatal("the two sides do not sign the same statement")
	}
	proof, err := f.county.Sign.Sign(said.by(sideClient))
	check(t, err)
	other := peerOf(f.city)
	other.Incarnation++
	pub := publicOf(t, f.county)
	for name, changed := range map[string][]byte{
		"the other side":     said.by(sideServer),
		"client's hello":     b.statement(f.county, peerOf(f.city), theirs, theirs, sideClient).by(sideClient),
		"server's hello":     b.statement(f.county, peerOf(f.city), mine, mine, sideClient).by(sideClient),
		"roles exchanged":    b.statement(f.county, peerOf(f.city), mine, theirs, sideServer).by(sideClient),
		"server incarnation": b.statement(f.county, other, mine, theirs, sideClient).by(sideClient),
		"another purpose":    crypto.WithContext(crypto.ContextReceipt, append([]byte{byte(sideClient)}, said.body...)),
	} {
		if b.Provider.Verify(pub, changed, proof) == nil {
			t.Errorf("%s: the proof still stands", name)
		}
	}
	check(t, b.Provider.Verify(pub, said.by(sideClient), proof))
}

func publicOf(t *testing.T, id Identity) crypto.PublicKey {
	c, err := trust.ParseCertificate(id.Certificate)
	check(t, err)
	return c.PublicKey
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
