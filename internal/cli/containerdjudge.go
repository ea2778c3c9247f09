package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/acceptance"
	"gitlab.com/tailsbuild/tailsbuild/internal/assess"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/ownership"
	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

const (
	// maxPlatforms is how many images an index may have: all are judged.
	maxPlatforms = 16
	// serviceState is the state folder of root's services: those that systemd starts
	// have no home.
	serviceState = "/var/lib/tailsbuild"
	// reasonsShown is how many reasons containerd is told.
	reasonsShown = 3
)

// An imageJudge decides about images for containerd. Any error is a refusal.
type imageJudge interface {
	// judge decides about the image in the layout dir, which has all but the layers
	// and was asked for as reference. It is index itself, or one of its images.
	judge(ctx context.Context, dir, reference string, index digest.Digest) (*ruling, error)
	// describe says in out who decided.
	describe(out *allowed)
	// known returns what is known to be attached to an image that was asked for as
	// reference.
	known(ctx context.Context, reference string, image digest.Digest) []digest.Digest
}

// A ruling is on an image that may be used.
type ruling struct {
	Image    digest.Digest
	Name     string // as it was signed or listed
	Accepted bool   // by the administrator alone
	// use writes down that the image is used. It is called when all of an index may
	// be.
	use func(context.Context) error
}

// containerdJudge returns the judge that the flags ask for, after it has checked
// who could have changed what it judges by.
func (a *app) containerdJudge(f judgeFlags, keyFile string) (imageJudge, error) {
	switch {
	case f.policy != "" && keyFile != "", keyFile != "" && f.cache != "":
		return nil, usagef("--key asks no policy")
	case keyFile != "":
		path, err := owned(keyFile)
		if err != nil {
			return nil, err
		}
		key, err := openPublicKey(path)
		return keyJudge{key}, err
	case f.policy != "":
		return a.newPolicyJudge(f)
	}
	return nil, usagef("--policy FILE is missing, or --key PUB")
}

// owned returns the path of a file that only root and this user could have changed.
func owned(file string) (string, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	return ownership.File(path, uint32(os.Geteuid()))
}

// A keyJudge trusts what key signed.
type keyJudge struct{ key *sign.PublicKey }

func (j keyJudge) describe(out *allowed) { out.Key = j.key.ID() }

func (j keyJudge) known(context.Context, string, digest.Digest) []digest.Digest { return nil }

func (j keyJudge) judge(ctx context.Context, dir, reference string, _ digest.Digest) (*ruling, error) {
	v, err := release.VerifyWith(ctx, dir, j.key, release.VerifyOptions{Called: reference, WithoutLayers: true})
	if err != nil {
		return nil, err
	}
	return &ruling{Image: v.Image.Digest, Name: v.Name}, nil
}

// A policyJudge asks a policy, and the administrator's file of accepted images.
type policyJudge struct {
	file     string
	assessor *assess.Assessor
	acceptor *acceptance.Acceptor
	now      time.Time
}

func (a *app) newPolicyJudge(f judgeFlags) (imageJudge, error) {
	file, err := filepath.Abs(f.policy)
	if err != nil {
		return nil, err
	}
	path, err := owned(file)
	if err != nil {
		return nil, err
	}
	p, _, err := a.openPolicy(path)
	if err != nil {
		return nil, err
	}
	folder := filepath.Dir(file)
	if err := ownedFiles(p, folder); err != nil {
		return nil, err
	}
	cache, log, err := serviceFolders(f.cache)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	assessor, err := assess.New(assess.Options{Policy: p, Folder: folder, Cache: cache, Now: now})
	if err != nil {
		return nil, err
	}
	return &policyJudge{file, assessor, acceptance.New(nil, nil, log), now}, nil
}

// ownedFiles checks the files that the policy names and that decide.
func ownedFiles(p *policy.Policy, folder string) error {
	for _, file := range p.Files() {
		if !filepath.IsAbs(file) {
			file = filepath.Join(folder, file)
		}
		if _, err := owned(file); err != nil {
			return err
		}
	}
	return nil
}

// serviceFolders returns the folder of the cache, which nobody but root and this
// user may write to or make, and the file that lists what was accepted.
func serviceFolders(cache string) (_, log string, err error) {
	state := serviceState
	if os.Geteuid() != 0 {
		// Without a home, nothing can be accepted, and the cache has to be named.
		if state, err = stateDir(); err != nil && cache == "" {
			return "", "", err
		}
	}
	if state != "" {
		log = filepath.Join(state, "accepted.jsonl")
	}
	if cache == "" {
		cache = filepath.Join(state, "trust")
	}
	if cache, err = filepath.Abs(cache); err != nil {
		return "", "", err
	}
	if _, err := ownership.FolderIn("/", cache, uint32(os.Geteuid())); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", "", err
	}
	return cache, log, nil
}

