package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/transfer"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// trustFolder is what the folder of an imported trust root is called.
const trustFolder = "trust"

// An imported is what came out of an export file.
type imported struct {
	File     string       `json:"file"`
	Releases []importedTo `json:"releases"`
	// Trust is the folder of the trust root, Left says that it was left out.
	Trust string `json:"trust,omitempty"`
	Left  bool   `json:"left,omitempty"`
}

// An importedTo is one release, and where it is now.
type importedTo struct {
	carried
	Dir       string `json:"dir,omitempty"`
	Reference string `json:"reference,omitempty"`
}

func (i imported) kind() string { return "imported" }

func (i imported) text(w io.Writer) {
	fmt.Fprintf(w, "%s: %s, only copied, not verified\n", progress.Line(i.File), count(len(i.Releases), "release"))
	for _, r := range i.Releases {
		fmt.Fprintf(w, "  %-10s %s, %s with %d attached, is %s%s\n", "release", r.called(), r.Image, r.Attached, r.Reference, r.Dir)
	}
	if i.Trust != "" {
		fmt.Fprintf(w, "  %-10s %s, for sources of a policy's trust_root\n", "trust root", i.Trust)
	}
	if i.Left {
		fmt.Fprintf(w, "  %-10s left out: it is for folders\n", "trust root")
	}
}

func (a *app) importCommand() *cobra.Command {
	var f movingFlags
	cmd := &cobra.Command{
		Use:   "import FILE [DIR|REF]",
		Short: "Take releases out of an export file, into folders or a registry",
		Long: `Checks that FILE is exactly as tailsbuild export wrote it, all of it, and only then
takes the releases out: into a folder of DIR for each (default dist), called
NAME-VERSION-rN, or to the registry, as REF/NAME:VERSION-rN, where REF is
HOST/REPOSITORY, the start of their names. A trust root becomes the folder DIR/trust,
which a policy can name among the sources of its trust_root.

A file that was cut off, added to or changed is refused, with exit code 4, and nothing
is written. A folder that has the same release keeps what is attached there besides;
one that has another is not overwritten.

That a file is whole says nothing of who made it: verify the releases. Those of a trust
root need no network for that.`,
		Example: `  tailsbuild import /media/stick/mqtt.tar
  tailsbuild verify dist/mqtt-2.7.9-r0 --policy policy.hcl --offline
  tailsbuild import releases.tar registry.example.org/tails`,
	}
	f.add(cmd)
	return leaf(cmd, cobra.RangeArgs(1, 2), func(ctx context.Context, args []string) error {
		target := "dist"
		if len(args) == 2 {
			target = args[1]
		}
		return a.importFile(ctx, &f, args[0], target)
	})
}

