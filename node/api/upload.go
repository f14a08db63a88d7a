package api

import (
	"context"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	"github.com/yizhan-exchange/yizhan/node/api/admission"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

const opUpload = "api.submit"

// upload turns the stream of a submission into readers, one file after the
// other. It holds one piece at a time. The last bytes of a file are handed out
// only when the stream has shown that the file ends there: whoever reads all
// of a file has exactly the bytes that its header promised.
type upload struct {
	ctx      context.Context
	messages <-chan message
	idle     time.Duration
	ticket   *admission.Ticket // is told of waiting

	files  []exchange.File
	opened int    // files opened so far
	left   int64  // bytes that the open file still owes
	file   int    // whose piece is held
	piece  []byte // never empty while it is held
	ended  bool
	err    error // the first thing wrong with the stream
}

type message struct {
	request *pb.SubmitRequest
	err     error
}

// newUpload receives in a goroutine of its own, which ends with ctx: a receive
// cannot be interrupted, and the caller may be slow.
func newUpload(ctx context.Context, recv func() (*pb.SubmitRequest, error), idle time.Duration, t *admission.Ticket) *upload {
	messages := make(chan message)
	go func() {
		for {
			r, err := recv()
			select {
			case messages <- message{r, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return &upload{ctx: ctx, messages: messages, idle: idle, ticket: t}
}

// header reads the first message.
func (u *upload) header() (exchange.Submission, error) {
	r, err := u.receive()
	if err != nil {
		return exchange.Submission{}, err
	}
	if r.GetHeader() == nil {
		return exchange.Submission{}, u.problem("", "stream.header", "the first message must be the header", "第一条消息必须是报文头")
	}
	s := wire.DecodeSubmission(r.GetHeader())
	u.files = s.Files
	if len(u.files) == 0 {
		err = u.atEnd(-1)
	}
	return s, err
}

// open implements the argument of exchange.Service.Submit.
func (u *upload) open(i int) (io.Reader, error) {
	if i != u.opened || i >= len(u.files) || u.left > 0 {
		return nil, exchange.Errorf(exchange.Internal, opUpload, "files are read in order, each to its end; file %d was asked for", i)
	}
	u.opened, u.left = i+1, u.files[i].Size
	if u.left > 0 {
		return (*uploadFile)(u), nil
	}
	return (*uploadFile)(u), u.atEnd(i)
}

// uploadFile is an upload seen as the file that is open.
type uploadFile upload

// Read implements io.Reader.
func (f *uploadFile) Read(p []byte) (int, error) {
	u, i := (*upload)(f), f.opened-1
	if u.err != nil {
		return 0, u.err
	}
	if u.left <= 0 {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if err := u.hold(); err != nil {
		return 0, err
	}
	if u.ended || u.file != i {
		return 0, u.wrongSize(i, "short", "ends %d bytes before the size in the header", "比报文头所列大小少 %d 字节", u.left)
	}
	if over := int64(len(u.piece)) - u.left; over > 0 {
		return 0, u.tooLong(i, over)
	}
	return u.take(p, i)
}

// take copies from the held piece; with the last bytes of a file it first
// makes sure that the file ends.
func (u *upload) take(p []byte, i int) (int, error) {
	n := copy(p, u.piece)
	u.piece, u.left = u.piece[n:], u.left-int64(n)
	if u.left > 0 {
		return n, nil
	}
	if err := u.atEnd(i); err != nil {
		return 0, err
	}
	return n, nil
}

// atEnd fails when the stream goes on with file i or one before it, or with one
// that the header does not list.
func (u *upload) atEnd(i int) error {
	if err := u.hold(); err != nil {
		return err
	}
	if !u.ended && u.file <= i {
		return u.tooLong(u.file, int64(len(u.piece)))
	}
	return nil
}

// hold waits until a piece is held or the stream has ended.
func (u *upload) hold() error {
	for len(u.piece) == 0 && !u.ended {
		r, err := u.receive()
		if err != nil {
			return err
		}
		if err := u.keep(r); err != nil {
			return err
		}
	}
	return nil
}

func (u *upload) keep(r *pb.SubmitRequest) error {
	switch d := r.GetData(); {
	case r == nil: // ended
		return nil
	case d == nil:
		return u.problem("", "stream.message", "after the header only data may follow", "报文头之后只能是文件数据")
	case int64(d.GetFile()) >= int64(len(u.files)):
		return u.problem(fmt.Sprintf("files[%d]", d.GetFile()), "file.unlisted", "data of a file that the header does not list", "报文头未列出该文件")
	case len(d.GetData()) > maxPiece:
		return u.problem(fmt.Sprintf("files[%d]", d.GetFile()), "file.piece", "a piece is larger than 1 MiB", "单个数据块超过 1 MiB")
	default:
		u.file, u.piece = int(d.GetFile()), d.GetData()
		return nil
	}
}

// receive returns the next message, nil at the end of the stream.
func (u *upload) receive() (*pb.SubmitRequest, error) {
	if u.err != nil {
		return nil, u.err
	}
	m, came := u.await()
	switch {
	case came && m.err == io.EOF:
		u.ended = true
		return nil, nil
	case came:
		u.err = interrupted(m.err)
		return m.request, u.err
	case u.ctx.Err() != nil:
		u.err = interrupted(u.ctx.Err())
	default:
		u.err = exchange.Errorf(exchange.Unavailable, opUpload, "nothing was received for %s; send again with the same key", u.idle)
	}
	return nil, u.err
}

// lends is how long an upload waits for its sender before another submission is
// worked on in its place. A round trip is shorter: what was let in is then
// expected back at any moment.
const lends = 100 * time.Millisecond

// await waits for the next message, and tells the ticket that it does.
func (u *upload) await() (m message, came bool) {
	began := time.Now()
	defer func() { u.ticket.Rested(time.Since(began)) }()
	timer := time.NewTimer(lends)
	defer timer.Stop()
	select {
	case m = <-u.messages:
		return m, true
	case <-u.ctx.Done():
		return m, false
	case <-timer.C:
	}
	u.ticket.Idle(true)
	defer u.ticket.Idle(false)
	timer.Reset(u.idle)
	select {
	case m = <-u.messages:
		return m, true
	case <-u.ctx.Done():
	case <-timer.C:
	}
	return m, false
}

func interrupted(err error) error {
	switch {
	case err == nil:
		return nil
	case status.Code(err) == codes.ResourceExhausted:
		return exchange.Errorf(exchange.Invalid, opUpload, "a message is larger than %d bytes", maxMessage)
	}
	return exchange.Errorf(exchange.Unavailable, opUpload, "the upload was interrupted: %w", err)
}

// blame prefers what was wrong with the stream to what the pipeline made of it.
func (u *upload) blame(err error) error {
	if u.err != nil {
		return u.err
	}
	return err
}

func (u *upload) tooLong(i int, over int64) error {
	return u.wrongSize(i, "long", "goes on at least %d bytes after the size in the header", "比报文头所列大小至少多 %d 字节", over)
}

func (u *upload) wrongSize(i int, which, english, chinese string, n int64) error {
	return u.problem(fmt.Sprintf("files[%d].size", i), "file."+which, fmt.Sprintf(english, n), fmt.Sprintf(chinese, n))
}

func (u *upload) problem(field, code, english, chinese string) error {
	var p exchange.Problems
	p.Add(field, code, english, chinese, "", "send the file again while nothing changes it")
	u.err = p.Err(opUpload)
	return u.err
}
