package release

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/report"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// reportSuffix is added to a release's folder for the report of two builds that
// differ.
const reportSuffix = ".report"

// contextDir is the folder of a report with what the builds were made from.
const contextDir = "build"

// report writes the folder dir + ".report", with all that is known of the builds b,
// and into e what it found out. Whatever is at dir stays as it is.
func (e *DifferentError) report(dir string, b *Build) error {
	if _, err := os.Stat(filepath.Join(dir, ocispec.ImageLayoutFile)); err == nil {
		e.Previous = dir
	}
	files := report.Files(e.Comparison, b.about())
	for i, f := range files {
		if f.Name == report.Text {
			files[i].Write = e.writeText
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.Context)) {
		files = append(files, report.File{Name: path.Join(contextDir, name), Write: func(w io.Writer) error {
			_, err := w.Write(b.Context[name])
			return err
		}})
	}
	files = append(files, report.File{Name: path.Join(contextDir, "builds.json"), Write: b.writeBuilds})
	for _, r := range b.results() {
		files = append(files, report.File{Name: path.Join(contextDir, "log-"+r.Builder+".txt"), Write: func(w io.Writer) error {
			_, err := w.Write(r.Log)
			return err
		}})
	}
	if err := report.WriteFolder(dir+reportSuffix, files); err != nil {
		return fmt.Errorf("report %s: %w", dir+reportSuffix, err)
	}
	e.Report = dir + reportSuffix
	return nil
}

func (e *DifferentError) writeText(w io.Writer) error {
	if e.Previous != "" {
		_, err := fmt.Fprintf(w, "%q still holds the release of an earlier build, not of these two.\n\n", e.Previous)
		if err != nil {
			return err
		}
	}
	return diffoscope.WriteFullText(w, e.Comparison)
}

// of returns the pair of builds that e is about.
func (e *DifferentError) of(builds []Build) *Build {
	for i, b := range builds {
		if b.A != nil && b.B != nil && b.A.Image.Digest == e.A && b.B.Image.Digest == e.B {
			return &builds[i]
		}
	}
	return &Build{}
}

// about is what a report says of the builds besides what differs.
func (b *Build) about() report.Options {
	var o report.Options
	if len(b.Closure) == 0 {
		return o
	}
	r := b.Closure[0]
	o.Title = fmt.Sprintf("%s %s for %s", r.Name, r.Version, b.Arch)
	o.Facts = append(o.Facts, report.Fact{Name: "started", A: b.A.Started.Format(time.RFC3339Nano), B: b.B.Started.Format(time.RFC3339Nano)})
	for _, v := range evidence.Variation(b.A.Variation, b.B.Variation) {
		o.Facts = append(o.Facts, report.Fact{Name: v.Name, A: v.Values[0], B: v.Values[1]})
	}
	return o
}

// results are those of the two builds that there are.
func (b *Build) results() []*builder.Result {
	return slices.DeleteFunc([]*builder.Result{b.A, b.B}, func(r *builder.Result) bool { return r == nil })
}

// writeBuilds writes what is known of how the two were built.
func (b *Build) writeBuilds(w io.Writer) error {
	type one struct {
		Builder   string            `json:"builder"`
		Image     digest.Digest     `json:"image"`
		Started   time.Time         `json:"started"`
		Finished  time.Time         `json:"finished"`
		Variation map[string]string `json:"variation"`
	}
	about := struct {
		Version int           `json:"version"`
		Recipe  string        `json:"recipe,omitempty"`
		Arch    string        `json:"arch"`
		Epoch   int64         `json:"epoch"`
		Plan    digest.Digest `json:"plan"`
		Lock    digest.Digest `json:"lock"`
		Output  lock.Output   `json:"output"`
		Builds  []one         `json:"builds"`
	}{Version: 1, Arch: b.Arch, Plan: b.Plan, Lock: b.Lock, Output: b.Output}
	if len(b.Closure) > 0 {
		about.Recipe, about.Epoch = b.Closure[0].Name, b.Closure[0].Epoch
	}
	for _, r := range b.results() {
		about.Builds = append(about.Builds, one{r.Builder, r.Image.Digest, r.Started, r.Finished, r.Variation})
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(about)
}
