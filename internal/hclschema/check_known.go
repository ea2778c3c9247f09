package hclschema

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// Matches makes a check of a regular expression for the whole text, which is at
// most longest bytes.
func Matches(expr string, longest int, summary, detail string) Check {
	re := lazyregexp.New(`^(?:` + expr + `)$`)
	return func(s string) *Problem {
		if len(s) <= longest && re.MatchString(s) {
			return nil
		}
		return &Problem{summary, Quote(s) + " " + detail}
	}
}

// OneOf makes a check of a short list.
func OneOf(known []string, summary, what string) Check {
	return func(s string) *Problem {
		if slices.Contains(known, s) {
			return nil
		}
		return &Problem{summary, fmt.Sprintf("%s is no %s; write %s.%s", Quote(s), what, Choices(known), Suggest(s, known))}
	}
}

// CheckDate judges a day, YYYY-MM-DD.
func CheckDate(s string) *Problem {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return &Problem{"Not a date", Quote(s) + ` is no day of the calendar. Write year, month and day, as in "2026-11-01".`}
	}
	return nil
}

// maxBytes bounds sizes: nothing that runs from RAM has a tebibyte.
const maxBytes = 1 << 40

var units = map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

// ParseSize returns a size in bytes, and false when s isn't one.
func ParseSize(s string) (int64, bool) {
	if len(s) < 4 {
		return 0, false
	}
	unit, ok := units[s[len(s)-3:]]
	n, err := strconv.ParseUint(s[:len(s)-3], 10, 31)
	if !ok || err != nil || n == 0 || int64(n) > maxBytes/unit {
		return 0, false
	}
	return int64(n) * unit, true
}

// CheckSize judges a text that parseSize takes.
func CheckSize(s string) *Problem {
	if _, ok := ParseSize(s); !ok {
		return &Problem{"Not a size", Quote(s) + ` is not a whole number with KiB, MiB or GiB, from "1KiB" to "1024GiB".`}
	}
	return nil
}
