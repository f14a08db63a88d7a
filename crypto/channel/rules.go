package channel

import (
	"fmt"

	"github.com/yizhan-exchange/yizhan/crypto/trust"
)

// speaks is the whole table of who talks to whom. Raft and replica traffic is
// for replicas of one domain, so that neither a linked domain nor a replica of
// another can write to a log (the class of CVE-2021-37218); links are for
// domains, so that a replica's certificate never speaks for its domain.
func speaks(protocol string, local Identity, peer Peer) error {
	switch protocol {
	case ProtocolRaft, ProtocolReplica:
		if peer.Domain != local.Domain {
			return fmt.Errorf("%w: %s is for replicas of %s, not for %s", trust.ErrWrongDomain, protocol, local.Domain, peer)
		}
		return bothAre(trust.RoleReplica, protocol, local, peer)
	case ProtocolLink:
		return bothAre(trust.RoleDomain, protocol, local, peer)
	}
	return fmt.Errorf("%w: unknown protocol %q", ErrRole, protocol)
}

func bothAre(role trust.Role, protocol string, local Identity, peer Peer) error {
	if local.Role != role {
		return fmt.Errorf("%w: %s needs role %s, we are %s", ErrRole, protocol, role, local)
	}
	if peer.Role != role {
		return fmt.Errorf("%w: %s needs role %s, the peer is %s", ErrRole, protocol, role, peer)
	}
	return nil
}
