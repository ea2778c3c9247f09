package hclschema

import (
	"slices"
	"strings"
)

// Suggest returns a sentence that offers the one of known that is most like
// name, or "" when none is.
func Suggest(name string, known []string) string {
	best := Similar(name, known)
	if best == "" {
		return ""
	}
	return " Did you mean " + Quote(best) + "?"
}

// Similar returns the one of known that name is most likely meant to be, or "" when
// none is like it. Of several that are as near it is the first by name.
func Similar(name string, known []string) string {
	best, distance := "", len(name)/3+2
	if len(name) > 64 {
		return ""
	}
	for _, candidate := range slices.Sorted(slices.Values(known)) {
		if d := editDistance(strings.ToLower(name), strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// editDistance counts the bytes to insert, remove or replace to make b of a
// (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Choices lists names to choose from: "a", "b" or "c".
func Choices(names []string) string { return listing(names, "or") }

// listing lists names as a sentence does.
func listing(names []string, and string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = Quote(name)
	}
	last := len(quoted) - 1
	if last < 1 {
		return strings.Join(quoted, "")
	}
	return strings.Join(quoted[:last], ", ") + " " + and + " " + quoted[last]
}