func (a *app) importFile(ctx context.Context, f *movingFlags, file, target string) (err error) {
	folder, err := transfer.OpenExport(file)
	if err != nil {
		return asBroken(err)
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	err = a.move(f, "check "+file, func(opts transfer.Options) error { return folder.Check(ctx, opts) })
	if err != nil {
		return asBroken(fmt.Errorf("%s: %w", file, err))
	}
	var sets []*transfer.Set
	for _, image := range folder.Images {
		s, err := image.Collect(ctx, f.options(nil))
		if err != nil {
			return asBroken(fmt.Errorf("%s: %w", file, err))
		}
		sets = append(sets, s)
	}
	root, err := folder.Artifact(trust.ArtifactType)
	if err != nil {
		return asBroken(fmt.Errorf("%s: %w", file, err))
	}
	out := imported{File: file, Left: root != nil}
	if isReference(target) {
		err = a.importToRegistry(ctx, f, target, folder.Images, &out)
	} else {
		out.Left = false
		err = a.importToFolders(ctx, f, target, sets, root, &out)
	}
	if err != nil {
		return err
	}
	return a.out.print(out)
}

// importToRegistry pushes all images under the name that begins with prefix.
func (a *app) importToRegistry(ctx context.Context, f *movingFlags, prefix string, images []*transfer.Image, out *imported) error {
	var refs []registry.Reference
	for _, image := range images {
		ref, err := registry.ParseReference(strings.TrimSuffix(prefix, "/") + "/" + image.Name)
		if err != nil {
			return err
		}
		refs = append(refs, ref)
	}
	for i, image := range images {
		err := a.move(f, "push "+refs[i].String(), func(opts transfer.Options) error {
			p, err := image.ToRegistry(ctx, refs[i], opts)
			if err != nil {
				return err
			}
			a.warnProblems(p.Problems)
			c := carried{Name: image.Name, Image: image.Digest, Attached: p.Attached}
			out.Releases = append(out.Releases, importedTo{carried: c, Reference: refs[i].String()})
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// An otherReleaseError reports that the folder Dir, where the image Want would go,
// has another.
type otherReleaseError struct {
	Dir       string
	Has, Want digest.Digest
}

func (e *otherReleaseError) Error() string {
	return fmt.Sprintf("%s has the image %s, and is not overwritten by %s", progress.Line(e.Dir), e.Has, e.Want)
}

// An importing is one folder that is being written.
type importing struct {
	set   *transfer.Set
	dir   string
	old   *transfer.Folder // what is there, or nil
	w     *oci.Writer
	index []ocispec.Descriptor
}

// importToFolders writes all, and puts them in place once all are written.
func (a *app) importToFolders(ctx context.Context, f *movingFlags, dir string, sets []*transfer.Set, root *transfer.Set, out *imported) (err error) {
	var all []*importing
	defer func() {
		for _, i := range all {
			err = errors.Join(err, i.close())
		}
	}()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	names := folderNames(sets)
	for n, s := range sets {
		i, err := openImporting(ctx, s, filepath.Join(dir, names[n]))
		if i != nil {
			all = append(all, i)
		}
		if err != nil {
			return err
		}
	}
	if root != nil {
		i := &importing{set: root, dir: filepath.Join(dir, trustFolder)}
		if i.w, err = oci.Create(i.dir); err != nil {
			return err
		}
		all = append(all, i)
	}
	for _, i := range all {
		err := a.move(f, "import "+i.dir, func(opts transfer.Options) (err error) {
			if i.old != nil {
				opts.Near = i.old.Layouts()
			}
			_, i.index, err = i.set.Write(ctx, i.w, opts)
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, i := range all {
		if err := i.w.Commit(i.index); err != nil {
			return err
		}
		if i.set == root {
			out.Trust = i.dir
			continue
		}
		out.Releases = append(out.Releases, importedTo{carried: newCarried(i.set), Dir: i.dir})
	}
	return nil
}

// openImporting begins to write the folder dir. The same image there keeps what is
// attached to it.
func openImporting(ctx context.Context, s *transfer.Set, dir string) (*importing, error) {
	i := &importing{set: s, dir: dir}
	if old, err := transfer.OpenFolder(dir); err == nil {
		i.old = old
		image, err := old.Image()
		if err != nil {
			return i, asBroken(fmt.Errorf("%s: %w", dir, err))
		}
		if image.Digest != s.Image.Digest {
			return i, &otherReleaseError{Dir: dir, Has: image.Digest, Want: s.Image.Digest}
		}
		had, err := image.Collect(ctx, transfer.Options{})
		if err != nil {
			return i, asBroken(fmt.Errorf("%s: %w", dir, err))
		}
		s.Merge(had)
	}
	var err error
	i.w, err = oci.Create(dir)
	return i, err
}

func (i *importing) close() error {
	var errs []error
	if i.w != nil {
		errs = append(errs, i.w.Abort())
	}
	if i.old != nil {
		errs = append(errs, i.old.Close())
	}
	return errors.Join(errs...)
}

// releaseName is what a release may be called that becomes a folder: nothing in it
// leads elsewhere.
var releaseName = lazyregexp.New(`^[A-Za-z0-9]+([-._]+[A-Za-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

// folderNames returns what the folders of releases are called. Releases of one name
// get a part of their digest as well.
func folderNames(sets []*transfer.Set) []string {
	names, times := make([]string, len(sets)), map[string]int{}
	for i, s := range sets {
		if releaseName.MatchString(s.Name) && len(s.Name) < 200 {
			names[i] = strings.Replace(s.Name, ":", "-", 1)
		} else {
			names[i] = "image"
			times[names[i]]++
		}
		times[names[i]]++
	}
	for i, s := range sets {
		if times[names[i]] > 1 {
			names[i] += "-" + s.Image.Digest.Encoded()[:12]
		}
	}
	return names
}
