package api

import (
	"bufio"
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// pieces sends what is written in pieces of sentPiece bytes, and the last one
// as it is.
type pieces struct {
	ctx  context.Context
	send func([]byte) error
}

func newPieces(ctx context.Context, send func([]byte) error) *bufio.Writer {
	return bufio.NewWriterSize(pieces{ctx, send}, sentPiece)
}

// Write implements io.Writer. A message is encoded before send returns, so p
// is not kept.
func (w pieces) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		if err := w.ctx.Err(); err != nil {
			return done, err
		}
		n := min(len(p)-done, sentPiece)
		if err := w.send(p[done : done+n]); err != nil {
			return done, gone(err)
		}
		done += n
	}
	return len(p), nil
}

// gone is what a failed send means, unless it says so itself.
func gone(err error) error {
	var e *exchange.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return exchange.Errorf(exchange.Unavailable, "api.send", "the caller went away: %w", err)
}

func (s *exchangeServer) ExportEvidence(r *pb.EvidenceRequest, stream grpc.ServerStreamingServer[pb.EvidenceChunk]) error {
	ctx := stream.Context()
	service, err := s.backend.of(ctx)
	if err != nil {
		return err
	}
	w := newPieces(ctx, func(b []byte) error {
		return s.stalls.send(ctx, func() error { return stream.Send(&pb.EvidenceChunk{Data: b}) })
	})
	if err := service.ExportEvidence(ctx, r.GetId(), r.GetContent(), w); err != nil {
		return err
	}
	return w.Flush()
}

func (s *exchangeServer) Fetch(r *pb.FetchRequest, stream grpc.ServerStreamingServer[pb.FetchResponse]) error {
	ctx := stream.Context()
	service, err := s.backend.of(ctx)
	if err != nil {
		return err
	}
	w := newPieces(ctx, func(b []byte) error {
		return s.stalls.send(ctx, func() error { return stream.Send(&pb.FetchResponse{Part: &pb.FetchResponse_Data{Data: b}}) })
	})
	create := func(_ int, f exchange.File) (io.Writer, error) {
		if err := w.Flush(); err != nil { // the end of the file before
			return nil, err
		}
		return w, gone(s.stalls.send(ctx, func() error {
			return stream.Send(&pb.FetchResponse{Part: &pb.FetchResponse_File{File: wire.EncodeFile(f)}})
		}))
	}
	if err := service.Fetch(ctx, r.GetId(), indexes(r.GetFiles()), create); err != nil {
		return err
	}
	return w.Flush()
}

func indexes(files []uint32) []int {
	var out []int
	for _, f := range files {
		out = append(out, int(f))
	}
	return out
}
