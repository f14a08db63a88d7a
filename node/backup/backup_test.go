package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
)

func (*domain) now() time.Time { return time.Now() }

func verify(b []byte, e Expect) (*Verified, error) {
	return Verify(context.Background(), bytes.NewReader(b), VerifyOptions{Expect: e})
}

func TestABackupSaysWhatItHolds(t *testing.T) {
	d := newDomain(t)
	d.keep(1, 3)
	d.keep(2, 2)
	var out bytes.Buffer
	st, err := Make(t.Context(), &out, d.source())
	must(t, err)
	head, err := d.store.Head()
	must(t, err)
	for name, e := range map[string]Expect{"outside": {Provider: d.provider}, "inside": d.expect()} {
		v, err := verify(out.Bytes(), e)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c := v.Statement.Contents
		if c.Index != head.Index || c.Digest != head.Digest || c.Chunks != 5 || c.Missing != 0 || c.Incarnation != 1 || len(c.Voters) != 3 || c.Lock != "keyfile" {
			t.Errorf("%s: %+v", name, c)
		}
		if v.Opened != (e.Opener != nil) || v.Vouched != (e.Anchor != nil) || v.Signer != st.key(t, d) {
			t.Errorf("%s: opened %t, vouched %t", name, v.Opened, v.Vouched)
		}
	}
	if v, err := Verify(t.Context(), bytes.NewReader(out.Bytes()), VerifyOptions{Expect: d.expect(), Deep: true, Temp: t.TempDir()}); err != nil || v.Report == nil || v.Report.Index != head.Index {
		t.Errorf("deep: %v", err)
	}
}

// key is the key that signed, by way of the domain's certificates.
func (*Statement) key(t *testing.T, d *domain) crypto.KeyID {
	t.Helper()
	pair, err := d.vault.Pair()
	must(t, err)
	return pair.Sign.KeyID
}

// TestNoPrivateKeyIsInABackup opens a backup and looks for what opens anything.
func TestNoPrivateKeyIsInABackup(t *testing.T) {
	d := newDomain(t)
	r, err := open(bytes.NewReader(d.backup()), d.expect())
	must(t, err)
	plain, err := io.ReadAll(r)
	must(t, err)
	keys, _, err := d.vault.DomainIdentity()
	must(t, err)
	unlock, err := os.ReadFile(d.conf.Unlock.KeyFile)
	must(t, err)
	for name, secret := range map[string][]byte{
		"signing key": keys.Sign.Scalar(), "encryption key": keys.Encrypt.Scalar(), "key file": unlock, "API key": []byte("EC PRIVATE KEY"),
	} {
		if bytes.Contains(plain, secret) || bytes.Contains(plain, []byte(hex.EncodeToString(secret))) {
			t.Errorf("the %s is in it", name)
		}
	}
	if !bytes.Contains(plain, []byte("YIZHAN STORE LOCK")) || !bytes.Contains(plain, []byte("secrets/api-server.pem")) {
		t.Error("the key store is not in it")
	}
}

func TestChunksThatNobodyHasAreCountedAndNamed(t *testing.T) {
	d := newDomain(t)
	d.keep(1, 2)
	id := d.keep(2, 3)
	s := d.source()
	lost := 0
	chunk := s.Chunk
	s.Chunk = func(ctx context.Context, a crypto.Digest) ([]byte, error) {
		data, err := chunk(ctx, a)
		if err == nil && data[1] == 2 && lost < 2 {
			lost++
			return nil, exchange.Errorf(exchange.NotFound, "test", "gone")
		}
		return data, err
	}
	var out bytes.Buffer
	_, err := Make(t.Context(), &out, s)
	must(t, err)
	v, err := verify(out.Bytes(), d.expect())
	must(t, err)
	if c := v.Statement.Contents; c.Chunks != 3 || c.Missing != 2 || len(c.MissingFrom) != 1 || c.MissingFrom[0] != id {
		t.Errorf("%+v", c)
	}
}

// split takes a backup apart: magic, then frames.
func split(t *testing.T, b []byte) (parts [][]byte) {
	t.Helper()
	parts, b = append(parts, b[:len(magic)]), b[len(magic):]
	for len(b) > 0 {
		n := frameSize + int(b[5])<<24 + int(b[6])<<16 + int(b[7])<<8 + int(b[8])
		parts, b = append(parts, b[:n]), b[n:]
	}
	return parts
}

