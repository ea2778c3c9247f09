// Package lazyregexp has regular expressions that are compiled when they are first
// used. A variable of a package that holds one costs a command nothing that doesn't
// use it; package archtest compiles all of them.
package lazyregexp

import (
	"regexp"
	"sync"
)

// A Regexp is a regular expression. It may be used from several goroutines.
type Regexp struct{ compiled func() *regexp.Regexp }

// New returns the regular expression expr, which must be valid: its first use
// panics when it isn't.
func New(expr string) *Regexp {
	return &Regexp{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })}
}

// MatchString is that of package regexp.
func (r *Regexp) MatchString(s string) bool { return r.compiled().MatchString(s) }

// FindStringSubmatch is that of package regexp.
func (r *Regexp) FindStringSubmatch(s string) []string { return r.compiled().FindStringSubmatch(s) }

// ReplaceAllString is that of package regexp.
func (r *Regexp) ReplaceAllString(src, repl string) string {
	return r.compiled().ReplaceAllString(src, repl)
}

// FindStringIndex is that of package regexp.
func (r *Regexp) FindStringIndex(s string) []int { return r.compiled().FindStringIndex(s) }

// FindAllStringIndex is that of package regexp.
func (r *Regexp) FindAllStringIndex(s string, n int) [][]int {
	return r.compiled().FindAllStringIndex(s, n)
}
