package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/seal"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/policy"
)

const (
	stepTime = 300 * time.Millisecond // of measuring one step
	stepSize = 4 << 10                // bytes of content

	// patience lets a busy machine finish a decision; the cost is the same.
	patience = 10 * time.Second
)

// Step is one step of a filing, measured by itself.
type Step struct {
	Name       string  `json:"name"`
	CoreMicros float64 `json:"core_us"`
	Floor      float64 `json:"floor_core_us,omitempty"` // of its primitives; 0 where none was measured
	Note       string  `json:"note,omitempty"`
}

// Steps measures each step with a provider of the national algorithms ("" for
// the default), in an empty directory.
func Steps(ctx context.Context, provider, dir string) ([]Step, error) {
	if provider == "" {
		provider = sm.Emmansun
	}
	p, err := sm.New(provider)
	if err != nil {
		return nil, err
	}
	var out []Step
	for _, group := range []func() ([]Step, error){
		func() ([]Step, error) { return cryptoSteps(p) },
		func() ([]Step, error) { return policySteps(ctx) },
		func() ([]Step, error) { return domainSteps(ctx, provider, filepath.Join(dir, "domain")) },
		func() ([]Step, error) { return raftSteps(ctx, p, filepath.Join(dir, "raft")) },
		func() ([]Step, error) { return channelSteps(ctx, provider, filepath.Join(dir, "channel")) },
	} {
		steps, err := group()
		if err != nil {
			return nil, err
		}
		out = append(out, steps...)
	}
	return out, nil
}

// timed runs do over and over and returns the core time of one run.
func timed(name string, floor float64, do func() error) (Step, error) {
	if err := do(); err != nil { // fills what is filled once
		return Step{}, fmt.Errorf("%s: %w", name, err)
	}
	n, cpu, began := 0, coreTime(), time.Now()
	for ; time.Since(began) < stepTime; n++ {
		if err := do(); err != nil {
			return Step{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return Step{Name: name, CoreMicros: float64((coreTime() - cpu).Nanoseconds()) / 1000 / float64(n), Floor: floor}, nil
}

// task is a step before it is measured.
type task struct {
	name  string
	floor float64
	do    func() error
}

func measure(tasks ...task) ([]Step, error) {
	var out []Step
	for _, t := range tasks {
		s, err := timed(t.name, t.floor, t.do)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// cryptoSteps are the floors' own primitives, as crypto/seal uses them.
func cryptoSteps(p sm.Provider) ([]Step, error) {
	content := make([]byte, stepSize)
	_, _ = rand.Read(content) // never fails
	key, err := p.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	sig, err := key.Sign(content)
	if err != nil {
		return nil, err
	}
	var wrap []byte
	var chunks [][]byte
	var attempt seal.Attempt
	id := [16]byte{1}
	return measure(
		task{"sign 4 KiB", 22, func() error { _, err := key.Sign(content); return err }},
		task{"verify 4 KiB", 56, func() error { return p.Verify(key.Public(), content, sig) }},
		task{"seal 4 KiB, wrap for one domain", 62, func() (err error) {
			chunks = nil
			k, err := seal.NewKey(rand.Reader)
			if err != nil {
				return err
			}
			if wrap, err = seal.Wrap(p, rand.Reader, key.Public(), id, k); err != nil {
				return err
			}
			if attempt, err = seal.NewAttempt(rand.Reader); err != nil {
				return err
			}
			s, err := seal.NewSealer(p, k, id, 1, attempt)
			if err != nil {
				return err
			}
			_, err = s.Seal(bytes.NewReader(content), func(_ uint32, sealed []byte, _ crypto.Digest) error {
				chunks = append(chunks, bytes.Clone(sealed))
				return nil
			})
			return err
		}},
		task{"unwrap and open 4 KiB", 52, func() error {
			k, err := seal.Unwrap(key, id, wrap)
			if err != nil {
				return err
			}
			s, err := seal.NewSealer(p, k, id, 1, attempt)
			if err != nil {
				return err
			}
			var plain bytes.Buffer
			return s.Open(uint32(len(chunks)), func(i uint32) ([]byte, error) { return chunks[i], nil }, &plain)
		}},
	)
}

// policySteps decides as a county does: kernel, province, city and its own.
func policySteps(ctx context.Context) ([]Step, error) {
	set, err := policy.Load([]exchange.PolicyBundle{
		{Issuer: "320000", Number: 1, Files: policy.Baseline()},
		{Issuer: "320500", Number: 1, Files: policy.CitySample()},
		{Issuer: "320582", Number: 1, Files: policy.CountySample()},
	})
	if err != nil {
		return nil, err
	}
	e, err := policy.NewEngine(policy.Options{Deadline: patience})
	if err != nil {
		return nil, err
	}
	q := policy.Sample()
	return measure(task{"decide, three layers", 56, func() error {
		d, err := e.DecideWith(ctx, set, q)
		if err == nil && !d.Allow {
			err = fmt.Errorf("the sample is refused: %v", d.Reasons)
		}
		return err
	}})
}

// makeDir makes a directory and its parents.
func makeDir(path string) (string, error) { return path, os.MkdirAll(path, 0o700) }
