package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// sealFlags say whether inputs are sealed, or come from sealed ones.
type sealFlags struct {
	seal   bool
	sealed string
}

func (f *sealFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.seal, "seal", false, "put all inputs into the releases")
	cmd.Flags().StringVar(&f.sealed, "sealed", "", "`DIR` with sealed inputs, a release or an archive, that is the only place to take anything from")
}

// check returns a usageError for flags that contradict each other.
func (f *sealFlags) check(cmd *cobra.Command, all buildFlags) error {
	if f.seal && all.builder != "both" {
		return usagef("--builder makes no release, so there is nothing to seal the inputs in")
	}
	if f.seal {
		if err := sealable(all.recipes); err != nil {
			return err
		}
	}
	if !cmd.Flags().Changed("sealed") {
		return nil
	}
	if f.sealed == "" {
		return usagef("--sealed names no folder")
	}
	for _, other := range []string{"recipes", "var", "mirror", "record", "changed"} {
		if cmd.Flags().Changed(other) {
			return usagef("--sealed brings its own recipes, locks and inputs, so --%s has no place beside it", other)
		}
	}
	return nil
}

// sealable returns a usageError when --var empties a variable: no project file can
// say that, and so the sealed one can't.
func sealable(f recipeFlags) error {
	for _, v := range f.vars {
		if name, value, ok := strings.Cut(v, "="); ok && value == "" {
			return usagef("--var %s= leaves a variable empty, which sealed inputs can't say", name)
		}
	}
	return nil
}

// A sealed describes sealed inputs that were written.
type sealed struct {
	Manifest digest.Digest `json:"manifest"`
	Inputs   int           `json:"inputs"`
	Size     int64         `json:"size"` // of the inputs
}

func newSealed(s *inputs.Seal, manifest ocispec.Descriptor) *sealed {
	return &sealed{Manifest: manifest.Digest, Inputs: len(s.Inputs), Size: s.Size()}
}

func (s *sealed) String() string {
	return fmt.Sprintf("%d inputs, %s, %s", s.Inputs, size(s.Size), s.Manifest)
}

// seal returns what sealing all inputs of l takes.
func (p *project) seal(l *loaded, all []lock.Input) *inputs.Seal {
	files := map[string][]byte{}
	for _, r := range l.closure {
		files[path.Join(r.Name, recipe.FileName)] = r.Bytes
	}
	r := l.closure[0]
	for _, f := range r.Files {
		if f.Source != "" {
			files[path.Join(r.Name, f.Source)] = l.files[f.Path]
		}
	}
	if b := p.variablesOf(l.closure); len(b) > 0 {
		files[recipe.ProjectFile] = b
	}
	return &inputs.Seal{
		Recipe: r.Name, Arch: l.plan.Arch(), Plan: l.plan.Digest(), Lock: l.lock,
		Inputs: all, Files: files,
	}
}

// variablesOf returns a project file with the variables that the recipes name and
// the values that they have now, wherever those come from.
func (p *project) variablesOf(closure []*recipe.Recipe) []byte {
	var b strings.Builder
	for _, v := range p.Project().Variables {
		named := regexp.MustCompile(`\bvar\s*\.\s*` + regexp.QuoteMeta(v.Name) + `\b`)
		for _, r := range closure {
			if !named.Match(r.Bytes) {
				continue
			}
			value, ok := p.vars[v.Name]
			if !ok {
				value = v.Default
			}
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, "variable \"%s\" {\n  default = \"%s\"\n}\n", v.Name, escapeHCL(value))
			break
		}
	}
	return []byte(b.String())
}

// escapeHCL returns s, which is one line, as it stands between quotes in HCL.
func escapeHCL(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "${", "$${", "%{", "%%{").Replace(s)
}

// buildSealed builds recipes from sealed inputs and nothing else.
func (a *app) buildSealed(ctx context.Context, f buildFlags, args []string) (err error) {
	s, err := inputs.OpenSealed(f.seals.sealed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	machine, err := machineArch()
	if err != nil {
		return err
	}
	names, err := a.sealedNames(s, cmp.Or(f.archs.first(), machine), args, f)
	if err != nil {
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
	var todo []target
	for _, name := range names {
		var t target
		for _, arch := range f.archs.of(s.Archs(name), machine) {
			l, err := a.loadSealed(s, name, arch, filepath.Join(work.dir, name+"."+arch))
			if err != nil {
				return err
			}
			t = append(t, l)
		}
		todo = append(todo, t)
	}
	if err := s.CheckBlobs(); err != nil {
		return err
	}
	b := &build{app: a, flags: f, sealed: s}
	return b.all(ctx, &recipe.Project{}, todo)
}

// sealedNames returns the recipes that are meant.
func (a *app) sealedNames(s *inputs.Sealed, arch string, args []string, f buildFlags) ([]string, error) {
	if !f.all || len(args) > 0 {
		return (&project{app: a}).namesOrAll(args, f.all)
	}
	names := s.Recipes(arch)
	if len(names) == 0 {
		return nil, &inputs.SealedError{Dir: f.seals.sealed, Err: fmt.Errorf("none of its inputs are for %s", arch)}
	}
	return names, nil
}

// loadSealed loads the recipe called name from sealed inputs, which have to be
// exactly those of the recipe and the lock in them. The recipes are unpacked into
// the folder dir.
func (a *app) loadSealed(s *inputs.Sealed, name, arch, dir string) (l *loaded, err error) {
	artifact, err := s.Artifact(name, arch)
	if err != nil {
		return nil, err
	}
	l, err = a.unpackSealed(s, artifact, dir, false)
	if err != nil {
		return nil, err
	}
	return l, artifact.Check(l.seal)
}

// unpackSealed unpacks the recipes of an artifact of s into the folder dir, and
// loads the one that it is of. Whether the inputs are those is not checked.
func (a *app) unpackSealed(s *inputs.Sealed, artifact *inputs.Artifact, dir string, ownOutput bool) (l *loaded, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	if err := artifact.Extract(dir); err != nil {
		return nil, err
	}
	p, err := a.openProject(recipeFlags{dir: dir})
	if err != nil {
		return nil, err
	}
	p.ownOutput = ownOutput
	lk, err := p.readLock(artifact.Recipe)
	if err == nil {
		l, err = p.loadFor(artifact.Recipe, artifact.Arch, lk)
	}
	if err != nil {
		return nil, &inputs.SealedError{Dir: s.Dir(), Blob: "recipe " + artifact.Recipe, Err: err}
	}
	// What is printed is called as it is in the artifact.
	l.path = filepath.Join("recipes", filepath.FromSlash(l.seal.LockPath()))
	return l, nil
}

// sealedOutcome is that of sealed inputs which are wrong in themselves, or which
// this tailsbuild makes another image of.
func sealedOutcome(e *inputs.SealedError) outcome {
	o := outcome{code: exitInputs, hint: "nothing of them was used; get them again, from somewhere else"}
	var (
		diags  *recipeError
		record *builder.OutputRecordError
		unlock *lock.MissingError
	)
	switch {
	case errors.As(e, &record):
		return outcome{code: exitRecipe, hint: "rebuild with the tailsbuild that the lock's output block names"}
	case errors.As(e, &diags):
		o.detail = recipeOutcome(diags).detail
	case errors.As(e, &unlock):
		o.hint = "their lock is not that of their recipes; get them again, from somewhere else"
	}
	return o
}
