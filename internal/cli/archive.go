package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// An archived is the sealed inputs of one recipe, on disk.
type archived struct {
	Recipe  string `json:"recipe"`
	Version string `json:"version"`
	Arch    string `json:"arch"`
	Lock    string `json:"lock"`
	Image   string `json:"image,omitempty"` // "" when they refer to none
	Blind   bool   `json:"blind,omitempty"` // the lock in them records none either
	*sealed
	Layout string `json:"layout"`
}

func (r archived) kind() string { return "archive" }

func (r archived) text(w io.Writer) {
	fmt.Fprintf(w, "%s %s for %s\n", r.Recipe, r.Version, r.Arch)
	fmt.Fprintf(w, "  inputs     %d, %s\n", r.Inputs, size(r.Size))
	fmt.Fprintf(w, "  artifact   %s\n", r.Manifest)
	switch {
	case r.Blind:
		fmt.Fprintf(w, "  image      none: they don't say which one comes out\n")
	case r.Image == "":
		fmt.Fprintf(w, "  image      none: they refer to no image\n")
	default:
		fmt.Fprintf(w, "  image      %s\n", r.Image)
	}
	fmt.Fprintf(w, "  layout     %s\n", r.Layout)
	fmt.Fprintf(w, "  next       tailsbuild build %s --sealed %s --offline\n", r.Recipe, r.Layout)
}

// A noImageError reports that the image which a recipe's lock records, and which
// its sealed inputs have to refer to, is not at hand.
type noImageError struct {
	Recipe, Image string
	Dir           string // where it was looked for
	Err           error  // why it could not be read there, if it couldn't
}

