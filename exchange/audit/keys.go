package audit

import (
	"bytes"
	"encoding/pem"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
)

// pending is a directory statement that is not in the book yet.
type pending struct {
	object string
	signed crypto.Signed
	issuer exchange.Domain
	err    error
}

// directory builds the book, from the root down, whatever the order in the file.
func (v *verifier) directory() {
	var todo []*pending
	for i, s := range v.Directory {
		todo = append(todo, &pending{object: "known/" + strconv.Itoa(i+1), signed: s})
	}
	for _, object := range v.stems("directory/") {
		if s, ok := v.signed(object, ErrDirectory); ok {
			todo = append(todo, &pending{object: object, signed: s})
		}
	}
	for progress := true; progress; {
		progress = false
		todo = slices.DeleteFunc(todo, func(p *pending) bool {
			done := v.file(p)
			progress = progress || done
			return done
		})
	}
	for _, p := range todo {
		v.strange(p)
	}
	if v.failed[ErrDirectory]+v.failed[ErrMissingDirectory]+v.failed[ErrAnchor] == 0 && len(v.stated) > 0 {
		v.pass("directory", "directory", "目录链自信任锚 %[2]s 起共 %[1]d 份声明，均有效", "%d statements, from the anchor's root %s", len(v.stated), v.report.Root)
	}
}

// file adds a statement to the book, or records why it never can be. It reports
// false while what the statement hangs from is not there yet.
func (v *verifier) file(p *pending) (done bool) {
	d, err := decode[exchange.Directory](p.signed, crypto.ContextDirectory)
	if err != nil {
		v.fail(ErrDirectory, p.object, "无法读取", "the statement cannot be read")
		return true
	}
	p.issuer = d.Issuer
	next, err := v.book.WithPast(p.signed)
	switch {
	case err == nil:
		v.book, v.stated = next, append(v.stated, d)
		if strings.HasPrefix(p.object, "directory/") && p.object != directoryName(&d) {
			v.fail(ErrUnexpectedEntry, p.object, "应为 %s", "the entry should be called %s", directoryName(&d))
		}
		return true
	case errors.Is(err, directory.ErrUnknownKey), errors.Is(err, directory.ErrIssuer),
		errors.Is(err, directory.ErrAnchor) && d.Issuer != v.book.Root():
		p.err = err
		return false
	}
	v.fail(classOf(err, ErrDirectory), p.object, "%s", "%s", messageOf(err))
	return true
}

// strange records a statement whose issuer is not proved by any other.
func (v *verifier) strange(p *pending) {
	rooted := slices.ContainsFunc(v.stated, func(d exchange.Directory) bool { return d.Issuer == v.book.Root() })
	switch {
	case v.touched(p.object):
		v.fail(ErrDirectory, p.object, "与索引不符", "%s", messageOf(p.err))
	case v.keysUnsure():
		v.fail(ErrUnproven, p.object, "上级目录声明有问题", "a statement of its superior is not sound")
	case !rooted:
		v.fail(ErrAnchor, p.object, "信任锚的根为 %[1]s，证据中没有其声明", "the anchor's root is %s, and no statement of it is in the file", v.book.Root())
	default:
		v.fail(ErrMissingDirectory, p.object, "缺少 %[1]s 上级的声明", "no statement in the file gives %[1]s this key: %[2]s", p.issuer, messageOf(p.err))
	}
}

// keysUnsure reports whether a directory statement in the file is not sound, so
// that a key not being known may follow from that.
func (v *verifier) keysUnsure() bool {
	for object := range v.bad {
		if strings.HasPrefix(object, "directory/") {
			return true
		}
	}
	return v.failed[ErrAnchor] > 0
}

// blame explains why a statement of a domain did not verify.
func (v *verifier) blame(object string, altered *Class, err error) {
	unknown := errors.Is(err, directory.ErrUnknownKey) || errors.Is(err, directory.ErrUnknownDomain)
	switch {
	case unknown && v.touched(object):
		v.fail(altered, object, "与索引不符", "it does not match the index, and %s", messageOf(err))
	case unknown && (v.keysUnsure() || len(v.stated) == 0 && v.failed[ErrMissingEntry] > 0):
		v.fail(ErrUnproven, object, "其签名者的目录声明有问题", "the directory statement that gives its signer a key is not sound or missing")
	default:
		v.fail(classOf(err, altered), object, "%s", "%s", messageOf(err))
	}
}

// certificates compares the certificates with those in the statements.
func (v *verifier) certificates() {
	good := 0
	for _, name := range v.names("certificates/") {
		data, ok := v.entry(name, nil)
		if !ok {
			continue
		}
		domain := strings.TrimSuffix(strings.TrimPrefix(name, "certificates/"), ".pem")
		domain, _, _ = strings.Cut(domain, "-sign")
		if v.listed(exchange.Domain(domain), data) {
			good++
			continue
		}
		class := ErrCertificate
		switch {
		case v.touched(name):
		case v.keysUnsure():
			class = ErrUnproven
		case !v.lists(exchange.Domain(domain)):
			class = ErrMissingDirectory
		}
		v.fail(class, name, "与目录声明中的证书不同", "it is not the certificate that a directory statement gives %s", domain)
	}
	if good > 0 && v.failed[ErrCertificate] == 0 {
		v.pass("certificates", "certificates", "%d 份签名证书与目录声明一致", "%d signing certificates are those of the directory statements", good)
	}
}

// lists reports whether any statement lists the domain.
func (v *verifier) lists(d exchange.Domain) bool {
	return slices.ContainsFunc(v.stated, func(st exchange.Directory) bool {
		return slices.ContainsFunc(st.Children, func(c exchange.DomainInfo) bool { return c.Domain == d })
	})
}

// listed reports whether the PEM text is a certificate of the domain in one of
// them.
func (v *verifier) listed(d exchange.Domain, data []byte) bool {
	block, rest := pem.Decode(data)
	if block == nil || len(rest) > 0 || !bytes.Equal(certificatePEM(block.Bytes), data) {
		return false
	}
	for _, st := range v.stated {
		for _, c := range st.Children {
			if c.Domain == d && bytes.Equal(c.SignCert, block.Bytes) {
				return true
			}
		}
	}
	return false
}

// units checks statements of units by the keys of their domains. They carry
// names for people and bear on nothing else.
func (v *verifier) units() {
	for _, object := range v.stems("units/") {
		s, ok := v.signed(object, ErrUnits)
		if !ok {
			continue
		}
		u, err := decode[exchange.Units](s, crypto.ContextUnits)
		if err != nil {
			v.fail(ErrUnits, object, "无法读取", "the statement cannot be read")
			continue
		}
		at := u.NotAfter
		if v.manifest != nil {
			at = min(at, v.manifest.Created)
		}
		if _, err := v.book.VerifyCovered(u.Domain, crypto.ContextUnits, s, at, v.Covered); err != nil {
			v.blame(object, ErrUnits, err)
			continue
		}
		if object != unitsName(&u) {
			v.fail(ErrUnexpectedEntry, object, "应为 %s", "the entry should be called %s", unitsName(&u))
			continue
		}
		v.pass("units", object, "%s 的单位声明有效", "the units of %s are its own statement", u.Domain)
	}
}
