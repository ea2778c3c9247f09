package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

type buildFlags struct {
	recipes recipeFlags
	from    inputFlags
	draw    progressFlag
	pass    passphraseFlag
	seals   sealFlags
	asks    serviceFlags
	key     string
	output  string
	builder string
	record  bool
	all     bool
	changed string
	jobs    jobs
	archs   archFlag
	timeout timeoutFlag
	// skipTests makes releases of what was not tested, and testOnly tests and makes
	// none.
	skipTests, testOnly bool
}

func (a *app) buildCommand() *cobra.Command {
	var f buildFlags
	cmd := &cobra.Command{
		Use:   "build NAME... | --all | --changed REV",
		Short: "Build recipes twice, compare, and make releases",
		Long: `Builds each recipe twice, with two builders that share nothing but the inputs, and
compares the images. When they are the same, bit for bit, and the recipe's tests pass,
DIR/NAME is the release: an OCI layout with the image and the evidence, signed with
--key. When they differ, DIR/NAME.report says where. With --signing-config, services
log and timestamp what is signed and, without --key, certify who signs by a token.

With --arch, each architecture is built twice and compared by itself, another machine's
with QEMU, and several make one release. All inputs are fetched before the first build;
what is not in a lock is not used. With --builder there is one build, at DIR/NAME.a or
DIR/NAME.b, and no release. With --all, bases come first. --changed builds what changes
since a git commit reach, and says why: comments and mirrors reach nothing. With --seal
the inputs are put into the release. With --sealed recipes, locks and inputs come from
such a release, or what tailsbuild archive wrote, and nowhere else.`,
		Example: `  tailsbuild build alpine-3.19 mqtt --key my.key
  tailsbuild build mqtt --key my.key --signing-config sc.json --trusted-root tr.json
  tailsbuild build --all --arch all --jobs auto
  tailsbuild build mqtt --record --seal
  tailsbuild build mqtt --sealed dist/mqtt --offline --output again`,
	}
	f.recipes.add(cmd)
	f.from.add(cmd)
	f.draw.add(cmd)
	f.pass.add(cmd)
	f.seals.add(cmd)
	f.asks.add(cmd)
	cmd.Flags().StringVar(&f.key, "key", "", keyHelp+", to sign the releases with")
	cmd.Flags().StringVar(&f.output, "output", "dist", "`DIR` for the releases")
	cmd.Flags().Var(newChoice(&f.builder, "both", "a", "b", builder.Auditor), "builder", "which builds to make: both, or only a, b, or the auditors' c, without a release")
	cmd.Flags().BoolVar(&f.record, "record", false, "write the image's digest into the recipe's lock")
	cmd.Flags().BoolVar(&f.all, "all", false, "all recipes of the project")
	cmd.Flags().BoolVar(&f.skipTests, "skip-tests", false, "make releases without running the recipes' tests")
	addChanged(cmd, &f.changed)
	f.archs.add(cmd)
	f.timeout.add(cmd)
	cmd.Flags().Var(newJobs(&f.jobs), "jobs", "how many recipes to build at once, or auto: as CPUs and memory allow, two and 2 GiB each")
	return leaf(cmd, cobra.ArbitraryArgs, func(ctx context.Context, args []string) error {
		if err := errors.Join(f.check(), f.checkJobs(), f.seals.check(cmd, f), f.asks.check(f.key)); err != nil {
			return err
		}
		if f.seals.sealed != "" {
			return a.buildSealed(ctx, f, args)
		}
		return a.build(ctx, f, args)
	})
}

// check says which flags don't go together.
func (f *buildFlags) check() error {
	switch {
	case f.builder != "both" && (f.asks.signs(f.key) || f.record):
		return usagef("--builder makes no release, so there is nothing to sign or record")
	case f.builder != "both" && f.archs.several():
		return usagef("--builder makes one build; name one architecture with --arch")
	case f.builder != "both" && f.skipTests:
		return usagef("--builder runs no tests, so there are none to skip")
	case f.from.offline && f.asks.config != "":
		return usagef("--offline asks no services, which --signing-config does")
	}
	return nil
}

func (a *app) build(ctx context.Context, f buildFlags, args []string) error {
	p, err := a.openProject(f.recipes)
	if err != nil {
		return err
	}
	names, err := p.toBuild(ctx, f, args)
	if err != nil || len(names) == 0 {
		return err
	}
	todo, err := p.targets(names, f.archs)
	if err != nil {
		return err
	}
	b := &build{app: a, flags: f}
	return b.all(ctx, p.Project(), todo)
}

