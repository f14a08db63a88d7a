package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/newlife"
	"github.com/yizhan-exchange/yizhan/node/raftnode"
	"github.com/yizhan-exchange/yizhan/node/store"
)

const opRecover = "node.recover"

// ErrNothingKept reports a data directory without a ledger or log.
var ErrNothingKept = errors.New("nothing was ever kept here")

// Survivor is what a stopped replica knows, for whoever decides which replica a
// domain is recovered from.
type Survivor struct {
	Domain       exchange.Domain   `json:"domain"`
	Replica      exchange.Replica  `json:"replica"`
	Term         uint64            `json:"term"`
	LastLog      uint64            `json:"last_log"`
	LastTerm     uint64            `json:"last_term"`
	LastWritten  time.Time         `json:"last_written,omitzero"` // when a leader wrote that entry, by its clock
	Applied      uint64            `json:"applied_index"`         // everything up to here was committed
	LedgerTime   exchange.Time     `json:"ledger_time"`
	Incarnation  uint64            `json:"incarnation"`
	FeatureLevel uint32            `json:"feature_level"`
	Exchanges    uint64            `json:"exchanges"`
	Members      []exchange.Member `json:"members"`
	// Uncertain are the commands in the log that may not have been committed.
	// Recovering commits them.
	Uncertain []Uncertain `json:"uncertain"`
	NewLife   string      `json:"new_life,omitempty"` // a recovery or restore that has not been begun yet: its reason
	Left      string      `json:"left,omitempty"`     // why its part in the domain has ended
}

// Uncertain is one command of the log that may or may not have been committed.
type Uncertain struct {
	Index    uint64    `json:"index"`
	Term     uint64    `json:"term"`
	At       time.Time `json:"at,omitzero"`
	Kind     string    `json:"kind"` // as ledger.Command names it; membership, nothing
	Exchange string    `json:"exchange,omitempty"`
}

// Inspect tells what the replicas of a stopped node know; d "" means all. A node
// that runs is store.ErrInUse.
func Inspect(c *config.Node, d exchange.Domain) ([]Survivor, error) {
	var out []Survivor
	for i := range c.Domains {
		if d != "" && c.Domains[i].Domain != d {
			continue
		}
		s, err := inspect(c, &c.Domains[i])
		if err != nil {
			return nil, fmt.Errorf("domain %s: %w", c.Domains[i].Domain, err)
		}
		out = append(out, s)
	}
	if out == nil {
		return nil, exchange.Errorf(exchange.NotFound, opRecover, "%s hosts no replica of %s", c.Name, d)
	}
	return out, nil
}

func inspect(c *config.Node, d *config.Domain) (s Survivor, err error) {
	err = offline(c, d, func(dir string, o raftnode.Offline) error {
		i, err := raftnode.Inspect(o)
		if err != nil {
			return err
		}
		if s, err = survivor(d, o.Store, i); err != nil {
			return err
		}
		l, marked, err := newlife.Read(dir)
		if marked {
			s.NewLife = l.Reason
		}
		past, _, errLeft := readLeft(dir)
		s.Left = past.Reason
		return errors.Join(err, errLeft)
	})
	return s, err
}

// offline opens what a stopped replica keeps.
func offline(c *config.Node, d *config.Domain, do func(dir string, o raftnode.Offline) error) (err error) {
	dir := filepath.Join(c.Data, string(d.Domain))
	if _, err := os.Stat(filepath.Join(dir, "state")); err != nil {
		return fmt.Errorf("%w: %w", ErrNothingKept, err)
	}
	p, err := sm.New(c.Crypto.Provider)
	if err != nil {
		return err
	}
	s, err := store.Open(filepath.Join(dir, "state"), store.Options{Hash: p.Sum})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return do(dir, raftnode.Offline{Dir: filepath.Join(dir, "log"), Store: s})
}

