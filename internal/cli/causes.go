package cli

import (
	"bytes"
	"fmt"
	"io"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
)

// A why is a cause of what differs between two builds, as in comparison.json.
type why struct {
	Name       string     `json:"name"`
	Words      string     `json:"words"`
	Confidence string     `json:"confidence"`
	N          int        `json:"n"`
	Places     [][]string `json:"places"`
	Detail     string     `json:"detail,omitempty"`
	A          string     `json:"a"`
	B          string     `json:"b"`
	Source     string     `json:"source,omitempty"`
	Mend       string     `json:"mend,omitempty"`
}

// differed says in m why the builds differ.
func (m *made) differed(c *diffoscope.Comparison) {
	m.comparison = c
	for _, one := range c.Causes {
		m.Causes = append(m.Causes, why{
			Name: string(one.Name), Words: one.Name.Words(), Confidence: string(one.Confidence),
			N: one.N, Places: one.Places, Detail: one.Detail, A: one.A, B: one.B, Source: one.Source, Mend: one.Mend,
		})
	}
}

// because writes the causes, below a line that says so.
func (m *made) because(w io.Writer) {
	if m.comparison == nil || len(m.Causes) == 0 {
		return
	}
	var b bytes.Buffer
	_ = diffoscope.WriteCauses(&b, m.comparison) // b is a buffer
	fmt.Fprintln(w, "  because")
	for l := range bytes.Lines(b.Bytes()) {
		fmt.Fprintf(w, "    %s", l)
	}
}
