// Package client is the Go SDK: exchange.Service and exchange.Operator over
// the network, with the retries that are safe, and the file in which a person
// keeps identities.
package client

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base32"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/yizhan-exchange/yizhan/exchange"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

const (
	maxAnswer = 32 << 20 // a page of a thousand documents to ninety counties each
	pieceSize = 512 << 10
)

// Config is one identity at one domain, ready to dial.
type Config struct {
	As        exchange.Unit
	Person    exchange.Person
	Endpoints []string // host:port; tried in order, beginning with the one that answered last
	CA        []byte   // PEM; certificates of the servers must chain to it
	Token     string   // yzt_…
	// Patience is how long calls other than Submit go on trying when that is
	// safe. Submit tries until its context ends. 0: 15 s.
	Patience time.Duration
	// RefusalsFinal ends a call that is refused for want of room, instead of
	// making it again after the time that the refusal asks for.
	RefusalsFinal bool
	// OnRetry, when set, is told before each wait. It must not block.
	OnRetry func(cause error, wait time.Duration)
}

// Client speaks to one domain as one person. It is safe for concurrent use.
type Client struct {
	config    Config
	endpoints []*endpoint
	preferred atomic.Int32 // index of the endpoint that answered last
}

var (
	_ exchange.Service  = (*Client)(nil)
	_ exchange.Operator = (*Client)(nil)
)

type endpoint struct {
	address string
	conn    *grpc.ClientConn
	why     atomic.Pointer[error] // the last failure to connect
}

// Dial prepares a client. It does not connect yet: the first call does. It
// fails with Invalid when the configuration cannot work.
func Dial(c Config) (*Client, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(c.CA) {
		return nil, exchange.Errorf(exchange.Invalid, "client.dial", "the CA holds no PEM certificate")
	}
	if c.Patience <= 0 {
		c.Patience = 15 * time.Second
	}
	cl := &Client{config: c}
	for _, address := range c.Endpoints {
		e := &endpoint{address: address}
		var err error
		if e.conn, err = grpc.NewClient("passthrough:///"+address, e.options(pool, c.Token)...); err != nil {
			return nil, errors.Join(exchange.Errorf(exchange.Invalid, "client.dial", "endpoint %s: %w", address, err), cl.Close())
		}
		cl.endpoints = append(cl.endpoints, e)
	}
	return cl, nil
}

func (c Config) check() error {
	var p exchange.Problems
	if !c.As.Valid() {
		p.Add("as", "identity.as", fmt.Sprintf("%q is not UNIT@DOMAIN", c.As), "身份应写作 单位@交换域", "", "write for example wjw@320582")
	}
	if len(c.Endpoints) == 0 {
		p.Add("endpoints", "identity.endpoints", "no endpoint is given", "未填写接入地址", "", "list at least one host:port of the domain")
	}
	for i, e := range c.Endpoints {
		if _, _, err := net.SplitHostPort(e); err != nil {
			p.Add(fmt.Sprintf("endpoints[%d]", i), "identity.endpoint", fmt.Sprintf("%q is not host:port", e), "接入地址应写作 主机:端口", "", "write for example 127.0.0.1:7443")
		}
	}
	if strings.TrimSpace(c.Token) == "" || strings.ContainsAny(c.Token, " \r\n\t") {
		p.Add("token", "identity.token", "the token is empty or holds white space", "令牌为空或含空白", "", "copy the token as it was shown, yzt_…")
	}
	return p.Err("client.dial")
}

func (e *endpoint) options(pool *x509.CertPool, token string) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithTransportCredentials(noting{credentials.NewTLS(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}), &e.why}),
		grpc.WithContextDialer(e.dial),
		grpc.WithPerRPCCredentials(bearer(token)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.4, MaxDelay: 3 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 20 * time.Second}),
	}
}

// bearer puts the token on every call, and only on encrypted connections.
type bearer string

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (b bearer) RequireTransportSecurity() bool { return true }

// Close ends all connections.
func (c *Client) Close() error {
	var errs []error
	for _, e := range c.endpoints {
		errs = append(errs, e.conn.Close())
	}
	return errors.Join(errs...)
}

// As tells whom the client speaks for.
func (c *Client) As() (exchange.Unit, exchange.Person) { return c.config.As, c.config.Person }

// NewKey makes an idempotency key: 128 random bits in 26 characters.
func NewKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

func (e *endpoint) exchange() pb.ExchangeClient { return pb.NewExchangeClient(e.conn) }
func (e *endpoint) policy() pb.PolicyClient     { return pb.NewPolicyClient(e.conn) }
func (e *endpoint) cluster() pb.ClusterClient   { return pb.NewClusterClient(e.conn) }
func (e *endpoint) hold() pb.HoldClient         { return pb.NewHoldClient(e.conn) }
func (e *endpoint) life() pb.LifeClient         { return pb.NewLifeClient(e.conn) }
