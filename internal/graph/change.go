package graph

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// A Cause is the kind of thing that changed.
type Cause string

// The causes for which a recipe is built again.
const (
	// CauseNew is a recipe that wasn't there.
	CauseNew Cause = "new"
	// CauseRecipe is what the recipe's own file says, references aside.
	CauseRecipe Cause = "recipe"
	// CauseVariable is the value of a variable that the recipe refers to.
	CauseVariable Cause = "variable"
	// CauseFile is the content of a file that the recipe puts into the image.
	CauseFile Cause = "file"
	// CauseLock is an input or the toolchain record in the lock.
	CauseLock Cause = "lock"
	// CauseRecord is the digest that the lock records: it has to be checked. It
	// reaches nothing that is built on the recipe.
	CauseRecord Cause = "record"
)

// A Reason is why a recipe is built again.
type Reason struct {
	Cause Cause `json:"cause"`
	// Base is the base that changed, "" for the recipe itself.
	Base string `json:"base,omitempty"`
	// What names the attributes and blocks of a recipe, the file, the variable, or
	// what changed in a lock, in the order of the source.
	What []string `json:"what,omitempty"`
	// Old and New are a variable's values.
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

// String returns the reason in words: "base alpine-3.19: recipe.hcl: version".
func (r Reason) String() string {
	s := ""
	if r.Base != "" {
		s = "base " + r.Base + ": "
	}
	what := shorten(r.What)
	switch r.Cause {
	case CauseNew:
		return s + "new"
	case CauseVariable:
		return s + fmt.Sprintf("var.%s: %q → %q", what, r.Old, r.New)
	case CauseRecipe:
		return s + recipe.FileName + ": " + what
	case CauseFile:
		return s + "file " + what
	}
	return s + lock.FileName + ": " + what
}

// shorten lists what, the first few of them.
func shorten(what []string) string {
	const most = 6
	if len(what) <= most {
		return strings.Join(what, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(what[:most-1], ", "), len(what)-most+1)
}

// A State is what a recipe is made of at one time.
type State struct {
	// Recipe and Lock are the files, nil when they aren't there.
	Recipe, Lock []byte
	// Decoded is what Recipe says with Vars, nil if that is to be found out.
	Decoded *recipe.Recipe
	// Vars are the values of the project's variables.
	Vars map[string]string
	// Files has something that identifies the content, "" for none, of each file
	// that the recipe takes, by its path in the recipe's folder.
	Files map[string]string
}

// Compare returns why a recipe that was before and is now has to be built again
// for arch, by itself: not because of its base. now has a valid recipe. Comments
// and formatting change nothing, nor do mirrors.
func Compare(arch string, before, now State) []Reason {
	if before.Recipe == nil {
		return []Reason{{Cause: CauseNew}}
	}
	reasons := compareRecipes(arch, before, now)
	for _, name := range slices.Sorted(maps.Keys(now.Files)) {
		if before.Files[name] != now.Files[name] {
			reasons = append(reasons, Reason{Cause: CauseFile, What: []string{name}})
		}
	}
	return append(reasons, compareLocks(before.Lock, now.Lock)...)
}

// Reach returns the reasons of every recipe that has any: its own, and those of
// the bases below it. own has each recipe's own.
func (g *Graph) Reach(own map[string][]Reason) map[string][]Reason {
	all := map[string][]Reason{}
	for _, name := range g.Names() {
		reasons := slices.Clone(own[name])
		for _, base := range g.Below(name) {
			for _, r := range own[base] {
				if r.Cause != CauseRecord {
					r.Base = base
					reasons = append(reasons, r)
				}
			}
		}
		if len(reasons) > 0 {
			all[name] = reasons
		}
	}
	return all
}

// compareRecipes tells what the recipe itself says from what its variables do: by
// the new recipe with the old values.
func compareRecipes(arch string, before, now State) []Reason {
	sameSource := bytes.Equal(before.Recipe, now.Recipe)
	if sameSource && !mentions(now.Recipe, before.Vars, now.Vars) {
		return nil
	}
	was, is := before.decoded(arch), now.decoded(arch)
	if was == nil {
		return []Reason{{Cause: CauseRecipe, What: []string{"was not valid"}}}
	}
	if len(differences(was, is)) == 0 {
		return nil
	}
	between := was
	if !sameSource {
		between = decode(now.Recipe, arch, withOld(now.Vars, before.Vars))
	}
	if between == nil { // it can't be said which
		return []Reason{{Cause: CauseRecipe, What: differences(was, is)}}
	}
	var reasons []Reason
	if what := differences(was, between); len(what) > 0 {
		reasons = append(reasons, Reason{Cause: CauseRecipe, What: what})
	}
	if len(differences(between, is)) > 0 {
		reasons = append(reasons, variables(arch, before, now, is)...)
	}
	return reasons
}

// mentions reports whether src may refer to a variable that was another one: its
// name is somewhere in it. Decoding would say for sure, and takes much longer.
func mentions(src []byte, before, now map[string]string) bool {
	for _, vars := range []map[string]string{before, now} {
		for name := range vars {
			old, was := before[name]
			value, is := now[name]
			if (old != value || was != is) && bytes.Contains(src, []byte(name)) {
				return true
			}
		}
	}
	return false
}

// variables returns the variables that decide what the recipe says: those whose
// old value alone gives another one. Should only all of them together, it is all.
func variables(arch string, before, now State, is *recipe.Recipe) []Reason {
	var all, some []Reason
	for _, name := range slices.Sorted(maps.Keys(now.Vars)) {
		old, ok := before.Vars[name]
		if !ok || old == now.Vars[name] {
			continue
		}
		reason := Reason{Cause: CauseVariable, What: []string{name}, Old: old, New: now.Vars[name]}
		all = append(all, reason)
		other := decode(now.Recipe, arch, withOld(now.Vars, map[string]string{name: old}))
		if other == nil || len(differences(other, is)) > 0 {
			some = append(some, reason)
		}
	}
	if len(some) == 0 {
		return all
	}
	return some
}

// withOld returns vars with those of its values that old has.
func withOld(vars, old map[string]string) map[string]string {
	mixed := maps.Clone(vars)
	for name := range mixed {
		if value, ok := old[name]; ok {
			mixed[name] = value
		}
	}
	return mixed
}

func (s State) decoded(arch string) *recipe.Recipe {
	if s.Decoded != nil {
		return s.Decoded
	}
	return decode(s.Recipe, arch, s.Vars)
}

// decode returns the recipe in src, nil if it isn't valid.
func decode(src []byte, arch string, vars map[string]string) *recipe.Recipe {
	r, diags := recipe.Decode(recipe.FileName, src, recipe.Env{Vars: vars, Arch: arch})
	if diags.HasErrors() {
		return nil
	}
	return r
}

// compareLocks returns what of a lock changed, as far as anything reads it.
func compareLocks(before, now []byte) []Reason {
	switch {
	case bytes.Equal(before, now):
		return nil
	case before == nil:
		return []Reason{{Cause: CauseLock, What: []string{"new"}}}
	case now == nil:
		return []Reason{{Cause: CauseLock, What: []string{"removed"}}}
	}
	was, errs := lock.Decode(lock.FileName, before)
	is, moreErrs := lock.Decode(lock.FileName, now)
	if errs.HasErrors() || moreErrs.HasErrors() {
		return []Reason{{Cause: CauseLock, What: []string{"format"}}}
	}
	var what, records []string
	if was.Recipe != is.Recipe {
		what = append(what, "recipe")
	}
	if was.Output != is.Output {
		what = append(what, "toolchain record")
	}
	what = append(what, changed(was.Inputs, is.Inputs, lock.Input.String)...)
	what = append(what, changed(was.Worlds, is.Worlds, func(w lock.World) string { return "world " + w.Use + " for " + w.Arch })...)
	records = changed(was.Images, is.Images, func(im lock.Image) string { return "recorded image for " + im.Arch })
	var reasons []Reason
	if len(what) > 0 {
		reasons = append(reasons, Reason{Cause: CauseLock, What: what})
	}
	if len(records) > 0 {
		reasons = append(reasons, Reason{Cause: CauseRecord, What: records})
	}
	return reasons
}
