package cli

import (
	"bytes"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/report"
)

// formFlags say in which forms a comparison is written, besides the result.
type formFlags struct {
	folder string
	files  map[string]*string // by the form's name in a report
}

// formNames has the flag of each form of a report, in the order of the documentation.
var formNames = []struct{ flag, form, what string }{
	{"html", report.HTML, "one page of HTML"},
	{"json", report.JSON, "JSON (docs/compare.md)"},
	{"diffoscope-json", report.DebianJSON, "the JSON of Debian's diffoscope"},
	{"markdown", report.Markdown, "Markdown for a merge request"},
	{"junit", report.JUnit, "JUnit XML"},
	{"code-quality", report.CodeQuality, "a code quality report for GitLab"},
}

func (f *formFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.folder, "report", "", "write all forms into the folder `DIR`")
	f.files = map[string]*string{}
	for _, n := range formNames {
		f.files[n.form] = cmd.Flags().String(n.flag, "", "write "+n.what+" to `FILE`, - for stdout instead of the result")
	}
}

// check reports flags that contradict each other.
func (f *formFlags) check(json bool) error {
	n := 0
	for _, path := range f.files {
		if *path == "-" {
			n++
		}
	}
	switch {
	case n > 1:
		return usagef("only one form can go to stdout")
	case n == 1 && json:
		return usagef("--format json and a form on stdout exclude each other")
	}
	return nil
}

// any reports whether a form is written at all.
func (f *formFlags) any() bool {
	for _, path := range f.files {
		if *path != "" {
			return true
		}
	}
	return f.folder != ""
}

// stdout reports whether a form is written to stdout, instead of the result.
func (f *formFlags) stdout() bool {
	for _, path := range f.files {
		if *path == "-" {
			return true
		}
	}
	return false
}

// write writes c in the forms that are asked for. Those on stdout are printable.
func (f *formFlags) write(stdout io.Writer, c *diffoscope.Comparison, title string) error {
	files := report.Files(c, report.Options{Title: title})
	for _, n := range formNames {
		path := *f.files[n.form]
		if path == "" {
			continue
		}
		at := slices.IndexFunc(files, func(x report.File) bool { return x.Name == n.form })
		var b bytes.Buffer
		if err := files[at].Write(&b); err != nil {
			return err
		}
		if path == "-" {
			if _, err := stdout.Write(escape(b.String())); err != nil {
				return err
			}
			continue
		}
		if err := writeFile(path, b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	if f.folder == "" {
		return nil
	}
	return report.WriteFolder(f.folder, files)
}
