package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// A single is what came of one build without the other.
type single struct {
	Recipe   string  `json:"recipe"`
	Version  string  `json:"version"`
	Arch     string  `json:"arch"`
	Plan     string  `json:"plan"`
	Builder  string  `json:"builder"`
	Image    string  `json:"image"`
	Recorded string  `json:"recorded"`
	Layout   string  `json:"layout"`
	Seconds  float64 `json:"seconds"`
}

func newSingle(l *loaded, r *builder.Result) *single {
	rec, image := l.plan.Recipe(), r.Image.Digest.String()
	state := stateNotRecorded
	switch l.recorded() {
	case "":
	case image:
		state = stateReproduced
	default:
		state = stateDifferent
	}
	return &single{
		Recorded: state,
		Recipe:   rec.Name,
		Version:  version(rec),
		Arch:     l.plan.Arch(),
		Plan:     l.plan.Digest().String(),
		Builder:  r.Builder,
		Image:    image,
	}
}

func (s *single) kind() string { return "single" }

func (s *single) text(w io.Writer) {
	fmt.Fprintf(w, "%s %s for %s\n", s.Recipe, s.Version, s.Arch)
	fmt.Fprintf(w, "  build %-4s %s\n", s.Builder, s.Image)
	fmt.Fprintf(w, "  recorded   %s\n", recordedText(s.Recorded, s.Recipe))
	fmt.Fprintf(w, "  time       %.1f s\n", s.Seconds)
	fmt.Fprintf(w, "  layout     %s\n", s.Layout)
	fmt.Fprintf(w, "  next       tailsbuild compare %s OTHER\n", s.Layout)
}

// copyLayout makes an OCI layout at dir of the image that r describes. Every blob
// is checked on the way.
func copyLayout(ctx context.Context, dir string, r *builder.Result) (err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	from, err := oci.OpenLayout(r.Layout)
	if err != nil {
		return err
	}
	defer from.Close()
	manifest, _, err := from.ReadManifest(r.Image)
	if err != nil {
		return err
	}
	to, err := oci.Create(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Abort()) }()
	for _, desc := range append([]ocispec.Descriptor{r.Image, manifest.Config}, manifest.Layers...) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := copyBlob(to, from, desc); err != nil {
			return err
		}
	}
	return to.Commit([]ocispec.Descriptor{r.Image})
}

func copyBlob(to *oci.Writer, from *oci.Layout, desc ocispec.Descriptor) error {
	blob, err := from.Blob(desc)
	if err != nil {
		return err
	}
	defer blob.Close()
	return to.Add(desc, blob)
}
