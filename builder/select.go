package builder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// A Selected package is one that apk chose.
type Selected struct{ Name, Version string }

// A Choice is what apk chose for one world.
type Choice struct {
	World    lock.World // without what it installs
	Selected []Selected // in apk's order
}

// An UnsatisfiableError reports packages that can't be installed together. Log is
// what apk says about it, which names the chain that conflicts.
type UnsatisfiableError struct {
	Recipe string
	World  lock.World
	Log    []string
}

func (e *UnsatisfiableError) Error() string {
	return fmt.Sprintf("packages of %s, for its %s: apk can't install %s", e.Recipe, e.World.Use, strings.Join(e.World.Packages, " "))
}

// Select has the apk of closure's base choose what installing each world of
// closure takes, beside what the base has: the packages to lock. The inputs of lk
// are the root file system, the indexes of all repositories, and when the base has
// packages, those and the world that installs them. It returns an
// [UnsatisfiableError] when apk finds no choice.
func Select(ctx context.Context, closure []*recipe.Recipe, lk *lock.File, arch string, opts Options) ([]Choice, error) {
	p := &Plan{recipe: closure[0], arch: arch, inputs: lk.Inputs, worlds: lk.Worlds, output: lk.Output}
	worlds := slices.DeleteFunc(lock.Worlds(closure, arch), func(w lock.World) bool { return w.Use == lock.UseBase })
	if len(worlds) == 0 {
		return nil, nil
	}
	steps := make(map[string]lock.World, len(worlds))
	err := p.draw(closure, nil, func(g *graph) (llb.State, error) {
		var said *llb.FileAction
		for _, w := range worlds {
			at, step := g.selects(w)
			steps[step] = w
			simulate := g.apk(w, " --simulate", at)
			simulate.script += " >$OUT/" + w.Use
			said = said.Copy(g.run(simulate), w.Use, selectedFile(w))
		}
		at := g.at(p.recipe, p.recipe.Range, "packages of "+p.recipe.Name)
		return g.root.File(said, at.name, at.location), nil
	})
	if err != nil {
		return nil, err
	}
	r, err := BuildOne(ctx, "a", p, opts)
	var step *StepError
	if errors.As(err, &step) && step.ExitCode > 0 {
		return nil, &UnsatisfiableError{Recipe: p.recipe.Name, World: steps[step.Step], Log: step.Log}
	}
	if err != nil {
		return nil, err
	}
	said, err := r.topFiles()
	if err != nil {
		return nil, err
	}
	choices := make([]Choice, len(worlds))
	for i, w := range worlds {
		choices[i].World = w
		if choices[i].Selected, err = parseSelected(said[selectedFile(w)]); err != nil {
			return nil, err
		}
	}
	return choices, nil
}

// selectedFile is where [Select] has apk say what it would do.
func selectedFile(w lock.World) string { return "/selected-" + w.Use }

// selects returns the place and the name of the step that selects for w.
func (g *graph) selects(w lock.World) (place, string) {
	r := g.closure[0]
	rng := r.Range
	switch w.Use {
	case lock.UseImage:
		rng = r.PackagesRange
	case lock.UseBuild:
		rng = r.Build.PackagesRange
	}
	name := fmt.Sprintf("select packages of %s, for its %s", r.Name, w.Use)
	return g.at(r, rng, name), name
}

// selectedLine is how apk 2 says that it installs a package, or replaces the one
// that is there: "(1/3) Installing musl (1.2.4-r4)", "(2/3) Upgrading zlib (1.3-r0
// -> 1.3.1-r0)".
var selectedLine = lazyregexp.New(`^\([0-9]+/[0-9]+\) (Installing|Upgrading|Downgrading|Replacing|Reinstalling) ([^ ()]+) \((?:[^ ()]+ -> )?([^ ()]+)\)$`)

func parseSelected(said string) ([]Selected, error) {
	var all []Selected
	for line := range strings.Lines(said) {
		line = strings.TrimSuffix(line, "\n")
		if m := selectedLine.FindStringSubmatch(line); m != nil {
			all = append(all, Selected{Name: m[2], Version: m[3]})
		} else if !strings.HasPrefix(line, "OK: ") && !strings.HasPrefix(line, "Executing ") {
			return nil, fmt.Errorf("apk says %q, which isn't known to be an installation", line)
		}
	}
	return all, nil
}

// maxSelected is how much apk may say, in bytes.
const maxSelected = 4 << 20

// topFiles returns the content of the files that the image's last layer has, by
// their paths. They are small.
func (r *Result) topFiles() (files map[string]string, err error) {
	layout, err := oci.OpenLayout(r.Layout)
	if err != nil {
		return nil, err
	}
	defer layout.Close()
	manifest, _, err := layout.ReadManifest(r.Image)
	if err != nil {
		return nil, err
	}
	layer, err := layout.OpenLayer(manifest.Layers[len(manifest.Layers)-1], oci.LayerLimits{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, layer.Close()) }()
	files = map[string]string{}
	for {
		h, err := layer.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(io.LimitReader(layer, maxSelected+1))
		if err != nil {
			return nil, err
		}
		if len(b) > maxSelected {
			return nil, &oci.LimitError{What: h.Name, Size: h.Size, Limit: maxSelected}
		}
		files[path.Clean("/"+h.Name)] = string(b)
	}
}
