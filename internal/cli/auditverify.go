package cli

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/assess"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/rebuild"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// A signedBy says by which key or policy releases are verified before they are
// rebuilt.
type signedBy struct {
	key   *sign.PublicKey // nil to ask the policy
	judge *judging
	// policy is the digest of the policy's file, and signers are the IDs of its
	// signers' keys.
	policy  digest.Digest
	signers []string
}

func (a *app) newSignedBy(f auditFlags) (v signedBy, err error) {
	if f.keyFile != "" {
		v.key, err = openPublicKey(f.keyFile)
		return v, err
	}
	if f.judge.cache == "" {
		// What an auditor looks at may be older than what this user runs.
		state, err := stateDir()
		if err != nil {
			return v, err
		}
		f.judge.cache = filepath.Join(state, "audit")
	}
	if v.judge, err = a.newJudging(f.judge); err != nil {
		return v, err
	}
	v.policy = v.judge.source
	for _, s := range v.judge.policy.Signers {
		for _, k := range s.Keys {
			v.signers = append(v.signers, k.ID)
		}
	}
	return v, nil
}

// open verifies the release in the folder dir, which target names, as a user would,
// but for the rebuilds that the policy asks for: this is one.
func (v signedBy) open(ctx context.Context, dir, target string, f judgeFlags) (*rebuild.Published, error) {
	if v.key != nil {
		p, err := rebuild.Open(ctx, dir, target, v.key)
		return p, asBroken(err)
	}
	reference := f.reference
	if isReference(target) {
		reference = target
	}
	contents, err := v.judge.assessor.Read(ctx, dir, release.VerifyOptions{Called: target})
	if err != nil {
		return nil, asBroken(err)
	}
	s, err := v.judge.assessor.JudgeWithoutRebuilds(ctx, contents, reference)
	if err != nil {
		return nil, err
	}
	if err := untrusted(target, s); err != nil {
		return nil, err
	}
	p, err := v.bySigner(ctx, dir, target, s)
	return p, asBroken(err)
}

// bySigner returns the release as one of those shows it who sign it, and whom the
// policy or the trust root names.
func (v signedBy) bySigner(ctx context.Context, dir, target string, s *assess.Assessment) (*rebuild.Published, error) {
	var problems error
	for _, st := range s.Contents.Statements {
		listed := s.Listed != nil && slices.Contains(s.Listed.Target.Bundles, st.Manifest)
		if !st.Signature() || !listed && !slices.Contains(v.signers, st.Key.ID()) {
			continue
		}
		p, err := rebuild.Open(ctx, dir, target, st.Key)
		if err == nil {
			return p, nil
		}
		problems = errors.Join(problems, err)
	}
	if problems == nil {
		problems = &noSignerError{Dir: target}
	}
	return nil, problems
}

// A noSignerError reports a release that is trusted, and of which no statement is
// signed by anyone whom the policy or the trust root names: what it was built from
// isn't known.
type noSignerError struct{ Dir string }

func (e *noSignerError) Error() string {
	return e.Dir + ": nobody whom the policy or the trust root names says what it was built from"
}

// maxSealedInputs is how many bytes of sealed inputs are fetched from a registry.
const maxSealedInputs = 32 << 30

// fetchRelease fetches all of the release that target names into the folder dir.
func (a *app) fetchRelease(ctx context.Context, target, platform, dir string) error {
	ref, err := registry.ParseReference(target)
	if err != nil {
		return err
	}
	opts := fetchOptions()
	opts.Layers = true
	opts.Artifacts = append(opts.Artifacts, registry.Artifact{Type: inputs.SealedType, MaxBlobs: oci.MaxLayers, MaxSize: 8 << 30})
	opts.Limits.Evidence = maxSealedInputs
	opts.Limits.EvidenceTime = opts.Limits.ImageTime
	fetched, err := registry.Fetch(ctx, ref, platform, dir, opts)
	if err != nil {
		return err
	}
	a.warnProblems(fetched.Problems)
	return nil
}