func without(parts [][]byte, i int) []byte {
	return bytes.Join(append(append([][]byte{}, parts[:i]...), parts[i+1:]...), nil)
}

func swapped(parts [][]byte, i, j int) []byte {
	p := append([][]byte{}, parts...)
	p[i], p[j] = p[j], p[i]
	return bytes.Join(p, nil)
}

func with(parts [][]byte, i int, part []byte) []byte {
	p := append([][]byte{}, parts...)
	p[i] = part
	return bytes.Join(p, nil)
}

// TestEveryFailureHasItsClass holds what a reader says of a backup that is not
// as it was written, with the offline key and without.
func TestEveryFailureHasItsClass(t *testing.T) {
	d, other := newDomain(t), newDomain(t)
	d.keep(1, 4)
	good := d.backup()
	parts, again := split(t, good), split(t, d.backup())
	last := len(parts) - 1 // the end
	if last < 6 {
		t.Fatalf("only %d frames", last)
	}
	renumbered := func() []byte { // by somebody who knows the form
		p := append([][]byte{}, parts[:3]...)
		for i, part := range parts[4:last] {
			b := bytes.Clone(part)
			f := frame{kindChunk, uint32(i + 1), uint32(len(b) - frameSize), d.provider.Sum(b[frameSize:])}
			p = append(p, append(f.encode(d.provider), b[frameSize:]...))
		}
		end := bytes.Clone(parts[last])
		f := frame{kindEnd, uint32(last - 3), uint32(len(end) - frameSize), d.provider.Sum(end[frameSize:])}
		return bytes.Join(append(p, append(f.encode(d.provider), end[frameSize:]...)), nil)
	}
	noKey := Expect{Provider: d.provider, Domain: county, Anchor: &d.anchor}
	wrong := d.expect()
	wrong.Opener = other.offline
	elsewhere := d.expect()
	elsewhere.Domain = "320581"
	stranger := d.expect()
	stranger.Anchor = &other.anchor
	for _, c := range []struct {
		name   string
		bytes  []byte
		expect *Expect // nil: both
		class  error
	}{
		{"empty", nil, nil, ErrNotBackup},
		{"another file", []byte(strings.Repeat("not a backup", 100)), nil, ErrNotBackup},
		{"cut within the header", good[:100], nil, ErrTruncated},
		{"cut after the header", good[:len(parts[0])+len(parts[1])], nil, ErrTruncated},
		{"cut within a chunk", good[:len(good)/2], nil, ErrTruncated},
		{"cut after a chunk", bytes.Join(parts[:4], nil), nil, ErrTruncated},
		{"cut within the end", good[:len(good)-10], nil, ErrTruncated},
		{"without its end", bytes.Join(parts[:last], nil), nil, ErrTruncated},
		{"without its header", without(parts, 1), nil, ErrMissing},
		{"without its first chunk", without(parts, 2), nil, ErrMissing},
		{"without a chunk", without(parts, 4), nil, ErrMissing},
		{"without its last chunk", without(parts, last-1), nil, ErrMissing},
		{"two chunks exchanged", swapped(parts, 3, 4), nil, ErrOrder},
		{"first and last chunk exchanged", swapped(parts, 2, last-1), nil, ErrOrder},
		{"a chunk twice", with(parts, 4, append(bytes.Clone(parts[4]), parts[4]...)), nil, ErrOrder},
		{"bytes after the end", append(bytes.Clone(good), 0), nil, ErrExtended},
		{"another backup after the end", append(bytes.Clone(good), good...), nil, ErrExtended},
		{"a second header", with(parts, 2, append(bytes.Clone(parts[1]), parts[2]...)), nil, ErrForged},
		{"a chunk of another backup", with(parts, 4, again[4]), nil, ErrForged},
		{"the header of another backup", with(parts, 1, again[1]), nil, ErrForged},
		{"the end of another backup", with(parts, last, again[last]), nil, ErrForged},
		{"a chunk taken out and the rest renumbered", renumbered(), nil, ErrForged},
		{"another offline key", good, &wrong, ErrKey},
		{"wanted of another domain", good, &elsewhere, ErrDomain},
		{"under another anchor", good, &stranger, ErrUntrusted},
	} {
		for _, e := range []Expect{d.expect(), noKey} {
			if c.expect != nil {
				e = *c.expect
			}
			_, err := verify(c.bytes, e)
			if got := classes(err); len(got) != 1 || got[0] != c.class {
				t.Errorf("%s, with key %t: %v, want %v", c.name, e.Opener != nil, err, c.class)
			}
		}
	}
}

