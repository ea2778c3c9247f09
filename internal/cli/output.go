package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
)

// protocol is the version of what --format json prints. It changes when a field
// is taken away or means something else, never when one is added.
const protocol = 1

// An output prints results to stdout: text for people, or one JSON object a
// line, the first of which has the protocol's version.
type output struct {
	w       io.Writer
	format  string
	command string
	started bool
}

// A result is one thing that a command prints. Its JSON is its exported fields.
type result interface {
	// kind is the key of the JSON object that holds the result.
	kind() string
	text(w io.Writer)
}

func (o *output) json() bool { return o.format == "json" }

func (o *output) print(r result) error {
	if o.json() {
		return o.object(r.kind(), r)
	}
	var b bytes.Buffer
	r.text(&b)
	// Whatever is in a result, no terminal acts on it.
	return o.write([]byte(progress.Clean(b.String())))
}

func (o *output) object(kind string, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if !o.started {
		o.started = true
		if err := enc.Encode(struct {
			Protocol int    `json:"protocol"`
			Command  string `json:"command"`
		}{protocol, o.command}); err != nil {
			return err
		}
	}
	if err := enc.Encode(map[string]any{kind: v}); err != nil {
		return fmt.Errorf("result %s: %w", kind, err)
	}
	return o.write(escape(b.String()))
}

// escape writes in JSON as \uXXXX what a terminal would act on, and JSON may have
// as it is.
func escape(s string) []byte {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		if r >= 0x7f && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}

func (o *output) write(b []byte) error {
	if _, err := o.w.Write(b); err != nil {
		return fmt.Errorf("stdout: %w", err)
	}
	return nil
}

// A choice is a flag's value that is one of a few words. The first is the default.
type choice struct {
	value *string
	words []string
}

func newChoice(value *string, words ...string) *choice {
	*value = words[0]
	return &choice{value, words}
}

// newOptionalChoice is newChoice without a default: the value is "" until it is set.
func newOptionalChoice(value *string, words ...string) *choice {
	return &choice{value, words}
}

func (c *choice) String() string { return *c.value }
func (c *choice) Type() string   { return "word" }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		return fmt.Errorf("must be one of %s", strings.Join(c.words, ", "))
	}
	*c.value = s
	return nil
}

// size prints n bytes as people read it, to about three digits.
func size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, units := float64(n), []string{"B", "kB", "MB", "GB", "TB"}
	for f >= 999.5 && len(units) > 1 {
		f, units = f/1000, units[1:]
	}
	return fmt.Sprintf("%.3g %s", f, units[0])
}
