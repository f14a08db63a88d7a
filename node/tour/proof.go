package tour

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	anchorFile = "anchor.pem"
	proofFile  = "proof.evidence"
)

// proof: a process that has nothing but the anchor and the file decides.
func proof() scene {
	s := scene{"离线存证", "Evidence is verified offline, by a process that has only the anchor and the file", nil}
	for _, e := range []struct {
		chinese, english, unit string
		of                     func(*player) sent
	}{
		{"办件上报的存证成立，改动一个字节即不成立", "of the filing: it holds, and does not with one byte changed", county, func(p *player) sent { return p.filed }},
		{"公文下发的存证成立，改动一个字节即不成立", "of the document: it holds, and does not with one byte changed", province, func(p *player) sent { return p.issued }},
		{"逐级中转的存证成立，改动一个字节即不成立", "of the relayed case: it holds, and does not with one byte changed", county, func(p *player) sent { return p.relayed }},
	} {
		s.steps = append(s.steps, step{e.chinese, e.english, func(ctx context.Context, p *player) error { return p.prove(ctx, e.unit, e.of(p)) }})
	}
	return s
}

// prove exports evidence into a directory with nothing else but the anchor, and
// has it verified there, as it is and with one byte changed.
func (p *player) prove(ctx context.Context, unit string, s sent) error {
	dir, err := os.MkdirTemp(p.Dir, "proof-*")
	if err != nil {
		return err
	}
	if err := p.export(ctx, unit, s, dir); err != nil {
		return err
	}
	if out, err := p.verify(ctx, dir); err != nil {
		return fmt.Errorf("verify: expected 应为 it holds\nhappened 实际 %w\n%s", err, out)
	}
	if err := changeByte(filepath.Join(dir, proofFile)); err != nil {
		return err
	}
	out, err := p.verify(ctx, dir)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		return fmt.Errorf("verify with one byte changed: expected 应为 exit status 1\nhappened 实际 %v\n%s", err, out)
	}
	return nil
}

func (p *player) export(ctx context.Context, unit string, s sent, dir string) error {
	anchor, err := os.ReadFile(p.Anchor)
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, proofFile))
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, anchorFile), anchor, 0o600),
		p.as(unit).ExportEvidence(ctx, s.id(), "sealed", f),
		f.Close())
}

// verify runs the verifier with no settings and nothing in its environment.
func (p *player) verify(ctx context.Context, dir string) (string, error) {
	c := exec.CommandContext(ctx, p.Verifier, "evidence", "verify", "--anchor", anchorFile, proofFile)
	c.Dir, c.Env = dir, []string{"HOME=" + dir}
	out, err := c.CombinedOutput()
	return string(out), err
}

// changeByte changes one byte in the middle of a file.
func changeByte(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[len(b)/2] ^= 1
	return os.WriteFile(path, b, 0o600)
}
