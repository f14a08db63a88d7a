package audit

import (
	"slices"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// road checks that every receipt stands where it may: stated by a domain on the
// way from the origin to the recipients, after the receipt that it names.
func (v *verifier) road() {
	if v.manifest == nil {
		return
	}
	origin := v.manifest.From.Domain()
	paths := make([][]exchange.Domain, len(v.manifest.To))
	for i, to := range v.manifest.To {
		paths[i] = v.path(origin, to.Unit.Domain())
		spoken := slices.ContainsFunc(v.receipts, func(r *receipt) bool { return r.genuine && r.Covers(uint16(i)) })
		if paths[i] == nil && spoken && !v.bad[string(to.Unit.Domain())] {
			class := ErrMissingDirectory
			if v.keysUnsure() {
				class = ErrUnproven
			}
			v.fail(class, string(to.Unit.Domain()), "无法确定 %[2]s 至 %[1]s 的路径", "no statement in the file says how %s is reached from %s", to.Unit.Domain(), origin)
		}
	}
	for _, r := range v.receipts {
		v.walk(r, paths)
	}
}

// path is the way in the tree from one domain to another, both included; nil
// when the statements do not tell.
func (v *verifier) path(from, to exchange.Domain) []exchange.Domain {
	up, down := v.ancestry(from), v.ancestry(to)
	for i, d := range up {
		if j := slices.Index(down, d); j >= 0 {
			rest := slices.Clone(down[:j])
			slices.Reverse(rest)
			return append(slices.Clone(up[:i+1]), rest...)
		}
	}
	return nil
}

// ancestry is a domain and its superiors as stated for the day of the manifest,
// nearest first. It ends early where a statement is missing.
func (v *verifier) ancestry(d exchange.Domain) []exchange.Domain {
	var out []exchange.Domain
	for len(out) < deepest {
		info, ok := v.book.DomainAt(d, v.manifest.Created, v.Covered)
		if !ok {
			if info, ok = v.book.Domain(d); !ok {
				return out
			}
		}
		out = append(out, d)
		if info.Parent == "" {
			return out
		}
		d = info.Parent
	}
	return out
}

// walk decides whether a receipt is proven, its predecessors first.
func (v *verifier) walk(r *receipt, paths [][]exchange.Domain) bool {
	if r.walked || !r.genuine {
		return r.proven
	}
	r.walked = true
	if !v.placed(r, paths) {
		return false
	}
	if r.State == exchange.Accepted {
		r.proven = true
		return true
	}
	if r.prev = v.byDigest[r.Prev]; r.prev == nil {
		if v.damaged() {
			v.fail(ErrUnproven, r.object, "其前一份回执有问题", "the receipt before it (SM3 %s) is among those that are not sound", r.Prev.Short())
		} else {
			v.fail(ErrMissingReceipt, r.object, "缺少其前一份回执（SM3 %s）", "the receipt before it, with SM3 %s, is not in the file", r.Prev)
		}
		return false
	}
	if !v.walk(r.prev, paths) {
		v.fail(ErrUnproven, r.object, "其前一份回执有问题", "the receipt before it, %s, is not proven", r.prev.object)
		return false
	}
	if r.proven = v.follows(r, paths); r.proven && r.At.Add(v.Tolerance) < r.prev.At {
		v.warn(r.object, "所称时间早于前一份回执 %s", "it claims a time before that of %s", r.prev.object)
	}
	return r.proven
}

// placed checks who states what: custody by those on the road, the end by the
// recipient's domain, giving up by anybody on the road.
func (v *verifier) placed(r *receipt, paths [][]exchange.Domain) bool {
	for _, i := range r.Deliveries {
		path := paths[i]
		if path == nil {
			return false
		}
		at, last := slices.Index(path, r.Domain), len(path)-1
		if at < 0 {
			v.fail(ErrRoad, r.object, "%[1]s 不在路径 %[2]v 上", "%[1]s is not on the road %[2]v", r.Domain, path)
			return false
		}
		if !mayState(r.State, at, last) {
			v.fail(ErrRoad, r.object, "%[1]s 不能出具%[3]s回执", "%[1]s, at place %[2]d of the road, may not state %[4]s", r.Domain, at+1, r.State.Chinese(), r.State)
			return false
		}
		if unit := v.manifest.To[i].Unit; (r.State == exchange.SignedFor || r.State == exchange.Returned) && r.Unit != unit {
			v.fail(ErrRoad, r.object, "签收或退文单位 %[1]q 不是收文单位 %[2]s", "it is by unit %[1]q, and the recipient is %[2]s", r.Unit, unit)
			return false
		}
	}
	if (r.State == exchange.Accepted) != r.Prev.IsZero() {
		v.fail(ErrRoad, r.object, "首份回执须为平台已收存", "accepted, and only it, has no receipt before it")
		return false
	}
	return true
}

// mayState reports whether the domain at a place of the road may state that.
func mayState(s exchange.State, at, last int) bool {
	switch s {
	case exchange.Accepted:
		return at == 0
	case exchange.Relayed:
		return 0 < at && at < last
	case exchange.Arrived, exchange.SignedFor, exchange.Returned:
		return at == last
	}
	return true
}

// follows checks a receipt against the one it names.
func (v *verifier) follows(r *receipt, paths [][]exchange.Domain) bool {
	for _, i := range r.Deliveries {
		at, before := slices.Index(paths[i], r.Domain), slices.Index(paths[i], r.prev.Domain)
		if !r.prev.Covers(i) || !fits(r.State, r.prev.State, at, before) {
			v.fail(ErrRoad, r.object, "不能接在 %s 之后", "it may not follow %s", r.prev.object)
			return false
		}
	}
	return true
}

// fits reports whether a state at one place may follow one at another place.
// Custody moves one domain at a time; who ends a delivery from afar (bounced,
// expired, recalled) names the last receipt it knew.
func fits(s, prev exchange.State, at, before int) bool {
	switch s {
	case exchange.Relayed:
		return prev.Custody() && before == at-1
	case exchange.Arrived:
		return prev == exchange.Accepted && at == 0 || (prev == exchange.Accepted || prev == exchange.Relayed) && before == at-1
	case exchange.SignedFor, exchange.Returned:
		return prev == exchange.Arrived && before == at
	case exchange.Refused:
		return prev.Custody() && (before == at || before == at-1)
	}
	return prev.Custody()
}
