package diffoscope

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf8"
)

const (
	// diffContext is how many lines are shown around those that differ.
	diffContext = 3
	diffHunks   = 12
	diffBytes   = 16 << 10
	diffLine    = 300 // bytes of a line
	// maxEdits is how many lines may differ before the rest isn't looked at: the
	// search needs its square in memory.
	maxEdits = 1000
)

// A textEdit is a run of lines that differ: a's lines from a0 to a1 stand where b's
// from b0 to b1 do.
type textEdit struct{ a0, a1, b0, b1 int }

// unifiedDiff returns how two texts differ, as hunks of a unified diff without header,
// and whether there is more than it has.
func unifiedDiff(a, b []byte) (diff []byte, more bool) {
	x, y := splitLines(a), splitLines(b)
	edits, more := diffLines(x, y)
	w := &hunkWriter{a: x, b: y}
	for i := 0; i < len(edits); {
		end := i + 1
		for end < len(edits) && edits[end].a0-edits[end-1].a1 <= 2*diffContext {
			end++
		}
		if w.hunks == diffHunks || !w.hunk(edits[i:end]) {
			return w.out.Bytes(), true
		}
		i = end
	}
	return w.out.Bytes(), more
}

func splitLines(b []byte) [][]byte {
	return slices.Collect(bytes.Lines(b))
}

// diffLines returns the runs of lines that differ, in order, and whether there are
// more of them.
func diffLines(a, b [][]byte) (edits []textEdit, more bool) {
	start := 0
	for start < min(len(a), len(b)) && bytes.Equal(a[start], b[start]) {
		start++
	}
	endA, endB := len(a), len(b)
	for endA > start && endB > start && bytes.Equal(a[endA-1], b[endB-1]) {
		endA--
		endB--
	}
	x, y := internLines(a[start:endA], b[start:endB])
	edits, more = shortestEdit(x, y)
	for i := range edits {
		e := &edits[i]
		e.a0, e.a1, e.b0, e.b1 = e.a0+start, e.a1+start, e.b0+start, e.b1+start
	}
	return edits, more
}

// internLines gives equal lines equal numbers.
func internLines(a, b [][]byte) (x, y []int32) {
	ids := map[string]int32{}
	number := func(lines [][]byte) []int32 {
		out := make([]int32, len(lines))
		for i, l := range lines {
			id, ok := ids[string(l)]
			if !ok {
				id = int32(len(ids))
				ids[string(l)] = id
			}
			out[i] = id
		}
		return out
	}
	return number(a), number(b)
}

// shortestEdit is the greedy algorithm of E. Myers, "An O(ND) Difference Algorithm and
// Its Variations" (1986). After maxEdits steps it returns the edits up to the place
// that it got to.
func shortestEdit(a, b []int32) (edits []textEdit, more bool) {
	if len(a) == 0 || len(b) == 0 {
		if len(a)+len(b) > 0 {
			edits = []textEdit{{0, len(a), 0, len(b)}}
		}
		return edits, false
	}
	limit := min(maxEdits, len(a)+len(b))
	v := make([]int32, 2*limit+3) // the furthest x on each diagonal
	mid := limit + 1
	var trace [][]int32
	for d := 0; d <= limit; d++ {
		trace = append(trace, slices.Clone(v[mid-d:mid+d+1]))
		for k := -d; k <= d; k += 2 {
			x := int32(0)
			switch {
			case d == 0:
			case k == -d || k != d && v[mid+k-1] < v[mid+k+1]:
				x = v[mid+k+1]
			default:
				x = v[mid+k-1] + 1
			}
			y := x - int32(k)
			for int(x) < len(a) && int(y) < len(b) && a[x] == b[y] {
				x, y = x+1, y+1
			}
			v[mid+k] = x
			if int(x) >= len(a) && int(y) >= len(b) {
				return backtrack(trace, d, k), false
			}
		}
	}
	best, bestK := -1, 0
	for k := -limit; k <= limit; k += 2 {
		x := int(v[mid+k])
		if y := x - k; x <= len(a) && y >= 0 && y <= len(b) && x+y > best {
			best, bestK = x+y, k
		}
	}
	return backtrack(trace, limit, bestK), true
}

