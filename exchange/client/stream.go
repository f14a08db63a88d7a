package client

import (
	"context"
	"errors"
	"io"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// Watch implements exchange.Service. When the connection is lost it connects
// again for as long as Config.Patience since the last answer; fn then hears
// the present state once more.
func (c *Client) Watch(ctx context.Context, ref string, fn func(exchange.Tracking) error) error {
	for {
		heard := false
		err := c.run(ctx, request{
			op: "client.watch", method: pb.Exchange_Watch_FullMethodName, repeats: true,
			begun: func() bool { return heard },
			do: func(ctx context.Context, e *endpoint) error {
				return watch(ctx, e, ref, func(t exchange.Tracking) error { heard = true; return fn(t) })
			},
		})
		var stopped stopError
		if errors.As(err, &stopped) {
			return stopped.error
		}
		if !heard || ctx.Err() != nil || exchange.CodeOf(err) != exchange.Unavailable {
			return err
		}
	}
}

// stopError carries what fn failed with past the retries.
type stopError struct{ error }

func watch(ctx context.Context, e *endpoint, ref string, fn func(exchange.Tracking) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := e.exchange().Watch(ctx, &pb.TrackRequest{Id: ref})
	if err != nil {
		return err
	}
	for {
		m, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		t, err := wire.DecodeTracking(m)
		if err != nil {
			return err
		}
		if err := fn(t); err != nil {
			return &exchange.Error{Code: exchange.Internal, Op: "client.watch", Message: "stopped", Cause: stopError{err}}
		}
	}
}

// ExportEvidence implements exchange.Service. It is repeated only as long as
// nothing was written.
func (c *Client) ExportEvidence(ctx context.Context, ref, content string, w io.Writer) error {
	const op = "client.evidence"
	begun := false
	return c.run(ctx, request{
		op: op, method: pb.Exchange_ExportEvidence_FullMethodName, repeats: true,
		begun: func() bool { return begun },
		do: func(ctx context.Context, e *endpoint) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			stream, err := e.exchange().ExportEvidence(ctx, &pb.EvidenceRequest{Id: ref, Content: content})
			for err == nil {
				var m *pb.EvidenceChunk
				if m, err = stream.Recv(); err == nil {
					begun = true
					_, err = w.Write(m.GetData())
					err = local(op, err)
				}
			}
			return unlessEOF(err)
		},
	})
}

// Fetch implements exchange.Service. It is repeated only as long as no file
// was created. A file that does not have its announced size is Corrupt.
func (c *Client) Fetch(ctx context.Context, ref string, files []int, create func(int, exchange.File) (io.Writer, error)) error {
	in := &pb.FetchRequest{Id: ref}
	for _, f := range files {
		if f < 0 {
			return exchange.Errorf(exchange.Invalid, opFetch, "files are numbered from 0; got %d", f)
		}
		in.Files = append(in.Files, uint32(f))
	}
	into := &fetched{files: files, create: create}
	return c.run(ctx, request{
		op: opFetch, method: pb.Exchange_Fetch_FullMethodName, repeats: true,
		begun: func() bool { return into.count > 0 },
		do: func(ctx context.Context, e *endpoint) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			stream, err := e.exchange().Fetch(ctx, in)
			for err == nil {
				var m *pb.FetchResponse
				if m, err = stream.Recv(); err == nil {
					err = into.take(m)
				}
			}
			if err == io.EOF {
				return into.end()
			}
			return err
		},
	})
}

const opFetch = "client.fetch"

// fetched hands the pieces of a stream to the writers of the caller.
type fetched struct {
	files  []int
	create func(int, exchange.File) (io.Writer, error)
	count  int // files begun
	w      io.Writer
	left   int64
}

func (f *fetched) take(m *pb.FetchResponse) error {
	if h := m.GetFile(); h != nil {
		return f.begin(wire.DecodeFile(h))
	}
	data := m.GetData()
	if f.left -= int64(len(data)); f.w == nil || f.left < 0 {
		return exchange.Errorf(exchange.Corrupt, opFetch, "file %d is larger than announced", f.count)
	}
	_, err := f.w.Write(data)
	return local(opFetch, err)
}

func (f *fetched) begin(h exchange.File) error {
	if err := f.end(); err != nil {
		return err
	}
	index := f.count
	if len(f.files) > 0 {
		if f.count >= len(f.files) {
			return exchange.Errorf(exchange.Corrupt, opFetch, "more files came than were asked for")
		}
		index = f.files[f.count]
	}
	f.count++
	f.left = h.Size
	var err error
	f.w, err = f.create(index, h)
	return local(opFetch, err)
}

// end checks that the file before is complete.
func (f *fetched) end() error {
	if f.left > 0 {
		return exchange.Errorf(exchange.Corrupt, opFetch, "file %d ends %d bytes before its announced size", f.count, f.left)
	}
	return nil
}

func unlessEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}
