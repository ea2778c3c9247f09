package report

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxValue is how many bytes of a value are shown.
const maxValue = 1000

// A segment is a piece of a text from an image, as it is shown.
type segment struct {
	Text string
	// Escape says that Text stands, as a Go escape, for what can't be seen or would
	// reorder what can.
	Escape bool
	// Mark says that the other side has something else there.
	Mark bool
}

// segments returns s with escapes, and marked from byte lo to hi.
func segments(s string, lo, hi int) []segment {
	cut := len(s)
	if cut > maxValue {
		cut = runeStart(s, maxValue)
	}
	var w segmentWriter
	for i := 0; i < cut; {
		r, n := utf8.DecodeRuneInString(s[i:])
		mark := lo <= i && i < hi
		switch {
		case r == utf8.RuneError && n <= 1:
			w.add(escapeByte(s[i]), true, mark)
		case r == '\t' || strconv.IsPrint(r):
			w.add(s[i:i+n], false, mark)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			w.add(quoted[1:len(quoted)-1], true, mark)
		}
		i += n
	}
	w.flush()
	if cut < len(s) {
		w.add("… ("+strconv.Itoa(len(s))+" bytes)", true, false)
		w.flush()
	}
	return w.out
}

func escapeByte(c byte) string {
	const hex = "0123456789abcdef"
	return `\x` + string([]byte{hex[c>>4], hex[c&15]})
}

// A segmentWriter joins what is alike.
type segmentWriter struct {
	out []segment
	now segment
	b   strings.Builder
}

func (w *segmentWriter) add(s string, escape, mark bool) {
	if w.now.Escape != escape || w.now.Mark != mark {
		w.flush()
	}
	w.now.Escape, w.now.Mark = escape, mark
	w.b.WriteString(s)
}

func (w *segmentWriter) flush() {
	if w.b.Len() > 0 {
		w.now.Text = w.b.String()
		w.out = append(w.out, w.now)
		w.b.Reset()
	}
}

// pair returns both texts, each with what the other doesn't have marked: what is
// between their common beginning and end.
func pair(a, b string) (x, y []segment) {
	lo := 0
	for n := min(len(a), len(b)); lo < n && a[lo] == b[lo]; lo++ {
	}
	lo = runeStart(a, lo)
	end := 0
	for n := min(len(a), len(b)) - lo; end < n && a[len(a)-1-end] == b[len(b)-1-end]; end++ {
	}
	for end > 0 && !utf8.RuneStart(a[len(a)-end]) {
		end--
	}
	if a == b || a == "" || b == "" || 3*(lo+end) < min(len(a), len(b)) {
		return segments(a, 0, 0), segments(b, 0, 0) // nothing, or nearly all of it, would be marked
	}
	if wordAt(a, lo) || wordAt(b, lo) {
		lo = wordStart(a, lo)
	}
	if wordAt(a, len(a)-end-1) || wordAt(b, len(b)-end-1) {
		end = wordEnd(a, end)
	}
	// A long text is shown from where it gets interesting.
	const lead = 200
	if lo > maxValue-lead {
		skip := runeStart(a, lo-lead)
		front := segment{Text: "(" + strconv.Itoa(skip) + " bytes) …", Escape: true}
		x = append([]segment{front}, segments(a[skip:], lo-skip, len(a)-end-skip)...)
		y = append([]segment{front}, segments(b[skip:], lo-skip, len(b)-end-skip)...)
		return x, y
	}
	return segments(a, lo, len(a)-end), segments(b, lo, len(b)-end)
}

// maxWord is how far a mark is widened to whole words.
const maxWord = 16

// wordStart returns lo, or the start of the word or number that it is in.
func wordStart(s string, lo int) int {
	i := lo
	for i > 0 && lo-i <= maxWord && wordByte(s[i-1]) {
		i--
	}
	if lo-i > maxWord {
		return lo
	}
	return i
}

// wordEnd returns how many bytes follow the word that s[len(s)-end:] begins in.
func wordEnd(s string, end int) int {
	i := end
	for i > 0 && end-i <= maxWord && wordByte(s[len(s)-i]) {
		i--
	}
	if end-i > maxWord {
		return end
	}
	return i
}

func wordAt(s string, i int) bool { return 0 <= i && i < len(s) && wordByte(s[i]) }

func wordByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// runeStart returns i, or the start of the rune of s that i is in.
func runeStart(s string, i int) int {
	for back := 0; back < utf8.UTFMax && i > 0 && i < len(s) && !utf8.RuneStart(s[i]); back++ {
		i--
	}
	return i
}