func (j *policyJudge) describe(out *allowed) { out.Policy = j.file }

func (j *policyJudge) known(ctx context.Context, reference string, image digest.Digest) []digest.Digest {
	return j.assessor.Bundles(ctx, reference, image)
}

func (j *policyJudge) judge(ctx context.Context, dir, reference string, index digest.Digest) (*ruling, error) {
	contents, err := j.assessor.Read(ctx, dir, release.VerifyOptions{Called: reference, WithoutLayers: true})
	if err != nil {
		return nil, err
	}
	s, err := j.assessor.Judge(ctx, contents, reference)
	if err != nil {
		return nil, err
	}
	r := &ruling{Image: s.Verdict.Digest, Name: reference}
	if s.Listed != nil {
		r.Name = s.Listed.Ref.String()
	}
	if s.Verdict.Kind == verdict.Trusted {
		r.use = s.Accept
		return r, nil
	}
	if err := acceptedByFile(ctx, j.acceptor, s.Verdict, index, j.now); err != nil {
		return nil, &judgedError{s.Verdict, err}
	}
	r.Accepted = true
	return r, nil
}

// A judgedError reports a verdict that isn't trusted, with its reasons. Err is why
// the image isn't accepted either.
type judgedError struct {
	Verdict verdict.Verdict
	Err     error
}

func (e *judgedError) Error() string {
	var reasons []string
	for i, r := range e.Verdict.Reasons {
		if i == reasonsShown {
			reasons = append(reasons, fmt.Sprintf("and %d more reasons", len(e.Verdict.Reasons)-i))
			break
		}
		reasons = append(reasons, r.Text)
	}
	s := fmt.Sprintf("%s is %s: %s", e.Verdict.Reference, e.Verdict.Kind, strings.Join(reasons, " "))
	if !errors.Is(e.Err, acceptance.ErrNoTerminal) && !errors.Is(e.Err, acceptance.ErrRefused) {
		s += " " + e.Err.Error()
	}
	return s
}

func (e *judgedError) Unwrap() error { return e.Err }

// judgeAll returns the answer for what ref names, which desc describes, if judge
// allows all of its images.
func judgeAll(ctx context.Context, ref registry.Reference, desc ocispec.Descriptor, j imageJudge) (*allowed, error) {
	at := ref.WithDigest(desc.Digest)
	out := &allowed{Reference: at.String()}
	j.describe(out)
	s, err := openAsked(ctx, at, desc, func(ctx context.Context, image digest.Digest) []digest.Digest {
		return j.known(ctx, ref.String(), image)
	})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var rulings []*ruling
	for _, image := range s.Images {
		r, err := judgeImage(ctx, ref, s, image, j)
		if err != nil {
			return nil, err
		}
		rulings = append(rulings, r)
	}
	for _, r := range rulings {
		if r.use != nil {
			if err := r.use(ctx); err != nil {
				return nil, err
			}
		}
		out.Releases = append(out.Releases, r.Name)
		if r.Accepted {
			out.Accepted = append(out.Accepted, r.Name)
		}
	}
	return out, ctx.Err()
}

// openAsked opens what ref names, which has to be what containerd was given.
func openAsked(ctx context.Context, ref registry.Reference, desc ocispec.Descriptor, known func(context.Context, digest.Digest) []digest.Digest) (*registry.Source, error) {
	opts := fetchOptions("")
	opts.Known = known
	if deadline, ok := ctx.Deadline(); ok {
		opts.Limits.EvidenceTime = time.Until(deadline)
	}
	s, err := registry.Open(ctx, ref, opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	switch n := len(s.Images); {
	case s.Target.Size != desc.Size || s.Target.MediaType != desc.MediaType:
		err = &askedError{fmt.Sprintf("the descriptor has %d bytes of %q, the registry %d of %q",
			desc.Size, desc.MediaType, s.Target.Size, s.Target.MediaType)}
	case n == 0:
		err = &oci.FormatError{What: ref.String(), Detail: "an index of no images"}
	case n > maxPlatforms:
		err = &oci.LimitError{What: "images of " + ref.String(), Size: int64(n), Limit: maxPlatforms}
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func judgeImage(ctx context.Context, ref registry.Reference, s *registry.Source, image ocispec.Descriptor, j imageJudge) (r *ruling, err error) {
	// The tag is part of what was asked for, and the digest is the image's.
	called := ref.WithDigest(image.Digest).String()
	if tag := ref.Tag(); tag != "" {
		called = ref.Repository() + ":" + tag + "@" + image.Digest.String()
	}
	err = inTemp(func(dir string) error {
		if _, err := s.Fetch(ctx, image, dir); err != nil {
			return fmt.Errorf("%s: %w", called, err)
		}
		if r, err = j.judge(ctx, dir, called, s.Target.Digest); err != nil {
			return err
		}
		if r.Image != image.Digest {
			return errors.New("another image was judged")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}
