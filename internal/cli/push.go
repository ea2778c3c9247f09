package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// A pushed is a release that is in a registry.
type pushed struct {
	Reference string        `json:"reference"`
	Image     digest.Digest `json:"image"`
	// Named says that the reference itself is signed.
	Named bool `json:"named"`
}

func (p pushed) kind() string { return "pushed" }

func (p pushed) text(w io.Writer) {
	named := ""
	if p.Named {
		named = ", signed as that"
	}
	fmt.Fprintf(w, "%s is %s%s\n", p.Reference, p.Image, named)
}

func (a *app) pushCommand() *cobra.Command {
	var (
		keyFile string
		pass    passphraseFlag
	)
	cmd := &cobra.Command{
		Use:   "push DIR REF",
		Short: "Copy a release to a registry",
		Long: `Copies the release in DIR to REF, HOST/REPOSITORY:TAG, byte for byte: the image,
its evidence and its sealed inputs. The tag is written last.

With --key, the name REF is signed as well, in the form that podman, skopeo and
bootc read: as the tag sha256-DIGEST.sig beside the image. It has to be the key that
signed the release, which is verified first, and REF has to end in what the release
is, NAME:VERSION-rN: podman then refuses the image under any other name.

Registries are logged in to as docker and podman do. ALL_PROXY=socks5h://HOST:PORT
puts everything behind Tor.`,
		Example: `  tailsbuild push dist/mqtt registry.example.org/tails/mqtt:2.7.9-r0
  tailsbuild push dist/mqtt registry.example.org/tails/mqtt:2.7.9-r0 --key my.key`,
	}
	cmd.Flags().StringVar(&keyFile, "key", "", "`FILE` with the private key that signed the release, or SCHEME://KEY of one that a program holds")
	pass.add(cmd)
	return leaf(cmd, cobra.ExactArgs(2), func(ctx context.Context, args []string) error {
		ref, err := registry.ParseReference(args[1])
		if err != nil {
			return err
		}
		var named *release.ReferenceSignature
		var key *sign.Key
		if keyFile != "" {
			if key, err = a.privateKey(ctx, keyFile, pass); err != nil {
				return err
			}
			// Before anything is written.
			if named, err = release.BindReference(ctx, args[0], key, ref.String()); err != nil {
				return asBroken(err)
			}
		}
		return a.push(ctx, args[0], ref, named, key)
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

func (a *app) push(ctx context.Context, dir string, ref registry.Reference, named *release.ReferenceSignature, key *sign.Key) error {
	image, err := registry.Push(ctx, ref, dir, registry.Options{})
	if err != nil {
		return asBroken(err)
	}
	if named != nil && named.Image != image.Digest {
		return &changedReleaseError{Dir: dir, Was: named.Image, Is: image.Digest}
	}
	if named != nil {
		s := registry.Signature{Image: named.Image, Payload: named.Payload, Signature: named.Signature}
		ours := func(signature []byte) bool {
			return key.Public().VerifyReference(named.Payload, signature, named.Reference, named.Image) == nil
		}
		if err := registry.AttachSignature(ctx, ref, s, ours, registry.Options{}); err != nil {
			return asBroken(err)
		}
	}
	return a.out.print(pushed{Reference: ref.String(), Image: image.Digest, Named: named != nil})
}
