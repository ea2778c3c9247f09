package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/apk"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// A locked is what locking did, or would do, to one recipe's lock.
type locked struct {
	Recipe  string `json:"recipe"`
	Path    string `json:"path"`
	Digest  string `json:"digest,omitempty"` // "" when only checked
	Changed bool   `json:"changed"`
	// Add and Remove are inputs. When only checked, they have of packages those that
	// are newly asked for, or no more.
	Add    []string `json:"add,omitempty"`
	Remove []string `json:"remove,omitempty"`
	// Select are the architectures for which apk would choose packages again, when only
	// checked: what it would choose isn't known then.
	Select []string `json:"select,omitempty"`
	// Output says that the record of what makes the images is another one.
	Output bool `json:"output,omitempty"`
	// Changes are those of inputs, in the order of the lock; none when only
	// checked, since what apk would choose isn't known then.
	Changes []change `json:"changes,omitempty"`
	// Packages are all apk inputs, nil when there were and are none, and when only
	// checked.
	Packages *total `json:"packages,omitempty"`

	update bool // newer indexes were asked for
}

// A total counts packages before and after.
type total struct {
	Count       int   `json:"count"`
	CountBefore int   `json:"countBefore"`
	Size        int64 `json:"size"` // in bytes
	SizeBefore  int64 `json:"sizeBefore"`
}

// A change is what became of one input.
type change struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	Arch string `json:"arch,omitempty"`
	// From and To are versions, times of an index, or URLs: "" when the input was
	// not there, or isn't any more, and the same when only its bytes are others.
	From       string `json:"from,omitempty"`
	To         string `json:"to,omitempty"`
	Size       int64  `json:"size"` // in bytes
	SizeBefore int64  `json:"sizeBefore"`
	// Repository is whose package it is or was, with a key of its own.
	Repository string `json:"repository,omitempty"`
	// Older says that To is an older version of a package than From.
	Older bool `json:"older,omitempty"`

	input string // as the lock's words have it
	url   string
}

func (l locked) kind() string { return "lock" }

func (l locked) text(w io.Writer) {
	switch {
	case !l.Changed && l.update:
		fmt.Fprintf(w, "%s is up to date: the mirrors have nothing newer\n", l.Path)
		return
	case !l.Changed:
		fmt.Fprintf(w, "%s is up to date\n", l.Path)
		return
	}
	fmt.Fprintf(w, "%s\n", l.Path)
	if l.Digest == "" {
		for _, in := range l.Remove {
			fmt.Fprintf(w, "  - %s\n", in)
		}
		for _, in := range l.Add {
			fmt.Fprintf(w, "  + %s\n", in)
		}
		for _, arch := range l.Select {
			fmt.Fprintf(w, "  ~ apk chooses packages for %s again\n", arch)
		}
	}
	for _, c := range l.Changes {
		fmt.Fprintf(w, "  %s\n", c)
	}
	if l.Output {
		fmt.Fprintf(w, "  ~ output record\n")
	}
	if p := l.Packages; p != nil {
		fmt.Fprintf(w, "  packages: %d, %s\n", p.Count, sizes(p.SizeBefore, p.Size))
	}
	if l.update && !l.moved() {
		fmt.Fprintf(w, "  no package is newer\n")
	}
	if l.Digest != "" {
		fmt.Fprintf(w, "  = %s\n", l.Digest)
	}
}

// moved reports whether a package changed.
func (l locked) moved() bool {
	return slices.ContainsFunc(l.Changes, func(c change) bool { return c.Kind == lock.KindPackage })
}

// String returns the change in a line: "~ apk "zlib" for x86_64 1.3-r0 → 1.3.1-r0, …".
func (c change) String() string {
	separator := ": "
	switch c.Kind {
	case lock.KindPackage:
		separator = " "
	case lock.KindIndex:
		separator = " of "
		if c.From == "" {
			separator = ": " + c.url + " of "
		}
	}
	sign, what := "~", c.From+" → "+c.To
	switch {
	case c.From == "":
		sign, what = "+", c.To
	case c.To == "":
		sign, what = "-", c.From
	case c.From == c.To:
		what = c.To + ", other bytes"
	case c.Older:
		what += " (older)"
	}
	if c.Repository != "" {
		what += " of " + c.Repository
	}
	if c.To == "" {
		return fmt.Sprintf("%s %s%s%s, %s", sign, c.input, separator, what, size(c.SizeBefore))
	}
	before := c.SizeBefore
	if c.From == "" {
		before = c.Size // all of it is new, which the sign says
	}
	return fmt.Sprintf("%s %s%s%s, %s", sign, c.input, separator, what, sizes(before, c.Size))
}

