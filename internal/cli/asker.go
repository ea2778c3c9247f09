package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/apk"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// An asker finds out what is newest now. It asks for each thing once.
type asker struct {
	*project
	fetcher *inputs.Fetcher
	now     time.Time

	keys     answers[apk.Keys]
	indexes  answers[*apk.Index]
	releases answers[[]apk.Release]
	versions answers[goVersions]
	all      func() map[string]*recipe.Recipe // the project's bases
}

// goVersions are what the go command says of a module.
type goVersions struct {
	versions []string
	latest   string
}

func newAsker(p *project, fetcher *inputs.Fetcher, now time.Time) *asker {
	return &asker{
		project: p, fetcher: fetcher, now: now,
		keys: answers[apk.Keys]{}, indexes: answers[*apk.Index]{},
		releases: answers[[]apk.Release]{}, versions: answers[goVersions]{},
		all: sync.OnceValue(p.allBases),
	}
}

// answers has what was asked for already.
type answers[T any] map[string]func() (T, error)

func (a answers[T]) get(question string, ask func() (T, error)) (T, error) {
	if a[question] == nil {
		a[question] = sync.OnceValues(ask)
	}
	return a[question]()
}

// unknown says that err is why nothing is known.
func unknown(a age, err error) age {
	a.State = stateUnknown
	a.Note, _, _ = strings.Cut(err.Error(), "\n")
	return a
}

// judge says whether newest is newer than what is locked.
func judge(a age, newer bool, newest string) age {
	a.State = stateCurrent
	if newer {
		a.State, a.Newest = stateNewer, newest
	}
	return a
}

// packages asks the repositories for newer versions of the locked packages.
func (q *asker) packages(ctx context.Context, f *lock.File, closure []*recipe.Recipe, arch string) []age {
	var all []age
	locked := slices.DeleteFunc(slices.Clone(f.Inputs), func(in lock.Input) bool { return in.Kind != lock.KindPackage || in.Arch != arch })
	if len(locked) == 0 {
		return nil
	}
	var found []*apk.Index
	failed := map[string]bool{} // repositories that can't be asked
	for _, in := range indexes(closure, arch) {
		index, err := q.index(ctx, f, closure, in)
		if err != nil {
			failed[in.Name] = true
			all = append(all, unknown(age{Kind: in.Kind, Name: in.Name, Arch: arch}, err))
			continue
		}
		found = append(found, index)
	}
	for _, in := range locked {
		all = append(all, newestPackage(in, found, failed[in.Repository]))
	}
	return all
}

// newestPackage looks in up in the indexes. apk takes the newest of all repositories.
func newestPackage(in lock.Input, indexes []*apk.Index, failed bool) age {
	a := age{Kind: in.Kind, Name: in.Name, Arch: in.Arch, Locked: in.Version}
	newest, known := in.Version, false
	for _, index := range indexes {
		for _, p := range index.Find(in.Name) {
			known = true
			if order, err := apk.CompareVersions(p.Version, newest); err == nil && order > 0 {
				newest = p.Version
			}
		}
	}
	switch {
	case newest == in.Version && failed:
		a.State, a.Note = stateUnknown, "its repository could not be asked"
		return a
	case !known:
		a.State, a.Note = stateGone, "no repository has a package of this name"
		return a
	}
	return judge(a, newest != in.Version, newest)
}

// index returns the index that a mirror has now, verified and not older than the
// locked one.
func (q *asker) index(ctx context.Context, f *lock.File, closure []*recipe.Recipe, in lock.Input) (*apk.Index, error) {
	rootfs, ok := lockedRootfs(f, closure, in.Arch)
	if !ok {
		return nil, errors.New("no root file system is locked, which has the keys")
	}
	keys, err := q.keys.get(rootfs.SHA256+in.Arch, func() (apk.Keys, error) {
		l := &packageLocker{fetcher: q.fetcher, arch: in.Arch, closure: closure, base: []lock.Input{rootfs}}
		err := q.fetcher.Fetch(ctx, l.base)
		if err == nil {
			err = l.readKeys()
		}
		return l.keys, err
	})
	if err != nil {
		return nil, err
	}
	l := &packageLocker{fetcher: q.fetcher, arch: in.Arch, closure: closure, keys: keys, old: f.Inputs}
	return q.indexes.get(strings.Join([]string{in.URL, in.KeySHA256, rootfs.SHA256}, " "), func() (*apk.Index, error) {
		var index repositoryIndex
		err := q.fetcher.Peek(ctx, in.String(), in.URL, apk.MaxIndex, l.checkIndex(in, &index))
		return index.Index, err
	})
}

// lockedRootfs returns the locked root file system that closure stands on.
func lockedRootfs(f *lock.File, closure []*recipe.Recipe, arch string) (lock.Input, bool) {
	base := closure[len(closure)-1]
	i := slices.IndexFunc(f.Inputs, func(in lock.Input) bool {
		return in.Kind == lock.KindRootfs && in.Arch == arch && in.Name == base.Name && in.URL == base.Rootfs.URL
	})
	if i < 0 {
		return lock.Input{}, false
	}
	return f.Inputs[i], true
}

// module asks the go command for a newer version of a module.
func (q *asker) module(ctx context.Context, in lock.Input) age {
	a := age{Kind: in.Kind, Name: in.Name, Locked: in.Module + "@" + in.Version}
	got, err := q.goVersions(ctx, in)
	if err != nil {
		return unknown(a, err)
	}
	newest := inputs.NewestModule(in.Version, got.versions, got.latest)
	return judge(a, newest != in.Version, newest)
}

