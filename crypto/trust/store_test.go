package trust

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

var secret = PassphraseLock([]byte("correct horse"))

// enrolled is a store with a pair in it.
func enrolled(t *testing.T, p sm.Provider) (*Store, *CA, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	s, err := createStore(dir, county, p, rand.Reader, secret, quick)
	check(t, err)
	ca := authority(t, p)
	rotate(t, s, ca)
	return s, ca, dir
}

func rotate(t *testing.T, s *Store, ca *CA) Pair {
	t.Helper()
	k, err := s.NewKeys()
	check(t, err)
	pair, err := ca.IssuePair(s.Domain(), k.Sign.Public(), k.Encrypt.Public())
	check(t, err)
	check(t, s.Rotate(k, pair))
	return pair
}

func TestAStoreComesBackAsItWas(t *testing.T) {
	both(t, func(t *testing.T, p sm.Provider) {
		s, ca, dir := enrolled(t, p)
		before, err := s.Pair()
		check(t, err)
		s, err = OpenStore(dir, p, rand.Reader, secret)
		check(t, err)
		after, err := s.Pair()
		check(t, err)
		if !bytes.Equal(before.Sign.Raw, after.Sign.Raw) || s.Domain() != county {
			t.Error("another pair came back")
		}
		signer, err := s.Signer()
		check(t, err)
		sig, err := signer.Sign([]byte("context\nbody"))
		check(t, err)
		check(t, p.Verify(after.Sign.PublicKey, []byte("context\nbody"), sig))
		check(t, verifier(t, p, ca).VerifyPair(after, county, noon))
	})
}

func TestAStoreWrittenWithOneProviderOpensWithTheOther(t *testing.T) {
	both(t, func(t *testing.T, p sm.Provider) {
		s, _, dir := enrolled(t, p)
		other, err := sm.Witness(p.Name())
		check(t, err)
		again, err := OpenStore(dir, other, rand.Reader, secret)
		check(t, err)
		a, _ := s.Signer()
		b, err := again.Signer()
		check(t, err)
		if a.KeyID() != b.KeyID() {
			t.Error("the key changed with the provider")
		}
	})
}

func TestRetiredKeysStillOpenAndTheirCertificatesAreKept(t *testing.T) {
	p := provider(t)
	s, ca, dir := enrolled(t, p)
	old, err := s.Pair()
	check(t, err)
	wrapped, err := p.Encrypt(rand.Reader, old.Encrypt.PublicKey, bytes.Repeat([]byte{7}, 16))
	check(t, err)
	fresh := rotate(t, s, ca)
	s, err = OpenStore(dir, p, rand.Reader, secret)
	check(t, err)
	if now, _ := s.Pair(); now.Sign.KeyID != fresh.Sign.KeyID {
		t.Error("the pair was not rotated")
	}
	opener, ok := s.Opener(old.Encrypt.KeyID)
	if !ok {
		t.Fatal("the retired key is gone")
	}
	if got, err := opener.Unwrap(wrapped); err != nil || !bytes.Equal(got, bytes.Repeat([]byte{7}, 16)) {
		t.Errorf("retired key: %v", err)
	}
	certs, err := s.Certificates()
	check(t, err)
	if len(certs) != 4 {
		t.Errorf("%d certificates kept, want 4", len(certs))
	}
}

func TestReplicasHaveTheirOwnPair(t *testing.T) {
	p := provider(t)
	s, ca, dir := enrolled(t, p)
	k, err := s.NewKeys()
	check(t, err)
	pair, err := ca.IssueReplica(county, "county-1", k.Sign.Public(), k.Encrypt.Public())
	check(t, err)
	check(t, s.Rotate(Keys{}, pair)) // the keys are in the store since NewKeys
	s, err = OpenStore(dir, p, rand.Reader, secret)
	check(t, err)
	keys, got, err := s.ReplicaIdentity("county-1")
	check(t, err)
	if keys.Sign.KeyID() != k.Sign.KeyID() || got.Sign.Name != "county-1" {
		t.Error("another identity came back")
	}
	if self, _ := s.Signer(); self.KeyID() == k.Sign.KeyID() {
		t.Error("the replica's key speaks for the domain")
	}
	_, _, err = s.ReplicaIdentity("county-2")
	refused(t, err, ErrNoKey)
}

func TestAStoreTakesOnlyPairsOfItsDomainWithItsKeys(t *testing.T) {
	p := provider(t)
	s, ca, _ := enrolled(t, p)
	keys, pair := issue(t, ca, p, "320583")
	refused(t, s.Rotate(keys, pair), ErrWrongDomain)
	_, pair = issue(t, ca, p, county)
	refused(t, s.Rotate(Keys{}, pair), ErrNoKey)
	refused(t, s.Rotate(keys, Pair{Sign: pair.Sign, Encrypt: pair.Sign}), ErrUsage)
}

func TestTheWrongLockDoesNotOpen(t *testing.T) {
	p := provider(t)
	_, _, dir := enrolled(t, p)
	file := filepath.Join(t.TempDir(), "kek")
	check(t, NewKeyFile(file, rand.Reader))
	for _, lock := range []Lock{PassphraseLock([]byte("battery staple")), PassphraseLock(nil), KeyFileLock(file)} {
		_, err := OpenStore(dir, p, rand.Reader, lock)
		refused(t, err, ErrPassphrase)
		if strings.Contains(err.Error(), "staple") {
			t.Error("the error repeats the passphrase")
		}
	}
}

