package config

import (
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Node is one process, as node.yaml describes it. After Load every default is
// filled in and every path is absolute, or relative to the working directory
// when the file was named so. The tag default holds what a missing key means.
type Node struct {
	Name    string   `yaml:"node"`
	Data    string   `yaml:"data" default:"data" path:"yes"`
	Crypto  Crypto   `yaml:"crypto,omitempty"`
	Listen  Listen   `yaml:"listen"`
	API     API      `yaml:"api,omitempty"`
	Log     Log      `yaml:"log,omitempty"`
	Profile Profile  `yaml:"profile,omitempty" default:"default"`
	Limits  Capacity `yaml:"limits,omitempty"`
	Domains []Domain `yaml:"domains"`
}

// Crypto selects the implementation of the national algorithms; the other one
// is its witness.
type Crypto struct {
	Provider string `yaml:"provider,omitempty" default:"emmansun"`
}

// Listen holds the addresses, host:port, at which a node answers.
type Listen struct {
	API  string `yaml:"api"`            // units and persons: gRPC over ordinary TLS
	Peer string `yaml:"peer"`           // replicas of the same domain
	Link string `yaml:"link,omitempty"` // subordinate domains; "" where there is none
}

// API names the ordinary TLS certificate of Listen.API, in PEM.
type API struct {
	Certificate string `yaml:"certificate,omitempty" default:"api.pem" path:"yes"`
	Key         string `yaml:"key,omitempty" default:"api.key" path:"yes"`
}

// Log says what is logged and how.
type Log struct {
	Level  string `yaml:"level,omitempty" default:"info"`  // debug, info, warn, error
	Format string `yaml:"format,omitempty" default:"text"` // text, json
}

// Domain is one domain of which this node hosts a replica.
type Domain struct {
	Domain  exchange.Domain  `yaml:"domain"`
	Replica exchange.Replica `yaml:"replica"`
	Keys    string           `yaml:"keys" path:"yes"` // directory of the key store
	Unlock  Unlock           `yaml:"unlock"`
	Anchor  string           `yaml:"anchor,omitempty" default:"anchor.pem" path:"yes"`
	// Founding is read once, when the domain is founded. A replica that joins
	// a domain later has none.
	Founding string `yaml:"founding,omitempty" path:"yes"`
	// Replicas are the founding members, this one included. A replica that
	// joins later lists at least itself.
	Replicas     []Member      `yaml:"replicas"`
	Superior     *Superior     `yaml:"superior,omitempty"`     // nil at the top
	Subordinates *Subordinates `yaml:"subordinates,omitempty"` // nil where there is none
	Limits       Limits        `yaml:"limits,omitempty"`
	// BackupKey is the public half of the offline pair that alone opens the
	// domain's backups; without it none are made.
	BackupKey string    `yaml:"backup_key,omitempty" path:"yes"`
	Retention Retention `yaml:"retention,omitempty"`
	// Heartbeat is how long a replica waits to hear of its leader before it
	// asks for an election.
	Heartbeat Duration `yaml:"heartbeat,omitempty" default:"1s"`
}

// Retention is for how long exchanges are kept after their last delivery ended.
// What belongs to the audit log is kept for six months at the least (网络安全法
// 第二十一条), so nothing is less.
type Retention struct {
	Documents  Duration `yaml:"documents,omitempty" default:"3650d"`
	Cases      Duration `yaml:"cases,omitempty" default:"3650d"`
	Others     Duration `yaml:"others,omitempty" default:"730d"`
	Duplicates Duration `yaml:"duplicates,omitempty" default:"3650d"` // how long a repetition is noticed after that
}

// Unlock says what opens the key store. Exactly one is set.
type Unlock struct {
	KeyFile        string `yaml:"key_file,omitempty" path:"yes"`
	PassphraseFile string `yaml:"passphrase_file,omitempty" path:"yes"`
}

// Member is one replica of a domain and the peer address, host:port, at which
// the others reach it.
type Member struct {
	Name    exchange.Replica `yaml:"name"`
	Address string           `yaml:"address"`
}

// Superior says how the superior domain is reached. The child always dials.
type Superior struct {
	Domain    exchange.Domain `yaml:"domain"`
	Endpoints []string        `yaml:"endpoints,flow"` // link addresses of its replicas
	Channel   Channel         `yaml:"channel,omitempty" default:"tlcp"`
	Retry     Retry           `yaml:"retry,omitempty"`
	// Bandwidth caps content by hours of the day; the first window that covers
	// an hour applies. Without any nothing is capped.
	Bandwidth []Window `yaml:"bandwidth,omitempty"`
}

// Retry paces attempts to reach the superior: from First, doubled per failure
// once the link has been down for as long as a failover takes (30 s),
// up to Ceiling, with full jitter.
type Retry struct {
	First   Duration `yaml:"first,omitempty" default:"1s"`
	Ceiling Duration `yaml:"ceiling,omitempty" default:"15m"`
}

// Window caps content during some hours of the local day. From is inclusive,
// To exclusive; a window may pass midnight. Zero BytesPerSecond stops content.
type Window struct {
	From           int  `yaml:"from"`
	To             int  `yaml:"to"`
	BytesPerSecond Size `yaml:"bytes_per_second"`
}

// Subordinates says how child domains reach this one on Listen.Link. All
// domains of a node that have children name the same channel.
type Subordinates struct {
	Channel Channel `yaml:"channel,omitempty" default:"tlcp"`
}

// Capacity bounds what all callers of a node take up together. What no knob
// says follows from these: node/api/DESIGN.md.
type Capacity struct {
	// Memory is what the process aims to stay under; a quarter of it is for the
	// content of submissions.
	Memory      Size `yaml:"memory,omitempty" default:"512MiB"`
	Submissions int  `yaml:"submissions,omitempty" default:"32"` // open at once
	MostUrgent  int  `yaml:"most_urgent,omitempty" default:"60"` // 特急 of one unit a minute
	Readers     int  `yaml:"readers,omitempty" default:"64"`     // downloads at once
	Connections int  `yaml:"connections,omitempty" default:"4096"`
}

// Limits bound what a domain takes in.
type Limits struct {
	Content    Size     `yaml:"content,omitempty" default:"4GiB"` // of one exchange, all files together
	Files      int      `yaml:"files,omitempty" default:"64"`
	Recipients int      `yaml:"recipients,omitempty" default:"512"`
	Expiry     Duration `yaml:"expiry,omitempty" default:"30d"`     // of deliveries
	Delay      Duration `yaml:"delay,omitempty" default:"1h"`       // until a sender is told that nobody further on took it
	Bounce     Duration `yaml:"bounce,omitempty" default:"5d"`      // until it is given up then
	Scrub      Size     `yaml:"scrub,omitempty" default:"4MiB"`     // bytes a second of content that are read again in the background
	FreeDisk   Size     `yaml:"free_disk,omitempty" default:"1GiB"` // kept free by the content store
	CatchUp    Size     `yaml:"catch_up,omitempty" default:"64MiB"` // a second, of the state that is sent to a replica that lags too far
}

// Channel is how a connection between two nodes is protected.
type Channel string

// Channels.
const (
	TLCP Channel = "tlcp" // GB/T 38636
	TLS  Channel = "tls"  // TLS 1.3, bound to the SM2 identity
)

// Profile is a set of choices made together.
type Profile string

// Profiles.
const (
	ProfileDefault Profile = "default" // TLS 1.3 inside a domain, TLCP between domains
	ProfileGM      Profile = "gm"      // TLCP on every plane
)

// PeerChannel is the channel between replicas of one domain.
func (n *Node) PeerChannel() Channel {
	if n.Profile == ProfileGM {
		return TLCP
	}
	return TLS
}

// LinkChannel is the channel of Listen.Link, "" when no hosted domain has
// subordinates.
func (n *Node) LinkChannel() Channel {
	for _, d := range n.Domains {
		if d.Subordinates != nil {
			return d.Subordinates.Channel
		}
	}
	return ""
}

// Address is where the other replicas of the domain reach this one.
func (d *Domain) Address() string {
	for _, m := range d.Replicas {
		if m.Name == d.Replica {
			return m.Address
		}
	}
	return ""
}

// Founds reports whether this replica founds the domain, rather than joins it.
func (d *Domain) Founds() bool { return strings.TrimSpace(d.Founding) != "" }