// toolchain asks the go command for a newer release of Go.
func (q *asker) toolchain(ctx context.Context, in lock.Input) age {
	a := age{Kind: in.Kind, Name: in.Name, Arch: in.Arch, Locked: in.Version}
	got, err := q.goVersions(ctx, in)
	locked, newest, patch, wrong := inputs.NewestGo(in.Version, got.versions)
	if wrong != nil {
		return unknown(a, wrong)
	}
	a.Locked = locked
	if err != nil {
		return unknown(a, err)
	}
	if a = judge(a, newest != locked, newest); patch != locked && patch != newest {
		a.Note = "the newest with the same language is " + patch
	}
	return a
}

func (q *asker) goVersions(ctx context.Context, in lock.Input) (goVersions, error) {
	return q.versions.get(in.Module, func() (got goVersions, err error) {
		got.versions, got.latest, err = q.fetcher.Versions(ctx, in)
		return got, err
	})
}

// minirootfs is the end of the URL of one of Alpine's root file systems.
var minirootfs = lazyregexp.New(`^alpine-minirootfs-([0-9][0-9a-z._]*)-([a-z0-9_]+)\.tar\.gz$`)

// rootfs asks Alpine's list of releases for a newer one of the same branch.
func (q *asker) rootfs(ctx context.Context, f *lock.File, closure []*recipe.Recipe, arch string) []age {
	in, ok := lockedRootfs(f, closure, arch)
	if !ok {
		return nil
	}
	a := age{Kind: in.Kind, Name: in.Name, Arch: arch, Locked: path.Base(in.URL)}
	m := minirootfs.FindStringSubmatch(path.Base(in.URL))
	if m == nil {
		return []age{unknown(a, errors.New("it is none of Alpine's, so that nobody can be asked"))}
	}
	a.Locked = m[1]
	newest, err := q.newestRelease(ctx, strings.TrimSuffix(in.URL, m[0])+"latest-releases.yaml", m[2])
	if err != nil {
		return []age{unknown(a, err)}
	}
	order, err := apk.CompareVersions(newest, a.Locked)
	if err != nil {
		return []age{unknown(a, err)}
	}
	if order > 0 {
		a.Note = "as a list says that nobody signs"
	}
	return []age{judge(a, order > 0, newest)}
}

// newestRelease returns the version of the root file system in the list at url.
func (q *asker) newestRelease(ctx context.Context, url, arch string) (string, error) {
	all, err := q.releases.get(url, func() (all []apk.Release, err error) {
		err = q.fetcher.Peek(ctx, "the list of releases", url, apk.MaxReleases, func(from string, file io.ReaderAt, size int64) error {
			b, err := readWhole(file, size)
			if err == nil {
				all, err = apk.ReadReleases(from, b)
			}
			return err
		})
		return all, err
	})
	if err != nil {
		return "", err
	}
	for _, r := range all {
		if r.Flavor == "alpine-minirootfs" && r.Arch == arch && r.Version != "" {
			return r.Version, nil
		}
	}
	return "", fmt.Errorf("the list of releases has no root file system for %s", arch)
}

// allBases returns the project's bases that can be decoded, by name.
func (p *project) allBases() map[string]*recipe.Recipe {
	bases := map[string]*recipe.Recipe{}
	names, err := p.Names()
	if err != nil {
		return bases
	}
	for _, name := range names {
		closure, diags := p.Closure(name, recipe.DefaultArch)
		if !diags.HasErrors() && closure[0].Kind == recipe.Base {
			bases[name] = closure[0]
		}
	}
	return bases
}

// bases looks for newer bases of the same kind in the project: alpine-3.20 for
// alpine-3.19.
func (q *asker) bases(closure []*recipe.Recipe) []age {
	var all []age
	for _, r := range closure {
		if r.Kind != recipe.Base {
			continue
		}
		newest := r
		for _, name := range slices.Sorted(maps.Keys(q.all())) {
			other := q.all()[name]
			if order, err := apk.CompareVersions(other.Version, newest.Version); err == nil && order > 0 && family(name) == family(r.Name) {
				newest = other
			}
		}
		a := judge(age{Kind: kindBase, Name: r.Name, Locked: r.Version}, newest != r, newest.Version)
		if newest != r {
			a.Note = "recipe " + newest.Name
		}
		all = append(all, a)
	}
	return all
}

var versionSuffix = lazyregexp.New(`-[0-9][0-9.]*$`)

// family is what bases of different branches have in common.
func family(name string) string { return versionSuffix.ReplaceAllString(name, "") }

// support says which bases have no support any more, or not much longer.
func (q *asker) support(closure []*recipe.Recipe) []age {
	var all []age
	for _, r := range closure {
		end, err := time.Parse(time.DateOnly, r.EndOfSupport)
		if err != nil {
			continue // the recipe's check allows dates only; "" is none
		}
		a := age{Kind: kindSupport, Name: r.Name, Locked: r.EndOfSupport, State: stateCurrent}
		switch {
		case !q.now.Before(end):
			a.State, a.Note = stateEnded, "it has had no security fixes since"
		case end.Sub(q.now) < endingSoon:
			a.State, a.Note = stateEnding, fmt.Sprintf("in %d days", int(end.Sub(q.now).Hours())/24)
		}
		all = append(all, a)
	}
	return all
}
