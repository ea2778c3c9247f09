package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

// A debianDifference is one of Debian's diffoscope, as its --json writes it and it
// reads it itself (diffoscope/readers/json.py). UnifiedDiff is null when there is
// nothing but what is in Details.
type debianDifference struct {
	Version     int                 `json:"diffoscope-json-version,omitempty"`
	Source1     string              `json:"source1"`
	Source2     string              `json:"source2"`
	Comments    []string            `json:"comments,omitempty"`
	UnifiedDiff *string             `json:"unified_diff"`
	Details     []*debianDifference `json:"details,omitempty"`
}

// WriteDebianJSON writes c as Debian's diffoscope does with --json, version 1, for
// the programs that read that, such as diffoscope --load-existing-diff. Causes are
// comments. Diffoscope prints what it reads, so that what a terminal would act on is
// escaped in diffs, too.
func WriteDebianJSON(w io.Writer, c *diffoscope.Comparison) error {
	top := &debianDifference{Version: 1, Source1: source12(c.A()), Source2: source12(c.B())}
	for _, x := range c.Causes {
		top.Comments = append(top.Comments, comment(x))
	}
	for _, s := range c.Skipped {
		top.Comments = append(top.Comments, "not looked into: "+diffoscope.Quote(s))
	}
	if c.Unlisted > 0 {
		top.Comments = append(top.Comments, plural(c.Unlisted, "more difference")+" not listed")
	}
	for _, d := range c.Differences {
		top.Details = append(top.Details, debian(d))
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(top)
}

func source12(s diffoscope.Subject) string {
	if s.Path == "" {
		return string(s.Digest)
	}
	return plain(s.Path)
}

func debian(d *diffoscope.Difference) *debianDifference {
	name := plain(nameOf(d))
	out := &debianDifference{Source1: name, Source2: name}
	if d.Format != "" {
		out.Comments = append(out.Comments, "format: "+plain(d.Format))
	}
	if d.Cause != nil && d.Cause.Name != cause.Unknown {
		out.Comments = append(out.Comments, why(d.Cause))
	}
	for _, child := range d.Children {
		out.Details = append(out.Details, debian(child))
	}
	if len(d.Children) > 0 {
		return out
	}
	diff := debianDiff(d)
	out.UnifiedDiff = &diff
	return out
}

// comment is a cause in one line.
func comment(x diffoscope.Cause) string {
	s := headline(x)
	if x.Name == cause.Unknown {
		return s
	}
	s += " (" + plain(string(x.Confidence)) + ")"
	if x.Mend != "" {
		s += "; mend: " + diffoscope.QuoteWords(x.Mend)
	}
	if x.Source != "" {
		s += "; recipe: " + diffoscope.Quote(x.Source)
	}
	return s
}

func why(c *cause.Cause) string {
	s := plain(c.Name.Words())
	if c.Mend != "" {
		s += "; mend: " + diffoscope.QuoteWords(c.Mend)
	}
	return s
}

// debianDiff returns what differs as a unified diff.
func debianDiff(d *diffoscope.Difference) string {
	if len(d.Diff) > 0 {
		var out strings.Builder
		for l := range bytes.Lines(d.Diff) {
			out.WriteString(plain(strings.TrimSuffix(string(l), "\n")) + "\n")
		}
		return out.String()
	}
	start := 1
	if d.Line > 0 {
		start = d.Line
	}
	a, b := debianLines(d.A, d.Line > 0), debianLines(d.B, d.Line > 0)
	var out strings.Builder
	fmt.Fprintf(&out, "@@ -%s +%s @@\n", span(start, len(a)), span(start, len(b)))
	for _, l := range a {
		out.WriteString("-" + l + "\n")
	}
	for _, l := range b {
		out.WriteString("+" + l + "\n")
	}
	return out.String()
}

// span is lines as a hunk's header has them.
func span(start, n int) string {
	if n == 0 {
		return fmt.Sprintf("%d,0", start-1)
	}
	return fmt.Sprintf("%d,%d", start, n)
}

func debianLines(v *diffoscope.Value, text bool) []string {
	if v == nil {
		return nil
	}
	var out []string
	if s := valueText(v); s != "" || len(v.Excerpt) == 0 {
		out = append(out, plain(s))
	}
	if text {
		for l := range bytes.Lines(v.Excerpt) {
			out = append(out, plain(strings.TrimSuffix(string(l), "\n")))
		}
		return out
	}
	for _, r := range hexRows(*v, diffoscope.Value{}) {
		var b strings.Builder
		for _, x := range r.A {
			b.WriteString(x.Text)
		}
		out = append(out, r.AtA+": "+b.String())
	}
	return out
}
