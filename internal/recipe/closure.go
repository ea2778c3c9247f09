package recipe

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
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
	r, diags := s.decode(name, arch, startOf(s.dir), "Unknown recipe")
	if r == nil || diags.HasErrors() {
		return kept(r), diags
	}
	if !slices.Contains(r.Arch, arch) {
		return kept(r), append(diags, failure(r.Range, "Architecture is not offered",
			"The recipe %s is for %s. Build it for one of these, or add %s to its arch.", quote(name), choices(r.Arch), quote(arch)))
	}
	closure := []*Recipe{r}
	for r.Base != "" {
		chain := namesOf(closure)
		if i := slices.Index(chain, r.Base); i >= 0 {
			return closure, append(diags, failure(r.BaseRange, "Recipes depend on each other",
				"%s has no beginning: each would have to be built before itself. Let one of them start from a rootfs.", strings.Join(append(chain[i:], r.Base), " → ")))
		}
		if len(closure) == maxClosure {
			return closure, append(diags, failure(r.BaseRange, "Too many bases", "%d recipes stand on one another already, and an image has few layers. Join some of them.", maxClosure))
		}
		base, more := s.base(r, arch)
		diags = diags.Extend(more)
		if base == nil || diags.HasErrors() {
			return closure, diags
		}
		diags = diags.Extend(sameRepositories(closure, base))
		if len(base.Packages) > 0 && r.Epoch < base.Epoch {
			diags = append(diags, failure(r.Range, "Epoch is before the base's",
				"Files of %s are as late as its epoch, %d, and none of %s may be later than %d. Raise the epoch of %s to the base's or more.",
				quote(base.Name), base.Epoch, quote(r.Name), r.Epoch, quote(r.Name)))
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
				diags = append(diags, failure(repo.Range, "Name is there twice",
					"The base %s has a repository %s already, which %s has with it. Rename or remove this one.", quote(base.Name), quote(repo.Name), quote(r.Name)))
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
		return nil, append(diags, failure(r.BaseRange, "Base is a service",
			"%s is a service, and only a base can be built upon. Write what both share as a base, and name that.", quote(r.Base)))
	}
	if !slices.Contains(base.Arch, arch) {
		return nil, append(diags, failure(r.BaseRange, "Base is not made for this architecture",
			"%s is for %s, and %s is built for %s. Choose another base, or another architecture.", quote(base.Name), choices(base.Arch), quote(r.Name), quote(arch)))
	}
	return base, diags
}

// decode reads and decodes one recipe; rng is where it was named.
func (s *Set) decode(name, arch string, rng hcl.Range, unknown string) (*Recipe, hcl.Diagnostics) {
	if p := checkName(name); p != nil {
		return nil, hcl.Diagnostics{failure(rng, p.summary, "%s", p.detail)}
	}
	filename := filepath.Join(s.dir, name, FileName)
	src, err := s.read(name+"/"+FileName, maxSource)
	if errors.Is(err, fs.ErrNotExist) {
		known, listErr := s.Names()
		if listErr != nil {
			return nil, hcl.Diagnostics{failure(rng, "Recipes can't be read", "%v.", listErr)}
		}
		hint := suggest(name, known)
		if hint == "" && len(known) > 0 {
			hint = " There are: " + strings.Join(known, ", ") + "."
		}
		return nil, hcl.Diagnostics{failure(rng, unknown, "There is no %s.%s", filename, hint)}
	}
	if err != nil {
		return nil, hcl.Diagnostics{failure(rng, "Recipe can't be read", "%v.", err)}
	}
	s.sources[filename] = src
	r, diags := Decode(filename, src, Env{Vars: s.vars, Arch: arch})
	if r != nil && r.Name != name && checkName(r.Name) == nil {
		diags = append(diags, failure(r.Range, "Name is not the folder's",
			"The recipe is called %s and its folder %s. They are one name: rename one of the two.", quote(r.Name), quote(name)))
	}
	return r, sorted(diags)
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
