package builder

import (
	"bytes"
	"strings"
	"testing"

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
