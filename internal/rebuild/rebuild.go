// Package rebuild is the auditor's side of a release: somebody else's image is built
// again and compared, and a statement about what came out is signed with a key of
// the auditor's own. It also keeps such statements, and reads those of others.
//
// Only [Compare] makes an attempt that speaks for an image: it has compared the two
// images from their bytes, in this process. [Fail] makes one that speaks against it,
// or says nothing of it.
package rebuild

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// A Published is an image of somebody's release in a folder, as far as the key that
// signed it vouches for it.
type Published struct {
	Dir string
	*release.Verification
}

// Open verifies the release in the folder dir, which errors call called, with the
// key that signed it, and returns what that shows of one of its images. Its sealed
// inputs are looked at by [Published.Seal]. Errors are those of [release.Verify].
func Open(ctx context.Context, dir, called string, image digest.Digest, key *sign.PublicKey) (*Published, error) {
	v, err := release.VerifyWith(ctx, dir, key, release.VerifyOptions{Called: called, WithoutSealed: true})
	if err != nil {
		return nil, err
	}
	if v, err = v.Of(image); err != nil {
		return nil, err
	}
	return Verified(dir, v), nil
}

// Verified returns the image of the release in the folder dir that v shows.
func Verified(dir string, v *release.Verification) *Published {
	return &Published{Dir: dir, Verification: v}
}

// Seal checks that the release has its sealed inputs, and that they are exactly what
// its builds read, see [release.Verification.MatchSealed]. It returns their manifest.
func (p *Published) Seal(ctx context.Context) (digest.Digest, error) {
	if err := p.MatchSealed(ctx, p.Dir); err != nil {
		return "", err
	}
	return p.Verification.Sealed.Manifest, nil
}

// An Attempt is one try to build a published release again, and what came of it.
// Compare and Fail alone make one, and only its method sign signs; gate_test.go of
// package release holds the source to both.
type Attempt struct {
	published  *Published
	outcome    evidence.Outcome
	reason     string
	built      *builder.Result        // nil when nothing came out
	output     lock.Output            // that built was made for
	comparison *diffoscope.Comparison // of the published image and built's
	committed  *Secret                // nil when nothing was committed to

	// What built was made from.
	parameters   evidence.Parameters
	dependencies []evidence.Dependency
}

// Options say how a rebuild is judged.
type Options struct {
	// Made describes what the rebuild was made from and for, as the recipes, the lock and
	// the plan have it, not as the release's provenance says.
	Made *release.Build
	// Against is what else speaks against the image, a sentence each: it is not the
	// one that was expected, or not made of the recipe that was. With any, the
	// outcome is Different even when the two images are the same.
	Against []string
	// Committed is what was committed to before the image was public, nil for nothing.
	// When that is another image, the outcome is Different.
	Committed *Secret
}

// A MismatchError reports a build that is not a rebuild of the release: What, for
// example "plan", is another.
type MismatchError struct{ What, Want, Got string }

func (e *MismatchError) Error() string {
	return fmt.Sprintf("the rebuild has another %s than the release, %s, want %s", e.What, e.Got, e.Want)
}

