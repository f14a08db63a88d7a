package node

import (
	"math"
	"sync/atomic"
	"time"
)

// roomEvery is how often the disks are looked at: a link asks for its credits
// many times a second.
const roomEvery = time.Second

// linkReserve is the most that is kept free for the ledger before links are
// told to wait. The content store stops earlier, at limits.free_disk; what is
// left below it is for receipts and small exchanges, down to a quarter of it.
const linkReserve = 256 << 20

// room remembers whether the disks of all hosted domains are above that
// watermark.
type room struct{ short atomic.Bool }

// watchRoom keeps room up to date while the node runs.
func (n *Node) watchRoom() error {
	for tick := time.NewTicker(roomEvery); ; {
		n.lookForRoom()
		select {
		case <-tick.C:
		case <-n.ctx.Done():
			tick.Stop()
			return nil
		}
	}
}

func (n *Node) lookForRoom() {
	short := false
	for _, d := range n.order {
		s, err := n.hosted[d].local.Stat(n.ctx)
		if err == nil && s.Free < min(s.Reserved/4, linkReserve) {
			short = true
		}
	}
	if n.room.short.Swap(short) == short {
		return
	}
	if short {
		n.log.Warn("a disk is below its watermark: neighbours are asked to keep what they have; free space, or lower limits.free_disk")
	} else {
		n.log.Info("the disks are above their watermarks again")
	}
}

// credits is what links grant their peers: nothing while a disk is below its
// watermark, so that neighbours keep what could not be kept here.
func (n *Node) credits() (bytes uint64, messages uint32) {
	if n.room.short.Load() {
		return 0, 0
	}
	return math.MaxUint64, math.MaxUint32 // as much as the window of the link
}
