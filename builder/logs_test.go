package builder

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

// TestLogs: two solves whose steps run in another order have the same log, which is
// limited and doesn't act on a terminal.
func TestLogs(t *testing.T) {
	names := map[digest.Digest]string{"sha256:a": "compile", "sha256:b": "assemble", "sha256:c": "says nothing"}
	log := func(order ...digest.Digest) string {
		l := newLogs()
		for _, d := range order {
			l.note(&client.SolveStatus{Vertexes: []*client.Vertex{{Digest: d, Name: names[d]}}})
		}
		for _, text := range []string{"one\n\x1b[31m", "two\r\n"} {
			for _, d := range order[:2] {
				l.note(&client.SolveStatus{Logs: []*client.VertexLog{{Vertex: d, Data: []byte(text)}}})
			}
		}
		close(l.done)
		return string(l.text())
	}
	want := "== assemble\none\n�[31mtwo\n== compile\none\n�[31mtwo\n"
	if got := log("sha256:a", "sha256:b", "sha256:c"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := log("sha256:b", "sha256:a", "sha256:c"); got != want {
		t.Errorf("in another order: got %q, want %q", got, want)
	}
}

// TestLogLimits: a step that writes and writes, and many of them.
func TestLogLimits(t *testing.T) {
	l := newLogs()
	for i := range 40 {
		d := digest.FromBytes([]byte{byte(i)})
		l.note(&client.SolveStatus{Vertexes: []*client.Vertex{{Digest: d, Name: string(rune('a' + i))}}})
		for range 100 {
			l.note(&client.SolveStatus{Logs: []*client.VertexLog{{Vertex: d, Data: bytes.Repeat([]byte("line\n"), 2000)}}})
		}
	}
	close(l.done)
	text := string(l.text())
	if most := maxLog + 100*40; len(text) > most {
		t.Errorf("%d bytes, want at most %d", len(text), most)
	}
	if !strings.Contains(text, "\n... 737856 bytes more\n") || !strings.HasSuffix(text, "... 1000000 bytes more\n") {
		t.Errorf("what is left out isn't said: %q", text[len(text)-200:])
	}
	if _, last := l.of(digest.FromBytes([]byte{3})); len(last) != maxStepTail {
		t.Errorf("%d last lines, want %d", len(last), maxStepTail)
	}
}

// TestLogLines: what a step writes comes in pieces that are no lines.
func TestLogLines(t *testing.T) {
	const out, err = 1, 2
	type piece struct {
		stream int
		text   string
	}
	long := strings.Repeat("x", maxTailLine)
	for name, test := range map[string]struct {
		pieces []piece
		want   []string
	}{
		"whole lines":    {[]piece{{err, "one\ntwo\n"}, {err, "three\n"}}, []string{"one", "two", "three"}},
		"pieces":         {[]piece{{err, "ERROR: "}, {err, "unable to select packages:"}, {err, "\n"}, {err, "  a:\n    breaks: "}, {err, "world[a]\n"}}, []string{"ERROR: unable to select packages:", "  a:", "    breaks: world[a]"}},
		"no end":         {[]piece{{err, "one\ntw"}, {err, "o"}}, []string{"one", "two"}},
		"two streams":    {[]piece{{err, "ERR"}, {out, "hello "}, {err, "OR\n"}, {out, "world\n"}}, []string{"ERROR", "hello world"}},
		"two open":       {[]piece{{err, "ERROR"}, {out, "hello"}}, []string{"hello", "ERROR"}},
		"an empty line":  {[]piece{{out, "one\n"}, {out, "\n"}, {out, "two\n"}}, []string{"one", "", "two"}},
		"a long line":    {[]piece{{out, long[1:]}, {out, "xyz"}, {out, "z\nnext\n"}}, []string{long, "next"}},
		"many, and open": {[]piece{{out, strings.Repeat("a\n", maxStepTail)}, {out, "b"}}, append(slices.Repeat([]string{"a"}, maxStepTail-1), "b")},
	} {
		l := newLogs()
		for _, p := range test.pieces {
			l.note(&client.SolveStatus{Logs: []*client.VertexLog{{Vertex: "sha256:a", Stream: p.stream, Data: []byte(p.text)}}})
		}
		close(l.done)
		_, got := l.of("sha256:a")
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
