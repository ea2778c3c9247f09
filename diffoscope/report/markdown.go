package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

const (
	// maxMarkdown is about how many bytes the Markdown has at most: GitHub takes
	// 65,536 characters in a comment, GitLab more.
	maxMarkdown   = 50_000
	markdownDiffs = 10
	markdownLines = 30
)

// WriteMarkdown writes c for a merge request: the causes, and the first diffs, folded.
// What comes from the images is in code spans and code blocks that it can't end, so
// it is no markup, mentions nobody and links to nothing.
func WriteMarkdown(w io.Writer, c *diffoscope.Comparison, o Options) error {
	m := &markdown{}
	m.add("### %s: %s\n\n%s\n\n", code(o.title()), word(c), summary(c))
	m.subject("A", c.A())
	m.subject("B", c.B())
	for i, x := range c.Causes {
		if m.full() {
			m.add("\nAnd %s.\n", plural(len(c.Causes)-i, "other cause"))
			break
		}
		m.cause(i+1, x)
	}
	m.diffs(c)
	if len(c.Skipped) > 0 {
		title, what := besides(c)
		m.add("\n**%s.** %s\n\n", title, what)
		for i, s := range c.Skipped {
			if i == markdownDiffs || m.full() {
				m.add("- and %d more\n", len(c.Skipped)-i)
				break
			}
			m.add("- %s\n", code(s))
		}
	}
	buf := bufio.NewWriter(w)
	if _, err := buf.WriteString(m.b.String()); err != nil {
		return err
	}
	return buf.Flush()
}

func word(c *diffoscope.Comparison) string {
	if c.Identical() {
		return "identical"
	}
	return "different"
}

type markdown struct{ b strings.Builder }

func (m *markdown) add(format string, args ...any) { fmt.Fprintf(&m.b, format, args...) }
func (m *markdown) full() bool                     { return m.b.Len() > maxMarkdown }

// subject writes what was compared: a directory has no digest.
func (m *markdown) subject(side string, s diffoscope.Subject) {
	m.add("- %s: ", side)
	if s.Digest != "" {
		m.add("%s ", code(string(s.Digest)))
	}
	m.add("%s\n", code(s.Path))
}

func (m *markdown) cause(n int, x diffoscope.Cause) {
	m.add("\n**%d. %s**: %s", n, plain(x.Name.Words()), plural(x.N, "difference"))
	if x.Name != cause.Unknown {
		m.add(", %s", plain(string(x.Confidence)))
	}
	if x.Detail != "" {
		m.add(", %s", codeSpan(diffoscope.QuoteWords(x.Detail)))
	}
	m.add("\n\n")
	if x.Mend != "" {
		m.add("- Mend: %s\n", codeSpan(diffoscope.QuoteWords(x.Mend)))
	}
	if x.Source != "" {
		m.add("- Recipe: %s\n", code(x.Source))
	}
	if x.Name != cause.Unknown && (x.A != "" || x.B != "") && !diffoscope.Binary(x.A) && !diffoscope.Binary(x.B) {
		m.add("- A: %s\n- B: %s\n", code(x.A), code(x.B))
	}
	if len(x.Places) > 0 {
		m.add("- In %s", code(diffoscope.QuotePlace(x.Places[0])))
		if x.N > 1 {
			m.add(" and %s more", number(x.N-1))
		}
		m.add("\n")
	}
}

// diffs writes the first diffs, folded.
func (m *markdown) diffs(c *diffoscope.Comparison) {
	n := 0
	for _, d := range c.Differences {
		for path, leaf := range d.Leaves() {
			if len(leaf.Diff) == 0 {
				continue
			}
			if n++; n > markdownDiffs || m.full() {
				m.add("\nMore diffs are in the other forms of this report.\n")
				return
			}
			m.add("\n<details><summary>%s</summary>\n\n%s\n</details>\n", summaryText(diffoscope.QuotePlace(path)), codeBlock("diff", leaf.Diff))
		}
	}
}

// code returns s as a code span that s can't end, all printable.
func code(s string) string { return codeSpan(diffoscope.Quote(s)) }

// codeSpan returns s, which is printable, as a code span that s can't end.
func codeSpan(s string) string {
	fence := fenceFor(s, 1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// codeBlock returns b as a code block that b can't end.
func codeBlock(language string, b []byte) string {
	var text strings.Builder
	for i, l := range strings.SplitAfter(string(b), "\n") {
		if i == markdownLines {
			text.WriteString("...\n")
			break
		}
		if l != "" {
			text.WriteString(plain(strings.TrimSuffix(l, "\n")) + "\n")
		}
	}
	fence := fenceFor(text.String(), 3)
	return fence + language + "\n" + text.String() + fence + "\n"
}

// fenceFor returns more backticks than s has in a row, at least n.
func fenceFor(s string, n int) string {
	run := 0
	for _, c := range s {
		if c != '`' {
			run = 0
			continue
		}
		run++
		n = max(n, run+1)
	}
	return strings.Repeat("`", n)
}

// summaryText returns s as text in HTML, with nothing in it that is Markdown.
func summaryText(s string) string {
	var b strings.Builder
	for _, c := range s {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == ' ' || c == '/' || c == '.' || c == '-' {
			b.WriteRune(c)
		} else {
			fmt.Fprintf(&b, "&#%d;", c)
		}
	}
	return b.String()
}
