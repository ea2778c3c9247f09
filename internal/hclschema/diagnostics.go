package hclschema

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

const (
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	bold   = "\x1b[1m"
	reset  = "\x1b[0m"
)

// WriteDiagnostics writes diags for a person to read: the problem, where it is,
// the line at fault, and what to do. Sources maps file names, as in the ranges,
// to content; a diagnostic about another file has no snippet.
//
// What comes from a source is escaped, so that no file can speak to the terminal.
func WriteDiagnostics(w io.Writer, sources map[string][]byte, diags hcl.Diagnostics, color bool) error {
	for _, diag := range diags {
		if _, err := io.WriteString(w, render(diag, sources, color)); err != nil {
			return err
		}
	}
	return nil
}

func render(diag *hcl.Diagnostic, sources map[string][]byte, color bool) string {
	paint := func(code, s string) string {
		if !color {
			return s
		}
		return code + s + reset
	}
	severity, hue := "Error", red
	if diag.Severity == hcl.DiagWarning {
		severity, hue = "Warning", yellow
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", paint(hue, severity), paint(bold, oneLine(diag.Summary)))
	if rng := diag.Subject; rng != nil {
		fmt.Fprintf(&b, "  on %s", oneLine(rng.Filename))
		if *rng != StartOf(rng.Filename) {
			fmt.Fprintf(&b, ":%d,%d", rng.Start.Line, rng.Start.Column)
		}
		b.WriteByte('\n')
		if line, marks := snippet(sources[rng.Filename], *rng); line != "" {
			fmt.Fprintf(&b, "%5d | %s\n%5s | %s\n", rng.Start.Line, line, "", paint(hue, marks))
		}
	}
	if diag.Detail != "" {
		fmt.Fprintf(&b, "  %s\n", strings.ReplaceAll(printable(diag.Detail), "\n", "\n  "))
	}
	b.WriteByte('\n')
	return b.String()
}

// maxSnippet is how many bytes of a line are shown at most.
const maxSnippet = 160

// snippet returns the line that rng starts in, and a line of marks below it.
func snippet(src []byte, rng hcl.Range) (line, marks string) {
	from, to := rng.Start.Byte, rng.End.Byte
	if from < 0 || from > len(src) {
		return "", ""
	}
	begin := bytes.LastIndexByte(src[:from], '\n') + 1
	end := len(src)
	if n := bytes.IndexByte(src[from:], '\n'); n >= 0 {
		end = from + n
	}
	if from-begin > maxSnippet {
		begin = from - maxSnippet/2
	}
	end = min(end, begin+2*maxSnippet)
	to = min(max(to, from), end)
	before := printable(string(src[begin:from]))
	marked := printable(string(src[from:to]))
	line = strings.ReplaceAll(before+marked+printable(string(src[to:end])), "\t", " ")
	width := max(utf8.RuneCountInString(marked), 1)
	return line, strings.Repeat(" ", utf8.RuneCountInString(before)) + strings.Repeat("^", width)
}

// printable returns s with what a terminal would obey, or hide, escaped.
func printable(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if r != '\t' && r != '\n' && Invisible(r) {
			b.WriteString(escape(r))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// oneLine returns s printable, without lines of its own: it may be a file's name.
func oneLine(s string) string { return strings.ReplaceAll(printable(s), "\n", `\n`) }

// Failure returns an error about the source at rng.
func Failure(rng hcl.Range, summary, format string, args ...any) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  summary,
		Detail:   fmt.Sprintf(format, args...),
		Subject:  &rng,
	}
}

// MaxDiagnostics is how many problems of one file are worth reading.
const MaxDiagnostics = 100

// Sorted orders diags by where they are in their file, keeping the order of
// those at one place, and stops after the first maxDiagnostics.
func Sorted(diags hcl.Diagnostics) hcl.Diagnostics {
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int {
		return cmp.Compare(offset(a), offset(b))
	})
	if len(diags) <= MaxDiagnostics {
		return diags
	}
	rest := Failure(*diags[MaxDiagnostics].Subject, "Too many problems", "%d more follow from here on. Mend the first ones, and look again.", len(diags)-MaxDiagnostics)
	return append(diags[:MaxDiagnostics:MaxDiagnostics], rest)
}

func offset(diag *hcl.Diagnostic) int {
	if diag.Subject == nil {
		return 0
	}
	return diag.Subject.Start.Byte
}

// StartOf returns the empty range at the start of a file.
func StartOf(filename string) hcl.Range {
	return hcl.Range{Filename: filename, Start: hcl.InitialPos, End: hcl.InitialPos}
}

// rangeAt returns the range of n bytes at an offset. Columns count characters.
func rangeAt(filename string, src []byte, at, n int) hcl.Range {
	begin := bytes.LastIndexByte(src[:at], '\n') + 1
	pos := hcl.Pos{
		Line:   bytes.Count(src[:at], []byte("\n")) + 1,
		Column: utf8.RuneCount(src[begin:at]) + 1,
		Byte:   at,
	}
	end := pos
	end.Byte += n
	end.Column++
	return hcl.Range{Filename: filename, Start: pos, End: end}
}

// Quote returns s as a diagnostic shows it: in quotes, escaped, and not long.
func Quote(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q…", string([]rune(s)[:most]))
}
