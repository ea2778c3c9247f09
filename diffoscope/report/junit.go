package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Failure *junitFailure `xml:"failure,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",cdata"`
}

// WriteJUnit writes c as JUnit XML: one test that passes when the images are
// identical, and otherwise one that fails for each cause.
func WriteJUnit(w io.Writer, c *diffoscope.Comparison, o Options) error {
	suite := junitSuite{Name: diffoscope.Quote(o.title())}
	for _, x := range causesOf(c) {
		suite.Cases = append(suite.Cases, junitCaseOf(suite.Name, x))
	}
	suite.Tests, suite.Failures = len(suite.Cases), len(suite.Cases)
	if c.Identical() {
		suite.Cases, suite.Tests, suite.Failures = []junitCase{{Class: suite.Name, Name: "identical"}}, 1, 0
	}
	all := junitSuites{Tests: suite.Tests, Failures: suite.Failures, Suites: []junitSuite{suite}}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// causesOf returns c's causes: one that explains nothing when it has none and differs.
func causesOf(c *diffoscope.Comparison) []diffoscope.Cause {
	if len(c.Causes) > 0 || c.Identical() {
		return c.Causes
	}
	x := diffoscope.Cause{Cause: cause.Cause{Name: cause.Unknown}, N: c.Total()}
	for _, d := range c.Differences {
		for path := range d.Leaves() {
			x.Places = append(x.Places, path)
			if len(x.Places) == 3 {
				return []diffoscope.Cause{x}
			}
		}
	}
	return []diffoscope.Cause{x}
}

func junitCaseOf(class string, x diffoscope.Cause) junitCase {
	file, _ := source(x)
	return junitCase{
		Class: class, Name: headline(x), File: plain(file),
		Failure: &junitFailure{Message: advice(x), Type: diffoscope.Quote(string(x.Name)), Text: details(x)},
	}
}

// headline says what a cause is and where it is first seen.
func headline(x diffoscope.Cause) string {
	s := plain(x.Name.Words())
	if len(x.Places) > 0 {
		s += ": " + diffoscope.QuotePlace(x.Places[0])
	}
	if x.N > 1 {
		s += " and " + number(x.N-1) + " more"
	}
	return s
}

// advice is what to do about a cause.
func advice(x diffoscope.Cause) string {
	if x.Mend == "" {
		return plural(x.N, "difference")
	}
	return diffoscope.QuoteWords(x.Mend)
}

// details are what is known of a cause, in lines.
func details(x diffoscope.Cause) string {
	var b strings.Builder
	words := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, diffoscope.QuoteWords(value))
		}
	}
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, diffoscope.Quote(value))
		}
	}
	words("cause", x.Name.Words())
	words("confidence", string(x.Confidence))
	words("detail", x.Detail)
	line("A", x.A)
	line("B", x.B)
	line("recipe", x.Source)
	words("mend", x.Mend)
	for _, place := range x.Places {
		fmt.Fprintf(&b, "in %s\n", diffoscope.QuotePlace(place))
	}
	if rest := x.N - len(x.Places); rest > 0 {
		fmt.Fprintf(&b, "and %s more\n", number(rest))
	}
	return b.String()
}