func (e *noImageError) Error() string {
	msg := fmt.Sprintf("recipe %s: the recorded image %s, which sealed inputs refer to, is not in %s", e.Recipe, e.Image, e.Dir)
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

func (e *noImageError) Unwrap() error { return e.Err }

// A notArchiveError reports that a layout which would be replaced has something
// else than sealed inputs.
type notArchiveError struct{ Dir string }

func (e *notArchiveError) Error() string {
	return e.Dir + ": holds an OCI layout that is more than sealed inputs, and is not replaced"
}

type archiveFlags struct {
	recipes  recipeFlags
	from     inputFlags
	draw     progressFlag
	output   string
	releases string
	detached bool
	blind    bool
	all      bool
}

func (a *app) archiveCommand() *cobra.Command {
	var f archiveFlags
	cmd := &cobra.Command{
		Use:   "archive NAME... | --all",
		Short: "Put all inputs of recipes into one OCI layout",
		Long: `Writes every input of a recipe and its bases, the recipes, their files and the
lock as one OCI artifact, the sealed inputs: everything that tailsbuild build
--sealed needs, when no mirror has the inputs any more. They are the same, bit for
bit, for everyone with the same lock. Several recipes share what they have in
common.

The artifact refers to the image that the lock records. Where the lock was recorded
without the size of the image's manifest, that is read from the release in
RELEASES/NAME. What DIR held before is replaced.

With --blind, it refers to no image and the lock in it records none: auditors can then
commit to what comes out before they could know it from elsewhere, see tailsbuild audit
commit.`,
		Example: `  tailsbuild archive mqtt
  tailsbuild archive --all --output sealed
  tailsbuild archive mqtt --blind --output mqtt.blind
  tailsbuild build mqtt --sealed dist/mqtt.inputs --offline`,
	}
	f.recipes.add(cmd)
	f.from.add(cmd)
	f.draw.add(cmd)
	cmd.Flags().StringVar(&f.output, "output", "", "`DIR` for one layout with all of them (default RELEASES/NAME.inputs for each)")
	cmd.Flags().StringVar(&f.releases, "releases", "dist", "`DIR` with the releases")
	cmd.Flags().BoolVar(&f.detached, "detached", false, "refer to no image, so that no release is needed")
	cmd.Flags().BoolVar(&f.blind, "blind", false, "say nowhere which image comes out, for auditors who commit to one before it is published")
	cmd.Flags().BoolVar(&f.all, "all", false, "all recipes of the project")
	return leaf(cmd, cobra.ArbitraryArgs, func(ctx context.Context, args []string) error {
		if f.detached && f.blind {
			return usagef("--blind leaves out more than --detached does")
		}
		if err := sealable(f.recipes); err != nil {
			return err
		}
		return a.archive(ctx, f, args)
	})
}

func (a *app) archive(ctx context.Context, f archiveFlags, args []string) error {
	p, err := a.openProject(f.recipes)
	if err != nil {
		return err
	}
	names, err := p.namesOrAll(args, f.all)
	if err != nil {
		return err
	}
	todo, err := p.loadAll(names)
	if err != nil {
		return err
	}
	images := make([]*ocispec.Descriptor, len(todo))
	for i, l := range todo {
		if f.blind {
			l.seal = l.seal.Blind()
			continue
		}
		if images[i], err = f.image(l); err != nil {
			return err
		}
	}
	store, err := a.fetchAll(ctx, f, p, todo)
	if err != nil {
		return err
	}
	if f.output != "" {
		return a.writeArchive(ctx, f, f.output, store, todo, images)
	}
	for i, l := range todo {
		dir := filepath.Join(f.releases, l.closure[0].Name+".inputs")
		if err := a.writeArchive(ctx, f, dir, store, todo[i:i+1], images[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// image returns the descriptor of the image that l's lock records for l's plan,
// and nil when it records none.
func (f *archiveFlags) image(l *loaded) (*ocispec.Descriptor, error) {
	recorded := l.recorded()
	if recorded == "" || f.detached {
		return nil, nil
	}
	if im, _ := l.lock.Image(l.plan.Arch()); im.Size > 0 {
		return &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.Digest(im.Digest), Size: im.Size}, nil
	}
	return f.releasedImage(l, recorded)
}

// releasedImage returns the descriptor of the recorded image, which has to be in
// l's release, for a lock that doesn't say its size.
func (f *archiveFlags) releasedImage(l *loaded, recorded string) (*ocispec.Descriptor, error) {
	e := &noImageError{Recipe: l.closure[0].Name, Image: recorded, Dir: filepath.Join(f.releases, l.closure[0].Name)}
	layout, err := oci.OpenLayout(e.Dir)
	if err != nil {
		e.Err = err
		return nil, e
	}
	defer layout.Close()
	index, err := layout.Images()
	if err != nil {
		e.Err = err
		return nil, e
	}
	for _, desc := range index {
		if desc.Digest.String() != recorded {
			continue
		}
		// The index could say any size.
		if _, _, err := layout.ReadManifest(desc); err != nil {
			e.Err = err
			return nil, e
		}
		return &desc, nil
	}
	return nil, e
}

func (a *app) fetchAll(ctx context.Context, f archiveFlags, p *project, todo []*loaded) (_ *inputs.Store, err error) {
	d, err := a.display(f.draw)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	fetcher, err := f.from.fetcher(p.Project(), d)
	if err != nil {
		return nil, err
	}
	return fetcher.Store, fetcher.Fetch(ctx, allInputs(todo))
}

// writeArchive writes the sealed inputs of all of todo into one layout at dir.
func (a *app) writeArchive(ctx context.Context, f archiveFlags, dir string, store *inputs.Store, todo []*loaded, images []*ocispec.Descriptor) (err error) {
	if err := checkArchive(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(dir)), 0o755); err != nil {
		return err
	}
	w, err := oci.Create(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Abort()) }()
	var index []ocispec.Descriptor
	var done []archived
	for i, l := range todo {
		desc, err := l.seal.Write(ctx, w, store, images[i])
		if err != nil {
			return err
		}
		index = append(index, desc)
		r := archived{
			Recipe: l.seal.Recipe, Version: version(l.closure[0]), Arch: l.seal.Arch, Lock: l.lock.Digest().String(),
			sealed: newSealed(l.seal, desc), Layout: dir,
			Blind: f.blind,
		}
		if images[i] != nil {
			r.Image = images[i].Digest.String()
		}
		done = append(done, r)
	}
	if err := w.Commit(index); err != nil {
		return err
	}
	for _, r := range done {
		if err := a.out.print(r); err != nil {
			return err
		}
	}
	return nil
}

// checkArchive refuses a layout that would be lost when sealed inputs replace it.
func checkArchive(dir string) error {
	layout, err := oci.OpenLayout(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // oci.Create says whether dir can become a layout
	}
	if err != nil {
		return err
	}
	defer layout.Close()
	index, err := layout.Images()
	if err != nil {
		return err
	}
	for _, desc := range index {
		m, _, err := layout.ReadManifest(desc)
		if err != nil {
			return err
		}
		if m.ArtifactType != inputs.SealedType {
			return &notArchiveError{dir}
		}
	}
	return nil
}
