package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/config"
)

const importHelp = `Install certificates that an outside authority issued for keys in a key store.

The pair is one PEM file: the signing certificate, the encryption certificate and
the authorities between them and the anchor. The private keys must be in the store
already. What was current before stays able to open and to verify. The superior
then has to state the new certificates in its directory.`

type importFlags struct {
	domain, keys, pair, anchor, provider string
	unlock                               config.Unlock
}

func newImportCommand(a *app) *cobra.Command {
	var f importFlags
	c := &cobra.Command{
		Use: "import-certificates", Short: "Install certificates of an outside authority", Long: importHelp,
		Example: "  yizhan init import-certificates --domain 320582 --keys keys/320582 --key-file unlock.key --anchor anchor.pem --pair pair.pem",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.importCertificates(f) },
	}
	c.Flags().StringVar(&f.domain, "domain", "", "`DOMAIN` whose keys these are")
	c.Flags().StringVar(&f.keys, "keys", "", "`DIRECTORY` of the key store")
	c.Flags().StringVar(&f.pair, "pair", "", "`FILE` with both certificates")
	c.Flags().StringVar(&f.anchor, "anchor", "anchor.pem", "trust anchor `FILE` that vouches for them")
	c.Flags().StringVar(&f.provider, "provider", "", "emmansun or tjfoc")
	c.Flags().StringVar(&f.unlock.KeyFile, "key-file", "", "`FILE` that opens the store")
	c.Flags().StringVar(&f.unlock.PassphraseFile, "passphrase-file", "", "`FILE` with the passphrase that opens the store")
	for _, name := range []string{"domain", "keys", "pair"} {
		_ = c.MarkFlagRequired(name) // fails only for a flag that does not exist
	}
	c.MarkFlagsMutuallyExclusive("key-file", "passphrase-file")
	c.MarkFlagsOneRequired("key-file", "passphrase-file")
	return c
}

func (a *app) importCertificates(f importFlags) error {
	store, pair, err := f.open()
	if err == nil {
		err = store.Rotate(trust.Keys{}, pair)
	}
	if err != nil {
		return notImported(err)
	}
	v := map[string]any{"domain": f.domain, "sign_key": pair.Sign.KeyID.String(), "encrypt_key": pair.Encrypt.KeyID.String(), "until": pair.Sign.NotAfter}
	return a.print(v, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "Installed (已安装) %s\n           and %s, until %s\n", pair.Sign, pair.Encrypt, pair.Sign.NotAfter.Format(time.DateOnly))
		_, _ = fmt.Fprintln(w, "Next: restart the node, and let the superior state the new certificates.")
	})
}

// open opens the store and verifies the pair that is to go into it.
func (f importFlags) open() (store *trust.Store, pair trust.Pair, err error) {
	p, err := sm.New(f.provider)
	if err != nil {
		return nil, pair, err
	}
	text, err := os.ReadFile(f.pair)
	if err != nil {
		return nil, pair, err
	}
	if pair, err = trust.ParsePair(text); err != nil {
		return nil, pair, err
	}
	anchor, err := trust.LoadAnchor(f.anchor)
	if err != nil {
		return nil, pair, err
	}
	v, err := trust.NewVerifier(p, anchor)
	if err != nil {
		return nil, pair, err
	}
	if err := v.VerifyPair(pair, f.domain, time.Now()); err != nil {
		return nil, pair, err
	}
	lock, err := f.unlock.Lock()
	if err != nil {
		return nil, pair, err
	}
	store, err = trust.OpenStore(f.keys, p, rand.Reader, lock)
	return store, pair, err
}

// notImported is a refusal, not a defect, whichever it is.
func notImported(err error) error {
	code := exchange.Invalid
	if errors.Is(err, fs.ErrNotExist) {
		code = exchange.NotFound
	}
	return exchange.Errorf(code, "init.import-certificates", "nothing was changed: %w", err)
}
