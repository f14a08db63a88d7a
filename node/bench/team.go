package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

// member files one case after another over a connection of its own.
type member struct {
	client *client.Client
	probes bool // waits for each to arrive
	took   []time.Duration
	last   exchange.ID
}

// team is the clients and one probe.
type team struct {
	members []*member
	content []byte
}

func newTeam(o Options) (*team, error) {
	t := &team{content: make([]byte, o.Size)}
	_, _ = rand.Read(t.content) // never fails
	for i := range o.Clients + 1 {
		c, err := o.Client(sender)
		if err != nil {
			t.close()
			return nil, err
		}
		t.members = append(t.members, &member{client: c, probes: i == o.Clients})
	}
	return t, nil
}

func (t *team) close() {
	for _, m := range t.members {
		_ = m.client.Close()
	}
}

// together runs all members and joins what they fail with.
func (t *team) together(do func(*member) error) error {
	errs := make([]error, len(t.members))
	var all sync.WaitGroup
	for i, m := range t.members {
		all.Go(func() { errs[i] = do(m) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// warmUp connects everybody and fills what is filled once.
func (t *team) warmUp(ctx context.Context) error {
	err := t.together(func(m *member) error {
		for range 3 {
			if err := m.one(ctx, t.content); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = t.awaitLast(ctx)
	}
	for _, m := range t.members {
		m.took = nil
	}
	return err
}

func (t *team) file(ctx context.Context, until time.Time) error {
	return t.together(func(m *member) error {
		for time.Now().Before(until) {
			if err := m.one(ctx, t.content); err != nil {
				return err
			}
		}
		return nil
	})
}

// one files one case.
func (m *member) one(ctx context.Context, content []byte) error {
	began := time.Now()
	out, err := m.client.Submit(ctx, exchange.Submission{
		Key: client.NewKey(), Kind: "case", To: []string{recipient}, Type: "上报件", Title: "测量用办件",
		Files: []exchange.File{{Name: "材料.ofd", Size: int64(len(content))}},
	}, func(int) (io.Reader, error) { return bytes.NewReader(content), nil })
	if err != nil {
		return err
	}
	m.last = out.ID
	if m.probes {
		if err := m.arrived(ctx); err != nil {
			return err
		}
	}
	m.took = append(m.took, time.Since(began))
	return nil
}

var errArrived = errors.New("arrived")

// arrived watches the last one filed until ARRIVED is back.
func (m *member) arrived(ctx context.Context) error {
	err := m.client.Watch(ctx, m.last.String(), func(t exchange.Tracking) error {
		if t.Deliveries[0].State == exchange.Arrived.String() {
			return errArrived
		}
		return nil
	})
	if errors.Is(err, errArrived) {
		return nil
	}
	return err
}

// awaitLast waits until everything filed has arrived: a link keeps the order,
// so each member's last is enough.
func (t *team) awaitLast(ctx context.Context) error {
	return t.together(func(m *member) error {
		if m.last == (exchange.ID{}) {
			return nil
		}
		return m.arrived(ctx)
	})
}

func (t *team) latencies() (accept, arrive []time.Duration) {
	for _, m := range t.members {
		if m.probes {
			arrive = append(arrive, m.took...)
		} else {
			accept = append(accept, m.took...)
		}
	}
	return accept, arrive
}
