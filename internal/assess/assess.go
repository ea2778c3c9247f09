// Package assess gathers the facts about an image that a policy judges: what the
// files of a release show, and what the trust root says of them.
//
// It verifies and doesn't decide; package verdict does. What could not be read or
// verified is part of the facts, and never left out of them.
package assess

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

// Options say by what images are judged, and where trust roots are kept.
type Options struct {
	// Policy judges. Required.
	Policy *policy.Policy
	// Folder is the policy's, from which its relative paths are meant.
	Folder string
	// Cache is the folder with this user's copies of trust roots, each in a folder
	// with its name in the policy. Required.
	Cache string
	// Offline asks no source that needs a network.
	Offline bool
	// Proxy is what sources are asked through; the default is what the environment
	// names.
	Proxy string
	// Now is the time to judge by. Required.
	Now time.Time
}

// An Assessor assesses images by one policy. It opens each trust root once, when it
// is needed. Several images may be read at once; they are judged one by one.
type Assessor struct {
	opts    Options
	trusted release.Trusted
	mu      sync.Mutex // holds roots
	roots   map[string]opened
	// problems are of the policy's own files, and stand against every image.
	problems []string
}

// New returns an assessor.
func New(opts Options) (*Assessor, error) {
	if opts.Policy == nil || opts.Cache == "" || opts.Now.IsZero() {
		return nil, errors.New("assess: no policy, cache or time")
	}
	a := &Assessor{opts: opts, roots: map[string]opened{}}
	for _, s := range opts.Policy.Signers {
		a.trusted.Keys = appendKeys(a.trusted.Keys, s.Keys)
	}
	for _, r := range opts.Policy.Rebuilders {
		a.trusted.Keys = appendKeys(a.trusted.Keys, r.Keys)
	}
	a.trusted.Knows = func(c *sign.Certificate) bool {
		return opts.Policy.SignerOf("", c) != nil || opts.Policy.RebuilderOf("", c) != nil
	}
	a.openSigstores()
	return a, nil
}

func appendKeys(to []*sign.PublicKey, from []policy.Key) []*sign.PublicKey {
	for _, k := range from {
		to = append(to, k.Public)
	}
	return to
}

// An Assessment is what is known of an image, and the verdict on it.
type Assessment struct {
	Facts    verdict.Facts
	Verdict  verdict.Verdict
	Contents *release.Contents
	// Listed is what the trust root says of the image under the name that it was
	// asked for by, nil when it doesn't list it so.
	Listed *trust.Release
	// Err is why the trust root could not be used, or wants this image not to be:
	// an error of package trust, or nil.
	Err error
	// Unnamed says that no reference was given and nobody known names the image.
	Unnamed bool

	asked wanted
	view  *trust.View
}

// Release assesses the release in the folder dir: it reads and then judges it.
func (a *Assessor) Release(ctx context.Context, dir, reference string) (*Assessment, error) {
	contents, err := a.Read(ctx, dir, release.VerifyOptions{})
	if err != nil {
		return nil, err
	}
	return a.Judge(ctx, contents, reference)
}

// Read reads the release in the folder dir, as much as opts say there is of it, and
// verifies its signatures with the policy's keys: what takes time, and depends on
// nothing but the files. An error is about them, of package release or oci.
func (a *Assessor) Read(ctx context.Context, dir string, opts release.VerifyOptions) (*release.Contents, error) {
	return release.ReadWith(ctx, dir, a.trusted, opts)
}

// ReadAll is [Assessor.Read] of each image of a release: one, or those of an index, in
// its order.
func (a *Assessor) ReadAll(ctx context.Context, dir string, opts release.VerifyOptions) ([]*release.Contents, error) {
	return release.ReadAll(ctx, dir, a.trusted, opts)
}

// ReadLayout is [Assessor.ReadAll] of a layout that is open, as [release.ReadLayout] has
// it.
func (a *Assessor) ReadLayout(ctx context.Context, l *oci.Layout, opts release.VerifyOptions) ([]*release.Contents, error) {
	return release.ReadLayout(ctx, l, a.trusted, opts)
}

// Judge assesses what was read of a release, which was asked for by reference. What
// was accepted before counts.
//
// Without a reference, its name is what a trust root of the policy lists its digest
// as or, when none does, what one of the policy's signers signed. A name that the
// release merely claims is refused. A reference by digest is to the image, or to the
// index that it is in.
func (a *Assessor) Judge(ctx context.Context, contents *release.Contents, reference string) (*Assessment, error) {
	s := a.gather(ctx, contents, reference)
	a.rebuilds(ctx, s)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.Verdict = verdict.Judge(a.opts.Policy, s.Facts, a.opts.Now)
	return s, nil
}

// JudgeWithoutRebuilds is [Assessor.Judge] for who is about to rebuild the image: no
// rebuild is asked for, and nobody's is looked at. A verdict like that is no reason to
// run an image.
func (a *Assessor) JudgeWithoutRebuilds(ctx context.Context, contents *release.Contents, reference string) (*Assessment, error) {
	s := a.gather(ctx, contents, reference)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := *a.opts.Policy
	p.Scopes = slices.Clone(p.Scopes)
	for i := range p.Scopes {
		p.Scopes[i].Rebuilds = policy.Rebuilds{}
	}
	s.Facts.Root.MinimumRebuilders = 0
	s.Verdict = verdict.Judge(&p, s.Facts, a.opts.Now)
	return s, nil
}

// gather gathers all facts but what rebuilders say.
func (a *Assessor) gather(ctx context.Context, contents *release.Contents, reference string) *Assessment {
	s := &Assessment{Contents: contents}
	s.Facts.Digest, s.Facts.Size, s.Facts.Incomplete = contents.Image.Digest, contents.Compressed, contents.Incomplete
	s.Facts.Problems = slices.Clone(a.problems)
	if reference == "" {
		reference = a.name(ctx, s)
	}
	s.Facts.Reference = reference
	s.asked = parse(reference)
	index := contents.Index
	if d := s.asked.digest; d != "" && d != s.Facts.Digest && (index == nil || d != index.Digest) {
		s.problem("%s was asked for, and this is %s", d, s.Facts.Digest)
	}
	if t := a.trustRoot(reference); t != nil {
		a.ask(ctx, t, s)
	}
	s.signatures(a.scope(reference).Sigstore)
	a.named(s)
	s.privileges()
	s.support(a.opts.Policy)
	return s
}

// trustRoot returns the one that the scope of an image names, or nil.
func (a *Assessor) trustRoot(reference string) *policy.TrustRoot {
	return a.opts.Policy.TrustRoot(a.scope(reference).TrustRoot)
}

// scope returns the one of an image, or one that asks for nobody.
func (a *Assessor) scope(reference string) *policy.Scope {
	name, err := policy.ImageName(reference)
	if err != nil {
		return &policy.Scope{}
	}
	if scope := a.opts.Policy.Scope(name); scope != nil {
		return scope
	}
	return &policy.Scope{}
}

// Accept writes down that this machine uses the image, if it is trusted and a trust
// root lists it: older releases of its name are refused from now on. It returns an
// error of package trust when that isn't right any more.
func (s *Assessment) Accept(ctx context.Context) error {
	if err := s.Verdict.Err(); err != nil {
		return err
	}
	if s.view == nil || s.Listed == nil {
		return nil
	}
	r := s.Listed
	if seen, ok := s.view.Seen(r.Ref.Name); ok &&
		seen == (trust.Seen{Ref: r.Ref, Sequence: r.Target.Sequence, Digest: r.Digest}) {
		return nil // as it was when the view was opened
	}
	return s.view.Accept(ctx, r)
}