// all fetches all inputs and builds everything.
func (b *build) all(ctx context.Context, project *recipe.Project, todo []target) (err error) {
	f, loads := b.flags, slices.Concat(todo...)
	if err := b.app.checkSupport(project, loads, time.Now()); err != nil {
		return err
	}
	if err := checkEmulation(loads); err != nil {
		return err
	}
	b.warnUntested(todo)
	if err := b.prepare(ctx, project, loads); err != nil {
		return err
	}
	dir, err := f.from.storeDir()
	if err != nil {
		return err
	}
	work, err := newScratch(filepath.Join(dir, "work"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, work.remove()) }()
	b.work = work.dir
	ctx = b.decrypt(ctx)
	return b.each(ctx, todo)
}

// A build is one run of tailsbuild build.
type build struct {
	app   *app
	flags buildFlags
	store *inputs.Store
	// sealed is where all inputs come from, nil without --sealed.
	sealed *inputs.Sealed
	work   string
	// drawing is held by whatever draws when there are several.
	drawing sync.Mutex
	// openKey decrypts the key, and waits for one that is being decrypted. It
	// returns nil without --key.
	openKey func() (*sign.Key, error)
}

// prepare asks for what a person has to say, and fetches all inputs.
func (b *build) prepare(ctx context.Context, project *recipe.Project, todo []*loaded) (err error) {
	if err := b.askForKey(ctx); err != nil {
		return err
	}
	d, err := b.app.display(b.flags.draw)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	fetcher, err := b.flags.from.fetcher(project, d)
	if err != nil {
		return err
	}
	b.store, fetcher.Sealed = fetcher.Store, b.sealed
	return fetcher.Fetch(ctx, allInputs(todo))
}

// askForKey asks for what opening the key needs.
func (b *build) askForKey(ctx context.Context) error {
	if !b.flags.asks.signs(b.flags.key) {
		b.openKey = func() (*sign.Key, error) { return nil, nil }
		return nil
	}
	open, err := b.app.askForSigner(ctx, b.flags.key, b.flags.pass, b.flags.asks)
	if err != nil {
		return err
	}
	b.openKey = sync.OnceValues(func() (*sign.Key, error) { return open(ctx) })
	return nil
}

// decrypt decrypts the key beside the first build, since that takes a while, and
// cancels what it returns when it can't: a wrong passphrase has not to wait for
// the builds.
func (b *build) decrypt(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		if _, err := b.openKey(); err != nil {
			cancel(err)
		}
	}()
	return ctx
}

// allInputs returns the inputs of all recipes and of their tests, each file once.
func allInputs(todo []*loaded) []lock.Input {
	var all []lock.Input
	seen := make(map[string]bool)
	for _, l := range todo {
		for _, in := range l.seal.Inputs {
			if !seen[in.SHA256] {
				seen[in.SHA256] = true
				all = append(all, in)
			}
		}
	}
	return all
}

// one builds one recipe and returns what came of it, nil if there is nothing to
// show.
func (b *build) one(ctx context.Context, t target) (_ result, err error) {
	opts := builder.Options{Store: b.store, Work: filepath.Join(b.work, t.name()), Timeout: b.flags.timeout.limit}
	if err := os.Mkdir(opts.Work, 0o700); err != nil {
		return nil, err
	}
	// The next recipe needs the disk.
	defer func() { err = errors.Join(err, builder.Remove(opts.Work)) }()
	if b.flags.testOnly {
		return b.testAlone(ctx, t[0], opts)
	}
	if b.flags.builder != "both" {
		return b.single(ctx, t[0], opts)
	}
	out := newOutcome(t)
	err = b.release(ctx, t, opts, out)
	return out.result(), err
}

// release builds t twice for each of its platforms and makes the release, and fills in
// out as it goes.
func (b *build) release(ctx context.Context, t target, opts builder.Options, out *builtAll) (err error) {
	d, err := b.display(t.name())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	opts.Progress = d
	defer func(start time.Time) { out.Seconds = time.Since(start).Seconds() }(time.Now())
	var builds []release.Build
	for _, l := range t {
		one := newBuilt(l)
		out.Platforms = append(out.Platforms, one)
		own := opts
		if len(t) > 1 {
			own.Work = filepath.Join(opts.Work, one.Arch)
			if err := os.Mkdir(own.Work, 0o700); err != nil {
				return err
			}
		}
		made, err := b.reproduce(ctx, l, own, one)
		if err != nil {
			return t.wrap(l, err)
		}
		builds = append(builds, made)
		if !one.Identical {
			break // there is no release, and create says why
		}
	}
	step := d.Step("compare " + t.name() + " and make the release")
	err = b.create(ctx, t, builds, out)
	step.Done(err)
	if err != nil {
		return err
	}
	if b.flags.record {
		err = writeFile(t[0].path, t[0].lock.Encode(), 0o644)
	}
	return err
}

