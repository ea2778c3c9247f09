package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/trustroot"
)

func (a *app) trustSnapshotCommand() *cobra.Command {
	return a.onlineCommand(&cobra.Command{
		Use:   "snapshot --key FILE|REF",
		Short: "Sign which versions belong together, on a machine that is online",
		Long: `Makes, signs and publishes the next snapshot: the versions of the targets and of
every delegation that are published now. All of it follows from them, so that nobody
is asked; they are verified first. The passphrase comes from --password-file or
` + passwordVariable + `. It is for CI, when something was published, and before it expires.`,
		Example: `  tailsbuild trust snapshot --key ci.key
  tailsbuild trust snapshot --key ci.key --expires 14d`,
	}, "7d", (*trustroot.Repo).Snapshot)
}

func (a *app) trustTimestampCommand() *cobra.Command {
	return a.onlineCommand(&cobra.Command{
		Use:   "timestamp --key FILE|REF",
		Short: "Sign which snapshot is the newest, on a machine that is online",
		Long: `Makes, signs and publishes the next timestamp, which names the newest snapshot.
What clients will see is verified first. As it is short-lived, nobody can show
clients an old state for long. The passphrase comes from --password-file or
` + passwordVariable + `. It is for CI, after each snapshot and several times a day.`,
		Example: `  tailsbuild trust timestamp --key ci.key
  tailsbuild trust timestamp --key ci.key --expires 36h`,
	}, "24h", (*trustroot.Repo).Timestamp)
}

func (a *app) onlineCommand(cmd *cobra.Command, lifetime string, make func(*trustroot.Repo, context.Context, *sign.Key, time.Time) (*trustroot.Publication, error)) *cobra.Command {
	var (
		f             trustFlag
		key, expiring string
		pass          passphraseFlag
	)
	f.add(cmd)
	cmd.Flags().StringVar(&key, "key", "", keyHelp+" (required)")
	cmd.Flags().StringVar(&expiring, "expires", "", expiresHelp+" (default "+lifetime+")")
	pass.add(cmd)
	return leaf(cmd, cobra.NoArgs, func(ctx context.Context, _ []string) error {
		expires, err := parseExpiry(expiring)
		if err != nil {
			return err
		}
		private, err := a.privateKey(ctx, key, pass)
		if err != nil {
			return err
		}
		return f.with(false, func(r *trustroot.Repo) error {
			p, err := make(r, ctx, private, expires)
			if err != nil {
				return err
			}
			return a.out.print(publication{p})
		})
	})
}

// An export is the metadata as an OCI artifact.
type export struct {
	Dir      string             `json:"dir"`
	Manifest ocispec.Descriptor `json:"manifest"`
}

func (e export) kind() string { return "export" }

func (e export) text(w io.Writer) {
	fmt.Fprintf(w, "artifact  %s\nlayout    %s\n", e.Manifest.Digest, e.Dir)
}

func (a *app) trustPublishCommand() *cobra.Command {
	var (
		f      trustFlag
		layout string
	)
	cmd := &cobra.Command{
		Use:   "publish [--oci DIR]",
		Short: "Put in place what has enough signatures",
		Long: `Moves what is staged and has enough signatures to "metadata", each file in one
step and the timestamp last, and says what the rest waits for. Nothing is moved
that clients would refuse then. The folder "metadata" can be served from anywhere.

With --oci, what clients need is written as an OCI artifact, too: a layout with one
manifest that has a layer for each file.`,
		Example: `  tailsbuild trust publish
  tailsbuild trust publish --oci trust.oci`,
	}
	f.add(cmd)
	cmd.Flags().StringVar(&layout, "oci", "", "`DIR` to write the metadata to as an OCI image layout")
	return leaf(cmd, cobra.NoArgs, func(context.Context, []string) error {
		return f.with(false, func(r *trustroot.Repo) error {
			p, err := r.Publish()
			if err != nil {
				return err
			}
			if err := a.out.print(publication{p}); err != nil || layout == "" {
				return err
			}
			desc, err := r.Export(layout)
			if err != nil {
				return err
			}
			return a.out.print(export{layout, *desc})
		})
	})
}
