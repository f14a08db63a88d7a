package apitest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/api"
	"github.com/yizhan-exchange/yizhan/node/auth"
)

// Server is a running API server of domain 320582 on the loopback.
type Server struct {
	Addr   string
	CAFile string // PEM
	Log    *Buffer
	Tokens *auth.Static

	t   testing.TB
	api *api.Server
}

// Buffer is a bytes.Buffer for concurrent use.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns what was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Start serves a desk until the test ends. change, which may be nil, edits the
// configuration before.
func Start(t testing.TB, desk *Desk, change func(*api.Config)) *Server {
	t.Helper()
	s := &Server{t: t, Log: &Buffer{}, Tokens: &auth.Static{}}
	cert := s.certificate()
	provider, err := sm.New("")
	s.must(err)
	bearer, err := auth.NewBearer(auth.BearerConfig{Tokens: s.Tokens, Sum: provider.Sum})
	s.must(err)
	c := api.Config{
		Backend:       func(d exchange.Domain) (exchange.Service, bool) { return desk, d == "320582" },
		Operator:      desk,
		Authenticator: bearer,
		Credentials:   credentials.NewServerTLSFromCert(&cert),
		Log:           slog.New(slog.NewTextHandler(s.Log, nil)),
		Version:       "test", Node: "county-1",
	}
	if change != nil {
		change(&c)
	}
	s.api, err = api.New(c)
	s.must(err)
	s.api.SetServing(true)
	s.listen("127.0.0.1:0")
	return s
}

func (s *Server) listen(addr string) {
	l, err := net.Listen("tcp", addr)
	s.must(err)
	s.Addr = l.Addr().String()
	done := make(chan struct{})
	go func() { defer close(done); _ = s.api.Serve(l) }()
	s.t.Cleanup(func() { s.Stop(); <-done })
}

// Load tells what callers take up.
func (s *Server) Load() exchange.Load { return s.api.Load() }

// Stop ends the server at once, with the calls under way.
func (s *Server) Stop() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.api.Stop(ctx)
}

// Token makes a token for a person of wjw@320582 with these duties.
func (s *Server) Token(person exchange.Person, duties ...exchange.Duty) string {
	s.t.Helper()
	return s.TokenOf(exchange.Caller{Unit: "wjw@320582", Person: person, Duties: duties})
}

// TokenOf makes a token that names the caller.
func (s *Server) TokenOf(c exchange.Caller) string {
	s.t.Helper()
	t, err := auth.NewToken(c.Unit.Domain(), rand.Reader)
	s.must(err)
	provider, err := sm.New("")
	s.must(err)
	s.Tokens.Add(t.Digest(provider.Sum), c)
	return t.Reveal()
}

// Accept lets a token made elsewhere name the caller here.
func (s *Server) Accept(token string, c exchange.Caller) {
	s.t.Helper()
	t, err := auth.ParseToken(token)
	s.must(err)
	provider, err := sm.New("")
	s.must(err)
	s.Tokens.Add(t.Digest(provider.Sum), c)
}

func (s *Server) certificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "apitest"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	s.must(err)
	s.CAFile = filepath.Join(s.t.TempDir(), "api-ca.pem")
	s.must(os.WriteFile(s.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (s *Server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}
