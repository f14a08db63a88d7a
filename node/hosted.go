package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/channel"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/form"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/pipeline"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/content"
	"github.com/yizhan-exchange/yizhan/node/link"
	"github.com/yizhan-exchange/yizhan/node/newlife"
	"github.com/yizhan-exchange/yizhan/node/raftnode"
	"github.com/yizhan-exchange/yizhan/node/replica"
	"github.com/yizhan-exchange/yizhan/node/store"
	"github.com/yizhan-exchange/yizhan/policy"
)

// handOverTimeout bounds how long a leader that is stopped looks for another.
const handOverTimeout = 2 * time.Second

// hosted is one domain's replica in this process.
type hosted struct {
	config  *config.Domain
	node    *Node
	vault   *trust.Store
	anchor  trust.Anchor
	store   *store.Store
	local   *content.Local
	content *content.Replicated
	peers   *replica.Peers
	group   *raftnode.Group
	domain  *pipeline.Domain
	dialer  *link.Dialer
	leading atomic.Bool   // leads, is founded, and has forgotten what it cached
	term    atomic.Uint64 // in which it leads, or led last
	copying busy          // a copy of the ledger is being used
	newborn atomic.Bool   // its state begins a new life, which the ledger does not know yet
	router  *replica.Router
	catch   *catchUp
	guard   guard
	tend    *tending

	changing sync.Mutex // held during one change of the membership
	// running is group, for whoever may ask while it starts.
	running  atomic.Pointer[raftnode.Group]
	left     atomic.Pointer[error]                       // why its part in the domain has ended; nil while it has not
	tookPart atomic.Bool                                 // the key store remembers that this replica is a member
	waits    atomic.Pointer[map[exchange.Replica]string] // while leading: what each non-voter waits for
}

// open opens what is on disk: keys, ledger, content.
func (n *Node) open(c *config.Domain) (h *hosted, err error) {
	h = &hosted{config: c, node: n}
	h.catch = newCatchUp(h)
	h.tend = &tending{h: h}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close(context.Background()))
		}
	}()
	lock, err := c.Unlock.Lock()
	if err != nil {
		return h, err
	}
	if h.vault, err = trust.OpenStore(c.Keys, n.provider, n.options.Random, lock); err != nil {
		return h, err
	}
	if h.vault.Domain() != string(c.Domain) {
		return h, fmt.Errorf("the key store %s is of domain %s; name that of %s in keys", c.Keys, h.vault.Domain(), c.Domain)
	}
	if err = errors.Join(h.loadTookPart(), h.loadLeft()); err != nil {
		return h, err
	}
	if h.anchor, err = trust.LoadAnchor(c.Anchor); err != nil {
		return h, err
	}
	if err = h.checkAnchor(); err != nil {
		return h, err
	}
	if h.store, err = store.Open(n.dir(c, "state"), store.Options{Hash: n.provider.Sum}); err != nil {
		return h, err
	}
	if err = h.checkLevel(); err != nil {
		return h, err
	}
	if err = h.checkFounding(); err != nil {
		return h, err
	}
	if _, marked, err := newlife.Read(n.dir(c, "")); err != nil {
		return h, err
	} else if marked {
		h.newborn.Store(true)
	}
	h.local, err = content.Open(n.dir(c, "content"), content.Options{Hash: n.provider.Sum, Reserve: uint64(c.Limits.FreeDisk)})
	return h, err
}

// checkLevel refuses a ledger whose feature level was raised beyond what this
// program knows: an older program was installed again. It would stop at the
// first command; as a leader it would be in the way until then.
func (h *hosted) checkLevel() error {
	var level uint32
	err := h.store.View(func(r ledger.Reader) error { level = ledger.LevelOf(r); return nil })
	if err == nil && level > supported {
		err = fmt.Errorf("the ledger of %s is at feature level %d, and this program knows levels up to %d: install the newer version again; nothing is lost", h.config.Domain, level, supported)
	}
	return err
}

// checkAnchor refuses an anchor that does not vouch for the domain's own
// certificates: with it the domain would believe nobody, nor be believed. With
// certificates whose time has passed or has not come it can still serve its own
// units, and says so.
func (h *hosted) checkAnchor() error {
	_, pair, err := h.vault.DomainIdentity()
	if err != nil {
		return err
	}
	verifier, err := trust.NewVerifier(h.node.provider, h.anchor)
	if err != nil {
		return err
	}
	err = verifier.VerifyPair(pair, string(h.config.Domain), h.node.options.Clock().Std())
	if errors.Is(err, trust.ErrUntrusted) {
		return fmt.Errorf("the trust anchor %s is of another federation than the key store %s: %w", h.config.Anchor, h.config.Keys, err)
	}
	if err != nil {
		h.node.log.Error("the domain's own certificates are not good, and no neighbour will speak with it", "domain", h.config.Domain, "err", err)
	}
	return nil
}

func (n *Node) dir(c *config.Domain, part string) string {
	return filepath.Join(n.config.Data, string(c.Domain), part)
}

