package cli

import (
	"context"
	"errors"
	"runtime"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/assess"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
)

// A gathered is what was read of a release, which is yet to be judged.
type gathered struct {
	contents  []*release.Contents // of each image
	reference string
	problems  []registry.Problem
}

// gather reads the release that arg names: from a folder all its images, or from a
// registry the one for the platform. From there, the layers aren't fetched: the
// verdict is on the manifest's digest, and who runs the image has to get them by that.
func (j *judging) gather(ctx context.Context, arg string, f judgeFlags) (g *gathered, err error) {
	if !isReference(arg) {
		contents, err := j.assessor.ReadAll(ctx, arg, release.VerifyOptions{})
		return &gathered{contents: contents, reference: f.reference}, err
	}
	ref, err := registry.ParseReference(arg)
	if err != nil {
		return nil, err
	}
	g = &gathered{reference: ref.String()}
	opts := fetchOptions(f.proxy)
	opts.Known, opts.Connections = j.known(g.reference), &j.connections
	m := oci.NewMemory()
	defer func() { err = errors.Join(err, m.Close()) }()
	fetched, layout, err := registry.FetchMemory(ctx, ref, f.platform, m, opts)
	if err != nil {
		return nil, err
	}
	g.problems = fetched.Problems
	g.reference = ofImage(ref, fetched)
	g.contents, err = j.assessor.ReadLayout(ctx, layout, release.VerifyOptions{Called: g.reference, WithoutLayers: true})
	for _, c := range g.contents {
		c.Incomplete = fetched.Incomplete()
	}
	return g, err
}

// known returns what says which bundles of an image are to be looked at first.
func (j *judging) known(reference string) func(context.Context, digest.Digest) []digest.Digest {
	return func(ctx context.Context, image digest.Digest) []digest.Digest {
		return j.assessor.Bundles(ctx, reference, image)
	}
}

// ofImage returns ref as a reference to the image that was fetched: a digest may be
// that of the index, which has the image's.
func ofImage(ref registry.Reference, fetched *registry.Fetched) string {
	if fetched.Target.Digest == fetched.Image.Digest || ref.Digest() == "" {
		return ref.String()
	}
	return ref.WithDigest(fetched.Image.Digest).String()
}

// assess judges each image of what was gathered.
func (j *judging) assess(ctx context.Context, g *gathered) ([]*assess.Assessment, error) {
	j.warnProblems(g.problems)
	var all []*assess.Assessment
	for _, c := range g.contents {
		s, err := j.assessor.Judge(ctx, c, g.reference)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// inOrder calls do for each of in, several at once, and use for each with what do
// returned: in order, and one at a time. It stops at the first error of use, and
// returns it once nothing runs any more.
func inOrder[T, R any](ctx context.Context, in []T, do func(context.Context, T) (R, error), use func(T, R, error) error) error {
	type result struct {
		value R
		err   error
	}
	ctx, cancel := context.WithCancel(ctx)
	var running []chan result
	defer func() {
		cancel()
		for _, r := range running {
			<-r
		}
	}()
	// Twice as many as run at once, so that one that takes long stops no other; and
	// no more, since what is done waits in memory.
	ahead := 2 * runtime.GOMAXPROCS(0)
	for i, next := 0, 0; i < len(in); i++ {
		for ; next < len(in) && next < i+ahead; next++ {
			done := make(chan result, 1)
			go func(v T) {
				value, err := do(ctx, v)
				done <- result{value, err}
			}(in[next])
			running = append(running, done)
		}
		r := <-running[0]
		running = running[1:]
		if err := use(in[i], r.value, r.err); err != nil {
			return err
		}
	}
	return nil
}
