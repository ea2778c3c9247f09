package recipe

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
)

// maxClosure bounds how many bases stand on one another.
const maxClosure = 16

// Closure decodes a recipe for an architecture, then its base, and the base's
// base, until one has a rootfs. What it returns beside diagnostics is what it
// could decode; it is complete when they have no errors.
func (s *Set) Closure(name, arch string) ([]*Recipe, hcl.Diagnostics) {
	if arch == "" {
		arch = DefaultArch
	}
	r, diags := s.decode(name, arch, hclschema.StartOf(s.dir), "Unknown recipe")
	if r == nil || diags.HasErrors() {
		return kept(r), diags
	}
	if !slices.Contains(r.Arch, arch) {
		return kept(r), append(diags, hclschema.Failure(r.Range, "Architecture is not offered",
			"The recipe %s is for %s. Build it for one of these, or add %s to its arch.", hclschema.Quote(name), hclschema.Choices(r.Arch), hclschema.Quote(arch)))
	}
	closure := []*Recipe{r}
	for r.Base != "" {
		chain := namesOf(closure)
		if i := slices.Index(chain, r.Base); i >= 0 {
			return closure, append(diags, hclschema.Failure(r.BaseRange, "Recipes depend on each other",
				"%s has no beginning: each would have to be built before itself. Let one of them start from a rootfs.", strings.Join(append(chain[i:], r.Base), " → ")))
		}
		if len(closure) == maxClosure {
			return closure, append(diags, hclschema.Failure(r.BaseRange, "Too many bases", "%d recipes stand on one another already, and an image has few layers. Join some of them.", maxClosure))
		}
		base, more := s.base(r, arch)
		diags = diags.Extend(more)
		if base == nil || diags.HasErrors() {
			return closure, diags
		}
		diags = diags.Extend(sameRepositories(closure, base))
		if len(base.Packages) > 0 && r.Epoch < base.Epoch {
			diags = append(diags, hclschema.Failure(r.Range, "Epoch is before the base's",
				"Files of %s are as late as its epoch, %d, and none of %s may be later than %d. Raise the epoch of %s to the base's or more.",
				hclschema.Quote(base.Name), base.Epoch, hclschema.Quote(r.Name), r.Epoch, hclschema.Quote(r.Name)))
		}
		closure = append(closure, base)
		r = base
	}
	return closure, diags
}

// sameRepositories reports repositories of closure that are called like one of base.
func sameRepositories(closure []*Recipe, base *Recipe) (diags hcl.Diagnostics) {
	for _, r := range closure {
		for _, repo := range r.Repositories {
			if slices.ContainsFunc(base.Repositories, func(b Repository) bool { return b.Name == repo.Name }) {
				diags = append(diags, hclschema.Failure(repo.Range, "Name is there twice",
					"The base %s has a repository %s already, which %s has with it. Rename or remove this one.", hclschema.Quote(base.Name), hclschema.Quote(repo.Name), hclschema.Quote(r.Name)))
			}
		}
	}
	return diags
}

// base decodes the recipe that r stands on.
func (s *Set) base(r *Recipe, arch string) (*Recipe, hcl.Diagnostics) {
	base, diags := s.decode(r.Base, arch, r.BaseRange, "Unknown base")
	if base == nil || diags.HasErrors() {
		return nil, diags
	}
	if base.Kind != Base {
		return nil, append(diags, hclschema.Failure(r.BaseRange, "Base is a service",
			"%s is a service, and only a base can be built upon. Write what both share as a base, and name that.", hclschema.Quote(r.Base)))
	}
	if !slices.Contains(base.Arch, arch) {
		return nil, append(diags, hclschema.Failure(r.BaseRange, "Base is not made for this architecture",
			"%s is for %s, and %s is built for %s. Choose another base, or another architecture.", hclschema.Quote(base.Name), hclschema.Choices(base.Arch), hclschema.Quote(r.Name), hclschema.Quote(arch)))
	}
	return base, diags
}

// decode reads and decodes one recipe; rng is where it was named.
func (s *Set) decode(name, arch string, rng hcl.Range, unknown string) (*Recipe, hcl.Diagnostics) {
	if p := checkName(name); p != nil {
		return nil, hcl.Diagnostics{hclschema.Failure(rng, p.Summary, "%s", p.Detail)}
	}
	filename := filepath.Join(s.dir, name, FileName)
	src, err := s.read(name+"/"+FileName, hclschema.MaxSource)
	if errors.Is(err, fs.ErrNotExist) {
		known, listErr := s.Names()
		if listErr != nil {
			return nil, hcl.Diagnostics{hclschema.Failure(rng, "Recipes can't be read", "%v.", listErr)}
		}
		hint := hclschema.Suggest(name, known)
		if hint == "" && len(known) > 0 {
			hint = " There are: " + strings.Join(known, ", ") + "."
		}
		return nil, hcl.Diagnostics{hclschema.Failure(rng, unknown, "There is no %s.%s", filename, hint)}
	}
	if err != nil {
		return nil, hcl.Diagnostics{hclschema.Failure(rng, "Recipe can't be read", "%v.", err)}
	}
	s.sources[filename] = src
	r, diags := Decode(filename, src, Env{Vars: s.vars, Arch: arch})
	if r != nil && r.Name != name && checkName(r.Name) == nil {
		diags = append(diags, hclschema.Failure(r.Range, "Name is not the folder's",
			"The recipe is called %s and its folder %s. They are one name: rename one of the two.", hclschema.Quote(r.Name), hclschema.Quote(name)))
	}
	return r, hclschema.Sorted(diags)
}

func kept(r *Recipe) []*Recipe {
	if r == nil {
		return nil
	}
	return []*Recipe{r}
}

func namesOf(closure []*Recipe) []string {
	var names []string
	for _, r := range closure {
		names = append(names, r.Name)
	}
	return names
}
