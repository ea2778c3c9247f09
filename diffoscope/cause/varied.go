package cause

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A variedRule says what it means that a value shows which is known to have been
// different between the builds.
type variedRule struct {
	name   Name
	detail string
	// word says that the value alone is too common, such as "1": it counts if it is
	// all of the line, or if one of the words that belong to it comes before it.
	word bool
}

// varied are by the names that [Builds] has.
var varied = map[string]variedRule{
	"hostname":    {Hostname, "the name of the machine", false},
	"domainname":  {Hostname, "the domain of the machine", false},
	"home":        {BuildPath, "the home folder of the build", false},
	"umask":       {Umask, "the umask of the build", true},
	"cpus":        {Parallelism, "the number of CPUs", true},
	"nofile":      {Parallelism, "the limit of open files", true},
	"runtime":     {Kernel, "the container runtime", true},
	"filesystem":  {Kernel, "the file system", true},
	"env.TZ":      {TimeZone, "the variable TZ", false},
	"env.LANG":    {Locale, "the variable LANG", false},
	"env.LC_ALL":  {Locale, "the variable LC_ALL", false},
	"env.USER":    {User, "the variable USER", true},
	"env.LOGNAME": {User, "the variable LOGNAME", true},
	"env.TERM":    {Environment, "the variable TERM", true},
}

// explainVaried finds the values that are known of the two builds.
func (s *sight) explainVaried(l *line, add func(Cause)) {
	for _, name := range slices.Sorted(maps.Keys(s.builds.Varied)) {
		v := s.builds.Varied[name]
		r, known := varied[name]
		if !known {
			if !strings.HasPrefix(name, "env.") {
				continue
			}
			r = variedRule{Environment, "the variable " + strings.TrimPrefix(name, "env."), true}
		}
		if v.A == v.B || v.A == "" || v.B == "" || l.a == l.b {
			continue
		}
		a, inA := replaceWord(l.a, v.A, r.word && !s.about(r.name, name))
		b, inB := replaceWord(l.b, v.B, r.word && !s.about(r.name, name))
		if !inA || !inB {
			continue
		}
		l.a, l.b = a, b
		add(Cause{Name: r.name, Confidence: Certain, Detail: fmt.Sprintf("%s was %s and %s", r.detail, v.A, v.B), A: v.A, B: v.B})
	}
}

// about reports whether the leaf's name says that it is about that.
func (s *sight) about(n Name, varied string) bool {
	where := s.place()
	return strings.Contains(where, strings.TrimPrefix(varied, "env.")) || strings.Contains(where, string(n))
}

// replaceWord replaces value in line where no letter or digit is next to it. With
// alone, that is only where nothing else is in the line, or after "=" or ": ".
func replaceWord(line, value string, alone bool) (string, bool) {
	var b strings.Builder
	done := false
	for at := 0; ; {
		i := strings.Index(line[at:], value)
		if i < 0 {
			b.WriteString(line[at:])
			return b.String(), done
		}
		from, to := at+i, at+i+len(value)
		ok := (from == 0 || !isWord(line[from-1])) && (to == len(line) || !isWord(line[to]))
		if alone {
			prefix := strings.TrimRight(line[:from], `"' `)
			ok = ok && strings.Trim(line[to:], "\"' \r\t;,") == "" &&
				(strings.TrimSpace(prefix) == "" || valueOf(prefix, value))
		}
		b.WriteString(line[at:from])
		if ok {
			b.WriteString(mask)
			done = true
		} else {
			b.WriteString(value)
		}
		at = to
	}
}

// valueOf reports whether prefix names what a short value is: one that is only a
// number needs a word for it, which the rules look for.
func valueOf(prefix, value string) bool {
	number := strings.Trim(value, "0123456789") == ""
	return !number && (strings.HasSuffix(prefix, "=") || strings.HasSuffix(prefix, ":"))
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}
