package apk

import (
	"strings"
)

const maxConstraint = 1 << 10

// An Op is how a constraint compares versions: one or more of Less, Equal,
// Greater and Fuzzy. Zero takes any version, and Less|Greater is no comparison
// but apk's "><", which names a package by its checksum.
type Op uint8

// The parts of an Op. Fuzzy, which comes with Equal, takes versions as equal when
// one begins with the other: ~1.2 takes 1.2.3-r0.
const (
	Less Op = 1 << iota
	Equal
	Greater
	Fuzzy
)

const checksumOp = Less | Greater

// String returns the operator as apk writes it.
func (o Op) String() string {
	s := ""
	if o&Less != 0 && o != checksumOp {
		s += "<"
	}
	if o&Greater != 0 {
		s += ">"
	}
	switch {
	case o == checksumOp:
		s += "<"
	case o&Fuzzy != 0:
		s += "~"
	case o&Equal != 0:
		s += "="
	}
	return s
}

// A Constraint is one dependency as apk writes it: foo, foo=1.2-r3, foo>1.2,
// foo~1.2, !foo, so:libfoo.so.1, foo@tag.
type Constraint struct {
	// Conflict says that no package may be what the rest describes.
	Conflict bool
	Name     string
	// Tag is the repository tag, or "".
	Tag string
	Op  Op
	// Version is one that ParseVersion takes; a checksum, as an index has it, for
	// "><"; "" where Op is zero.
	Version string
}

// ParseConstraint parses one constraint. Its error is a *ConstraintError.
func ParseConstraint(s string) (Constraint, error) {
	fail := func(problem string) (Constraint, error) {
		return Constraint{}, &ConstraintError{s, problem}
	}
	if len(s) > maxConstraint {
		return fail("too long")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return fail("has a space or control character")
	}
	var c Constraint
	rest := s
	rest, c.Conflict = strings.CutPrefix(rest, "!")
	name, op, version := splitConstraint(rest)
	c.Name, c.Tag, _ = strings.Cut(name, "@")
	if c.Name == "" {
		return fail("has no name")
	}
	if strings.HasSuffix(name, "@") || strings.Contains(c.Tag, "@") {
		return fail("has no repository tag after the @")
	}
	if op == "" {
		return c, nil
	}
	c.Version = version
	for _, r := range op {
		c.Op |= map[rune]Op{'<': Less, '=': Equal, '>': Greater, '~': Fuzzy | Equal}[r]
	}
	if c.Op == checksumOp {
		if _, err := parseChecksum(c.Version); err != nil {
			return fail(err.Error())
		}
		return c, nil
	}
	if c.Op&checksumOp == checksumOp {
		return fail(op + " takes every version")
	}
	if _, err := ParseVersion(c.Version); err != nil {
		return fail(err.Error())
	}
	return c, nil
}

// splitConstraint splits name<op>version at the first run of operators.
func splitConstraint(s string) (name, op, version string) {
	const operators = "<>=~"
	i := strings.IndexAny(s, operators)
	if i < 0 {
		return s, "", ""
	}
	version = strings.TrimLeft(s[i:], operators)
	return s[:i], s[i : len(s)-len(version)], version
}

// String returns the constraint as apk writes it: "~" for "=~", ">=" for "=>".
func (c Constraint) String() string {
	var b strings.Builder
	if c.Conflict {
		b.WriteByte('!')
	}
	b.WriteString(c.Name)
	if c.Tag != "" {
		b.WriteByte('@')
		b.WriteString(c.Tag)
	}
	b.WriteString(c.Op.String())
	b.WriteString(c.Version)
	return b.String()
}

// Matches reports whether p, by its own name or by one that it provides, is what
// c describes, whether c asks for it or, with Conflict, rules it out. It knows
// nothing of tags.
func (c Constraint) Matches(p *Package) bool {
	if c.Op == checksumOp {
		return c.Name == p.Name && c.Version == p.Checksum.String()
	}
	if c.Name == p.Name && c.MatchesVersion(p.Version) {
		return true
	}
	for _, s := range p.Provides {
		name, _, version := splitConstraint(s)
		if name == c.Name && c.MatchesVersion(version) {
			return true
		}
	}
	return false
}

// MatchesVersion reports whether version is one that c describes. A version that
// apk can't parse, or none, is so only where c takes any.
func (c Constraint) MatchesVersion(version string) bool {
	if c.Op == 0 {
		return true
	}
	have, err := ParseVersion(version)
	if err != nil {
		return false
	}
	want, err := ParseVersion(c.Version)
	if err != nil {
		return false
	}
	order, begins := have.compare(want)
	if c.Op&Fuzzy != 0 && begins {
		order = 0
	}
	return c.Op&[]Op{Less, Equal, Greater}[order+1] != 0
}