// reproduce builds l twice, tests what came of it when it is the same, and fills in out
// as it goes.
func (b *build) reproduce(ctx context.Context, l *loaded, opts builder.Options, out *built) (made release.Build, err error) {
	defer func(start time.Time) { out.Seconds = time.Since(start).Seconds() }(time.Now())
	client := b.startClient(ctx, l, opts)
	defer client.stop()
	pair, err := builder.Build(ctx, l.plan, opts)
	if err != nil {
		return made, l.place(err)
	}
	out.images(pair)
	made = b.built(l, pair)
	if !out.Identical {
		return made, nil
	}
	if recorded := l.recorded(); recorded != "" {
		out.Recorded = stateReproduced
		if recorded != out.A {
			out.Recorded = stateDifferent
			return made, &recordedError{Recipe: out.Recipe, Lock: l.path, Recorded: recorded, Got: out.A}
		}
	}
	if out.Tests, err = b.test(ctx, l, pair.A, client, opts); err != nil {
		return made, l.place(err)
	}
	made.Tested = out.Tests.all
	if b.flags.record {
		// Before the lock is sealed; it is written when there is a release.
		l.lock.SetImage(lock.Image{Arch: l.plan.Arch(), Plan: l.plan.Digest().String(), Digest: out.A, Size: pair.A.Image.Size})
	}
	return made, nil
}

// built describes two builds of l.
func (b *build) built(l *loaded, pair *builder.Pair) release.Build {
	made := l.made()
	made.A, made.B, made.Context = pair.A, pair.B, l.context()
	if l.client != nil {
		made.TestInputs = l.client.Inputs()
	}
	if b.flags.seals.seal {
		made.Seal = l.seal
	}
	return made
}

// create makes the release of what was built, and says so in out.
func (b *build) create(ctx context.Context, t target, builds []release.Build, out *builtAll) error {
	key, err := b.openKey()
	if err != nil {
		return err
	}
	rel, err := release.CreateAll(ctx, builds, release.Options{
		Dir: filepath.Join(b.flags.output, t.name()), Key: key, Version: thisVersion().Version, Store: b.store,
	})
	var different *release.DifferentError
	if errors.As(err, &different) {
		out.Report = different.Report
		out.differed(different.Comparison)
	}
	if err != nil {
		return err
	}
	out.released(rel, t)
	for _, one := range out.Platforms {
		if b.flags.record && one.Recorded == stateNotRecorded {
			one.Recorded = stateRecorded
		}
	}
	out.Services, out.Certificate = key.Services().String(), rel.Certificate
	switch {
	case rel.Certificate != nil:
		out.verify = fmt.Sprintf("tailsbuild verify %s", rel.Dir)
	case key != nil:
		out.Key, out.KeyID = b.flags.key, key.Public().ID()
		out.verify = fmt.Sprintf("tailsbuild verify %s --key %s", rel.Dir, publicPath(b.flags.key))
	}
	return nil
}

// single makes one build of l, for another machine's to be compared with.
func (b *build) single(ctx context.Context, l *loaded, opts builder.Options) (_ result, err error) {
	d, err := b.display(l.plan.Recipe().Name)
	if err != nil {
		return nil, err
	}
	opts.Progress = d
	start := time.Now()
	r, err := builder.BuildOne(ctx, b.flags.builder, l.plan, opts)
	if err = errors.Join(l.place(err), d.Close()); err != nil {
		return nil, err
	}
	out := newSingle(l, r)
	out.Layout = filepath.Join(b.flags.output, fmt.Sprintf("%s.%s", out.Recipe, r.Builder))
	if err := copyLayout(ctx, out.Layout, r); err != nil {
		return nil, err
	}
	out.Seconds = time.Since(start).Seconds()
	if out.Recorded == stateDifferent { // the layout stays, to be looked into
		err = &recordedError{Recipe: out.Recipe, Lock: l.path, Recorded: l.recorded(), Got: out.Image}
	}
	return out, err
}

// place makes the file that a step's or test's error names one that an editor
// finds: the plan, which is the same everywhere, has it from the recipes' folder.
func (l *loaded) place(err error) error {
	var step *builder.StepError
	if errors.As(err, &step) {
		step.Range.Filename = filepath.Join(filepath.Dir(filepath.Dir(l.path)), step.Range.Filename)
	}
	var test *builder.TestError
	if errors.As(err, &test) {
		for i := range test.Failed {
			test.Failed[i].Range.Filename = filepath.Join(filepath.Dir(l.path), recipe.FileName)
		}
	}
	return err
}
