package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/apk"
	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// A stock is what the repositories of a base have, as their indexes say, which are
// verified as for locking.
type stock struct {
	*packageLocker
	base string
}

// openStock fetches and verifies the indexes that packages of r would be chosen
// from. It returns nil when r's base has no repository.
func (p *project) openStock(ctx context.Context, r *recipe.Recipe, fetcher *inputs.Fetcher, d *progress.Display) (*stock, error) {
	arch := r.Arch[0]
	closure, diags := p.Closure(r.Base, arch)
	if err := p.check(diags); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(closure, func(r *recipe.Recipe) bool { return len(r.Repositories) > 0 }) {
		return nil, nil
	}
	// Some package, so that the indexes are wanted.
	probe := &recipe.Recipe{Name: r.Name, Kind: recipe.Service, Base: r.Base, Packages: []string{r.Name}}
	l := &packageLocker{
		fetcher: fetcher, draw: d, arch: arch, closure: slices.Insert(closure, 0, probe), fresh: newFreshInputs(),
	}
	for _, in := range lock.Wanted(l.closure, arch) {
		switch in.Kind {
		case lock.KindRootfs:
			got, err := fetcher.Resolve(ctx, p.asLocked(in))
			if err != nil {
				return nil, err
			}
			l.base = append(l.base, got)
		case lock.KindIndex:
			l.base = append(l.base, in)
		}
	}
	if err := l.readKeys(); err != nil {
		return nil, err
	}
	return &stock{l, r.Base}, l.readIndexes(ctx)
}

// asLocked returns a root file system as its base's lock has it, if that does.
func (p *project) asLocked(in lock.Input) lock.Input {
	f, err := p.readLock(in.Name)
	if err != nil {
		return in // which locking the base will say
	}
	i := slices.IndexFunc(f.Inputs, func(l lock.Input) bool { return l.String() == in.String() && l.URL == in.URL })
	if i >= 0 {
		in.SHA256, in.Size = f.Inputs[i].SHA256, f.Inputs[i].Size
	}
	return in
}

// An unknownPackageError reports a package that no index has, or not so.
type unknownPackageError struct {
	Constraint, Base string
	// Versions are those that there are, if it is not the name that is unknown.
	Versions []string
	// Similar are names that may be meant.
	Similar []string
}

func (e *unknownPackageError) Error() string {
	if len(e.Versions) > 0 {
		return fmt.Sprintf("the repositories of base %s have no package %q, but the version %s", e.Base, e.Constraint, strings.Join(e.Versions, ", "))
	}
	return fmt.Sprintf("the repositories of base %s have no package %q", e.Base, e.Constraint)
}

// lookUp returns the package that a constraint most likely leads to: one of that
// name, else one that provides it, and the newest of those. It returns no entry for
// what is not to be there, !foo. Which one is installed is for apk to say.
func (s *stock) lookUp(constraint string) (entry, error) {
	c, err := apk.ParseConstraint(constraint)
	if err != nil || c.Conflict {
		return entry{}, err
	}
	var best entry
	var versions []string
	for _, index := range s.indexes {
		for i := range index.Packages {
			p := &index.Packages[i]
			if p.Name == c.Name {
				versions = append(versions, p.Version)
			}
			if c.Matches(p) && (best.Package == nil || better(p, best.Package, c.Name)) {
				best = entry{p, index}
			}
		}
	}
	if best.Package == nil {
		return entry{}, &unknownPackageError{Constraint: constraint, Base: s.base, Versions: versions, Similar: s.similar(c.Name)}
	}
	return best, nil
}

// better reports whether p is rather meant by name than q.
func better(p, q *apk.Package, name string) bool {
	if (p.Name == name) != (q.Name == name) {
		return p.Name == name
	}
	if p.Name != q.Name {
		return p.Name < q.Name
	}
	order, err := apk.CompareVersions(p.Version, q.Version)
	return err == nil && order > 0
}

// mostFound is how many packages a search shows.
const mostFound = 20

// search returns the packages whose name has text in it, sorted, and how many more
// than mostFound there are.
func (s *stock) search(text string) (found []entry, more int) {
	for _, index := range s.indexes {
		for i := range index.Packages {
			if strings.Contains(index.Packages[i].Name, text) {
				found = append(found, entry{&index.Packages[i], index})
			}
		}
	}
	slices.SortFunc(found, func(a, b entry) int { return strings.Compare(a.String(), b.String()) })
	more = max(0, len(found)-mostFound)
	return found[:len(found)-more], more
}

// similar returns a few names that name may be meant to be, the likeliest first.
func (s *stock) similar(name string) []string {
	var names []string
	for _, index := range s.indexes {
		for i := range index.Packages {
			names = append(names, index.Packages[i].Name)
		}
	}
	var out []string
	if best := hclschema.Similar(name, names); best != "" {
		out = append(out, best)
	}
	found, _ := s.search(name)
	for _, e := range found {
		if len(out) < 4 && !slices.Contains(out, e.Name) {
			out = append(out, e.Name)
		}
	}
	return out
}

// has reports whether some mirror has the package's file, which it fetches and
// verifies.
func (s *stock) has(ctx context.Context, e entry) (bool, error) {
	_, err := s.packages(ctx, []builder.Selected{{Name: e.Name, Version: e.Version}})
	if nobodyHas(err) {
		return false, nil
	}
	return err == nil, err
}

// nobodyHas reports whether err says that an input is nowhere, and not that what
// somewhere is wrong.
func nobodyHas(err error) bool {
	var missing *inputs.MissingError
	var mismatch *inputs.MismatchError
	var limit *inputs.LimitError
	return errors.As(err, &missing) && !errors.As(err, &mismatch) && !errors.As(err, &limit)
}

// revision is what Alpine counts packagings of one version with.
var revision = lazyregexp.New(`-r[0-9]+$`)

// unnamed is what Alpine writes for licenses that SPDX has no name for, in a form that
// could be one.
var unnamed = lazyregexp.New(`(?i)\b(custom|unknown|none|proprietary)\b`)

// offer takes what the index says of the package that a service is about. What a
// recipe can't say so is left out.
func (d *draft) offer(e entry) {
	d.offers.version = revision.ReplaceAllString(e.Version, "")
	if !strings.ContainsFunc(e.Description, func(r rune) bool { return !unicode.IsPrint(r) }) {
		d.offers.summary = e.Description
	}
	if u, err := url.Parse(e.URL); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		d.offers.homepage = e.URL
	}
	if recipe.IsLicense(e.License) && !unnamed.MatchString(e.License) {
		d.offers.license = e.License
	} else {
		d.alpineLicense = e.License
	}
}
