package admission

import (
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
)

func TestAUnitHasAtMostAQuarterOfTheSeats(t *testing.T) {
	s := NewSeats("downloads", "下载", 8)
	var seats []*Seat
	assign := func(flow string) error {
		seat, err := s.Take()
		if err != nil {
			return err
		}
		if err := seat.Assign(flow); err != nil {
			seat.Leave()
			return err
		}
		seats = append(seats, seat)
		return nil
	}
	for i := range 3 {
		if err := assign("a"); (err != nil) != (i == 2) {
			t.Errorf("number %d of a: %v", i+1, err)
		}
	}
	for _, flow := range []string{"b", "b", "c", "c", "d", "d"} {
		if err := assign(flow); err != nil {
			t.Errorf("%s: %v", flow, err)
		}
	}
	err := assign("e")
	if exchange.CodeOf(err) != exchange.Exhausted || retryAfter(err) != seatHint {
		t.Errorf("all are taken: %v", err)
	}
	for _, seat := range seats {
		seat.Leave()
		seat.Leave()
	}
	if taken, total, refused := s.Status(); taken != 0 || total != 8 || refused != 2 || len(s.flows) != 0 {
		t.Errorf("%d of %d taken, %d refused", taken, total, refused)
	}
}
