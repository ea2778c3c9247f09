package cli

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/rebuild"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
)

// A oneAudit is the audit of one release.
type oneAudit struct {
	*auditor
	target    string
	work      string // a folder of its own
	draw      *progress.Display
	out       *audited
	published *rebuild.Published
	missing   error           // what of the sealed inputs isn't where the release is
	secret    *rebuild.Secret // nil when nothing was committed to
}

func (t *oneAudit) close() error { return builder.Remove(t.work) }

// step draws and times a phase of the audit.
func (t *oneAudit) step(name string, f func() error) error {
	start, step := time.Now(), t.draw.Step(name+" "+t.target)
	err := f()
	step.Done(err)
	t.out.Phases = append(t.out.Phases, phase{name, time.Since(start).Seconds()})
	return err
}

// verify gets the release into a folder, and verifies it as a user would.
func (t *oneAudit) verify(ctx context.Context) error {
	var got obtained
	err := t.step("get", func() (err error) {
		got, err = t.obtain(ctx, t.target, filepath.Join(t.work, "release"))
		t.missing, t.out.Fetched = got.missing, got.fetched
		return err
	})
	if err != nil {
		return asBroken(err)
	}
	err = t.step("verify", func() (err error) {
		t.published, err = t.by.open(ctx, got.dir, t.target, t.flags.judge)
		return err
	})
	if err != nil {
		return err
	}
	key, err := t.key()
	if err != nil {
		return err
	}
	if key != nil {
		// Before anything is built that would be in vain.
		if err := t.published.CheckKey(key.Public(), t.by.signers); err != nil {
			return err
		}
	}
	p, out := t.published, t.out
	out.Name, out.Image, out.Signer = p.Name, p.Image.Digest, p.Key
	out.Plan, out.Lock, out.Toolchain = p.Parameters.Plan, p.Parameters.Lock, p.Output
	out.CalledOtherwise = calledOtherwise(t.target, p.Parameters.Recipe, p.Name)
	return t.placed(got)
}

// placed says which image of the release is audited, and which aren't.
func (t *oneAudit) placed(got obtained) error {
	p, out := t.published, t.out
	out.Platform = evidence.Platform(p.Parameters.Arch)
	top, images, err := release.Images(got.dir)
	if err != nil {
		return asBroken(err)
	}
	if got.index != nil {
		top, images = got.index.Descriptor, got.index.Index.Manifests
	}
	built := []string{out.Platform}
	if top.Digest != p.Image.Digest {
		out.Index = top.Digest
		for _, desc := range images {
			if desc.Digest != p.Image.Digest {
				out.NotAudited = append(out.NotAudited, registry.PlatformOf(desc))
			}
		}
	}
	built = append(built, out.NotAudited...)
	if p.Declaration != nil {
		out.Lacks = slices.DeleteFunc(slices.Clone(p.Declaration.Architectures), func(arch string) bool {
			return slices.Contains(built, evidence.Platform(arch))
		})
	}
	return nil
}

// calledOtherwise returns what a reference calls a release, "" if that is name, or as
// much of it as the reference says.
func calledOtherwise(target, recipe, name string) string {
	ref, err := registry.ParseReference(target)
	if !isReference(target) || err != nil {
		return ""
	}
	called := ref.Name()
	if called == "" {
		called, name = path.Base(ref.Path()), recipe
	}
	if called == name {
		return ""
	}
	return called
}

// attempt rebuilds the release. An error is not the release's fault.
func (t *oneAudit) attempt(ctx context.Context) (*rebuild.Attempt, error) {
	against := t.expected()
	ours := evidence.NewOutput(lock.CurrentOutput())
	if other := rebuild.Differences(t.published.Output, ours); other != "" {
		t.out.OtherToolchain = other
		if !t.flags.force {
			return rebuild.Fail(t.published, evidence.ToolchainMismatch, other)
		}
	}
	var l *loaded
	var store *inputs.Store
	err := t.step("read inputs of", func() (err error) {
		l, store, err = t.unpack(ctx)
		return err
	})
	if err != nil {
		return t.failed(err)
	}
	if t.out.OtherToolchain == "" && l.plan.Digest() != t.published.Parameters.Plan {
		return rebuild.Fail(t.published, evidence.ToolchainMismatch, fmt.Sprintf(
			"this tailsbuild makes the plan %s of the release's recipe and lock, the release was built by %s", l.plan.Digest(), t.published.Parameters.Plan))
	}
	differs, err := t.compareSource(l)
	if err != nil {
		return nil, err
	}
	against = append(against, differs...)
	built, err := t.build(ctx, l, store)
	if err != nil {
		return t.failed(l.place(err))
	}
	made := l.made()
	var attempt *rebuild.Attempt
	err = t.step("compare", func() (err error) {
		attempt, err = rebuild.Compare(ctx, t.published, built, rebuild.Options{Made: &made, Against: against, Committed: t.secret})
		return err
	})
	return attempt, err
}

