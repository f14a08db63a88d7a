package client

import (
	"context"
	"io"

	"google.golang.org/grpc"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

var _ exchange.Upkeep = (*Client)(nil)

// MakeBackup implements exchange.Upkeep. The node that answers makes it. It is
// repeated only as long as nothing was written.
func (c *Client) MakeBackup(ctx context.Context, w io.Writer) error {
	const op = "client.backup"
	begun := false
	return c.run(ctx, request{
		op: op, method: pb.Upkeep_MakeBackup_FullMethodName, repeats: true,
		begun: func() bool { return begun },
		do: func(ctx context.Context, e *endpoint) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			stream, err := e.upkeep().MakeBackup(ctx, &pb.MakeBackupRequest{})
			for err == nil {
				var m *pb.BackupPiece
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

// Snapshot implements exchange.Upkeep. The node that answers cuts its log.
func (c *Client) Snapshot(ctx context.Context) (exchange.Snapshot, error) {
	return call(ctx, c, "client.snapshot", pb.Upkeep_Snapshot_FullMethodName, &pb.SnapshotRequest{},
		func(e *endpoint) func(context.Context, *pb.SnapshotRequest, ...grpc.CallOption) (*pb.SnapshotResponse, error) {
			return e.upkeep().Snapshot
		}, sure(wire.DecodeSnapshot))
}

// CheckDomain implements exchange.Upkeep.
func (c *Client) CheckDomain(ctx context.Context, o exchange.CheckOptions, progress func(exchange.CheckProgress)) (out exchange.DomainCheck, err error) {
	const op = "client.check"
	err = c.run(ctx, request{
		op: op, method: pb.Upkeep_CheckDomain_FullMethodName, repeats: true,
		do: func(ctx context.Context, e *endpoint) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			stream, err := e.upkeep().CheckDomain(ctx, &pb.CheckDomainRequest{Options: wire.EncodeCheckOptions(o)})
			if err != nil {
				return err
			}
			for {
				m, err := stream.Recv()
				if err == io.EOF {
					return exchange.Errorf(exchange.Corrupt, op, "the check ended without an answer")
				}
				if err != nil {
					return err
				}
				if r := m.GetResult(); r != nil {
					out = wire.DecodeDomainCheck(r)
					return nil
				}
				progress(wire.DecodeCheckProgress(m.GetProgress()))
			}
		},
	})
	return out, err
}

func (e *endpoint) upkeep() pb.UpkeepClient { return pb.NewUpkeepClient(e.conn) }