var all = []error{ErrNotBackup, ErrVersion, ErrTruncated, ErrDamaged, ErrOrder, ErrMissing, ErrExtended, ErrKey, ErrDomain, ErrSignature, ErrUntrusted, ErrForged, ErrContents}

func classes(err error) (out []error) {
	for _, class := range all {
		if errors.Is(err, class) {
			out = append(out, class)
		}
	}
	return out
}

// TestOneFlippedBitIsDamage flips bits all over a backup.
func TestOneFlippedBitIsDamage(t *testing.T) {
	d := newDomain(t)
	d.keep(1, 1)
	good := d.backup()
	places := map[string]int{}
	at := len(magic)
	for i, part := range split(t, good)[1:] {
		for _, in := range []int{0, 3, 6, 8, 20, 42, frameSize, frameSize + 1, (frameSize + len(part)) / 2, len(part) - 1} {
			places[fmt.Sprintf("frame %d, byte %d", i, in)] = at + in
		}
		at += len(part)
	}
	for name, i := range places {
		for _, e := range []Expect{d.expect(), {Provider: d.provider}} {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << (i % 8)
			_, err := verify(bad, e)
			if got := classes(err); len(got) != 1 || got[0] != ErrDamaged {
				t.Errorf("%s, with key %t: %v", name, e.Opener != nil, err)
			}
		}
	}
}

// TestASignerWhoIsNotTheDomainIsRefused covers whoever knows the public half of
// the offline key and makes a backup of his own.
func TestASignerWhoIsNotTheDomainIsRefused(t *testing.T) {
	d, other := newDomain(t), newDomain(t)
	made := func(change func(*Source)) []byte {
		s := d.source()
		change(&s)
		var out bytes.Buffer
		_, err := Make(t.Context(), &out, s)
		must(t, err)
		return out.Bytes()
	}
	theirs, pair, err := other.vault.DomainIdentity()
	must(t, err)
	for name, c := range map[string]struct {
		bytes []byte
		class error
	}{
		"a key that the certificate does not name": {made(func(s *Source) { s.Signer = theirs.Sign }), ErrSignature},
		"the county of another federation":         {made(func(s *Source) { s.Signer, s.Pair = theirs.Sign, pair }), ErrUntrusted},
	} {
		if _, err := verify(c.bytes, d.expect()); !errors.Is(err, c.class) {
			t.Errorf("%s: %v, want %v", name, err, c.class)
		}
	}
	// The certificates of another domain of the same federation.
	h, err := exchange.Decode[Header](split(t, d.backup())[1][frameSize:])
	must(t, err)
	h.Domain = "320500"
	parts := split(t, d.backup())
	raw := exchange.Encode(h)
	f := frame{kindHeader, 0, uint32(len(raw)), d.provider.Sum(raw)}
	e := d.expect()
	e.Domain = "320500"
	if _, err := verify(with(parts, 1, append(f.encode(d.provider), raw...)), e); !errors.Is(err, ErrSignature) {
		t.Errorf("a county that says it is the city: %v", err)
	}
	h.Domain, h.Version = county, version+1
	raw = exchange.Encode(h)
	f = frame{kindHeader, 0, uint32(len(raw)), d.provider.Sum(raw)}
	if _, err := verify(with(parts, 1, append(f.encode(d.provider), raw...)), d.expect()); !errors.Is(err, ErrVersion) {
		t.Errorf("a newer form: %v", err)
	}
}

// TestContentThatIsNotWhatItsAddressSaysIsFound covers a replica that lies, or
// whose disk does.
func TestContentThatIsNotWhatItsAddressSaysIsFound(t *testing.T) {
	d := newDomain(t)
	d.keep(1, 2)
	s := d.source()
	chunk := s.Chunk
	s.Chunk = func(ctx context.Context, a crypto.Digest) ([]byte, error) {
		data, err := chunk(ctx, a)
		data = bytes.Clone(data)
		data[100] ^= 1
		return data, err
	}
	var out bytes.Buffer
	_, err := Make(t.Context(), &out, s)
	must(t, err)
	if _, err := verify(out.Bytes(), d.expect()); !errors.Is(err, ErrContents) {
		t.Errorf("%v", err)
	}
}

