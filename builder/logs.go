package builder

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
)

// How much of what a step writes is kept, of its beginning and for an error of its
// end, and of all steps together, in bytes and in lines.
const (
	maxStepLog  = 256 << 10
	maxStepTail = 20
	maxTailLine = 8 << 10
	maxLog      = 4 << 20
)

// logs keeps what a solve's steps write.
type logs struct {
	steps map[digest.Digest]*vertexLog
	done  chan struct{}
}

// A vertexLog is what one step wrote, and how far it got.
type vertexLog struct {
	name string
	// begun says that it has begun, and done that it ended and didn't fail.
	begun, done bool
	head        bytes.Buffer
	size        int64 // of all that it wrote, in bytes
	tail        tail
	// open are the lines of the streams that have no end yet.
	open map[int][]byte
}

func newLogs() *logs {
	return &logs{steps: map[digest.Digest]*vertexLog{}, done: make(chan struct{})}
}

// tee returns a channel whose content is noted and passed on to next.
func (l *logs) tee(next chan *client.SolveStatus) chan *client.SolveStatus {
	ch := make(chan *client.SolveStatus)
	go func() {
		defer close(l.done)
		defer close(next)
		for s := range ch {
			l.note(s)
			next <- s
		}
	}()
	return ch
}

func (l *logs) note(s *client.SolveStatus) {
	for _, v := range s.Vertexes {
		step := l.step(v.Digest)
		step.name = v.Name
		step.begun = v.Started != nil
		step.done = v.Completed != nil && v.Error == ""
	}
	for _, log := range s.Logs {
		step := l.step(log.Vertex)
		step.size += int64(len(log.Data))
		step.head.Write(log.Data[:min(len(log.Data), maxStepLog-step.head.Len())])
		step.addLines(log.Stream, log.Data)
	}
}

// addLines adds what a stream wrote to the last lines: BuildKit passes on what a
// process writes in pieces that end anywhere. A line is cut after maxTailLine bytes.
func (v *vertexLog) addLines(stream int, data []byte) {
	for piece := range bytes.Lines(data) {
		text, ended := bytes.CutSuffix(piece, []byte("\n"))
		line := v.open[stream]
		line = append(line, text[:min(len(text), maxTailLine-len(line))]...)
		if ended {
			v.tail.add(string(line))
			line = line[:0]
		}
		v.open[stream] = line
	}
}

// lines returns the last lines, with those that have no end.
func (v *vertexLog) lines() []string {
	lines := v.tail.last()
	for _, stream := range slices.Sorted(maps.Keys(v.open)) {
		if line := v.open[stream]; len(line) > 0 {
			lines = append(lines, string(line))
		}
	}
	return lines[max(0, len(lines)-maxStepTail):]
}

func (l *logs) step(vertex digest.Digest) *vertexLog {
	s := l.steps[vertex]
	if s == nil {
		s = &vertexLog{tail: tail{max: maxStepTail}, open: map[int][]byte{}}
		l.steps[vertex] = s
	}
	return s
}

// of returns the name and the last lines of a vertex, once the solve has ended.
func (l *logs) of(vertex digest.Digest) (string, []string) {
	<-l.done
	s := l.step(vertex)
	return s.name, s.lines()
}

// unfinished returns the names of the steps that had begun and not ended when the solve
// was cancelled, sorted, and the last lines of each.
func (l *logs) unfinished() (names, lines []string) {
	<-l.done
	for _, s := range l.byName() {
		if s.begun && !s.done {
			names, lines = append(names, s.name), append(lines, s.lines()...)
		}
	}
	return names, lines
}

// byName returns the steps, sorted by their names.
func (l *logs) byName() []*vertexLog {
	return slices.SortedFunc(maps.Values(l.steps), func(a, b *vertexLog) int { return strings.Compare(a.name, b.name) })
}

// text returns what the steps wrote, once the solve has ended: by the steps' names,
// so that the logs of two builds can be compared, with nothing in it that acts on a
// terminal.
func (l *logs) text() []byte {
	<-l.done
	var b bytes.Buffer
	for _, s := range l.byName() {
		if s.size == 0 {
			continue
		}
		fmt.Fprintf(&b, "== %s\n", progress.Clean(s.name))
		head := s.head.Bytes()
		head = head[:min(len(head), max(0, maxLog-b.Len()))]
		b.WriteString(progress.Clean(string(head)))
		if !bytes.HasSuffix(head, []byte("\n")) {
			b.WriteByte('\n')
		}
		if left := s.size - int64(len(head)); left > 0 {
			fmt.Fprintf(&b, "... %d bytes more\n", left)
		}
	}
	return b.Bytes()
}
