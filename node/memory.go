package node

import (
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/mem"

	"github.com/yizhan-exchange/yizhan/node/api"
	"github.com/yizhan-exchange/yizhan/node/config"
)

// buffers are of the sizes that are sent here: a piece of content, a chunk, a
// batch of rows, each with its frame. gRPC's own pool knows nothing between
// 32 KiB and 1 MiB, so that each piece of 64 KiB would hold a mebibyte.
var buffers = mem.NewTieredBufferPool(256, 1<<10, 4<<10, 16<<10, 32<<10, 64<<10+frame, 128<<10+frame, 256<<10+frame,
	512<<10+frame, 1<<20+frame, 2<<20+frame, 4<<20+frame)

const frame = 4 << 10

// ShareBuffers has messages encoded into these buffers too. gRPC allows that
// only before it is used: call it first in main.
func ShareBuffers() { experimental.SetDefaultBufferPool(buffers) }

// callersRoom is what callers may take up, as configured. Of the memory a quarter is
// for the content of submissions; the rest is for what is downloaded, for what
// replicas and links send, and for the ledger.
func callersRoom(c config.Capacity) *api.Room {
	r := api.DefaultRoom()
	r.Content, r.Submissions, r.MostUrgent = int64(c.Memory)/4, c.Submissions, c.MostUrgent
	r.Readers, r.Connections = c.Readers, c.Connections
	return &r
}
