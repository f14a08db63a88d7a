package api_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	"github.com/yizhan-exchange/yizhan/node/api"
	"github.com/yizhan-exchange/yizhan/node/api/apitest"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

func as(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// detail returns the error that a status carries.
func detail(t *testing.T, err error) *exchange.Error {
	t.Helper()
	for _, d := range status.Convert(err).Details() {
		if d, ok := d.(*pb.ErrorDetail); ok {
			return wire.DecodeError(d)
		}
	}
	t.Fatalf("no detail in %v", err)
	return nil
}

func header(sizes ...int64) *pb.SubmitRequest {
	h := &pb.SubmitHeader{IdempotencyKey: "k"}
	for _, s := range sizes {
		h.Files = append(h.Files, &pb.FileHeader{Name: "a", Size: s})
	}
	return &pb.SubmitRequest{Part: &pb.SubmitRequest_Header{Header: h}}
}

func data(file uint32, n int) *pb.SubmitRequest {
	return &pb.SubmitRequest{Part: &pb.SubmitRequest_Data{Data: &pb.FileData{File: file, Data: make([]byte, n)}}}
}

func TestAnUploadHasExactlyTheBytesOfItsHeader(t *testing.T) {
	desk := &apitest.Desk{}
	s := apitest.Start(t, desk, nil)
	exchanges, token := pb.NewExchangeClient(dial(t, s)), s.Token("li.ming", exchange.Handler)
	for name, c := range map[string]struct {
		stream []*pb.SubmitRequest
		want   string // field and code of the problem; "" is accepted
	}{
		"whole":                 {[]*pb.SubmitRequest{header(3, 0, 2), data(0, 1), data(0, 2), data(2, 2)}, ""},
		"no files":              {[]*pb.SubmitRequest{header()}, ""},
		"empty pieces":          {[]*pb.SubmitRequest{header(1), data(0, 0), data(0, 1), data(0, 0)}, ""},
		"nothing":               {nil, " stream.header"},
		"data first":            {[]*pb.SubmitRequest{data(0, 1)}, " stream.header"},
		"two headers":           {[]*pb.SubmitRequest{header(1), header(1)}, " stream.message"},
		"too few":               {[]*pb.SubmitRequest{header(3), data(0, 2)}, "files[0].size file.short"},
		"too few, then another": {[]*pb.SubmitRequest{header(3, 1), data(0, 2), data(1, 1)}, "files[0].size file.short"},
		"none":                  {[]*pb.SubmitRequest{header(3)}, "files[0].size file.short"},
		"too many in a piece":   {[]*pb.SubmitRequest{header(3), data(0, 4)}, "files[0].size file.long"},
		"too many in the next":  {[]*pb.SubmitRequest{header(3, 1), data(0, 3), data(0, 1)}, "files[0].size file.long"},
		"too many for nothing":  {[]*pb.SubmitRequest{header(0), data(0, 1)}, "files[0].size file.long"},
		"out of order":          {[]*pb.SubmitRequest{header(1, 1), data(1, 1), data(0, 1)}, "files[0].size file.short"},
		"back to the first":     {[]*pb.SubmitRequest{header(1, 1), data(0, 1), data(1, 1), data(0, 1)}, "files[0].size file.long"},
		"unlisted":              {[]*pb.SubmitRequest{header(1), data(0, 1), data(1, 1)}, "files[1] file.unlisted"},
		"unlisted, no files":    {[]*pb.SubmitRequest{header(), data(0, 1)}, "files[0] file.unlisted"},
		"a piece too large":     {[]*pb.SubmitRequest{header(2 << 20), data(0, 1<<20+1)}, "files[0] file.piece"},
		"a negative size":       {[]*pb.SubmitRequest{header(-1), data(0, 1)}, "files[0].size file.long"},
	} {
		before := len(desk.Kept())
		for i, m := range c.stream {
			if h := m.GetHeader(); h != nil && i == 0 {
				h.IdempotencyKey = name
			}
		}
		stream, err := exchanges.Submit(as(context.Background(), token))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range c.stream {
			_ = stream.Send(m) // an early answer is read below
		}
		_, err = stream.CloseAndRecv()
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		e := detail(t, err)
		if e.Code != exchange.Invalid || len(e.Problems) != 1 || e.Problems[0].Field+" "+e.Problems[0].Code != c.want {
			t.Errorf("%s: got %+v, want %s", name, e, c.want)
		}
		if len(desk.Kept()) != before {
			t.Errorf("%s: it was kept all the same", name)
		}
	}
}

func TestAMessageBeyondTheLimitIsRefused(t *testing.T) {
	s := apitest.Start(t, &apitest.Desk{}, nil)
	stream, err := pb.NewExchangeClient(dial(t, s)).Submit(as(context.Background(), s.Token("p", exchange.Handler)))
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.Send(header(8 << 20))
	_ = stream.Send(data(0, 5<<20))
	if _, err := stream.CloseAndRecv(); status.Code(err) != codes.InvalidArgument && status.Code(err) != codes.ResourceExhausted {
		t.Errorf("got %v", err)
	}
}

func TestADomainThatIsNotHostedIsUnavailable(t *testing.T) {
	s := apitest.Start(t, &apitest.Desk{}, nil)
	token := s.TokenOf(exchange.Caller{Unit: "wjw@320500", Person: "p"})
	_, err := pb.NewExchangeClient(dial(t, s)).Capabilities(as(context.Background(), token), &pb.CapabilitiesRequest{})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestARefusedRoleIsToldWhichRoleIsNeeded(t *testing.T) {
	s := apitest.Start(t, &apitest.Desk{}, nil)
	_, err := pb.NewExchangeClient(dial(t, s)).Sign(as(context.Background(), s.Token("p", exchange.Handler)), &pb.SignRequest{})
	e := detail(t, err)
	if e.Code != exchange.Denied || !strings.Contains(e.Problems[0].Message, "clerk") || !strings.Contains(e.Problems[0].Chinese, "签收") {
		t.Errorf("got %+v", e)
	}
}

func TestTwoCredentialsAreNone(t *testing.T) {
	s := apitest.Start(t, &apitest.Desk{}, nil)
	token := s.Token("p")
	_, err := pb.NewExchangeClient(dial(t, s)).Capabilities(as(as(context.Background(), token), token), &pb.CapabilitiesRequest{})
	if status.Code(err) != codes.Unauthenticated {
		t.Errorf("got %v", err)
	}
}

func TestHealthIsPublic(t *testing.T) {
	s := apitest.Start(t, &apitest.Desk{}, nil)
	h := healthpb.NewHealthClient(dial(t, s))
	out, err := h.Check(context.Background(), &healthpb.HealthCheckRequest{Service: "yizhan.v1.Exchange"})
	if err != nil || out.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("got %v, %v", out, err)
	}
	if _, err := h.Check(context.Background(), &healthpb.HealthCheckRequest{Service: "x"}); status.Code(err) != codes.NotFound {
		t.Errorf("its own status does not come through: %v", err)
	}
}

func TestEveryCodeHasARow(t *testing.T) {
	for _, c := range []exchange.Code{
		exchange.Invalid, exchange.NotFound, exchange.Conflict, exchange.Unauthenticated, exchange.Denied, exchange.Unavailable,
		exchange.Unknown, exchange.Exhausted, exchange.Stale, exchange.Corrupt, exchange.Internal,
	} {
		if c != exchange.Internal && api.GRPCCode(c) == codes.Internal {
			t.Errorf("%s has no row", c)
		}
		if api.HTTPStatus(c) < 400 {
			t.Errorf("%s is HTTP %d", c, api.HTTPStatus(c))
		}
	}
	if api.GRPCCode("made up") != codes.Internal {
		t.Error("a code that is not listed is a defect")
	}
}
