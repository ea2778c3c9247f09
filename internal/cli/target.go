package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
)

// An archFlag says which architectures to build for: by default, this machine's.
type archFlag struct {
	all   bool
	names []string
}

func (f *archFlag) add(cmd *cobra.Command) {
	cmd.Flags().Var(f, "arch", "`ARCH` that is meant, several with commas, or all that the recipe is for (default this machine's)")
}

func (f *archFlag) String() string {
	if f.all {
		return "all"
	}
	return strings.Join(f.names, ",")
}

// Type is cobra's.
func (f *archFlag) Type() string { return "ARCH" }

// Set takes the flag's value.
func (f *archFlag) Set(s string) error {
	*f = archFlag{all: s == "all"}
	if f.all {
		return nil
	}
	for name := range strings.SplitSeq(s, ",") {
		if !slices.Contains(builder.Arches, name) || slices.Contains(f.names, name) {
			return fmt.Errorf("must be all, or of %s, each once", strings.Join(builder.Arches, ", "))
		}
		f.names = append(f.names, name)
	}
	return nil
}

// several reports whether there may be more than one.
func (f *archFlag) several() bool { return f.all || len(f.names) > 1 }

// first returns the first that is named, "" if none is.
func (f *archFlag) first() string {
	if len(f.names) == 0 {
		return ""
	}
	return f.names[0]
}

// of returns what to build of a recipe that is for archs, on machine.
func (f *archFlag) of(archs []string, machine string) []string {
	switch {
	case f.all:
		return archs
	case len(f.names) > 0:
		return f.names
	}
	return []string{machine}
}

// A target is one recipe, loaded for each architecture that it is to be built for,
// with one lock.
type target []*loaded

func (t target) name() string { return t[0].closure[0].Name }

// lacks returns the architectures that the recipe is for and t isn't, sorted.
func (t target) lacks() []string {
	missing := slices.DeleteFunc(slices.Clone(t[0].closure[0].Arch), func(arch string) bool {
		return slices.ContainsFunc(t, func(l *loaded) bool { return l.plan.Arch() == arch })
	})
	slices.Sort(missing)
	return missing
}

// wrap says of which of several platforms err is.
func (t target) wrap(l *loaded, err error) error {
	if len(t) == 1 {
		return err
	}
	return &release.PlatformError{Platform: l.plan.Arch(), Err: err}
}

// targets loads every one of names, for what f says, so that what is wrong with the
// last is said before the first is built.
func (p *project) targets(names []string, f archFlag) ([]target, error) {
	machine, err := machineArch()
	if err != nil {
		return nil, err
	}
	var all []target
	for _, name := range names {
		archs, diags := p.archs(name)
		if err := p.check(diags); err != nil {
			return nil, err
		}
		var (
			t  target
			lk *lock.File
		)
		for _, arch := range f.of(archs, machine) {
			l, err := p.loadFor(name, arch, lk)
			if err != nil {
				return nil, err
			}
			t, lk = append(t, l), l.lock
		}
		all = append(all, t)
	}
	return all, nil
}

// checkEmulation returns a [builder.MachineError] for the first of todo whose steps
// this machine can't run, before anything is fetched.
func checkEmulation(todo []*loaded) error {
	for _, l := range todo {
		if !l.plan.Runs() {
			continue
		}
		if err := builder.CheckArch(l.plan.Arch()); err != nil {
			return fmt.Errorf("recipe %s for %s: %w", l.closure[0].Name, l.plan.Arch(), err)
		}
	}
	return nil
}
