package api_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/api/apitest"
)

var rewrite = flag.Bool("rewrite", false, "write golden files instead of comparing")

// methods lists every method of our interface and of the standard services.
func methods(t *testing.T) []string {
	t.Helper()
	var out []string
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			if name := string(s.FullName()); !strings.HasPrefix(name, "yizhan.") && !strings.HasPrefix(name, "grpc.health.") && !strings.HasPrefix(name, "grpc.reflection.") {
				continue
			}
			for j := range s.Methods().Len() {
				out = append(out, fmt.Sprintf("/%s/%s", s.FullName(), s.Methods().Get(j).Name()))
			}
		}
		return true
	})
	slices.Sort(out)
	return out
}

// TestWhoMayCallWhat calls every method as everybody. A new method appears in
// the table, so it fails here until it is listed: look at the row, then run
// with -rewrite.
func TestWhoMayCallWhat(t *testing.T) {
	s := apitest.Start(t, &apitest.Desk{}, nil)
	conn := dial(t, s)
	who := []string{"nobody", "no_role"}
	tokens := map[string]string{"no_role": s.Token("p")}
	for _, d := range exchange.Duties() {
		who = append(who, string(d))
		tokens[string(d)] = s.Token("p", d)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-64s %s\n", "method", strings.Join(who, " "))
	for _, m := range methods(t) {
		fmt.Fprintf(&b, "%-64s", m)
		for _, w := range who {
			fmt.Fprintf(&b, " %-*s", len(w), attempt(t, conn, m, tokens[w]))
		}
		b.WriteString("\n")
	}
	golden(t, "testdata/roles.txt", b.String())
}

// attempt calls with an empty message, as a stream, which fits every kind of
// method.
func attempt(t *testing.T, conn *grpc.ClientConn, method, token string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.SendMsg(&emptypb.Empty{})
	_ = stream.CloseSend()
	switch err := stream.RecvMsg(&emptypb.Empty{}); status.Code(err) {
	case codes.Unauthenticated:
		return "-"
	case codes.PermissionDenied:
		return "no"
	case codes.Unimplemented:
		return "absent" // not served here at all
	default:
		return "yes"
	}
}

func dial(t *testing.T, s *apitest.Server) *grpc.ClientConn {
	t.Helper()
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	conn, err := grpc.NewClient(s.Addr, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: pool})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s\nwant:\n%s", path, got, want)
	}
}
