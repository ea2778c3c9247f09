package cli

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// A lookup says where init learns what there is.
type lookup struct {
	from inputFlags
	draw progressFlag
}

// lookUp learns what there is of what d names: which version of its Go module is the
// newest, and what the base's repositories have. out is told of the packages.
func (s *survey) lookUp(ctx context.Context, d *draft, look lookup, talk *interview, out *initiated) error {
	newest := d.module != "" && !strings.Contains(d.module, "@")
	packages := d.base != "" && (len(d.packages) > 0 || talk != nil && d.module == "")
	switch {
	case !newest && !packages:
		return nil
	case newest && look.from.offline:
		return usagef("--offline asks nobody which version of %[1]s is the newest; name it: --go-module %[1]s@VERSION", d.module)
	}
	var offered *stock
	err := s.fetching(look, func(fetcher *inputs.Fetcher, draw *progress.Display) (err error) {
		if newest {
			_, version, err := fetcher.Versions(ctx, lock.Input{Kind: lock.KindGoModule, Name: d.module, Module: d.module})
			if err != nil {
				return err
			}
			d.module += "@" + version
		}
		if packages {
			offered, err = s.stock(ctx, d, fetcher, draw, out)
		}
		if err != nil || offered == nil {
			return err
		}
		for _, constraint := range d.packages {
			if err := offered.note(ctx, d, constraint, out); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || offered == nil || talk == nil || len(d.packages) > 0 || d.kind != string(recipe.Service) {
		return err
	}
	return talk.packages(ctx, offered, func(constraint string) error {
		d.packages = append(d.packages, constraint)
		return s.fetching(look, func(fetcher *inputs.Fetcher, draw *progress.Display) error {
			offered.fetcher, offered.draw = fetcher, draw
			return offered.note(ctx, d, constraint, out)
		})
	})
}

// fetching calls f with a fetcher, and a display that is closed afterwards, so that
// others can write.
func (s *survey) fetching(look lookup, f func(*inputs.Fetcher, *progress.Display) error) (err error) {
	draw, err := s.project.app.display(look.draw)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, draw.Close()) }()
	fetcher, err := look.from.fetcher(s.project.Project(), draw)
	if err != nil {
		return err
	}
	return f(fetcher, draw)
}

// stock opens the stock of d's base. It returns nil when there is none, and tells
// out why.
func (s *survey) stock(ctx context.Context, d *draft, fetcher *inputs.Fetcher, draw *progress.Display, out *initiated) (*stock, error) {
	probe := draft{name: d.name, kind: d.kind, base: d.base, version: "0"}
	r, err := s.decode(&probe, filepath.Join(s.project.Dir(d.name), recipe.FileName))
	if err != nil {
		return nil, err
	}
	if err := s.checkBase(r); err != nil {
		return nil, err
	}
	offered, err := s.project.openStock(ctx, r, fetcher, draw)
	switch {
	case nobodyHas(err):
		out.Unknown = "no mirror has the indexes of base " + r.Base
		return nil, nil
	case err == nil && offered == nil && len(d.packages) > 0:
		out.Unknown = "base " + r.Base + " has no repository"
	}
	return offered, err
}

// note looks a package up and tells d and out what is known of it.
func (s *stock) note(ctx context.Context, d *draft, constraint string, out *initiated) error {
	e, err := s.lookUp(constraint)
	if err != nil || e.Package == nil {
		return err
	}
	has, err := s.has(ctx, e)
	if err != nil {
		return err
	}
	if len(out.Packages) == 0 {
		d.offer(e)
	}
	p := initiatedPackage{e.Name, e.Version, e.repository.input.Name, !has}
	if !slices.Contains(out.Packages, p) {
		out.Packages = append(out.Packages, p)
	}
	return nil
}