// expected compares the published image, and the index that it is in, with what was
// expected.
func (t *oneAudit) expected() []string {
	if t.out.Expected == "" || t.out.is(t.out.Expected) {
		return nil
	}
	return []string{fmt.Sprintf("the image %s was expected", t.out.Expected)}
}

// unpack checks that the sealed inputs are exactly those that the release was built
// from, and puts them into a store that has nothing else. No other place is asked.
func (t *oneAudit) unpack(ctx context.Context) (*loaded, *inputs.Store, error) {
	manifest, err := t.published.Seal(ctx)
	if err != nil {
		return nil, nil, err
	}
	p := t.published.Parameters
	s, err := inputs.OpenSealedManifest(t.published.Dir, manifest)
	if err != nil {
		return nil, nil, err
	}
	defer s.Close()
	artifact, err := s.Artifact(p.Recipe, p.Arch)
	if err != nil {
		return nil, nil, err
	}
	l, err := t.unpackSealed(s, artifact, filepath.Join(t.work, "recipes"), t.flags.force)
	if err != nil {
		return nil, nil, err
	}
	l.seal.Plan = p.Plan // under which the lock has the published image
	if err := artifact.Check(l.seal); err != nil {
		return nil, nil, err
	}
	t.out.Inputs, t.out.InputsSize = len(l.seal.Inputs), l.seal.Size()
	if err := t.committed(artifact); err != nil {
		return nil, nil, err
	}
	store, err := unsealed(ctx, s, l, t.work)
	return l, store, err
}

// committed finds what opens the auditor's commitment to the release's sealed inputs,
// as they were before the image was known.
func (t *oneAudit) committed(a *inputs.Artifact) error {
	blind, err := a.Blind()
	if err != nil {
		return err
	}
	if t.secret, err = t.reveal(blind.Digest); t.secret != nil {
		t.out.Committed = t.secret.Image
	}
	return err
}

// build builds once, with the variation that auditors have.
func (t *oneAudit) build(ctx context.Context, l *loaded, store *inputs.Store) (*builder.Result, error) {
	start := time.Now()
	built, err := buildAs(ctx, l, builder.Options{Store: store, Work: t.work, Progress: t.draw, Timeout: t.flags.timeout.limit})
	t.out.Phases = append(t.out.Phases, phase{"build", time.Since(start).Seconds()})
	if err != nil {
		return nil, err
	}
	t.out.Variation = built.Variation
	return built, nil
}

// failed makes an outcome of an error that is about the release, and returns others.
func (t *oneAudit) failed(err error) (*rebuild.Attempt, error) {
	var (
		record *builder.OutputRecordError
		recipe *recipeError
		notYet *builder.NotYetError
		sealed *inputs.SealedError
		step   *builder.StepError
		output *builder.OutputError
	)
	fail := func(outcome evidence.Outcome, err error) (*rebuild.Attempt, error) {
		return rebuild.Fail(t.published, outcome, t.said(err))
	}
	switch {
	case errors.As(err, &step):
		t.out.Log = step.Log
		return fail(evidence.BuildFailed, err)
	case errors.As(err, &output):
		return fail(evidence.BuildFailed, err)
	// The provenance says that a tailsbuild could read and build it.
	case errors.As(err, &recipe):
		return fail(evidence.ToolchainMismatch, recipe.Diags)
	case errors.As(err, &record), errors.As(err, &notYet):
		return fail(evidence.ToolchainMismatch, err)
	case errors.As(err, &sealed):
		return fail(evidence.InputsMissing, errors.Join(t.missing, err))
	}
	return nil, err
}

// said is what an error says to others, whom this machine's folders don't concern.
func (t *oneAudit) said(err error) string {
	return strings.NewReplacer(
		"sealed inputs "+t.published.Dir+": ", "", "sealed inputs "+t.target+": ", "",
		t.work+"/", "",
	).Replace(err.Error())
}