func survivor(d *config.Domain, s *store.Store, i raftnode.Inspection) (Survivor, error) {
	out := Survivor{Domain: d.Domain, Replica: d.Replica, Term: i.Term, LastLog: i.LastLog, LastTerm: i.LastTerm, LastWritten: i.LastAt,
		Applied: i.Applied, Uncertain: []Uncertain{}}
	for _, m := range i.Members {
		out.Members = append(out.Members, exchange.Member{Replica: m.Replica, Address: m.Address, Voter: m.Voter})
	}
	for _, e := range i.Uncertain {
		out.Uncertain = append(out.Uncertain, uncertain(e)...)
	}
	return out, s.View(func(r ledger.Reader) error {
		self, _, err := ledger.SelfOf(r)
		counts, errCounts := ledger.CountsOf(r)
		out.Incarnation, out.LedgerTime, out.FeatureLevel, out.Exchanges = self.Incarnation, ledger.TimeOf(r), ledger.LevelOf(r), counts.Exchanges
		return errors.Join(err, errCounts)
	})
}

// uncertain names the commands of an entry.
func uncertain(e raftnode.LogEntry) (out []Uncertain) {
	if e.Members != nil {
		return []Uncertain{{Index: e.Index, Term: e.Term, At: e.At, Kind: "membership"}}
	}
	for _, raw := range e.Commands {
		u := Uncertain{Index: e.Index, Term: e.Term, At: e.At, Kind: "unreadable"}
		if c, err := exchange.DecodeStored[ledger.Command](raw); err == nil {
			kind, id := c.Subject()
			if u.Kind = kind; !id.IsZero() {
				u.Exchange = id.String()
			}
		}
		out = append(out, u)
	}
	return out
}

// Recovered is what a recovery did.
type Recovered struct {
	Survivor
	Index uint64 `json:"index"` // of the membership that it wrote: this replica alone
}

// Recover makes a stopped replica the only one of its domain, after a majority
// was lost for good. Its ledger begins a new life: the next start raises the
// incarnation before it serves. Everything in its log is committed then;
// whatever the lost replicas had acknowledged without it is lost.
func Recover(c *config.Node, d exchange.Domain) (out Recovered, err error) {
	for i := range c.Domains {
		if c.Domains[i].Domain != d {
			continue
		}
		if out.Survivor, err = inspect(c, &c.Domains[i]); err != nil {
			return out, err
		}
		if err := mayRecover(out.Survivor); err != nil {
			return out, err
		}
		err = offline(c, &c.Domains[i], func(dir string, o raftnode.Offline) error {
			// The mark first: a replica that is alone and does not know that a new
			// life begins would go on in the old one.
			if err := newlife.Mark(dir, newlife.Life{Reason: newlife.Recovered, At: time.Now(), Index: out.LastLog}); err != nil {
				return err
			}
			self := raftnode.Server{Replica: c.Domains[i].Replica, Address: c.Domains[i].Address()}
			var err error
			if out.Index, err = raftnode.Recover(o, self); err != nil {
				return errors.Join(err, newlife.Clear(dir))
			}
			return nil
		})
		return out, err
	}
	return out, exchange.Errorf(exchange.NotFound, opRecover, "%s hosts no replica of %s", c.Name, d)
}

// mayRecover refuses a replica that is nobody to recover from.
func mayRecover(s Survivor) error {
	m, ok := exchange.MemberOf(s.Members, s.Replica)
	switch {
	case s.Left != "":
		return exchange.Errorf(exchange.Conflict, opRecover, "%s has left %s: %s", s.Replica, s.Domain, s.Left)
	case s.Incarnation == 0:
		return exchange.Errorf(exchange.Conflict, opRecover, "the ledger of %s here is not founded: there is nothing to recover from", s.Domain)
	case !ok:
		return exchange.Errorf(exchange.Conflict, opRecover, "%s is not a member of %s any more; recover from one that is", s.Replica, s.Domain)
	case !m.Voter:
		return exchange.Errorf(exchange.Conflict, opRecover, "%s never voted in %s: it may lack what was acknowledged; recover from a voter", s.Replica, s.Domain)
	}
	return nil
}
