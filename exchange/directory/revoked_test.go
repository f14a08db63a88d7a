package directory_test

import (
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
	dt "github.com/yizhan-exchange/yizhan/exchange/directory/directorytest"
)

// revoke adds the issuer's next statement, which withdraws a key.
func revoke(t *testing.T, f *dt.Federation, b *directory.Book, issuer exchange.Domain, key crypto.KeyID, since exchange.Time) *directory.Book {
	t.Helper()
	d := f.Directory(issuer, 0)
	d.Number, d.Prev = b.Next(issuer)
	d.Revoked = []exchange.Revocation{{Key: key, Since: since, Reason: "lost"}}
	return must(b.With(f.State(d), now))
}

func TestARevokedKeyVerifiesOnlyWhatOthersSawBefore(t *testing.T) {
	f := dt.Three(t)
	county := f.Domains[dt.County].Sign
	s := must(crypto.Sign(county, crypto.ContextReceipt, []byte("body")))
	f.Join(dt.County, dt.City, exchange.County, "昆山市")
	since := now.Add(-time.Hour)
	b := revoke(t, f, f.Book(now), dt.City, county.KeyID(), since)
	if r, ok := b.Revoked(county.KeyID()); !ok || r.Since != since {
		t.Errorf("%+v %v", r, ok)
	}
	early := now.Add(-2 * time.Hour)
	_, err := b.Verify(dt.County, crypto.ContextReceipt, s, early)
	wantClass(t, err, directory.ErrRevoked)
	covered := func(at exchange.Time) directory.Covered {
		return func(d crypto.Digest) (exchange.Time, bool) { return at, d == f.Provider.Sum(s.Bytes) }
	}
	if _, err = b.VerifyCovered(dt.County, crypto.ContextReceipt, s, early, covered(since-1)); err != nil {
		t.Errorf("covered: %v", err)
	}
	_, err = b.VerifyCovered(dt.County, crypto.ContextReceipt, s, early, covered(since))
	wantClass(t, err, directory.ErrRevoked)
	if _, err = b.SignKey(dt.County, now); err != nil {
		t.Errorf("the new key: %v", err)
	}
}

func TestWhatWasStatedWithARevokedKeyMustBeStatedAgain(t *testing.T) {
	f := dt.Three(t)
	b := f.Book(now)
	old := f.Domains[dt.City].Sign.KeyID()
	f.Join(dt.City, dt.Province, exchange.City, "苏州市")
	b = revoke(t, f, b, dt.Province, old, now)
	_, err := b.SignKey(dt.County, now)
	wantClass(t, err, directory.ErrRevoked)
	if _, ok := b.DomainAt(dt.County, now, nil); ok {
		t.Error("a listing by a revoked key counts")
	}
	d := f.Directory(dt.City, 2)
	_, d.Prev = b.Next(dt.City)
	b = must(b.With(f.State(d), now))
	if _, err := b.SignKey(dt.County, now); err != nil {
		t.Errorf("stated again: %v", err)
	}
}

func TestAThiefOfARevokedKeyStatesNothing(t *testing.T) {
	f := dt.Three(t)
	b := f.Book(now)
	thief := f.Domains[dt.City].Sign
	f.Join(dt.City, dt.Province, exchange.City, "苏州市")
	b = revoke(t, f, b, dt.Province, thief.KeyID(), now)
	county := f.Join(dt.County, dt.City, exchange.County, "昆山市").Sign
	d := f.Directory(dt.City, 2)
	_, d.Prev = b.Next(dt.City)
	forged := must(directory.Sign(thief, d))
	_, err := b.With(forged, now)
	wantClass(t, err, directory.ErrRevoked)
	b = must(b.WithPast(forged))
	_, err = b.Key(dt.County, county.KeyID(), now)
	wantClass(t, err, directory.ErrRevoked)
}

func TestADomainCannotRevokeAnothersKey(t *testing.T) {
	f := dt.Three(t)
	far := f.Domains[dt.Far].Sign.KeyID()
	b := revoke(t, f, f.Book(now), dt.City, far, 1)
	if _, ok := b.Revoked(far); ok {
		t.Error("revoked")
	}
	if _, err := b.SignKey(dt.Far, now); err != nil {
		t.Error(err)
	}
}