// start joins the Raft group and builds the domain on top of it.
func (h *hosted) start() (err error) {
	n, c := h.node, h.config
	log := n.log.With("domain", string(c.Domain))
	conf := raftnode.Config{Domain: c.Domain, Replica: c.Replica, Dir: n.dir(c, "log"), Address: c.Address(), Stream: h.stream(),
		Store: h.store, Applier: h.applier(), Logger: n.log, Heartbeat: c.Heartbeat.Std(),
		TookPart: h.tookPart.Load(), TakePart: h.noteTookPart, MayLead: h.mayLead, Fit: h.mayServe, TransferRate: int64(c.Limits.CatchUp)}
	if c.Founds() {
		for _, m := range c.Replicas {
			conf.Bootstrap = append(conf.Bootstrap, raftnode.Server{Replica: m.Name, Address: m.Address})
		}
	}
	h.peers = replica.NewPeers(c.Domain, h.dialReplica)
	if h.group, err = raftnode.Start(conf); err != nil {
		return err
	}
	h.running.Store(h.group)
	if err = errors.Join(h.loadDiverged(), h.noteTime()); err != nil {
		return err
	}
	h.router = &replica.Router{Self: c.Replica, Group: newbornGroup{h.group, h}, Client: h.peers.Client}
	h.content = &content.Replicated{Self: c.Replica, Local: h.local, Hash: n.provider.Sum, Peers: h.others, Configuration: h.configuration, Logger: log}
	n.replicas.Host(c.Domain, c.Replica, newbornGroup{h.group, h}, h.local)
	n.replicas.Keep(c.Domain, keeper{h})
	engine, err := policy.NewEngine(policy.Options{})
	if err != nil {
		return err
	}
	h.domain = pipeline.New(pipeline.Options{
		Domain: c.Domain, Replica: c.Replica, Content: chunks{h.content},
		Log:   &ledgerLog{router: h.router, group: h.group, store: h.store, guard: &h.guard},
		Vault: h.vault, Provider: n.provider, Anchor: h.anchor, Engine: engine, Clock: h.signing, Random: n.options.Random,
		Limits: form.Limits{Recipients: c.Limits.Recipients, Files: c.Limits.Files, Content: int64(c.Limits.Content)},
		Expiry: c.Limits.Expiry.Std(), Retention: retention(&c.Retention), DelayAfter: c.Limits.Delay.Std(), BounceAfter: c.Limits.Bounce.Std(), LinkState: h.linkState, Version: n.options.Version, Logger: log,
	})
	return nil
}

// configuration is the membership that proofs of kept content are made under.
func (h *hosted) configuration() (c ledger.Configuration) {
	err := h.store.View(func(r ledger.Reader) (err error) {
		c, err = ledger.ConfigurationOf(r)
		return err
	})
	if err != nil {
		h.node.log.Error("the configuration cannot be read", "domain", h.config.Domain, "err", err)
	}
	return c
}

// others lists the other replicas of the domain, as content peers.
func (h *hosted) others() []content.Peer {
	var out []content.Peer
	c := h.configuration()
	for _, r := range append(append([]exchange.Replica(nil), c.Voters...), c.Others...) {
		if r == h.config.Replica {
			continue
		}
		if p, err := h.peers.Client(r); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// address returns where a replica's peer listener is: as the log has it, or as
// configured before there is one.
func (h *hosted) address(r exchange.Replica) (string, bool) {
	members := h.members()
	if m, ok := exchange.MemberOf(members, r); ok {
		return m.Address, true
	}
	address := h.configured(r)
	return address, address != ""
}

// identity returns the certificates that this node shows for the domain: the
// domain's own pair on a link, the replica's elsewhere.
func (h *hosted) identity(protocol string) (channel.Identity, error) {
	keys, pair, err := h.vault.ReplicaIdentity(string(h.config.Replica))
	incarnation := h.peerIncarnation
	if protocol == channel.ProtocolLink {
		keys, pair, err = h.vault.DomainIdentity()
		incarnation = h.incarnation
	}
	if err != nil {
		return channel.Identity{}, err
	}
	return channel.NewIdentity(keys, pair, incarnation()), nil
}

func (h *hosted) incarnation() uint64 {
	var self ledger.Self
	if err := h.store.View(func(r ledger.Reader) (err error) {
		self, _, err = ledger.SelfOf(r)
		return err
	}); err != nil {
		return 0
	}
	return self.Incarnation
}

func (h *hosted) close(ctx context.Context) error {
	var errs []error
	if h.group != nil {
		h.handOver(ctx)
		errs = append(errs, h.group.Close(ctx))
	}
	if h.peers != nil {
		errs = append(errs, h.peers.Close())
	}
	if h.store != nil {
		errs = append(errs, h.store.Close())
	}
	return errors.Join(errs...)
}

// handOver lets another replica lead before this one goes, so that the domain
// does not have to notice its silence first.
func (h *hosted) handOver(ctx context.Context) {
	if members := h.members(); !h.group.IsLeader() || len(members) < 2 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, handOverTimeout)
	defer cancel()
	if err := h.group.TransferLeadership(ctx, ""); err != nil {
		h.node.log.Warn("leadership was not handed over", "domain", h.config.Domain, "err", err)
	}
}
