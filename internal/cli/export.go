package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/transfer"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// A carried is a release in an export file.
type carried struct {
	Name  string        `json:"name,omitempty"`
	Image digest.Digest `json:"image"`
	// Attached is how many manifests are with it.
	Attached int `json:"attached"`
}

func newCarried(s *transfer.Set) carried {
	return carried{Name: s.Name, Image: s.Image.Digest, Attached: len(s.Attached)}
}

// called is what people read.
func (c carried) called() string {
	if c.Name == "" {
		return "no name"
	}
	return progress.Line(c.Name)
}

// An exported is a file with releases.
type exported struct {
	File string `json:"file"`
	// Digest is the whole file's, Size how many bytes it has.
	Digest   digest.Digest `json:"digest"`
	Size     int64         `json:"size"`
	Releases []carried     `json:"releases"`
	// Trust is the digest of the trust root's manifest, "" when there is none.
	Trust digest.Digest `json:"trust,omitempty"`
}

func (e exported) kind() string { return "exported" }

func (e exported) text(w io.Writer) {
	fmt.Fprintf(w, "%s has %s, only copied, not verified\n", progress.Line(e.File), count(len(e.Releases), "release"))
	for _, r := range e.Releases {
		fmt.Fprintf(w, "  %-10s %s, %s with %d attached\n", "release", r.called(), r.Image, r.Attached)
	}
	if e.Trust != "" {
		fmt.Fprintf(w, "  %-10s %s\n", "trust root", e.Trust)
	}
	fmt.Fprintf(w, "  %-10s %s\n  %-10s %s\n", "size", size(e.Size), "file", e.Digest)
}

// exportFlags say what is exported besides releases.
type exportFlags struct {
	movingFlags
	trust, platform string
}

func (a *app) exportCommand() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export REF|DIR... FILE",
		Short: "Put releases with all that is attached to them into one file, for machines without a network",
		Long: `Writes releases, in folders DIR or in registries as REF, into FILE, a tar that is an
OCI image layout: images, evidence, whoever attached it, and sealed inputs. What they
share is there once. The same content gives the same bytes, from wherever it came.

With --trust, the newest state of a trust root comes along, as published in a folder,
a layout or at a URL, so that a policy can judge the releases on a machine that never
had a network: see docs/airgap.md. Nothing is verified but digests; import and verify
do that where they are used.

What is fetched is kept beside FILE until FILE is there, so that an interrupted export
goes on. FILE is never overwritten.`,
		Example: `  tailsbuild export dist/mqtt dist/sftp releases.tar
  tailsbuild export registry.example.org/tails/mqtt:2.7.9-r0 /media/stick/mqtt.tar --trust https://trust.example.org/metadata
  tailsbuild export dist/mqtt mqtt.tar --skip-inputs`,
	}
	f.movingFlags.add(cmd)
	cmd.Flags().StringVar(&f.trust, "trust", "", "`DIR|URL` with the trust root's published files")
	cmd.Flags().StringVar(&f.platform, "platform", "", "`OS/ARCH` of the one image that is meant, where REF is several (default all)")
	return leaf(cmd, cobra.MinimumNArgs(2), func(ctx context.Context, args []string) error {
		return a.export(ctx, &f, args[:len(args)-1], args[len(args)-1])
	})
}

func (a *app) export(ctx context.Context, f *exportFlags, args []string, file string) (err error) {
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, &fs.PathError{Op: "export", Path: file, Err: fs.ErrExist})
	}
	parts := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".parts")
	e := &exporting{flags: f, parts: parts}
	defer func() { err = errors.Join(err, e.close()) }()
	for _, arg := range args {
		if err := a.exportOpen(ctx, e, arg); err != nil {
			return err
		}
	}
	if f.trust != "" {
		if err := e.openTrust(ctx); err != nil {
			return err
		}
	}
	var out *exported
	err = a.move(&f.movingFlags, "export to "+file, func(opts transfer.Options) (err error) {
		out, err = e.write(ctx, file, opts)
		return err
	})
	if err != nil {
		return err
	}
	if err := os.RemoveAll(parts); err != nil {
		return err
	}
	return a.out.print(*out)
}

