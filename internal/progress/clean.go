package progress

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean replaces what a terminal would act on rather than show: control and
// bidirectional characters other than newline and tab, and what is no UTF-8. A
// carriage return becomes the newline it stands for in a log.
func Clean(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case r == '\r':
			return '\n'
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return utf8.RuneError
		}
		return r
	}, s)
}

// Line is [Clean] for what has to stay on one line, as a name: line breaks and tabs are
// replaced, too.
func Line(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return utf8.RuneError
		}
		return r
	}, Clean(s))
}
