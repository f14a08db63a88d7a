package admission

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

const kib = 1 << 10

func limits() Limits {
	return Limits{Submissions: 8, Content: 64 << 20, MostUrgent: 60, Waiting: 64, Patience: time.Second}
}

// fill lets others in until nobody more is worked on at once.
func fill(t *testing.T, d *Door) (open []*Ticket) {
	t.Helper()
	for d.working[0] < d.pace.open()*whole {
		open = append(open, arrive(t, d, "filler", Ordinary, 64*kib))
	}
	return open
}

func arrive(t *testing.T, d *Door, flow string, c Class, size int64) *Ticket {
	t.Helper()
	k, err := d.Arrive(Claim{Flow: flow, Known: true, Class: c, Size: size})
	if err != nil {
		t.Fatalf("%s %s: %v", flow, c, err)
	}
	return k
}

// order ends tickets that are open one by one, and returns the flows in the
// order in which those that waited were let in.
func order(t *testing.T, open, waiting []*Ticket) (out []string) {
	t.Helper()
	for len(waiting) > 0 {
		if len(open) == 0 {
			t.Fatal("nobody is open, and some wait still")
		}
		open[0].Done(false)
		open = open[1:]
		waiting = slices.DeleteFunc(waiting, func(k *Ticket) bool {
			if k.state == granted {
				open = append(open, k)
				out = append(out, k.flow)
			}
			return k.state == granted
		})
	}
	return out
}

func TestTheUnitsThatWaitAreServedInTurn(t *testing.T) {
	d := NewDoor(limits(), time.Now)
	open := fill(t, d)
	var waiting []*Ticket
	for _, flow := range []string{"a", "a", "a", "a", "b", "c", "b"} {
		waiting = append(waiting, arrive(t, d, flow, Ordinary, 64*kib))
	}
	if got := strings.Join(order(t, open, waiting), ""); got != "abcabaa" {
		t.Errorf("served %s, want abcabaa", got)
	}
}

func TestMostUrgentFindsAPlaceWhenTheDoorIsFullOfOthers(t *testing.T) {
	d := NewDoor(limits(), time.Now)
	fill(t, d)
	behind := arrive(t, d, "a", Ordinary, 64*kib)
	urgent := arrive(t, d, "b", MostUrgent, 64*kib)
	if behind.state != waits || urgent.state != granted {
		t.Errorf("the ordinary one is %d, 特急 is %d", behind.state, urgent.state)
	}
}

func TestThoseThatRideInACommandAreWorkedOnTogether(t *testing.T) {
	l := limits()
	l.Submissions, l.Waiting = 128, 256
	d := NewDoor(l, time.Now)
	var open []*Ticket
	for range 200 {
		if k, err := d.Arrive(Claim{Flow: "small", Known: true, Class: Ordinary, Size: riding}); err == nil && k.state == granted {
			open = append(open, k)
		}
	}
	if want := firstOpen * whole; len(open) != want {
		t.Fatalf("%d small ones are worked on at once, want %d", len(open), want)
	}
	if k := arrive(t, d, "pressing", MostUrgent, 64*kib); k.state != granted {
		t.Error("small ones keep 特急 out")
	}
	other := arrive(t, d, "other", Ordinary, riding+1)
	for other.state == waits && len(open) > 0 {
		open[0].Done(true)
		open = open[1:]
	}
	if other.state != granted || len(open) == 0 {
		t.Errorf("a larger one waited until small ones had ended: %d were left", len(open))
	}
}

func TestWhatTurnsOutToBeSmallLeavesNothingCounted(t *testing.T) {
	d := NewDoor(limits(), time.Now)
	k := arrive(t, d, "a", Ordinary, -1) // takes a whole place
	if err := k.Declare(exchange.Ordinary, kib); err != nil {
		t.Fatal(err)
	}
	k.Idle(true)
	k.Idle(false) // now it takes a share
	k.Done(true)
	if d.working != [2]int{} || d.busy != 0 || d.held != [2]int64{} {
		t.Errorf("left counted: %v, %d, %v", d.working, d.busy, d.held)
	}
}

func TestMostUrgentFindsAPlaceWhenUploadsThatDoNotEndFillTheDoor(t *testing.T) {
	l := limits()
	d := NewDoor(l, time.Now)
	for i := range 100 { // each waits for its sender, so another is let in
		if k, err := d.Arrive(Claim{Flow: fmt.Sprint(i), Class: Ordinary, Size: 64 * kib}); err == nil {
			k.Idle(true)
		}
	}
	if n := d.Status().Open; n != l.Submissions-d.reserve {
		t.Errorf("%d are open, of %d", n, l.Submissions)
	}
	if k := arrive(t, d, "b", MostUrgent, 64*kib); k.state != granted {
		t.Error("特急 waits")
	}
}

