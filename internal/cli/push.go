package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/transfer"
)

// A pushed is a release that is in a registry.
type pushed struct {
	Reference string `json:"reference"`
	// Image is the digest.
	Image digest.Digest `json:"image"`
	// Named says that the reference itself is signed.
	Named bool `json:"named"`
	// Moved is what was sent.
	Moved *transfer.Pushed `json:"moved"`
}

func (p pushed) kind() string { return "pushed" }

func (p pushed) text(w io.Writer) {
	named := ""
	if p.Named {
		named = ", signed as that"
	}
	fmt.Fprintf(w, "%s is %s%s\n", p.Reference, p.Image, named)
	writeMoved(w, p.Moved)
}

// writeMoved says what a registry was sent.
func writeMoved(w io.Writer, m *transfer.Pushed) {
	fmt.Fprintf(w, "  %-10s %s, %s, of which %s were sent", "with", count(m.Attached, "attached manifest"), size(m.Size), size(m.Sent))
	if m.Mounted > 0 {
		fmt.Fprintf(w, " and %s mounted", size(m.Mounted))
	}
	fmt.Fprintln(w)
	if m.Left > 0 {
		fmt.Fprintf(w, "  %-10s %s\n", "without", count(m.Left, "attached manifest"))
	}
	if m.Names > 0 {
		fmt.Fprintf(w, "  %-10s %s of its name for podman\n", "named", count(m.Names, "signature"))
	}
	if m.Was != "" && m.Was != m.Image.Digest {
		fmt.Fprintf(w, "  %-10s %s\n", "was", m.Was)
	}
}

// pushFlags say what of a release is signed and sent.
type pushFlags struct {
	movingFlags
	keyFile, releases string
	pass              passphraseFlag
}

func (a *app) pushCommand() *cobra.Command {
	var f pushFlags
	cmd := &cobra.Command{
		Use:   "push NAME|DIR REF",
		Short: "Copy a release to a registry",
		Long: `Copies the release of the recipe NAME, or the one in DIR, to REF,
HOST/REPOSITORY:TAG, byte for byte: the image, its evidence and its sealed inputs.
What the registry has isn't sent again, so that an interrupted push goes on. The tag
is written last, and then everything is read back. Somebody else who writes the tag
meanwhile is an error.

With --key, the name REF is signed as well, in the form that podman, skopeo and
bootc read: as the tag sha256-DIGEST.sig beside the image. It has to be the key that
signed the release, which is verified first, and REF has to end in what the release
is, NAME:VERSION-rN: podman then refuses the image under any other name.

A folder with the sealed inputs of one recipe that refer to no image, from tailsbuild
archive --blind, is copied as well, for tailsbuild audit commit.

Registries are logged in to as docker and podman do. --proxy socks5h://HOST:PORT, or
the same in ALL_PROXY, puts everything behind Tor.`,
		Example: `  tailsbuild push mqtt registry.example.org/tails/mqtt:2.7.9-r0
  tailsbuild push dist/mqtt registry.example.org/tails/mqtt:2.7.9-r0 --key my.key
  tailsbuild push mqtt registry.example.org/tails/mqtt:2.7.9-r0 --proxy socks5h://127.0.0.1:9050`,
	}
	f.movingFlags.add(cmd)
	cmd.Flags().StringVar(&f.keyFile, "key", "", "`FILE` with the private key that signed the release, or SCHEME://KEY of one that a program holds")
	cmd.Flags().StringVar(&f.releases, "releases", "dist", "`DIR` with the releases of recipes")
	f.pass.add(cmd)
	return leaf(cmd, cobra.ExactArgs(2), func(ctx context.Context, args []string) error {
		ref, err := registry.ParseReference(args[1])
		if err != nil {
			return err
		}
		dir := releaseDir(args[0], f.releases)
		var named []*release.ReferenceSignature
		var key *sign.Key
		if f.keyFile != "" {
			if key, err = a.privateKey(ctx, f.keyFile, f.pass); err != nil {
				return err
			}
			// Before anything is written.
			if named, err = release.BindReference(ctx, dir, key, ref.String()); err != nil {
				return asBroken(err)
			}
		}
		return a.push(ctx, &f, dir, ref, named, key)
	})
}

// A changedReleaseError reports that a release became another one while it was
// copied.
type changedReleaseError struct {
	Dir     string
	Was, Is digest.Digest
}

func (e *changedReleaseError) Error() string {
	return fmt.Sprintf("%s was %s when it was verified, and %s when it was copied", e.Dir, e.Was, e.Is)
}

func (a *app) push(ctx context.Context, f *pushFlags, dir string, ref registry.Reference, named []*release.ReferenceSignature, key *sign.Key) error {
	var p *transfer.Pushed
	err := a.move(&f.movingFlags, "push "+ref.String(), func(opts transfer.Options) (err error) {
		if p, err = pushSealed(ctx, dir, ref, opts); p != nil || err != nil {
			return err
		}
		return fromFolder(dir, func(image *transfer.Image) (err error) {
			if named != nil && named[0].Image != image.Digest {
				return &changedReleaseError{Dir: dir, Was: named[0].Image, Is: image.Digest}
			}
			p, err = image.ToRegistry(ctx, ref, opts)
			return err
		})
	})
	if err != nil {
		return err
	}
	a.warnProblems(p.Problems)
	for _, n := range named {
		s := registry.Signature{Image: n.Image, Payload: n.Payload, Signature: n.Signature}
		ours := func(signature []byte) bool {
			return key.Public().VerifyReference(n.Payload, signature, n.Reference, n.Image) == nil
		}
		if err := registry.AttachSignature(ctx, ref, s, ours, fetchOptions(f.proxy)); err != nil {
			return asBroken(err)
		}
	}
	return a.out.print(pushed{Reference: ref.String(), Image: p.Image.Digest, Named: named != nil, Moved: p})
}

// pushSealed copies sealed inputs that are alone in a folder. It returns nil for a
// folder with anything else.
func pushSealed(ctx context.Context, dir string, ref registry.Reference, opts transfer.Options) (*transfer.Pushed, error) {
	f, err := transfer.OpenFolder(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if len(f.Images) > 0 {
		return nil, nil
	}
	s, err := f.Artifact(inputs.SealedType)
	if s == nil || err != nil {
		return nil, err
	}
	return s.ToRegistry(ctx, ref, opts)
}