// backtrack returns the edits on the way to diagonal k in d steps.
func backtrack(trace [][]int32, d, k int) []textEdit {
	var edits []textEdit
	for ; d > 0; d-- {
		before := trace[d] // the diagonals -d to d after d-1 steps
		at := func(k int) int { return int(before[k+d]) }
		down := k == -d || k != d && at(k-1) < at(k+1)
		from := k - 1
		if down {
			from = k + 1
		}
		px := at(from)
		py := px - from
		e := textEdit{px, px + 1, py, py}
		if down {
			e = textEdit{px, px, py, py + 1}
		}
		if n := len(edits); n > 0 && edits[n-1].a0 == e.a1 && edits[n-1].b0 == e.b1 {
			edits[n-1].a0, edits[n-1].b0 = e.a0, e.b0
		} else {
			edits = append(edits, e)
		}
		k = from
	}
	slices.Reverse(edits)
	return edits
}

// A hunkWriter writes hunks of a unified diff.
type hunkWriter struct {
	a, b  [][]byte
	out   bytes.Buffer
	hunks int
}

// hunk writes one hunk. It reports whether there was room for all of it.
func (w *hunkWriter) hunk(edits []textEdit) bool {
	first, last := edits[0], edits[len(edits)-1]
	a0, b0 := max(0, first.a0-diffContext), max(0, first.b0-diffContext)
	a1, b1 := min(len(w.a), last.a1+diffContext), min(len(w.b), last.b1+diffContext)
	w.hunks++
	fmt.Fprintf(&w.out, "@@ -%s +%s @@\n", hunkRange(a0, a1), hunkRange(b0, b1))
	at := a0
	for _, e := range edits {
		if !w.lines(' ', w.a[at:e.a0], nil) || !w.lines('-', w.a[e.a0:e.a1], w.b[e.b0:e.b1]) ||
			!w.lines('+', w.b[e.b0:e.b1], w.a[e.a0:e.a1]) {
			return false
		}
		at = e.a1
	}
	return w.lines(' ', w.a[at:a1], nil)
}

func hunkRange(from, to int) string {
	switch to - from {
	case 0:
		return fmt.Sprintf("%d,0", from)
	case 1:
		return fmt.Sprint(from + 1)
	}
	return fmt.Sprintf("%d,%d", from+1, to-from)
}

// lines writes lines. Of a long one it writes the part where it differs from the one
// that other has in its place.
func (w *hunkWriter) lines(mark byte, lines, other [][]byte) bool {
	for i, l := range lines {
		if w.out.Len() > diffBytes {
			return false
		}
		var with []byte
		if i < len(other) {
			with = other[i]
		}
		w.out.WriteByte(mark)
		l, ended := bytes.CutSuffix(l, []byte{'\n'})
		w.out.Write(cutLine(l, with))
		w.out.WriteByte('\n')
		if !ended {
			w.out.WriteString("\\ No newline at end of file\n")
		}
	}
	return true
}

func cutLine(l, with []byte) []byte {
	if len(l) <= diffLine {
		return l
	}
	const dots = "…"
	from := max(0, min(commonPrefix(l, with)-textLead, len(l)-diffLine))
	for from > 0 && !utf8.RuneStart(l[from]) {
		from--
	}
	to := min(len(l), from+diffLine)
	for to < len(l) && !utf8.RuneStart(l[to]) {
		to--
	}
	var out []byte
	if from > 0 {
		out = append(out, dots...)
	}
	out = append(out, l[from:to]...)
	if to < len(l) {
		out = append(out, dots...)
	}
	return out
}
