package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

const opSubmit = "client.submit"

// Submit implements exchange.Service. After an unknown outcome it sends the
// same again under the same key, calling open from 0, until ctx ends; with an
// empty key it makes one. If it ends with Unknown, calling it again with the
// same key and content finds out.
func (c *Client) Submit(ctx context.Context, s exchange.Submission, open func(int) (io.Reader, error)) (exchange.Submitted, error) {
	if err := checkText(s); err != nil {
		return exchange.Submitted{}, err
	}
	if s.Key == "" {
		s.Key = NewKey()
	}
	var out exchange.Submitted
	err := c.run(ctx, request{op: opSubmit, method: pb.Exchange_Submit_FullMethodName, repeats: true, do: func(ctx context.Context, e *endpoint) error {
		var err error
		out, err = submit(ctx, e, s, open)
		return err
	}})
	return out, err
}

func submit(ctx context.Context, e *endpoint, s exchange.Submission, open func(int) (io.Reader, error)) (exchange.Submitted, error) {
	ctx, cancel := context.WithCancel(ctx) // ends the stream when this side fails
	defer cancel()
	size := contentSize(s)
	stream, err := e.exchange().Submit(metadata.AppendToOutgoingContext(ctx, claims(s, size)...))
	if err != nil {
		return exchange.Submitted{}, err
	}
	err = stream.Send(&pb.SubmitRequest{Part: &pb.SubmitRequest_Header{Header: wire.EncodeSubmission(s)}})
	if err == nil && size > sentAtOnce {
		_, err = stream.Header() // comes when there is room, or with the refusal
	}
	for i := 0; err == nil && i < len(s.Files); i++ {
		err = sendFile(stream, i, s.Files[i], open)
	}
	if err != nil && !errors.Is(err, errAnswered) && err != io.EOF {
		return exchange.Submitted{}, err
	}
	out, err := stream.CloseAndRecv() // also tells why the stream ended early
	if err != nil {
		return exchange.Submitted{}, err
	}
	return wire.DecodeSubmitted(out)
}

// sentAtOnce is up to how many bytes of content are sent without asking: less
// than what a refusal costs otherwise.
const sentAtOnce = 16 << 10

func contentSize(s exchange.Submission) (n int64) {
	for _, f := range s.Files {
		n += max(0, f.Size)
	}
	return n
}

// claims says in metadata how urgent and how large a submission is.
func claims(s exchange.Submission, size int64) []string {
	kv := []string{wire.HeaderContentBytes, strconv.FormatInt(size, 10)}
	if u, ok := exchange.ParseUrgency(s.Urgency); ok && u != exchange.Ordinary {
		kv = append(kv, wire.HeaderUrgency, wire.EncodeUrgencyHeader(u))
	}
	return kv
}

// errAnswered says that the server has answered before it read everything.
var errAnswered = errors.New("answered")

// sendFile streams one file and makes sure that it has the size that the
// header promised.
func sendFile(stream grpc.ClientStreamingClient[pb.SubmitRequest, pb.SubmitResponse], i int, f exchange.File, open func(int) (io.Reader, error)) error {
	r, err := open(i)
	if err != nil {
		return local(opSubmit, err)
	}
	var sent int64
	for {
		piece := make([]byte, min(pieceSize, f.Size-sent+1)) // gRPC may keep it
		n, err := io.ReadFull(r, piece)
		ended := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !ended {
			return local(opSubmit, err)
		}
		if sent += int64(n); sent > f.Size || ended && sent < f.Size {
			return changed(i, f.Size)
		}
		if n > 0 {
			data := &pb.FileData{File: uint32(i), Data: piece[:n]}
			if err := stream.Send(&pb.SubmitRequest{Part: &pb.SubmitRequest_Data{Data: data}}); err == io.EOF {
				return errAnswered
			} else if err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
	}
}

func changed(i int, size int64) error {
	var p exchange.Problems
	p.Add(fmt.Sprintf("files[%d].size", i), "file.changed", fmt.Sprintf("the file does not have the %d bytes that were announced", size),
		"文件大小与登记的不一致，发送期间可能被修改", "", "send the file again while nothing changes it")
	return p.Err(opSubmit)
}

// checkText finds text that is not UTF-8, as a terminal or a file system that
// speaks GBK produces it; no message could carry it.
func checkText(s exchange.Submission) error {
	var p exchange.Problems
	check := func(field, v string) {
		if !utf8.ValidString(v) {
			p.Add(field, "text.encoding", "the text is not UTF-8", "文字不是 UTF-8 编码", "", "set the terminal to UTF-8, or convert from GBK first")
		}
	}
	for _, f := range []struct{ field, value string }{
		{"idempotency_key", s.Key}, {"kind", s.Kind}, {"type", s.Type}, {"number", s.Number}, {"title", s.Title}, {"signer", s.Signer},
		{"date", s.Date}, {"urgency", s.Urgency}, {"secrecy", s.Secrecy}, {"copies", s.Copies}, {"disclosure", s.Disclosure},
		{"disclosure_reason", s.DisclosureReason}, {"share", s.Share}, {"share_basis", s.ShareBasis}, {"case_no", s.CaseNo},
		{"remarks", s.Remarks},
	} {
		check(f.field, f.value)
	}
	for i, v := range s.To {
		check(fmt.Sprintf("to[%d]", i), v)
	}
	for i, v := range s.Cc {
		check(fmt.Sprintf("cc[%d]", i), v)
	}
	for i, f := range s.Files {
		check(fmt.Sprintf("files[%d].name", i), f.Name)
	}
	return p.Err(opSubmit)
}
