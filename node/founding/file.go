package founding

import (
	"bytes"
	"fmt"
	"os"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

const (
	contextFile = "yizhan/founding/v1\n"
	// maxFileSize leaves room for the command around it: an entry of the log
	// has at most 512 KiB.
	maxFileSize = 480 << 10

	firstIncarnation = 1
)

// File is what a domain begins with: DOMAIN.founding. It is the same for all
// founding replicas; the one that leads first reads it, adds a random epoch and
// proposes it. It names persons by the digests of their tokens.
type File struct {
	bootstrap ledger.Bootstrap // Self.Epoch is zero
}

// NewFile makes the content of a founding file. An epoch in b is forgotten.
func NewFile(b ledger.Bootstrap) (*File, error) {
	b.Self.Epoch = [16]byte{}
	f := &File{bootstrap: b}
	if n := len(f.encode()); n > maxFileSize {
		return nil, exchange.Errorf(exchange.Exhausted, op, "%s would be founded with %d KiB of statements and persons, at most %d KiB; add some later", b.Self.Domain, n>>10, maxFileSize>>10)
	}
	return f, nil
}

// LoadFile reads a founding file. It proves nothing yet: see Verify.
func LoadFile(path string) (*File, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("founding file: %w", err)
	}
	f, err := ParseFile(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// ParseFile is LoadFile for bytes. Bytes that are no founding file are Corrupt.
func ParseFile(raw []byte) (*File, error) {
	body, ok := bytes.CutPrefix(raw, []byte(contextFile))
	if !ok || len(raw) > maxFileSize {
		return nil, exchange.Errorf(exchange.Corrupt, op, "not a founding file of this version")
	}
	b, err := exchange.Decode[ledger.Bootstrap](body)
	if err != nil {
		return nil, exchange.Errorf(exchange.Corrupt, op, "the founding file is damaged: %w", err)
	}
	if !b.Self.Domain.Valid() || b.Self.Epoch != [16]byte{} {
		return nil, exchange.Errorf(exchange.Corrupt, op, "the founding file names no domain, or holds an epoch")
	}
	return &File{b}, nil
}

func (f *File) encode() []byte { return append([]byte(contextFile), exchange.Encode(f.bootstrap)...) }

// Save writes the file at one moment, readable only by its owner.
func (f *File) Save(path string) error { return writeFile(path, f.encode(), 0o600) }

// Domain is the domain that the file founds.
func (f *File) Domain() exchange.Domain { return f.bootstrap.Self.Domain }

// Parent is its superior, "" at the top.
func (f *File) Parent() exchange.Domain { return f.bootstrap.Self.Parent }

// Bootstrap returns the command that founds the domain. epoch is 16 fresh
// random bytes: a domain that is founded anew must not number its messages as
// the one before it.
func (f *File) Bootstrap(epoch [16]byte) ledger.Bootstrap {
	b := f.bootstrap
	b.Self.Epoch = epoch
	return b
}

// Verify checks every statement of the file against the trust anchor alone, at
// that time, and that the domain is who it says. It returns the directory as it
// will be. A failure is that of package directory, or Invalid.
func (f *File) Verify(p sm.Provider, anchor trust.Anchor, at exchange.Time) (*directory.Book, error) {
	book := directory.NewBook(p, anchor)
	var err error
	for _, s := range f.bootstrap.Directory {
		if book, err = book.With(s, at); err != nil {
			return nil, fmt.Errorf("founding %s: %w", f.Domain(), err)
		}
	}
	for _, s := range f.bootstrap.Units {
		if book, err = book.WithUnits(s, at); err != nil {
			return nil, fmt.Errorf("founding %s: %w", f.Domain(), err)
		}
	}
	for _, s := range f.bootstrap.Policy {
		if err := verifyPolicy(book, s, at); err != nil {
			return nil, fmt.Errorf("founding %s: %w", f.Domain(), err)
		}
	}
	return book, f.agrees(book)
}

func verifyPolicy(book *directory.Book, s crypto.Signed, at exchange.Time) error {
	body, ok := s.Body(crypto.ContextPolicy)
	if !ok {
		return exchange.Errorf(exchange.Invalid, op, "a statement is no policy")
	}
	b, err := exchange.Decode[exchange.PolicyBundle](body)
	if err != nil {
		return exchange.Errorf(exchange.Invalid, op, "a policy cannot be read: %w", err)
	}
	_, err = book.Verify(b.Issuer, crypto.ContextPolicy, s, at)
	return err
}

// agrees checks what the file says of the domain itself against the directory.
func (f *File) agrees(book *directory.Book) error {
	self := f.bootstrap.Self
	info, ok := book.Domain(self.Domain)
	if !ok || info.Parent != self.Parent || info.Incarnation != self.Incarnation {
		return exchange.Errorf(exchange.Invalid, op, "the directory states %s otherwise than its founding file; ask its superior for a new one", self.Domain)
	}
	for _, p := range f.bootstrap.Persons {
		if _, ok := book.Unit(p.Unit); !ok || p.Unit.Domain() != self.Domain {
			return exchange.Errorf(exchange.Invalid, op, "a person of %s belongs to %s, which is not stated", self.Domain, p.Unit)
		}
	}
	return nil
}
