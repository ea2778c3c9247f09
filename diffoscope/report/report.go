// Package report writes a comparison for people and for other programs: one page of
// HTML, Markdown, JUnit XML, GitLab's code quality, and the JSON of Debian's
// diffoscope.
//
// Whatever is in the images is shown as text: nothing in a report can be made to run,
// to load anything, or to look like what it isn't. All that is written has a limit,
// and follows from the comparison alone, so that the same gives the same bytes.
package report

import (
	"fmt"
	"strconv"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

// Options say what a report has beside the comparison. The zero value is nothing.
type Options struct {
	// Title is what was compared, for example a recipe's name and version.
	Title string
	// Facts are what is known of how A and B were made.
	Facts []Fact
}

// A Fact is one thing that is known of both builds.
type Fact struct{ Name, A, B string }

func (o Options) title() string {
	if o.Title == "" {
		return "Comparison"
	}
	return o.Title
}

// plural returns "1 cause", "1,234 causes".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return number(n) + " " + noun + "s"
}

// number returns n with commas.
func number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// known returns how many causes explain something, and how many differences none of
// them explains.
func known(c *diffoscope.Comparison) (causes, unexplained int) {
	for _, x := range c.Causes {
		if x.Name == cause.Unknown {
			unexplained += x.N
		} else {
			causes++
		}
	}
	return causes, unexplained
}

// summary is a comparison in one sentence.
func summary(c *diffoscope.Comparison) string {
	if c.Identical() {
		return fmt.Sprintf("Every byte of both was read, and is the same: %s.", plural(int(c.A().Bytes), "byte"))
	}
	causes, unexplained := known(c)
	s := plural(c.Total(), "difference")
	if causes > 0 {
		s += ", " + plural(causes, "cause")
	}
	if unexplained > 0 {
		s += ", " + number(unexplained) + " not explained"
	}
	return s + "."
}