func TestWhatNeverEndsIsNotWaitedForByLargeOnesOnly(t *testing.T) {
	d := NewDoor(limits(), time.Now)
	for range 10 {
		if k, err := d.Arrive(Claim{Flow: "big", Class: Bulk, Size: 1 << 30}); err == nil {
			k.Idle(true)
		}
	}
	if n := d.open[Bulk]; n != 2 {
		t.Errorf("%d large ones are open, want a quarter of 8", n)
	}
	if k := arrive(t, d, "a", Ordinary, 64*kib); k.state != granted {
		t.Error("an ordinary one waits for large ones")
	}
}

func TestOneUnitDoesNotHoldTheWholeDoorOpen(t *testing.T) {
	d := NewDoor(Limits{Submissions: 16, Content: 256 << 20, MostUrgent: 1000, Waiting: 64, Patience: time.Second}, time.Now)
	for range 100 {
		if k, err := d.Arrive(Claim{Flow: "slow", Known: true, Class: MostUrgent, Size: 64 * kib}); err == nil {
			k.Idle(true)
		}
	}
	if n := d.flows["slow"]; n != 12 {
		t.Errorf("it holds %d of 16, want three quarters", n)
	}
	if k := arrive(t, d, "other", MostUrgent, 64*kib); k.state != granted {
		t.Error("another unit waits for it")
	}
}

func TestEveryClassHasItsShareHoweverManyWaitInTheOthers(t *testing.T) {
	d := NewDoor(limits(), time.Now)
	open := fill(t, d)
	var waiting []*Ticket
	for range 16 {
		for _, c := range []Class{Urgent, Ordinary, Bulk} {
			if k, err := d.Arrive(Claim{Flow: c.String(), Class: c, Size: 64 * kib}); err == nil {
				waiting = append(waiting, k)
			}
		}
	}
	count := map[string]int{}
	for _, flow := range order(t, open, waiting)[:14] {
		count[flow]++
	}
	// Four to two to one, less what ordinary ones had before the others came.
	if count["urgent"] < 7 || count["ordinary"] < 3 || count["bulk"] < 2 {
		t.Errorf("of the first 14: %v", count)
	}
}

func TestMostUrgentWithoutEndLeavesTheOthersOnePlace(t *testing.T) {
	d := NewDoor(Limits{Submissions: 8, Content: 64 << 20, MostUrgent: 1 << 20, Waiting: 64, Patience: time.Second}, time.Now)
	for range 50 {
		_, _ = d.Arrive(Claim{Flow: "alarm", Known: true, Class: MostUrgent, Size: 64 * kib})
	}
	if k := arrive(t, d, "a", Ordinary, 64*kib); k.state != granted {
		t.Error("an ordinary one waits while 特急 alone is worked on")
	}
}

func TestBeyondItsQuotaAUnitIsOneOfTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limits()
		l.MostUrgent = 2
		d := NewDoor(l, time.Now)
		for i, want := range []Class{MostUrgent, MostUrgent, Ordinary} {
			k := arrive(t, d, "a", MostUrgent, 64*kib)
			if k.class != want {
				t.Errorf("number %d goes with %s, want %s", i+1, k.class, want)
			}
			k.Done(false)
		}
		if k := arrive(t, d, "b", MostUrgent, 64*kib); k.class != MostUrgent {
			t.Error("one unit's quota is another's too")
		}
		time.Sleep(30 * time.Second)
		if k := arrive(t, d, "a", MostUrgent, 64*kib); k.class != MostUrgent {
			t.Error("half a minute gives one of two back")
		}
	})
}

func TestAQuotaOfZeroLetsNoneGoFirst(t *testing.T) {
	l := limits()
	l.MostUrgent = 0
	d := NewDoor(l, time.Now)
	if k := arrive(t, d, "a", MostUrgent, 64*kib); k.class != Ordinary {
		t.Errorf("it goes with %s", k.class)
	}
}

func TestAQuotaIsChargedWhenTheUnitIsKnown(t *testing.T) {
	l := limits()
	l.MostUrgent = 1
	d := NewDoor(l, time.Now)
	fill(t, d)
	var all []*Ticket
	for range 8 { // more than are let in at once, so some wait
		k, err := d.Arrive(Claim{Flow: "10.0.0.1", Class: MostUrgent, Size: 64 * kib})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, k)
	}
	demoted := 0
	for _, k := range all {
		if k.state == waits {
			_ = k.Identify("a")
			if k.class == Ordinary {
				demoted++
			}
		}
	}
	if waiting := len(all) - d.reserve; demoted != waiting-1 {
		t.Errorf("%d of %d that waited were made ordinary, want all but one", demoted, waiting)
	}
}

