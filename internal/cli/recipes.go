package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
)

// lockLimit is more than package lock reads, so that it is the one to say so.
const lockLimit = 16 << 20

// machineArch returns this machine's architecture as Alpine calls it.
func machineArch() (string, error) {
	switch runtime.GOARCH {
	case "amd64":
		return "x86_64", nil
	case "arm64":
		return "aarch64", nil
	}
	return "", fmt.Errorf("this machine is %s; images are built on x86_64 and aarch64", runtime.GOARCH)
}

// A project is the recipes that a command works on.
type project struct {
	*recipe.Set
	app *app
	dir string
	// vars are the values that --var sets.
	vars map[string]string
	// ownOutput says to plan for this tailsbuild's own toolchain record, whichever
	// the lock has.
	ownOutput bool
}

func (a *app) openProject(f recipeFlags) (*project, error) {
	vars, err := f.variables()
	if err != nil {
		return nil, err
	}
	set, diags := recipe.OpenSet(f.dir, vars)
	p := &project{Set: set, app: a, dir: f.dir, vars: vars}
	return p, p.check(diags)
}

// A recipeError is what is wrong with recipes and locks.
type recipeError struct {
	Diags hcl.Diagnostics
	write func(w io.Writer)
}

func (e *recipeError) Error() string {
	errs := e.Diags.Errs()
	if len(errs) == 1 {
		return "there is one problem, shown above"
	}
	return fmt.Sprintf("there are %d problems, shown above", len(errs))
}

// check prints diags that are warnings and returns a recipeError when there are
// others.
func (p *project) check(diags hcl.Diagnostics) error {
	return p.app.check(diags, func(w io.Writer) {
		p.WriteDiagnostics(w, diags, p.app.color())
	})
}

func (a *app) check(diags hcl.Diagnostics, write func(io.Writer)) error {
	if len(diags) == 0 {
		return nil
	}
	if a.out.json() {
		if err := a.printDiagnostics(diags); err != nil {
			return err
		}
	}
	if diags.HasErrors() {
		return &recipeError{Diags: diags, write: write}
	}
	write(a.stderr)
	return nil
}

// names returns the recipes that args name, or all when there are none.
func (p *project) names(args []string) ([]string, error) {
	if len(args) == 0 {
		return p.Names()
	}
	for i, name := range args {
		if slices.Contains(args[:i], name) {
			return nil, usagef("recipe %q is named twice", name)
		}
	}
	return args, nil
}

// namesOrAll is names for commands that want --all rather than no name.
func (p *project) namesOrAll(args []string, all bool) ([]string, error) {
	switch {
	case all && len(args) > 0:
		return nil, usagef("both --all and recipe names are given")
	case !all && len(args) == 0:
		return nil, usagef("no recipe is named; name some, or say --all")
	}
	return p.names(args)
}

// archs returns the architectures that the recipe called name is for, and
// diagnostics only if it can't be decoded at all.
func (p *project) archs(name string) ([]string, hcl.Diagnostics) {
	closure, diags := p.Closure(name, recipe.DefaultArch)
	if len(closure) == 0 || len(closure[0].Arch) == 0 {
		return nil, diags
	}
	return closure[0].Arch, nil
}

func (p *project) lockPath(name string) string {
	return filepath.Join(p.Dir(name), lock.FileName)
}

// An unlockedError reports that a recipe has no lock at all.
type unlockedError struct{ Recipe, Path string }

func (e *unlockedError) Error() string {
	return fmt.Sprintf("recipe %s is not locked: there is no %s", e.Recipe, e.Path)
}

// readLock returns the lock of the recipe called name.
func (p *project) readLock(name string) (*lock.File, error) {
	path := p.lockPath(name)
	src, err := regular.Read(path, lockLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &unlockedError{Recipe: name, Path: path}
	}
	if err != nil {
		return nil, err
	}
	f, diags := lock.Decode(path, src)
	return f, p.app.checkSource(path, src, diags)
}

// A loaded recipe is ready to be built.
type loaded struct {
	closure []*recipe.Recipe
	files   map[string][]byte
	lock    *lock.File
	path    string // of the lock
	plan    *builder.Plan
	client  *builder.Plan // of the clients of its tests, nil if none has packages
	seal    *inputs.Seal
}

// made describes what a build of l is made from.
func (l *loaded) made() release.Build {
	return release.Build{
		Closure: l.closure,
		Recipes: filepath.Dir(filepath.Dir(l.path)),
		Files:   l.files,
		Arch:    l.plan.Arch(),
		Plan:    l.plan.Digest(),
		Lock:    l.lock.Digest(),
		Output:  l.plan.Output(),
		Inputs:  l.plan.Inputs(),
	}
}

// load reads what the build of the recipe called name needs, for this machine.
func (p *project) load(name string) (*loaded, error) {
	arch, err := machineArch()
	if err != nil {
		return nil, err
	}
	return p.loadFor(name, arch, nil)
}

// loadFor reads what the build of the recipe called name needs for an architecture.
// Its lock is lk, if that was read already: what is wrong with the recipe is said
// before it is asked for a lock.
func (p *project) loadFor(name, arch string, lk *lock.File) (*loaded, error) {
	closure, diags := p.Closure(name, arch)
	if err := p.check(diags); err != nil {
		return nil, err
	}
	files, diags := p.Files(closure[0])
	if err := p.check(diags); err != nil {
		return nil, err
	}
	var err error
	if lk == nil {
		if lk, err = p.readLock(name); err != nil {
			return nil, err
		}
	}
	l := &loaded{closure: closure, files: files, lock: lk, path: p.lockPath(name)}
	planned := *lk
	if p.ownOutput {
		planned.Output = lock.CurrentOutput()
	}
	if l.plan, err = builder.NewPlan(closure, &planned, arch, files); err != nil {
		return nil, err
	}
	if testPackages(closure[0]) {
		if l.client, err = builder.NewClientPlan(closure, &planned, arch); err != nil {
			return nil, err
		}
	}
	// What tests read is sealed, too.
	all, err := l.lock.Closure(closure, arch)
	if err != nil {
		return nil, err
	}
	l.seal = p.seal(l, all)
	return l, nil
}

// context returns what a report on builds of l has of it, by its path there.
func (l *loaded) context() map[string][]byte {
	all := map[string][]byte{"plan.json": l.plan.JSON()}
	for name, b := range l.seal.Files {
		all[path.Join("recipes", name)] = b
	}
	all[path.Join("recipes", l.seal.LockPath())] = l.lock.Encode()
	return all
}

// loadAll loads every one of names, so that what is wrong with the last is said
// before the first is built.
func (p *project) loadAll(names []string) ([]*loaded, error) {
	var all []*loaded
	for _, name := range names {
		l, err := p.load(name)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// writeFile replaces the file at path by one with content b, or leaves it as it is.
func writeFile(path string, b []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // err says why
		}
	}()
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