// TestAnUnfinishedBackupIsNone breaks off a backup at its source and at its
// target.
func TestAnUnfinishedBackupIsNone(t *testing.T) {
	d := newDomain(t)
	d.keep(1, 6)
	s := d.source()
	ctx, cancel := context.WithCancel(t.Context())
	chunk, n := s.Chunk, 0
	s.Chunk = func(ctx context.Context, a crypto.Digest) ([]byte, error) {
		if n++; n == 5 {
			cancel()
		}
		return chunk(ctx, a)
	}
	var out bytes.Buffer
	if _, err := Make(ctx, &out, s); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	if _, err := verify(out.Bytes(), d.expect()); !errors.Is(err, ErrTruncated) {
		t.Errorf("what is left: %v", err)
	}
	full := errors.New("disk full")
	if _, err := Make(t.Context(), &narrow{3 << 20, full}, d.source()); !errors.Is(err, full) {
		t.Errorf("a target that fails: %v", err)
	}
}

type narrow struct {
	left int
	err  error
}

func (w *narrow) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, w.err
	}
	return len(p), nil
}

func TestOfflineKeyIsMadeSealedAndOpened(t *testing.T) {
	p, err := sm.New("")
	must(t, err)
	dir := filepath.Join(t.TempDir(), "offline")
	pub, err := NewOfflineKey(dir, string(county), p, rand.Reader, trust.PassphraseLock([]byte("correct horse")))
	must(t, err)
	if _, err := NewOfflineKey(dir, string(county), p, rand.Reader, trust.PassphraseLock([]byte("x"))); err == nil {
		t.Error("a key was replaced")
	}
	path := filepath.Join(t.TempDir(), "backup.pub")
	must(t, SavePublic(path, string(county), p, pub))
	if got, err := LoadPublic(path, p); err != nil || got != pub {
		t.Errorf("%v", err)
	}
	k, err := OpenOfflineKey(dir, p, rand.Reader, trust.PassphraseLock([]byte("correct horse")))
	if err != nil || k.Public() != pub {
		t.Errorf("%v", err)
	}
	if _, err := OpenOfflineKey(dir, p, rand.Reader, trust.PassphraseLock([]byte("wrong"))); !errors.Is(err, trust.ErrPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	d := newDomain(t)
	lock, err := d.conf.Unlock.Lock()
	must(t, err)
	if _, err := OpenOfflineKey(d.conf.Keys, p, rand.Reader, lock); !errors.Is(err, trust.ErrNoKey) {
		t.Errorf("a domain's key store: %v", err)
	}
	text, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, bytes.Replace(text, []byte("\nK"), []byte("\nX-K"), 1), 0o600))
	if _, err := LoadPublic(path, p); !errors.Is(err, trust.ErrDamaged) {
		t.Errorf("a changed public key: %v", err)
	}
}

// TestMemoryDoesNotGrowWithTheDomain makes and reads a backup of a domain whose
// content is made up as it is asked for.
func TestMemoryDoesNotGrowWithTheDomain(t *testing.T) {
	d := newDomain(t)
	d.keep(1, 32)
	s := d.source()
	r, w := io.Pipe()
	made := make(chan error, 1)
	go func() {
		_, err := Make(context.Background(), w, s)
		made <- errors.Join(err, w.CloseWithError(err))
	}()
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	most := uint64(0)
	watched := readerFunc(func(p []byte) (int, error) {
		if len(p) > 1<<19 {
			runtime.ReadMemStats(&now)
			most = max(most, now.TotalAlloc-before.TotalAlloc)
		}
		return r.Read(p)
	})
	if _, err := Verify(t.Context(), watched, VerifyOptions{Expect: d.expect()}); err != nil {
		t.Fatal(err)
	}
	must(t, <-made)
	// Everything that was ever allocated, on both sides, is less than half of
	// what went through: the rest was buffers that are used again.
	if limit := uint64(16 << 20); most > limit {
		t.Errorf("%d MiB were allocated for 32 MiB of content", most>>20)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
