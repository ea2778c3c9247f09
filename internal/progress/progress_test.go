package progress

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

func TestModes(t *testing.T) {
	for _, mode := range []string{"auto", "plain", "rawjson", "quiet"} {
		d, err := New(&bytes.Buffer{}, mode)
		if err != nil {
			t.Errorf("%s: %v", mode, err)
			continue
		}
		if err := d.Close(); err != nil {
			t.Errorf("%s: %v", mode, err)
		}
	}
	var modeErr *ModeError
	if _, err := New(&bytes.Buffer{}, "loud"); !errors.As(err, &modeErr) || modeErr.Err != nil {
		t.Errorf("loud: %v", err)
	}
	if _, err := New(&bytes.Buffer{}, "tty"); !errors.As(err, &modeErr) || modeErr.Err == nil {
		t.Errorf("tty on a buffer: %v", err)
	}
}

func TestNil(t *testing.T) {
	var d *Display
	s := d.Step("nothing")
	s.Progress(1, 2)
	s.Log("line")
	s.Done(nil)
	ch := d.Solve("a")
	ch <- &client.SolveStatus{}
	close(ch)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// solve sends what BuildKit would for a plan of one vertex.
func solve(d *Display, builder string) {
	ch := d.Solve(builder)
	defer close(ch)
	v := &client.Vertex{Digest: digest.FromString("vertex"), Name: "build of mqtt\x1b[31m"}
	start := time.Now()
	v.Started = &start
	ch <- &client.SolveStatus{Vertexes: []*client.Vertex{v}}
	ch <- &client.SolveStatus{Logs: []*client.VertexLog{{
		Vertex: v.Digest, Data: []byte("from " + builder + "\r\n\x1b]0;owned\x07"), Timestamp: time.Now(),
	}}}
	end := time.Now()
	done := *v
	done.Completed = &end
	ch <- &client.SolveStatus{Vertexes: []*client.Vertex{&done}}
}

// TestBothBuilders: equal vertices of two solves are drawn as two, with our own
// steps, and nothing in them speaks to the terminal.
func TestBothBuilders(t *testing.T) {
	var out bytes.Buffer
	d, err := New(&out, "plain")
	if err != nil {
		t.Fatal(err)
	}
	var solves sync.WaitGroup
	for _, builder := range []string{"a", "b"} {
		solves.Go(func() { solve(d, builder) })
	}
	solves.Wait()
	s := d.Step("compare")
	s.Log("reading")
	s.Done(errors.New("they differ"))
	s.Done(nil)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"[A] build of mqtt", "[B] build of mqtt", "from a", "from b", "compare\n", "reading", "ERROR: they differ"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %q", want, out.String())
		}
	}
	if i := strings.IndexAny(out.String(), "\x1b\x07\r"); i >= 0 {
		t.Errorf("control character at %d of %q", i, out.String())
	}
}

func TestSendAfterClose(t *testing.T) {
	d, err := New(&bytes.Buffer{}, "plain")
	if err != nil {
		t.Fatal(err)
	}
	s := d.Step("late")
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
	s.Log("line")
	s.Done(nil)
	d.Step("later").Done(nil)
}

// TestPlainIsNotFlooded: a transfer of many pieces is a few lines.
func TestPlainIsNotFlooded(t *testing.T) {
	var out bytes.Buffer
	d, err := New(&out, "plain")
	if err != nil {
		t.Fatal(err)
	}
	var steps sync.WaitGroup
	for i := range 8 {
		steps.Go(func() {
			s := d.Step(fmt.Sprint("fetch ", i))
			for n := range int64(10_000) {
				s.Progress(n, 10_000)
			}
			s.Done(nil)
		})
	}
	steps.Wait()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n < 8 || n > 80 {
		t.Errorf("%d lines for 8 steps:\n%s", n, &out)
	}
}

func TestRawJSON(t *testing.T) {
	var out bytes.Buffer
	d, err := New(&out, "rawjson")
	if err != nil {
		t.Fatal(err)
	}
	solve(d, "b")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		var s client.SolveStatus
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestRelabelLeavesTheOriginal(t *testing.T) {
	v := &client.Vertex{
		Digest: digest.FromString("x"), Name: "x", Inputs: []digest.Digest{"y"},
		ProgressGroup: &pb.ProgressGroup{Id: "g", Name: "group"},
	}
	in := &client.SolveStatus{
		Vertexes: []*client.Vertex{v},
		Statuses: []*client.VertexStatus{{ID: "s", Vertex: v.Digest}},
		Warnings: []*client.VertexWarning{{Vertex: v.Digest, Short: []byte("careful\x1b")}},
	}
	a, b := relabel("a", in), relabel("b", in)
	if v.Name != "x" || v.Digest != digest.FromString("x") || v.ProgressGroup.Id != "g" {
		t.Errorf("the original changed: %+v", v)
	}
	got := a.Vertexes[0]
	if got.Name != "[A] x" || got.ProgressGroup.Name != "[A] group" || got.ProgressGroup.Id == b.Vertexes[0].ProgressGroup.Id {
		t.Errorf("got %+v", got)
	}
	if got.Digest == b.Vertexes[0].Digest || a.Statuses[0].Vertex != got.Digest || a.Warnings[0].Vertex != got.Digest {
		t.Errorf("digests of one builder don't agree, or those of two do")
	}
	if string(a.Warnings[0].Short) != "careful\uFFFD" {
		t.Errorf("warning %q", a.Warnings[0].Short)
	}
}

func TestClean(t *testing.T) {
	tests := map[string]string{
		"plain\ttext\nmore": "plain\ttext\nmore",
		"a\r\nb\rc":         "a\nb\nc",
		"\x1b[2J\x07\x7f":   "\uFFFD[2J\uFFFD\uFFFD",
		"c1 \u009b31m":      "c1 \uFFFD31m",
		"\u202eevil\u2066":  "\uFFFDevil\uFFFD",
		"half \xc3":         "half \uFFFD",
		"größe → 日本":        "größe → 日本",
	}
	for in, want := range tests {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) is %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("text\x1b[0m\r\n\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		out := Clean(s)
		if Clean(out) != out {
			t.Errorf("Clean(Clean(%q)) is another string", s)
		}
		for _, r := range out {
			if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
				t.Errorf("Clean(%q) has %q", s, r)
			}
		}
	})
}
