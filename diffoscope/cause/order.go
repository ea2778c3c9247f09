package cause

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// byOrder is for a text of which both sides have the same lines in another order.
func (s *sight) byOrder() []Cause {
	if s.OnlyA || s.OnlyB || !isText(s.A) || !isText(s.B) {
		return nil
	}
	a, b := items(s.A), items(s.B)
	if s.format == "sqlite" {
		a, b = withoutNumbers(a), withoutNumbers(b)
	}
	if slices.Equal(a, b) || min(len(a), len(b)) == 0 {
		return nil
	}
	if !s.Reordered && (len(a) < 2 || len(without(a, b)) > 0 || len(without(b, a)) > 0) {
		return nil
	}
	return []Cause{s.orderCause(a, b)}
}

// rowNumber is what a row of SQLite begins with.
var rowNumber = lazyregexp.New(`^[-+]?\d+\|`)

// withoutNumbers returns rows without their numbers, which follow from their order.
func withoutNumbers(rows []string) []string {
	list := make([]string, len(rows))
	for i, row := range rows {
		list[i] = row
		if at := rowNumber.FindStringIndex(row); at != nil {
			list[i] = row[at[1]:]
		}
	}
	return list
}

// items returns the lines of a text, without what separates them in a list.
func items(s string) []string {
	var list []string
	for l := range strings.Lines(s) {
		if l = strings.Trim(l, " \t\r\n,;"); l != "" && len(list) < 20*maxLines {
			list = append(list, l)
		}
	}
	return list
}

// parallelLines are what jobs say that run at the same time.
var parallelLines = lazyregexp.New(`(?i)^\W*(\[ ?\d+/ ?\d+\]|job|worker|thread|task|compil|build|link|cc|cxx|ld|ar|done|finish|start|process)\b`)

// orderCause says why a and b, which have the same in them, are in two orders.
func (s *sight) orderCause(a, b []string) Cause {
	first := 0
	for first < min(len(a), len(b))-1 && a[first] == b[first] {
		first++
	}
	c := Cause{Name: HashOrder, Confidence: Likely, A: a[first], B: b[first], Detail: fmt.Sprintf("the same %d items in another order", max(len(a), len(b)))}
	sortedA, sortedB := slices.IsSorted(a), slices.IsSorted(b)
	switch {
	case s.inProgram():
		c.Name, c.Detail = Order, fmt.Sprintf("the same %d items in another order, as when objects are linked in another one", max(len(a), len(b)))
	case sortedA && inLocaleOrder(b) || sortedB && inLocaleOrder(a):
		c.Name, c.Confidence = Locale, Certain
		c.Detail = fmt.Sprintf("the same %d items, sorted by their bytes (C) and as a locale sorts", len(a))
	case most(a, parallelLines.MatchString):
		c.Name, c.Detail = Parallelism, fmt.Sprintf("the same %d lines, as jobs that ran at once wrote them", len(a))
	case most(a, isFileName):
		c.Name, c.Detail = Order, fmt.Sprintf("the same %d names, as the folder listed them", len(a))
		if v, ok := s.builds.Varied["filesystem"]; ok {
			c.Detail += fmt.Sprintf(" (%s and %s)", v.A, v.B)
		}
	case sortedA != sortedB && s.builds.Varied["env.LC_ALL"] != Variation{}:
		c.Name, c.Detail = Locale, fmt.Sprintf("the same %d items, sorted on one side only", len(a))
	}
	return c
}

// inProgram reports whether the leaf is in what a linker wrote.
func (s *sight) inProgram() bool {
	return s.format == "elf" || s.format == "pe" || s.format == "mach-o"
}

func most(list []string, is func(string) bool) bool {
	n := 0
	for _, s := range list {
		if is(s) {
			n++
		}
	}
	return 4*n >= 3*len(list)
}

// isFileName reports whether an item is a path, a file's name, or a line that ends
// with one, as sha256sum and ls -l write them.
func isFileName(s string) bool {
	fields := strings.Fields(s)
	if len(fields) == 0 || strings.ContainsAny(s, "={}<>;") {
		return false
	}
	name := strings.Trim(fields[len(fields)-1], `"'`)
	ext := path.Ext(name)
	return strings.Contains(name, "/") || len(ext) > 1 && len(ext) < 6 && !strings.ContainsAny(ext[1:2], "0123456789")
}

// collations are how locales sort, as far as ASCII goes: letters before their case
// (glibc's iso14651_t1, the Unicode Collation Algorithm), with punctuation before
// letters or not counted.
var collations = []func(string) string{
	strings.ToLower,
	func(s string) string {
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune(" \t-_./'\"()[]{}!#$%&*+,:;<=>?@^|~`\\", r) {
				return -1
			}
			return r
		}, strings.ToLower(s))
	},
	func(s string) string {
		// Punctuation before digits, digits before letters.
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune("-_./'\"()[]{}:;<=>?@^|~`\\", r) {
				return '!'
			}
			return r
		}, strings.ToLower(s))
	},
	foldAccents,
}

// foldAccents puts letters with an accent beside those without.
func foldAccents(s string) string {
	return accents.Replace(strings.ToLower(s))
}

var accents = strings.NewReplacer("ä", "a", "á", "a", "à", "a", "â", "a", "å", "a", "ö", "o", "ó", "o", "õ", "o", "ô", "o", "ü", "u", "ú", "u", "ß", "ss", "é", "e", "è", "e", "ê", "e", "ç", "c", "ñ", "n", "í", "i", "š", "s", "ž", "z")

// inLocaleOrder reports whether a list, which isn't in the order of its bytes, is in
// that of a locale.
func inLocaleOrder(list []string) bool {
	if slices.IsSorted(list) {
		return false
	}
	return slices.ContainsFunc(collations, func(key func(string) string) bool {
		return slices.IsSortedFunc(list, func(x, y string) int { return cmp.Compare(key(x), key(y)) })
	})
}

// between is what separates the words of a line.
func between(r rune) bool { return strings.ContainsRune(" \t,;:|{}[]()'\"=&", r) }

// shuffledWords is for one line that has the same words in another order, as a set
// or map of a script is printed.
func shuffledWords(s *sight, f found) (Cause, bool) {
	a, b := strings.FieldsFunc(f.a, between), strings.FieldsFunc(f.b, between)
	if len(a) < 2 || len(without(a, b)) > 0 || len(without(b, a)) > 0 || slices.Equal(a, b) {
		return Cause{}, false
	}
	c := s.orderCause(a, b)
	if c.Name == Parallelism {
		c.Name = HashOrder
	}
	if strings.ContainsAny(f.a, "{[(:=") && c.Name == Order {
		c.Name = HashOrder
	}
	return c, true
}
