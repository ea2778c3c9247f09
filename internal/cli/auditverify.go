package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/internal/assess"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/rebuild"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/transfer"
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
	image, err := imageIn(dir, f.platform)
	if err != nil {
		return nil, asBroken(err)
	}
	if v.key != nil {
		p, err := rebuild.Open(ctx, dir, target, image.Digest, v.key)
		var unsigned *release.UnsignedError
		if errors.As(err, &unsigned) {
			return nil, &noEvidenceError{unsigned}
		}
		return p, asBroken(err)
	}
	reference := f.reference
	if isReference(target) {
		reference = target
	}
	contents, err := v.judge.contents(ctx, dir, target, image)
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

// A noEvidenceError reports a release without anything signed to an auditor, who can't
// sign it.
type noEvidenceError struct{ *release.UnsignedError }

// imageIn returns the image of the release in the folder dir that is meant by a
// platform, as a registry's would be: "" is this machine's.
func imageIn(dir, platform string) (ocispec.Descriptor, error) {
	top, all, err := release.Images(dir)
	if err != nil || len(all) == 1 {
		return append(all, top)[0], err
	}
	return registry.Choose(top.Digest, all, platform)
}

// contents reads one image of the release in the folder dir.
func (j *judging) contents(ctx context.Context, dir, called string, image ocispec.Descriptor) (*release.Contents, error) {
	all, err := j.assessor.ReadAll(ctx, dir, release.VerifyOptions{Called: called})
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if c.Image.Digest == image.Digest {
			return c, nil
		}
	}
	return nil, &diffoscope.ChangedError{What: called}
}

// bySigner returns the release as one of those shows it who sign it, and whom the
// policy or the trust root names.
func (v signedBy) bySigner(ctx context.Context, dir, target string, s *assess.Assessment) (*rebuild.Published, error) {
	var problems error
	for _, st := range s.Contents.Statements {
		listed := s.Listed != nil && slices.Contains(s.Listed.Target.Bundles, st.Manifest)
		if !st.Signature() || st.Certificate != nil || !listed && !slices.Contains(v.signers, st.Key.ID()) {
			continue
		}
		p, err := rebuild.Open(ctx, dir, target, s.Contents.Image.Digest, st.Key)
		if err == nil {
			return p, nil
		}
		problems = errors.Join(problems, err)
	}
	// And by those who have no key.
	for _, signer := range v.judge.policy.Signers {
		for _, identity := range signer.Identities {
			if verified, err := s.Contents.ByCertificate(identity.Is); err == nil {
				return rebuild.Verified(dir, verified), nil
			}
		}
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

// isExport reports whether a command's argument names an export file.
func isExport(arg string) bool {
	info, err := os.Stat(arg)
	return err == nil && info.Mode().IsRegular()
}

// An exportError reports an export file where releases in folders are wanted, or one.
type exportError struct {
	File string
	// Has are the names of the releases in it, nil where any number are too many.
	Has []string
}

func (e *exportError) Error() string {
	if e.Has == nil {
		return e.File + " is a file, and no release's folder"
	}
	return fmt.Sprintf("%s has %d releases, and one is wanted: %s", e.File, len(e.Has), strings.Join(e.Has, ", "))
}

// noExport returns an *[exportError] when one of args is a file.
func noExport(args ...string) error {
	for _, arg := range args {
		if isExport(arg) {
			return &exportError{File: arg}
		}
	}
	return nil
}

// oneIn returns the one release of an export file.
func oneIn(file string, f *transfer.Folder) (*transfer.Image, error) {
	if len(f.Images) <= 1 {
		image, err := f.Image()
		if err != nil {
			err = fmt.Errorf("%s: %w", file, err)
		}
		return image, err
	}
	e := &exportError{File: file}
	for _, image := range f.Images {
		e.Has = append(e.Has, cmp.Or(image.Name, image.Digest.String()))
	}
	return nil, e
}

// An obtained is a release in a folder.
type obtained struct {
	dir string
	// missing says what of the sealed inputs a registry doesn't have any more, so that
	// all of them were left out.
	missing error
	fetched int64 // bytes that a registry has sent
	// index is the one that a registry's image is in, nil when all of it is in the folder.
	index *registry.Manifest
}

// obtain returns the release that target names: itself, or one that is made at dir of
// a reference or an export file.
func (u *auditor) obtain(ctx context.Context, target, dir string) (got obtained, err error) {
	f := u.flags.judge
	opts := transfer.Options{Registry: fetchOptions(f.proxy)}
	switch {
	case isReference(target):
		ref, err := registry.ParseReference(target)
		if err != nil {
			return got, err
		}
		return u.pull(ctx, ref, dir, opts)
	case isExport(target):
		return obtained{dir: dir}, extract(ctx, target, dir, opts)
	}
	return obtained{dir: target}, nil
}

// pull fetches all of a release, or what there is without the sealed inputs.
func (u *auditor) pull(ctx context.Context, ref registry.Reference, dir string, opts transfer.Options) (got obtained, err error) {
	moved, err := transfer.Pull(ctx, ref, u.flags.judge.platform, dir, opts)
	var status *registry.StatusError
	if errors.As(err, &status) && status.Code == statusNotFound {
		opts.Without = []string{inputs.SealedType}
		var again error
		if moved, again = transfer.Pull(ctx, ref, u.flags.judge.platform, dir, opts); again != nil {
			return got, err
		}
		got.missing, err = err, nil
	}
	if err != nil {
		return got, err
	}
	u.warnProblems(moved.Problems)
	got.dir, got.fetched, got.index = dir, moved.Sent, moved.Index
	return got, nil
}

const statusNotFound = 404

// extract takes the one release of an export file into a folder.
func extract(ctx context.Context, file, dir string, opts transfer.Options) error {
	f, err := transfer.OpenExport(file)
	if err != nil {
		return err
	}
	defer f.Close()
	image, err := oneIn(file, f)
	if err != nil {
		return err
	}
	if _, err = image.ToFolder(ctx, dir, opts); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
