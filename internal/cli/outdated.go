package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// What lock --outdated says of one thing.
const (
	stateCurrent = "current" // nothing newer
	stateNewer   = "newer"   // there is a newer version
	stateGone    = "gone"    // no repository has it any more
	stateEnded   = "ended"   // support of the base ended
	stateEnding  = "ending"  // support of the base ends soon
	stateUnknown = "unknown" // it could not be asked
)

// The kinds of thing beside those of inputs.
const (
	kindBase    = "base"
	kindSupport = "support"
	kindLock    = "lock"
)

// endingSoon is how long before its end support of a base is said to end.
const endingSoon = 90 * 24 * time.Hour

// An age is what there is instead of one locked thing.
type age struct {
	Kind   string `json:"kind"` // an input's, "base", "support" or "lock"
	Name   string `json:"name"`
	Arch   string `json:"arch,omitempty"`
	State  string `json:"state"`
	Locked string `json:"locked,omitempty"`
	Newest string `json:"newest,omitempty"` // "" when not known
	// Note has more about it, such as why it isn't known.
	Note string `json:"note,omitempty"`
}

// An outdatedRecipe is what has newer versions, and what hasn't, of one recipe.
type outdatedRecipe struct {
	Recipe string `json:"recipe"`
	Things []age  `json:"things"`
}

func (o *outdatedRecipe) kind() string { return "outdated" }

func (o *outdatedRecipe) add(all ...age) { o.Things = append(o.Things, all...) }

func (o *outdatedRecipe) text(w io.Writer) {
	current := 0
	var table bytes.Buffer
	t := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\n", o.Recipe)
	for _, a := range o.Things {
		if a.State == stateCurrent {
			current++
			continue
		}
		name, newest := a.Name, a.Newest
		if a.Arch != "" {
			name += " " + a.Arch
		}
		if newest == "" {
			newest = a.State
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t→ %s\t%s\n", a.Kind, name, a.Locked, newest, a.Note)
	}
	t.Flush() // into a buffer, which takes everything
	for line := range strings.Lines(table.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
	fmt.Fprintf(w, "  %d of %d have nothing newer\n", current, len(o.Things))
}

// outdated lists what has newer versions of each recipe. What can't be asked is
// in the list, too.
func (p *project) outdated(ctx context.Context, names []string, f lockFlags) error {
	all, err := p.ages(ctx, names, f)
	if err != nil {
		return err
	}
	for _, o := range all {
		if err := p.app.out.print(o); err != nil {
			return err
		}
	}
	return nil
}

// ages asks everything, and draws it meanwhile.
func (p *project) ages(ctx context.Context, names []string, f lockFlags) (all []*outdatedRecipe, err error) {
	d, err := p.app.display(f.draw)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	fetcher, err := f.from.fetcher(p.Project(), d)
	if err != nil {
		return nil, err
	}
	report := fetcher.Report
	fetcher.Report = func(t inputs.Transfer) {
		t.Err = nil // the list has what can't be asked
		report(t)
	}
	q := newAsker(p, fetcher, time.Now())
	for _, name := range names {
		o, err := q.recipe(ctx, name)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// recipe asks for everything of one recipe.
func (q *asker) recipe(ctx context.Context, name string) (*outdatedRecipe, error) {
	o := &outdatedRecipe{Recipe: name, Things: []age{}}
	f, err := q.readLock(name)
	var unlocked *unlockedError
	if errors.As(err, &unlocked) {
		f, err = &lock.File{Recipe: name}, nil
		o.add(age{Kind: kindLock, Name: name, State: stateUnknown, Note: "it is not locked: tailsbuild lock " + name})
	}
	if err != nil {
		return nil, err
	}
	archs, diags := q.archs(name)
	if err := q.check(diags); err != nil {
		return nil, err
	}
	for i, arch := range archs {
		closure, diags := q.Closure(name, arch)
		if err := q.check(diags); err != nil {
			return nil, err
		}
		if i == 0 {
			o.add(q.bases(closure)...)
			o.add(q.support(closure)...)
		}
		o.add(q.rootfs(ctx, f, closure, arch)...)
		o.add(q.packages(ctx, f, closure, arch)...)
	}
	for _, in := range f.Inputs {
		switch in.Kind {
		case lock.KindGoModule:
			o.add(q.module(ctx, in))
		case lock.KindToolchain:
			o.add(q.toolchain(ctx, in))
		}
	}
	return o, ctx.Err()
}