func TestRelockingChangesTheLockAndNothingElse(t *testing.T) {
	p := provider(t)
	s, _, dir := enrolled(t, p)
	file := filepath.Join(t.TempDir(), "kek")
	check(t, NewKeyFile(file, rand.Reader))
	check(t, s.Relock(KeyFileLock(file)))
	_, err := OpenStore(dir, p, rand.Reader, secret)
	refused(t, err, ErrPassphrase)
	again, err := OpenStore(dir, p, rand.Reader, KeyFileLock(file))
	check(t, err)
	_, err = again.Signer()
	check(t, err)
}

func TestFilesThatOthersMayReadAreRefused(t *testing.T) {
	p := provider(t)
	s, _, dir := enrolled(t, p)
	file := filepath.Join(t.TempDir(), "kek")
	check(t, NewKeyFile(file, rand.Reader))
	check(t, os.Chmod(file, 0o640))
	refused(t, s.Relock(KeyFileLock(file)), ErrPermissions)
	pair, _ := s.Pair()
	check(t, os.Chmod(s.path(keysDir, pair.Sign.KeyID.String()), 0o604))
	_, err := OpenStore(dir, p, rand.Reader, secret)
	refused(t, err, ErrPermissions)
}

func TestASealedFileCannotTakeAnothersPlace(t *testing.T) {
	p := provider(t)
	s, _, dir := enrolled(t, p)
	pair, _ := s.Pair()
	check(t, os.Rename(s.path(keysDir, pair.Encrypt.KeyID.String()), s.path(keysDir, pair.Sign.KeyID.String())))
	_, err := OpenStore(dir, p, rand.Reader, secret)
	refused(t, err, ErrDamaged)
}

func TestNothingInTheStoreIsReadableWithoutTheLock(t *testing.T) {
	p := provider(t)
	s, _, dir := enrolled(t, p)
	check(t, s.PutSecret("api-server", []byte("a very private thing")))
	keys, _, err := s.DomainIdentity()
	check(t, err)
	check(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		if info.IsDir() {
			return nil
		}
		data, err := os.ReadFile(path)
		for _, needle := range [][]byte{keys.Sign.Scalar(), keys.Encrypt.Scalar(), []byte("very private"), s.storeKey} {
			if bytes.Contains(data, needle) {
				t.Errorf("%s holds a secret in the clear", path)
			}
		}
		return err
	}))
	for _, v := range []any{s, secret, keys} {
		for _, needle := range []string{hexOf(keys.Sign.Scalar()), "correct horse", hexOf([]byte("correct horse")), hexOf(s.storeKey)} {
			if strings.Contains(printed(v), needle) {
				t.Errorf("%T prints a secret", v)
			}
		}
	}
}

func TestSecretsComeBack(t *testing.T) {
	p := provider(t)
	s, _, dir := enrolled(t, p)
	check(t, s.PutSecret("api-server", []byte("first")))
	check(t, s.PutSecret("api-server", []byte("second")))
	s, err := OpenStore(dir, p, rand.Reader, secret)
	check(t, err)
	if got, err := s.Secret("api-server"); err != nil || string(got) != "second" {
		t.Errorf("got %q, %v", got, err)
	}
	_, err = s.Secret("nothing")
	refused(t, err, ErrNoKey)
	_, err = s.Secret("../lock")
	refused(t, err, ErrNoKey)
}

func TestAStoreIsNeverCreatedOverAnother(t *testing.T) {
	p := provider(t)
	_, _, dir := enrolled(t, p)
	if _, err := createStore(dir, county, p, rand.Reader, secret, quick); !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v", err)
	}
}

func TestDefaultCostIsThatOfTheStandard(t *testing.T) {
	p := provider(t)
	dir := t.TempDir()
	start := time.Now()
	_, err := CreateStore(dir, county, p, rand.Reader, secret)
	check(t, err)
	t.Logf("one derivation takes %v", time.Since(start))
	text, err := os.ReadFile(filepath.Join(dir, lockName))
	check(t, err)
	if !bytes.Contains(text, []byte("Memory: 65536")) || !bytes.Contains(text, []byte("Passes: 3")) {
		t.Errorf("lock file says:\n%s", text)
	}
}

func TestANewReplicaGetsTheDomainsKeysAndNobodyElses(t *testing.T) {
	p := provider(t)
	s, ca, _ := enrolled(t, p)
	retired, err := s.Pair()
	check(t, err)
	current := rotate(t, s, ca)
	own, err := s.NewKeys()
	check(t, err)
	replica, err := ca.IssueReplica(county, "county-1", own.Sign.Public(), own.Encrypt.Public())
	check(t, err)
	check(t, s.Rotate(own, replica))

	dir := filepath.Join(t.TempDir(), "keys")
	other := PassphraseLock([]byte("another"))
	to, err := createStore(dir, county, p, rand.Reader, other, quick)
	check(t, err)
	check(t, s.CopyDomainKeys(to))
	to, err = OpenStore(dir, p, rand.Reader, other)
	check(t, err)
	if got, err := to.Pair(); err != nil || !bytes.Equal(got.Sign.Raw, current.Sign.Raw) {
		t.Errorf("the current pair did not come along: %v", err)
	}
	if _, ok := to.Opener(retired.Encrypt.KeyID); !ok {
		t.Error("what was sealed before the rotation can no longer be opened")
	}
	if _, _, err := to.ReplicaIdentity("county-1"); !errors.Is(err, ErrNoKey) {
		t.Errorf("the new store can pass for county-1: %v", err)
	}
	if _, ok := to.Opener(replica.Encrypt.KeyID); ok {
		t.Error("the new store holds a key of county-1")
	}
	stranger, err := createStore(filepath.Join(t.TempDir(), "keys"), "320581", p, rand.Reader, other, quick)
	check(t, err)
	if err := s.CopyDomainKeys(stranger); !errors.Is(err, ErrWrongDomain) {
		t.Errorf("keys of one domain in the store of another: %v", err)
	}
}