func TestAFullRoomMakesWayForAUnitThatHasFewerWaiting(t *testing.T) {
	d := NewDoor(limits(), time.Now)
	fill(t, d)
	var storm []*Ticket
	for {
		k, err := d.Arrive(Claim{Flow: "storm", Class: Ordinary, Size: 64 * kib})
		if err != nil {
			break
		}
		storm = append(storm, k)
	}
	if want := d.room(Ordinary); len(storm) != want {
		t.Errorf("%d wait, want %d", len(storm), want)
	}
	if _, err := d.Arrive(Claim{Flow: "10.0.0.1", Class: Ordinary, Size: 64 * kib}); err == nil {
		t.Error("a stranger makes others give way")
	}
	quiet := arrive(t, d, "quiet", Ordinary, 64*kib)
	last := storm[len(storm)-1]
	if quiet.state != waits || last.state != ended || exchange.CodeOf(last.refusal) != exchange.Exhausted {
		t.Errorf("the newcomer is %d, the newest of the storm %d: %v", quiet.state, last.state, last.refusal)
	}
	if got := d.Status().Refused; got[Full] != 2 || got[Displaced] != 1 {
		t.Errorf("counted %v", got)
	}
}

func TestWaitingEndsWithThePatienceAndSaysWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDoor(limits(), time.Now)
		fill(t, d)
		k := arrive(t, d, "a", Ordinary, 64*kib)
		began := time.Now()
		err := k.Wait(t.Context())
		var e *exchange.Error
		if !errors.As(err, &e) || e.Code != exchange.Exhausted || e.RetryAfter < shortestHint || time.Since(began) != time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := arrive(t, d, "a", Ordinary, 64*kib).Wait(gone); exchange.CodeOf(err) != exchange.Exhausted {
			t.Errorf("the caller went away: %v", err)
		}
		if got := d.Status(); got.Refused[Waited] != 1 || got.Refused[Gone] != 1 || got.Waiting[Ordinary] != 0 {
			t.Errorf("%+v", got)
		}
	})
}

func TestThoseRefusedAreAskedBackAsFastAsTheyCanBeServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDoor(limits(), time.Now)
		fill(t, d)
		perSecond := d.pace.perSecond()
		asked := map[time.Duration]int{} // by second
		var last time.Duration
		for range 4000 {
			_, err := d.Arrive(Claim{Flow: "storm", Class: Ordinary, Size: 64 * kib})
			if err == nil {
				continue
			}
			hint := retryAfter(err)
			if hint < last || hint < shortestHint {
				t.Fatalf("asked back in %s, the one before in %s", hint, last)
			}
			last = hint
			asked[hint.Truncate(time.Second)]++
		}
		for second, n := range asked {
			if float64(n) > perSecond*1.3 {
				t.Errorf("%d are asked back within the second after %s, %.0f can be served", n, second, perSecond)
			}
		}
		if want := 4000 * optimism / perSecond; last.Seconds() < want*0.9 || last.Seconds() > want*1.1 {
			t.Errorf("the last is asked back in %s, want about %.0f s", last, want)
		}
		if n := d.Status().Backlog; n < 3800 || n > 4100 {
			t.Errorf("%d are expected back", n)
		}
		time.Sleep(longestHint) // nobody came
		_, err := d.Arrive(Claim{Flow: "storm", Class: Ordinary, Size: 64 * kib})
		if got := retryAfter(err); got != shortestHint {
			t.Errorf("after all could have been served the hint is %s", got)
		}
	})
}

func TestNobodyIsAskedToWaitLongerThanTheLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDoor(limits(), time.Now)
		fill(t, d)
		for range 100_000 {
			if _, err := d.Arrive(Claim{Flow: "storm", Class: Ordinary, Size: 64 * kib}); retryAfter(err) > longestHint {
				t.Fatal(err)
			}
		}
		var err error
		for err == nil {
			_, err = d.Arrive(Claim{Flow: "alarm", Class: MostUrgent, Size: 64 * kib})
		}
		if got := retryAfter(err); got != urgentHint {
			t.Errorf("特急 is asked back in %s", got)
		}
	})
}

func retryAfter(err error) time.Duration {
	var e *exchange.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.RetryAfter
}