// exporting is one run of export.
type exporting struct {
	flags *exportFlags
	parts string // the folder for what is fetched
	open  []*transfer.Folder
	sets  []*transfer.Set
	trust *transfer.Set
}

func (e *exporting) close() error {
	var errs []error
	for _, f := range e.open {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// exportOpen opens the release that arg names, after fetching it if it is in a
// registry.
func (a *app) exportOpen(ctx context.Context, e *exporting, arg string) error {
	dir := arg
	if isReference(arg) {
		if err := os.MkdirAll(e.parts, 0o700); err != nil {
			return err
		}
		dir = filepath.Join(e.parts, digest.FromString(arg + "\n" + e.flags.platform).Encoded()[:16])
		err := a.move(&e.flags.movingFlags, "fetch "+arg, func(opts transfer.Options) error {
			return from(ctx, arg, e.flags.platform, opts, func(image *transfer.Image) error {
				m, err := image.ToFolder(ctx, dir, opts)
				if err != nil {
					return fmt.Errorf("%s: %w", arg, err)
				}
				a.warnProblems(m.Problems)
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	folder, err := transfer.OpenFolder(dir)
	if err != nil {
		return asBroken(err)
	}
	e.open = append(e.open, folder)
	image, err := folder.Image()
	if err != nil {
		return asBroken(fmt.Errorf("%s: %w", arg, err))
	}
	set, err := image.Collect(ctx, e.flags.options(nil))
	if err != nil {
		return asBroken(fmt.Errorf("%s: %w", arg, err))
	}
	e.sets = append(e.sets, set)
	return nil
}

// openTrust takes the trust root, as an artifact.
func (e *exporting) openTrust(ctx context.Context) error {
	source, err := trust.At(e.flags.trust, trust.HTTPOptions{Proxy: e.flags.proxy})
	if err != nil {
		return err
	}
	files, err := trust.Collect(ctx, source)
	if err != nil {
		return &untrustedError{fmt.Errorf("trust root %s: %w", e.flags.trust, err)}
	}
	if err := os.MkdirAll(e.parts, 0o700); err != nil {
		return err
	}
	dir := filepath.Join(e.parts, trustFolder)
	w, err := oci.Create(dir)
	if err != nil {
		return err
	}
	defer w.Abort()
	desc, err := trust.WriteArtifact(w, files)
	if err != nil {
		return err
	}
	if err := w.Commit([]ocispec.Descriptor{desc}); err != nil {
		return err
	}
	folder, err := transfer.OpenFolder(dir)
	if err != nil {
		return err
	}
	e.open = append(e.open, folder)
	e.trust, err = folder.Artifact(trust.ArtifactType)
	return err
}

// write writes the file aside, and renames it.
func (e *exporting) write(ctx context.Context, file string, opts transfer.Options) (_ *exported, err error) {
	aside, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".tmp-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(aside.Name()))
		}
	}()
	defer aside.Close()
	sets := e.sets
	if e.trust != nil {
		sets = append(sets, e.trust)
	}
	sum, out := sha256.New(), &exported{File: file}
	counted := &countingWriter{w: io.MultiWriter(aside, sum)}
	if err := transfer.Export(ctx, counted, sets, opts); err != nil {
		return nil, err
	}
	if err := errors.Join(aside.Chmod(0o644), aside.Sync(), aside.Close()); err != nil {
		return nil, err
	}
	if err := renameNew(aside.Name(), file); err != nil {
		return nil, err
	}
	out.Digest, out.Size = digest.NewDigest(digest.SHA256, sum), counted.n
	for _, s := range e.sets {
		out.Releases = append(out.Releases, newCarried(s))
	}
	if e.trust != nil {
		out.Trust = e.trust.Image.Digest
	}
	return out, nil
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.n += int64(n)
	return n, err
}

// renameNew renames a file, and replaces nothing.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		// A file system that can't say that.
		if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, &fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist})
		}
		return os.Rename(from, to)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}
