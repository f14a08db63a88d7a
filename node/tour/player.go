package tour

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

// Units of the sample federation that play.
const (
	county   = "wjw@320582"
	city     = "wjw@320500"
	province = "wjw@320000"
)

// player plays the scenes and remembers what later ones come back to.
type player struct {
	Options
	clients map[string]*client.Client
	today   time.Time
	serial  int // of document numbers, so that a directory can be toured again

	filed, issued, relayed, recalled sent
	refused                          string // id of the refusal
}

// sent is an exchange as it was handed in.
type sent struct {
	exchange.Submission
	contents [][]byte
	answer   exchange.Submitted
}

func (s sent) id() string { return s.answer.ID.String() }

func newPlayer(o Options) (*player, error) {
	p := &player{Options: o, clients: map[string]*client.Client{}, today: time.Now().In(time.FixedZone("CST", 8*3600)), serial: rand.IntN(90000) + 1}
	for _, unit := range []string{county, city, province} {
		c, err := o.Client(unit)
		if err != nil {
			p.close()
			return nil, err
		}
		p.clients[unit] = c
	}
	return p, nil
}

func (p *player) close() {
	for _, c := range p.clients {
		_ = c.Close()
	}
}

func (p *player) printf(format string, args ...any) { _, _ = fmt.Fprintf(p.Out, format, args...) }

func (p *player) as(unit string) *client.Client { return p.clients[unit] }

// number makes a 发文字号 of today's year that was not used before.
func (p *player) number(code string) string {
	p.serial++
	return fmt.Sprintf("%s〔%d〕%d号", code, p.today.Year(), p.serial)
}

func (p *player) date() string { return p.today.Format("2006年1月2日") }

// submit hands in as a unit; the first file of a document is its text.
func (p *player) submit(ctx context.Context, unit string, s exchange.Submission, files ...file) (sent, error) {
	out := sent{Submission: s}
	if out.Key == "" {
		out.Key = client.NewKey()
	}
	out.Files = nil
	for i, f := range files {
		out.Files = append(out.Files, exchange.File{Name: f.name, Size: int64(len(f.content)), Main: i == 0 && s.Kind == "document"})
		out.contents = append(out.contents, f.content)
	}
	var err error
	out.answer, err = p.as(unit).Submit(ctx, out.Submission, out.open)
	return out, err
}

func (s sent) open(i int) (io.Reader, error) { return bytes.NewReader(s.contents[i]), nil }

// file is one file to hand in.
type file struct {
	name    string
	content []byte
}

// mebibytes makes content that no compression shrinks.
func mebibytes(n int) []byte {
	seed := [32]byte{byte(n)}
	b := make([]byte, n<<20+17)
	_, _ = rand.NewChaCha8(seed).Read(b) // never fails
	return b
}

// errSeen ends a watch that has seen what it waited for.
var errSeen = errors.New("seen")

// await watches an exchange until its deliveries are as wanted, written
// "TO=state [state@domain …]" and joined by "; ".
func (p *player) await(ctx context.Context, unit string, s sent, want string) error {
	ctx, cancel := context.WithTimeout(ctx, stepLimit/2)
	defer cancel()
	got := "nothing"
	err := p.as(unit).Watch(ctx, s.id(), func(t exchange.Tracking) error {
		if got = chain(t); got == want {
			return errSeen
		}
		return nil
	})
	if errors.Is(err, errSeen) {
		return nil
	}
	return errors.Join(expect("track of "+unit, want, got), err)
}

// listed asks for a unit's inbox until the exchange is in it as wanted: any
// replica may answer, and may be a moment behind.
func (p *player) listed(ctx context.Context, unit string, s sent, want string) error {
	ctx, cancel := context.WithTimeout(ctx, stepLimit/10)
	defer cancel()
	for {
		got, err := p.inboxLine(ctx, unit, s)
		if err == nil && got == want {
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(expect("inbox of "+unit, want, got), err)
		}
	}
}

func (p *player) inboxLine(ctx context.Context, unit string, s sent) (string, error) {
	inbox, err := p.as(unit).Inbox(ctx, exchange.ListQuery{})
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(inbox.Items, func(r exchange.Summary) bool { return r.ID == s.answer.ID })
	if i < 0 {
		return fmt.Sprintf("not among the %d listed", len(inbox.Items)), nil
	}
	return fmt.Sprintf("%s from %s, %s", inbox.Items[i].Title, inbox.Items[i].From, inbox.Items[i].State), nil
}

// chain writes the deliveries with their receipts.
func chain(t exchange.Tracking) string {
	var all []string
	for _, d := range t.Deliveries {
		var receipts []string
		for _, r := range d.Receipts {
			receipts = append(receipts, r.State+"@"+string(r.Domain))
		}
		all = append(all, fmt.Sprintf("%s=%s [%s]", d.To, d.State, strings.Join(receipts, " ")))
	}
	return strings.Join(all, "; ")
}

// expect compares, and tells both when they differ.
func expect[T comparable](what string, want, got T) error {
	if want == got {
		return nil
	}
	return fmt.Errorf("%s: expected 应为 %v\n%s  happened 实际 %v", what, want, strings.Repeat(" ", len(what)), got)
}

// expectCode holds a refusal to its code and, when one is given, to a reason
// that has a clause.
func expectCode(err error, code exchange.Code, reason string) error {
	var codes []string
	var e *exchange.Error
	if !errors.As(err, &e) {
		e = &exchange.Error{}
	}
	if got := exchange.CodeOf(err); got != code {
		return errors.Join(expect("refusal", code, got), err, fmt.Errorf("%+v", e.Problems))
	}
	if reason == "" {
		return nil
	}
	for _, p := range e.Problems {
		if codes = append(codes, p.Code); p.Code == reason && p.Clause != "" {
			return nil
		}
	}
	return expect("reason with its clause", reason, strings.Join(codes, " "))
}
