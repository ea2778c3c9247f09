package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/transfer"
)

// A copied is a release that is in a registry now, as it was elsewhere.
type copied struct {
	From      string `json:"from"`
	Reference string `json:"reference"`
	*transfer.Pushed
}

func (c copied) kind() string { return "copied" }

func (c copied) text(w io.Writer) {
	fmt.Fprintf(w, "%s is %s, only copied, not verified\n", c.Reference, c.Image.Digest)
	writeMoved(w, c.Pushed)
}

func (a *app) copyCommand() *cobra.Command {
	var (
		f        movingFlags
		platform string
	)
	cmd := &cobra.Command{
		Use:   "copy FROM TO",
		Short: "Copy a release with all that is attached to it, between folders and registries",
		Long: `Copies an image byte for byte, with everything that refers to it, whoever attached
that: evidence, sealed inputs, and what refers to those. FROM and TO are folders, or
REF, HOST/REPOSITORY:TAG (FROM also HOST/REPOSITORY@DIGEST), or oci:REF where that
could be a folder. Digests stay the same, and only what is missing at TO is moved. An
interrupted copy goes on when it is started again.

Signatures for podman, in the tag sha256-DIGEST.sig, name one repository: they go into
folders, and into the registry of that name.

Nothing is verified but digests: see tailsbuild verify.`,
		Example: `  tailsbuild copy registry.example.org/tails/mqtt:2.7.9-r0 mirror.example.org/tails/mqtt:2.7.9-r0
  tailsbuild copy registry.example.org/tails/mqtt:2.7.9-r0 /media/stick/mqtt
  tailsbuild copy /media/stick/mqtt registry.example.org/tails/mqtt:2.7.9-r0 --skip-inputs`,
	}
	f.add(cmd)
	cmd.Flags().StringVar(&platform, "platform", "", "`OS/ARCH` of the one image that is meant, when FROM is several (default all)")
	return leaf(cmd, cobra.ExactArgs(2), func(ctx context.Context, args []string) error {
		if isReference(args[1]) {
			return a.copyToRegistry(ctx, &f, platform, args[0], args[1])
		}
		return a.copyToFolder(ctx, &f, platform, args[0], args[1])
	})
}

func (a *app) copyToRegistry(ctx context.Context, f *movingFlags, platform, source, target string) error {
	ref, err := registry.ParseReference(target)
	if err != nil {
		return err
	}
	var p *transfer.Pushed
	err = a.move(f, "copy to "+ref.String(), func(opts transfer.Options) error {
		return from(ctx, source, platform, opts, func(image *transfer.Image) (err error) {
			p, err = image.ToRegistry(ctx, ref, opts)
			return err
		})
	})
	if err != nil {
		return err
	}
	a.warnProblems(p.Problems)
	return a.out.print(copied{From: source, Reference: ref.String(), Pushed: p})
}

// A sameFolderError reports a folder that was to be copied to itself.
type sameFolderError struct{ Dir string }

func (e *sameFolderError) Error() string {
	return progress.Line(e.Dir) + " is the folder to copy from"
}

func (a *app) copyToFolder(ctx context.Context, f *movingFlags, platform, source, target string) error {
	if !isReference(source) {
		was, err := os.Stat(source)
		if err != nil {
			return err
		}
		if is, err := os.Stat(target); err == nil && os.SameFile(was, is) {
			return &sameFolderError{target}
		}
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(target)), 0o755); err != nil {
		return err
	}
	var m *transfer.Moved
	err := a.move(f, "copy to "+target, func(opts transfer.Options) error {
		return from(ctx, source, platform, opts, func(image *transfer.Image) (err error) {
			m, err = image.ToFolder(ctx, target, opts)
			return err
		})
	})
	if err != nil {
		return err
	}
	a.warnProblems(m.Problems)
	return a.out.print(pulledFolder{Reference: source, Dir: target, Moved: m})
}
