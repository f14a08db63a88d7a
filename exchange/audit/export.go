package audit

import (
	"archive/zip"
	"encoding/pem"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/seal"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// Export writes one evidence file. The same evidence gives the same bytes.
// Memory holds one chunk at a time. The statements are not verified: run Verify
// over the result where it matters. A failure is an *exchange.Error, or that of
// w or Chunk.
func Export(w io.Writer, e Evidence) error {
	x, err := newExporter(w, e)
	if err != nil {
		return err
	}
	for _, step := range []func() error{x.readme, x.statements, x.certificates, x.chunks, x.key, x.index} {
		if err := step(); err != nil {
			return err
		}
	}
	return x.zip.Close()
}

type exporter struct {
	Evidence
	zip      *zip.Writer
	manifest exchange.Manifest
	receipts []stated
	list     []exchange.Directory
	table    index
}

func newExporter(w io.Writer, e Evidence) (*exporter, error) {
	x := &exporter{Evidence: e, zip: zip.NewWriter(w)}
	var err error
	if x.Provider, err = providerOr(e.Provider); err != nil {
		return nil, err
	}
	if x.manifest, err = decode[exchange.Manifest](e.Manifest, crypto.ContextManifest); err != nil {
		return nil, err
	}
	for _, s := range e.Receipts {
		r, err := decode[exchange.Receipt](s, crypto.ContextReceipt)
		if err != nil {
			return nil, err
		}
		x.receipts = append(x.receipts, stated{r, s, x.Provider.Sum(s.Bytes)})
	}
	x.receipts = inOrder(x.receipts)
	return x, x.checkContent()
}

func providerOr(p sm.Provider) (sm.Provider, error) {
	if p != nil {
		return p, nil
	}
	return sm.New("")
}

func (x *exporter) checkContent() error {
	const op = "audit.export"
	mode, ok := ParseContent(string(x.Content))
	x.Content = mode
	switch {
	case !ok:
		return exchange.Errorf(exchange.Invalid, op, "content is %q, %q or %q", None, Sealed, Disclosed)
	case mode != None && x.Chunk == nil:
		return exchange.Errorf(exchange.Invalid, op, "content %q needs the sealed chunks", mode)
	case (mode == Disclosed) != (x.Key != nil):
		return exchange.Errorf(exchange.Invalid, op, "content %q needs the key, and no other does", Disclosed)
	case x.Key != nil && seal.CheckCommitment(x.Provider, x.manifest.ID, *x.Key, x.manifest.Commitment) != nil:
		return exchange.Errorf(exchange.Corrupt, op, "%w", ErrKey)
	}
	return nil
}

// put writes one entry: stored, without a time, its digest kept for the index.
func (x *exporter) put(name string, data []byte) error {
	x.table.add(name, len(data), x.Provider.Sum(data))
	return x.raw(name, data)
}

func (x *exporter) raw(name string, data []byte) error {
	w, err := x.zip.CreateRaw(&zip.FileHeader{
		Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data),
		CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data)),
	})
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

func (x *exporter) statement(name string, s crypto.Signed) error {
	if err := x.put(name+".bin", s.Bytes); err != nil {
		return err
	}
	if err := x.put(name+".sig", s.Sig.DER()); err != nil {
		return err
	}
	return x.put(name+".key", []byte(s.Key.String()+"\n"))
}

func (x *exporter) statements() error {
	if err := x.statement(nameManifest, x.Manifest); err != nil {
		return err
	}
	for i := range x.receipts {
		if err := x.statement(receiptName(i, &x.receipts[i].Receipt), x.receipts[i].signed); err != nil {
			return err
		}
	}
	for _, s := range x.Directory {
		d, err := decode[exchange.Directory](s, crypto.ContextDirectory)
		if err != nil {
			return err
		}
		x.list = append(x.list, d)
		if err := x.statement(directoryName(&d), s); err != nil {
			return err
		}
	}
	for _, s := range x.Units {
		u, err := decode[exchange.Units](s, crypto.ContextUnits)
		if err != nil {
			return err
		}
		if err := x.statement(unitsName(&u), s); err != nil {
			return err
		}
	}
	return nil
}

// certificates repeats the certificates of all signers, out of the directory
// statements, in the form that openssl reads.
func (x *exporter) certificates() error {
	type signer struct {
		domain exchange.Domain
		key    crypto.KeyID
	}
	all := []signer{{x.manifest.From.Domain(), x.Manifest.Key}}
	for _, r := range x.receipts {
		all = append(all, signer{r.Domain, r.signed.Key})
	}
	for i, d := range x.list {
		all = append(all, signer{d.Issuer, x.Directory[i].Key})
	}
	used, done := map[exchange.Domain]bool{}, map[signer]bool{}
	for _, s := range all {
		der := certificateOf(x.list, s.domain, s.key)
		if done[s] || der == nil {
			continue
		}
		name := certificateName(s.domain, s.key, !used[s.domain])
		used[s.domain], done[s] = true, true
		if err := x.put(name, certificatePEM(der)); err != nil {
			return err
		}
	}
	return nil
}

// certificateOf finds the certificate of a domain's key in directory statements.
func certificateOf(list []exchange.Directory, d exchange.Domain, key crypto.KeyID) []byte {
	for _, st := range list {
		for _, c := range st.Children {
			if c.Domain != d {
				continue
			}
			if parsed, err := trust.ParseCertificate(c.SignCert); err == nil && parsed.KeyID == key {
				return c.SignCert
			}
		}
	}
	return nil
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func (x *exporter) chunks() error {
	if x.Content == None {
		return nil
	}
	for p, part := range x.manifest.Parts {
		for c, addr := range part.Chunks {
			data, err := x.Chunk(addr)
			if err != nil {
				return fmt.Errorf("chunk %d of part %d: %w", c, p, err)
			}
			if x.Provider.Sum(data) != addr {
				return exchange.Errorf(exchange.Corrupt, "audit.export", "chunk %d of part %d: %w", c, p, ErrContent)
			}
			if err := x.put(chunkName(p, c), data); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *exporter) key() error {
	if x.Content != Disclosed {
		return nil
	}
	return x.put(nameKey, x.Key[:])
}

func (x *exporter) index() error {
	x.table.Format, x.table.Exchange, x.table.Content = Format, x.manifest.ID, x.Content
	list := make([]*stated, len(x.receipts))
	for i := range x.receipts {
		list[i] = &x.receipts[i]
	}
	for i, to := range x.manifest.To {
		c := claim{Index: uint16(i), To: to.Unit}
		if r := final(list, c.Index, to.Unit.Domain()); r != nil {
			c.State = r.State.String()
		}
		x.table.Deliveries = append(x.table.Deliveries, c)
	}
	slices.SortFunc(x.table.Entries, func(a, b indexEntry) int { return strings.Compare(a.Name, b.Name) })
	return x.raw(nameIndex, x.table.encode())
}
