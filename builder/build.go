package builder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/log"
	"golang.org/x/sync/errgroup"

	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
)

// Names are the names of the two builders that make releases.
var Names = []string{"a", "b"}

// Auditor is the name of the builder that auditors use.
const Auditor = "c"

// Options say where to build. Store has all of the plan's inputs, verified. Work
// is an empty folder on disk that the builders keep everything in; the caller
// removes it.
type Options struct {
	Store    *inputs.Store
	Work     string
	Progress *progress.Display // may be nil
	// Timeout is how long the builders may take, [DefaultTimeout] if it is 0.
	Timeout time.Duration
}

// DefaultTimeout is how long builders may take where nothing else is asked for: longer
// than it takes to compile under emulation, and not for ever, since a step, or what
// emulates it, can hang, and a recipe to be audited may be a stranger's.
const DefaultTimeout = 12 * time.Hour

// limit returns a context that ends when the builders have had their time; its cause is
// then a *[TimeoutError].
func (o Options) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	after := cmp.Or(o.Timeout, DefaultTimeout)
	return context.WithTimeoutCause(ctx, after, &TimeoutError{After: after})
}

// A Pair is what the two builders made of one plan.
type Pair struct{ A, B *Result }

// Build has both builders solve p at once.
//
// When one fails the other is cancelled, and the error is the first one's: a
// [StepError] for the recipe's fault, a [MachineError], [DiskFullError] or
// [DaemonError] for this machine's, an [OutputError] for an image that isn't
// what was asked for, a [TimeoutError], or the context's.
func Build(ctx context.Context, p *Plan, opts Options) (*Pair, error) {
	results, err := build(ctx, p, opts, Names)
	if err != nil {
		return nil, err
	}
	return &Pair{A: results[0], B: results[1]}, nil
}

// BuildOne has only the builder called name, which may be [Auditor], solve p. Its
// image can be compared with one that another machine made, but not released.
func BuildOne(ctx context.Context, name string, p *Plan, opts Options) (*Result, error) {
	if _, ok := variations[name]; !ok {
		return nil, fmt.Errorf("there is no builder %q: want a, b or c", name)
	}
	results, err := build(ctx, p, opts, []string{name})
	if err != nil {
		return nil, err
	}
	return results[0], nil
}

func build(ctx context.Context, p *Plan, opts Options, names []string) ([]*Result, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	r, err := newRun()
	if err != nil {
		return nil, err
	}
	// Both read the inputs from one folder, which has no other content.
	store, err := inputStoreOf(p, opts.Store, filepath.Join(opts.Work, "inputs"))
	if err != nil {
		return nil, err
	}
	if len(names) > 1 {
		r.start = filepath.Join(opts.Work, "start")
	}
	ctx, cancel := opts.limit(ctx)
	defer cancel()
	results := make([]*Result, len(names))
	group, ctx := errgroup.WithContext(ctx)
	for i, name := range names {
		group.Go(func() (err error) {
			results[i], err = buildWith(ctx, name, r, p, store, opts)
			return err
		})
	}
	if err := errors.Join(group.Wait(), removeCgroups(r.cgroup)); err != nil {
		return nil, err
	}
	return results, nil
}

// check returns an error when no builder on this machine can solve p.
func (p *Plan) check() error {
	if p.output.BuildKitCompatibility == 0 {
		return errors.New("the plan has no toolchain record")
	}
	if p.runs {
		return CheckArch(p.arch)
	}
	return nil
}

// A run is what the builders of one build have in common beside the plan.
type run struct {
	// cgroup is the parent of the steps' control groups.
	cgroup string
	// start is the file that staggers two builders, see [wrapper].
	start string
}

// newRun returns a run, after a check that this machine can run the builders.
func newRun() (run, error) {
	if err := errors.Join(CheckMachine(), removeStaleCgroups()); err != nil {
		return run{}, err
	}
	// containerd's stores warn of file systems without fs-verity, on stderr.
	if err := log.SetLevel("fatal"); err != nil {
		return run{}, err
	}
	return run{cgroup: newCgroup()}, nil
}

// CheckMachine returns a [MachineError] when this machine can't run the builders.
func CheckMachine() error {
	for _, name := range Names {
		if _, err := findRuntime(variations[name].Runtime); err != nil {
			return err
		}
	}
	if rootless() {
		return checkRootless()
	}
	return nil
}

// Remove removes dir, in which builders worked that may have been killed:
// without root, some of the files there belong to numbers of /etc/subuid.
func Remove(dir string) error { return removeRoot(dir) }

func buildWith(ctx context.Context, name string, r run, p *Plan, store content.Store, opts Options) (result *Result, err error) {
	d, err := startDaemon(ctx, name, filepath.Join(opts.Work, name), r, p.treesIn(opts.Store))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	result, err = d.solve(ctx, p, store, opts.Progress)
	if err != nil {
		return nil, err
	}
	return result, result.check(ctx, p)
}

// treesIn returns the files that have the plan's trees in the store, where each is named
// by its sha256.
func (p *Plan) treesIn(store *inputs.Store) []string {
	var files []string
	for _, in := range p.trees {
		files = append(files, store.Path(in.SHA256))
	}
	return files
}

// inputStoreOf makes a content store that has the plan's inputs, linked from the
// store, and the manifests that make trees of them.
func inputStoreOf(p *Plan, store *inputs.Store, dir string) (content.Store, error) {
	if err := checkPackages(p, store); err != nil {
		return nil, err
	}
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o700); err != nil {
		return nil, err
	}
	for _, in := range p.inputs {
		target, err := filepath.Abs(store.Path(in.SHA256))
		if err != nil {
			return nil, err
		}
		if err := os.Symlink(target, filepath.Join(blobs, in.SHA256)); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, err
		}
	}
	for _, b := range p.manifests {
		if err := os.WriteFile(filepath.Join(blobs, b.desc.Digest.Encoded()), b.data, 0o600); err != nil {
			return nil, err
		}
	}
	return local.NewStore(dir)
}
