package progress

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

// A Step is one piece of our own work, drawn like a vertex of a solve. A nil
// *Step is valid and silent.
type Step struct {
	d    *Display
	id   digest.Digest
	name string

	mu      sync.Mutex
	started time.Time
	updated time.Time // of the last progress drawn
	current int64
	total   int64
	done    bool
}

// Step starts a step called name.
func (d *Display) Step(name string) *Step {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	d.steps++
	n := d.steps
	d.mu.Unlock()
	now := time.Now()
	s := &Step{
		d:       d,
		id:      digest.FromString(fmt.Sprintf("step %d %s", n, name)),
		name:    Line(name),
		started: now,
		updated: now,
	}
	d.send(&client.SolveStatus{Vertexes: []*client.Vertex{s.vertex()}})
	return s
}

// Progress says that current of total bytes are done. A total of 0 is unknown.
// It may be called often: what comes too fast for the display is not drawn.
func (s *Step) Progress(current, total int64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.total = current, total
	now := time.Now()
	if s.done || now.Sub(s.updated) < s.d.every {
		return
	}
	s.updated = now
	s.d.send(&client.SolveStatus{Statuses: []*client.VertexStatus{s.status(now, nil)}})
}

// Log adds a line to what the step says.
func (s *Step) Log(line string) {
	if s == nil {
		return
	}
	s.d.send(&client.SolveStatus{Logs: []*client.VertexLog{{
		Vertex:    s.id,
		Stream:    2,
		Data:      []byte(Clean(line) + "\n"),
		Timestamp: time.Now(),
	}}})
}

// Done ends the step; err is nil when it went well. Only the first call counts.
func (s *Step) Done(err error) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return
	}
	s.done = true
	now := time.Now()
	v := s.vertex()
	v.Completed = &now
	if err != nil {
		// Lines after the first belong to it.
		v.Error = strings.ReplaceAll(Clean(err.Error()), "\n", "\n  ")
	}
	st := &client.SolveStatus{Vertexes: []*client.Vertex{v}}
	if s.current > 0 {
		st.Statuses = []*client.VertexStatus{s.status(now, &now)}
	}
	s.d.send(st)
}

func (s *Step) vertex() *client.Vertex {
	return &client.Vertex{Digest: s.id, Name: s.name, Started: &s.started}
}

func (s *Step) status(now time.Time, completed *time.Time) *client.VertexStatus {
	return &client.VertexStatus{
		ID:        s.name, // progressui throttles by ID alone, so it must be this step's own
		Vertex:    s.id,
		Current:   s.current,
		Total:     s.total,
		Timestamp: now,
		Started:   &s.started,
		Completed: completed,
	}
}