// Compare compares the published image with the one that was built, from their
// bytes. The outcome is Reproduced when they are identical and nothing else speaks
// against it, and Different otherwise. When another toolchain record was used,
// images that differ give ToolchainMismatch: that may be all there is to it.
func Compare(ctx context.Context, p *Published, built *builder.Result, opts Options) (*Attempt, error) {
	if opts.Made == nil {
		return nil, errors.New("rebuild: what it was made from is needed")
	}
	dependencies, err := opts.Made.Dependencies()
	if err != nil {
		return nil, err
	}
	a := &Attempt{
		published: p, built: built, output: opts.Made.Output, committed: opts.Committed,
		parameters: opts.Made.Parameters(), dependencies: dependencies,
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	theirs, err := diffoscope.OpenImage(p.Dir, p.Image, diffoscope.Limits{})
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	ours, err := diffoscope.Open(built.Layout, diffoscope.Limits{})
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	theirs.SetName("published")
	ours.SetName("rebuilt")
	if a.comparison, err = diffoscope.Compare(ctx, theirs, ours); err != nil {
		return nil, fmt.Errorf("comparison: %w", err)
	}
	against := slices.Concat(a.committed.against(p.Image.Digest), a.provenanceAgainst(), opts.Against)
	if err := a.judge(against); err != nil {
		return nil, err
	}
	return a, nil
}

// check checks that the build is one of what was published, as far as it says.
func (a *Attempt) check() error {
	p, b := a.published, a.built
	if p == nil || b == nil || b.Invocation == "" || p.Verification.Sealed == nil {
		return errors.New("a release with sealed inputs and a build of them are needed")
	}
	if a.parameters.Plan != b.Plan {
		return &MismatchError{What: "plan", Want: b.Plan.String(), Got: a.parameters.Plan.String()}
	}
	// Another record always gives another plan.
	if evidence.NewOutput(a.output) == p.Output && b.Plan != p.Parameters.Plan {
		return &MismatchError{What: "plan", Want: p.Parameters.Plan.String(), Got: b.Plan.String()}
	}
	return nil
}

// provenanceAgainst says what the release's provenance has that isn't so: whoever signs
// that it was reproduced vouches for what it was made from, too.
func (a *Attempt) provenanceAgainst() []string {
	p, q := a.published.Parameters, a.parameters
	q.Plan = p.Plan // which check has compared, and is another one for another toolchain
	if p != q {
		return []string{fmt.Sprintf("its provenance is of %s, and it was built from %s", described(p), described(q))}
	}
	theirs, ours := a.published.Dependencies, a.dependencies
	if slices.Equal(theirs, ours) {
		return nil
	}
	for _, d := range theirs {
		if !slices.Contains(ours, d) {
			return []string{fmt.Sprintf("its provenance names %s %q, %s, which it wasn't built from", d.Kind, d.Name, d.URI)}
		}
	}
	for _, d := range ours {
		if !slices.Contains(theirs, d) {
			return []string{fmt.Sprintf("its provenance lacks %s %q, %s, which it was built from", d.Kind, d.Name, d.URI)}
		}
	}
	return []string{"its provenance has what it was built from in another order"}
}

func described(p evidence.Parameters) string {
	return fmt.Sprintf("%s %s %s-r%d for %s, epoch %d, lock %s", p.Kind, p.Recipe, p.Version, p.Release, p.Arch, p.Epoch, p.Lock)
}

// judge decides the outcome by the comparison. The digests, which it doesn't need,
// have to say the same.
func (a *Attempt) judge(against []string) error {
	cmp, want, got := a.comparison, a.published.Image.Digest, a.built.Image.Digest
	same := want == got
	switch {
	case cmp == nil || cmp.A().Digest != want || cmp.B().Digest != got:
		return errors.New("comparison: it is not of the release and its rebuild")
	case !cmp.Distinct():
		return errors.New("comparison: the release and its rebuild are the same folder")
	case cmp.Identical() != same:
		return fmt.Errorf("comparison: it contradicts the digests %s and %s", want, got)
	}
	switch other := a.otherToolchain(); {
	case same && len(against) == 0:
		a.outcome = evidence.Reproduced
	case same:
		a.outcome = evidence.Different
	case other != "":
		a.outcome = evidence.ToolchainMismatch
		against = append([]string{"another image came out, of another toolchain: " + other}, against...)
	default:
		a.outcome = evidence.Different
		against = append([]string{"another image came out"}, against...)
	}
	a.reason = sentence(against...)
	return nil
}

// otherToolchain says what is different between the toolchain record of the release
// and that of the rebuild, "" if nothing is.
func (a *Attempt) otherToolchain() string {
	return Differences(a.published.Output, evidence.NewOutput(a.output))
}

// Fail returns the attempt to rebuild p that came to nothing: outcome is neither
// Reproduced nor Different, and reason says why.
func Fail(p *Published, outcome evidence.Outcome, reason string) (*Attempt, error) {
	if p == nil || outcome == evidence.Reproduced || outcome == evidence.Different {
		return nil, fmt.Errorf("rebuild: %q without a comparison", outcome)
	}
	return &Attempt{published: p, outcome: outcome, reason: sentence(reason)}, nil
}

// Outcome returns what came of it.
func (a *Attempt) Outcome() evidence.Outcome { return a.outcome }

// Reason returns why it isn't reproduced, in one line, and "" when it is.
func (a *Attempt) Reason() string { return a.reason }

// Rebuilt returns the digest of the image that came out, "" when none did.
func (a *Attempt) Rebuilt() digest.Digest {
	if a.built == nil {
		return ""
	}
	return a.built.Image.Digest
}

// Comparison returns that of the published image and the one that came out, nil when
// none did.
func (a *Attempt) Comparison() *diffoscope.Comparison { return a.comparison }

// Built returns what was built, nil when nothing was.
func (a *Attempt) Built() *builder.Result { return a.built }