// sizes returns what there is now, and how much more or less that is.
func sizes(before, now int64) string {
	switch diff := now - before; {
	case diff > 0:
		return fmt.Sprintf("%s (%s more)", size(now), size(diff))
	case diff < 0:
		return fmt.Sprintf("%s (%s less)", size(now), size(-diff))
	}
	return size(now)
}

// state is what tells an input from another of its name.
func state(in lock.Input) string {
	switch {
	case in.Kind == lock.KindIndex:
		return date(in.Time)
	case in.Module != "":
		return in.Module + "@" + in.Version
	case in.Kind == lock.KindPackage:
		return in.Version
	}
	return in.URL
}

// date writes seconds since 1970 as people read them.
func date(seconds int64) string {
	return time.Unix(seconds, 0).UTC().Format("2006-01-02 15:04:05 UTC")
}

// compare says what is another input in next than in before, both sorted.
func (l *locked) compare(before, next []lock.Input) {
	old := make(map[string]lock.Input)
	for _, in := range before {
		old[in.String()] = in
	}
	sum := &total{}
	for _, in := range next {
		was, had := old[in.String()]
		delete(old, in.String())
		sum.count(was, in)
		if had && was.SHA256 == in.SHA256 && state(was) == state(in) {
			continue
		}
		c := newChange(in)
		c.To, c.Size = state(in), in.Size
		c.Repository = ownRepository(in, next)
		if had {
			c.From, c.SizeBefore = state(was), was.Size
			if order, err := apk.CompareVersions(in.Version, was.Version); in.Kind == lock.KindPackage && err == nil {
				c.Older = order < 0
			}
		}
		l.Changes = append(l.Changes, c)
	}
	for _, was := range before {
		if _, gone := old[was.String()]; !gone {
			continue
		}
		c := newChange(was)
		c.From, c.SizeBefore = state(was), was.Size
		c.Repository = ownRepository(was, before)
		l.Changes = append(l.Changes, c)
		sum.count(was, lock.Input{})
	}
	l.Add, l.Remove = without(next, before), without(before, next)
	slices.SortStableFunc(l.Changes, func(a, b change) int { return cmp.Compare(a.input, b.input) })
	if sum.Count+sum.CountBefore > 0 {
		l.Packages = sum
	}
}

// ownRepository returns the repository of a package if it has a key of its own.
func ownRepository(in lock.Input, all []lock.Input) string {
	for _, index := range all {
		if index.Kind == lock.KindIndex && index.Name == in.Repository && index.KeySHA256 != "" {
			return index.Name
		}
	}
	return ""
}

// without describes those of list that other doesn't have from the same place.
func without(list, other []lock.Input) (out []string) {
	for _, in := range list {
		if !slices.ContainsFunc(other, func(o lock.Input) bool { return describe(o) == describe(in) }) {
			out = append(out, describe(in))
		}
	}
	slices.Sort(out)
	return out
}

func newChange(in lock.Input) change {
	return change{Kind: in.Kind, Name: in.Name, Arch: in.Arch, input: in.String(), url: in.URL}
}

// count adds a package that was, and one that is now; either may be no package.
func (t *total) count(was, now lock.Input) {
	if was.Kind == lock.KindPackage {
		t.CountBefore++
		t.SizeBefore += was.Size
	}
	if now.Kind == lock.KindPackage {
		t.Count++
		t.Size += now.Size
	}
}

// asks adds what the worlds of one architecture newly ask for, and ask for no more.
func (l *locked) asks(before, now []lock.World, arch string) {
	was, is := asked(before, arch), asked(now, arch)
	for _, name := range is {
		if !slices.Contains(was, name) {
			l.Add = append(l.Add, name)
		}
	}
	for _, name := range was {
		if !slices.Contains(is, name) {
			l.Remove = append(l.Remove, name)
		}
	}
}

// asked returns the packages that worlds of arch ask for, each once.
func asked(worlds []lock.World, arch string) []string {
	var all []string
	for _, w := range worlds {
		for _, name := range w.Packages {
			if w.Arch == arch {
				all = append(all, describe(lock.Input{Kind: lock.KindPackage, Name: name, Arch: arch}))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// describe names an input and where it comes from.
func describe(in lock.Input) string {
	if in.Module != "" {
		return fmt.Sprintf("%s: %s@%s", in, in.Module, in.Version)
	}
	if in.Kind == lock.KindPackage {
		return strings.TrimSpace(fmt.Sprintf("%s %s", in, in.Version))
	}
	return fmt.Sprintf("%s: %s", in, in.URL)
}