func TestAClaimThatFallsShortIsInvalid(t *testing.T) {
	d := NewDoor(limits(), time.Now)
	k := arrive(t, d, "a", MostUrgent, 10)
	err := k.Declare(exchange.Urgent, 11)
	var e *exchange.Error
	if !errors.As(err, &e) || e.Code != exchange.Invalid || len(e.Problems) != 2 {
		t.Errorf("got %v", err)
	}
	k.Done(false)
	unknown := arrive(t, d, "a", Ordinary, -1)
	before := d.held[0]
	if err := unknown.Declare(exchange.MostUrgent, 10); err != nil {
		t.Error(err)
	}
	if d.held[0] >= before || d.held[0] != holdsFixed+20 {
		t.Errorf("%d bytes are held, %d before", d.held[0], before)
	}
}

// TestWhateverHappensTheBoundsHold plays arrivals, waits, rests and ends at
// random, and looks at the bounds after each.
func TestWhateverHappensTheBoundsHold(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		now := time.Unix(0, 0)
		l := Limits{Submissions: 1 + r.IntN(24), Content: int64(LeastContent + r.IntN(100<<20)), MostUrgent: r.IntN(50), Waiting: 64, Patience: time.Second}
		d := NewDoor(l, func() time.Time { return now })
		var wake func() // of the only rest that there can be
		var at time.Time
		d.after = func(gap time.Duration, f func()) { wake, at = f, now.Add(gap) }
		var all []*Ticket
		for range 600 {
			now = now.Add(time.Duration(r.IntN(20)) * time.Millisecond)
			if wake != nil && !now.Before(at) {
				f := wake
				wake = nil
				f()
			}
			switch n := r.IntN(10); {
			case n < 4:
				size := int64(r.IntN(100 * kib))
				if r.IntN(5) == 0 {
					size = int64(r.IntN(64 << 20))
				}
				u := exchange.Urgency(r.IntN(3))
				k, err := d.Arrive(Claim{Flow: fmt.Sprint(r.IntN(5)), Known: r.IntN(2) == 0, Class: ClassOf(u, size), Size: size})
				if err == nil {
					all = append(all, k)
				}
			case len(all) == 0:
			case n < 6:
				all[r.IntN(len(all))].Idle(r.IntN(2) == 0)
			case n < 7:
				_ = all[r.IntN(len(all))].Identify(fmt.Sprint(r.IntN(5)))
			default:
				i := r.IntN(len(all))
				all[i].Done(r.IntN(4) > 0)
				all = slices.Delete(all, i, i+1)
			}
			bounds(t, seed, d)
		}
		for _, k := range all {
			k.Done(true)
		}
		if d.held != [2]int64{} || d.Status().Open != 0 || d.working != [2]int{} || len(d.flows) != 0 || d.waitingNow() != 0 {
			t.Fatalf("seed %d: after all have ended: %+v, working %v, flows %v", seed, d.Status(), d.working, d.flows)
		}
	}
}

func bounds(t *testing.T, seed uint64, d *Door) {
	t.Helper()
	s := d.Status()
	if s.Open > d.limits.Submissions || s.Content > d.limits.Content {
		t.Fatalf("seed %d: %d open, %d bytes of %d", seed, s.Open, s.Content, d.limits.Content)
	}
	for c, n := range s.Waiting {
		if top := d.limits.Waiting; n > top {
			t.Fatalf("seed %d: %d wait in %s, at most %d may", seed, n, Class(c), top)
		}
	}
	// Nobody waits who would fit.
	if k := d.first(); k != nil {
		t.Fatalf("seed %d: %s of %s waits and fits", seed, k.class, k.flow)
	}
}

func TestTheDoorRestsForMostUrgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDoor(limits(), time.Now)
		one := func(c Class, took time.Duration) {
			k := arrive(t, d, "a", c, 64*kib)
			if err := k.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(took)
			k.Done(true)
		}
		for range calmAfter {
			one(Ordinary, 20*time.Millisecond)
		}
		for range 100 {
			one(MostUrgent, 200*time.Millisecond)
		}
		one(Ordinary, 200*time.Millisecond)
		ended := time.Now()
		behind := arrive(t, d, "b", Ordinary, 64*kib)
		if behind.state != waits {
			t.Fatal("another comes in at once")
		}
		one(MostUrgent, 0) // as if nobody had been there
		if err := behind.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if gap := time.Since(ended); gap < 200*time.Millisecond || gap > longestGap {
			t.Errorf("the next comes in after %v", gap)
		}
		behind.Done(false)

		time.Sleep(pressing) // and no 特急 comes any more
		for range 2 {
			small := arrive(t, d, "c", Ordinary, kib)
			if small.state != granted {
				t.Fatal("without 特急 a small one is held back")
			}
			small.Done(true)
		}
	})
}
