package audit_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange/audit"
)

// documented returns the command that the documentation gives under that name.
func documented(t *testing.T, name string) string {
	t.Helper()
	doc := string(must(os.ReadFile("../../deploy/docs/evidence.md")))
	form := regexp.MustCompile(`<!-- openssl: ` + name + " -->\n```sh\n((?s:.*?))```")
	found := form.FindStringSubmatch(doc)
	if found == nil {
		t.Fatalf("the documentation has no command called %s", name)
	}
	return found[1]
}

// shell runs commands in the unpacked evidence.
func shell(dir, statement, domain, commands string) (string, error) {
	c := exec.Command("sh", "-e", "-c", commands)
	c.Dir = dir
	c.Env = append(os.Environ(), "S="+statement, "D="+domain)
	out, err := c.CombinedOutput()
	return string(out), err
}

// unpackTo writes the entries and the anchor to a directory.
func unpackTo(t *testing.T, x *trip, u *unpacked) string {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed; install OpenSSL 3 to check the documented commands")
	}
	dir := t.TempDir()
	u.data["anchor.pem"] = x.Anchor.PEM()
	for name, data := range u.data {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTheDocumentedCommandsVerifyEvidence(t *testing.T) {
	x := arrive(t)
	dir := unpackTo(t, x, unpack(t, x.export(t, audit.Sealed)))
	signature := documented(t, "signature")
	for statement, domain := range map[string]string{
		"manifest": "320582", "receipts/01-accepted-320582": "320582", "receipts/02-relayed-320500": "320500",
		"receipts/05-signed-320000": "320000", "directory/320000-1": "320000", "directory/320500-1": "320500",
	} {
		t.Run(statement, func(t *testing.T) {
			if out, err := shell(dir, statement, domain, signature); err != nil || !strings.Contains(out, "Signature Verified Successfully") {
				t.Fatalf("%v\n%s", err, out)
			}
			out, err := shell(dir, statement, domain, documented(t, "key"))
			if lines := strings.Fields(out); err != nil || len(lines) != 2 || lines[0] != lines[1] {
				t.Errorf("key: %v\n%s", err, out)
			}
			if out, err := shell(dir, statement, domain, documented(t, "certificate")); err != nil || !strings.Contains(out, ": OK") {
				t.Errorf("certificate: %v\n%s", err, out)
			}
		})
	}
	out, err := shell(dir, "", "", documented(t, "chain"))
	if lines := strings.Fields(out); err != nil || len(lines) != 2 || !strings.Contains(lines[1], lines[0]) {
		t.Errorf("chain: %v\n%s", err, out)
	}
}

func TestTheDocumentedCommandFindsAChangedByte(t *testing.T) {
	x := arrive(t)
	u := unpack(t, x.export(t, audit.None))
	u.data["manifest.bin"][60] ^= 1
	dir := unpackTo(t, x, u)
	if out, err := shell(dir, "manifest", "320582", documented(t, "signature")); err == nil || strings.Contains(out, "Successfully") {
		t.Errorf("openssl verified it:\n%s", out)
	}
}

func TestTheReadmeGivesCommandsThatWork(t *testing.T) {
	x := arrive(t)
	u := unpack(t, x.export(t, audit.None))
	dir := unpackTo(t, x, u)
	readme := string(u.data["README.txt"])
	commands := readme[strings.Index(readme, "  openssl x509"):strings.Index(readme, "index.json")]
	if out, err := shell(dir, "", "", commands); err != nil || !strings.Contains(out, "Signature Verified Successfully") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTheDocumentationNamesEveryFailure(t *testing.T) {
	doc := string(must(os.ReadFile("../../deploy/docs/evidence.md")))
	for _, c := range []*audit.Class{
		audit.ErrArchive, audit.ErrMissingEntry, audit.ErrUnexpectedEntry, audit.ErrIndex, audit.ErrAnchor,
		audit.ErrDirectory, audit.ErrMissingDirectory, audit.ErrCertificate, audit.ErrUnits, audit.ErrManifest,
		audit.ErrReceipt, audit.ErrForged, audit.ErrForeign, audit.ErrMissingReceipt, audit.ErrRoad, audit.ErrRevoked,
		audit.ErrPeriod, audit.ErrContent, audit.ErrMissingContent, audit.ErrKey, audit.ErrOpen, audit.ErrUnproven,
	} {
		if !strings.Contains(doc, "`"+c.Code+"`") {
			t.Errorf("%s is not documented", c.Code)
		}
	}
}
