package diffoscope

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// QuotePlace returns the names on the way to a difference in one line, as text that
// no terminal acts on: `layer 1 > usr/lib/x.a > mtime`.
func QuotePlace(names []string) string {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = quote(name)
		if strings.ContainsAny(name, `>"`) && parts[i] == name {
			parts[i] = strconv.Quote(name)
		}
	}
	return strings.Join(parts, " > ")
}

// plural returns "1 cause", "2 causes".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Binary reports whether s, a value, isn't for reading.
func Binary(s string) bool {
	odd := 0
	for _, r := range s {
		if r == utf8.RuneError || !strconv.IsPrint(r) && r != '\n' && r != '\t' {
			odd++
		}
	}
	return 4*odd > len(s)
}

// Quote returns s as it is when it is all printable ASCII, and as a Go string
// literal otherwise. It is cut after 200 bytes.
func Quote(s string) string { return quote(s) }

// QuoteWords returns s, which is in our own words, as it is when all of it can be seen:
// these have dashes and dots that aren't ASCII. It is cut after 200 bytes.
func QuoteWords(s string) string { return quoteLine(s) }

// quote returns s as it is when it is short and all printable ASCII.
func quote(s string) string {
	cut := ""
	if len(s) > maxTextValue {
		cut = fmt.Sprintf("... (%d bytes)", len(s))
		s = s[:maxTextValue]
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return strconv.QuoteToASCII(s) + cut
		}
	}
	if s == "" {
		return `""`
	}
	return s + cut
}

func hexRow(offset int64, row []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%08x ", offset)
	for i := range binaryRow {
		if i < len(row) {
			fmt.Fprintf(&b, " %02x", row[i])
		} else {
			b.WriteString("   ")
		}
	}
	b.WriteString("  |")
	for _, c := range row {
		if c < ' ' || c > '~' {
			c = '.'
		}
		b.WriteByte(c)
	}
	b.WriteByte('|')
	return b.String()
}

// quoteLine returns a line of text as it is when all of it can be seen.
func quoteLine(s string) string {
	cut := ""
	if len(s) > maxTextValue {
		cut = fmt.Sprintf("... (%d bytes)", len(s))
		s = strings.ToValidUTF8(s[:maxTextValue], "")
	}
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) && r != '\t' }) {
		return s + cut
	}
	return strconv.Quote(s) + cut
}
