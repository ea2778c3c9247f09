package cli

import (
	"os"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/term"
)

// A diagnostic is the JSON form of what is wrong with a recipe or lock.
type diagnostic struct {
	Severity string    `json:"severity"` // "error" or "warning"
	Summary  string    `json:"summary"`
	Detail   string    `json:"detail"`
	Subject  *srcRange `json:"subject,omitempty"`
}

type srcRange struct {
	File  string `json:"file"`
	Start srcPos `json:"start"`
	End   srcPos `json:"end"`
}

// A srcPos is a place in a file. Line and Column count from 1, Byte from 0;
// columns are grapheme clusters.
type srcPos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

func (a *app) printDiagnostics(diags hcl.Diagnostics) error {
	for _, d := range diags {
		out := diagnostic{Severity: "error", Summary: d.Summary, Detail: d.Detail}
		if d.Severity == hcl.DiagWarning {
			out.Severity = "warning"
		}
		if s := d.Subject; s != nil {
			out.Subject = &srcRange{
				File:  s.Filename,
				Start: srcPos{s.Start.Line, s.Start.Column, s.Start.Byte},
				End:   srcPos{s.End.Line, s.End.Column, s.End.Byte},
			}
		}
		if err := a.out.object("diagnostic", out); err != nil {
			return err
		}
	}
	return nil
}

// color reports whether stderr shows colours (no-color.org).
func (a *app) color() bool {
	f, ok := a.stderr.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}
