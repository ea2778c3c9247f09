package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
)

// A verified is what a release says, as far as a key vouches for it.
type verified struct{ *release.Verification }

func (v verified) kind() string { return "verification" }

func (v verified) text(w io.Writer) {
	p := v.Parameters
	line := func(name, format string, args ...any) {
		// A release comes from anywhere; what its key signed is shown, not obeyed.
		fmt.Fprintf(w, "  %-10s %s\n", name, progress.Clean(fmt.Sprintf(format, args...)))
	}
	fmt.Fprintf(w, "%s is verified\n", v.Dir)
	line("recipe", "%s %s-r%d for %s", p.Recipe, p.Version, p.Release, p.Arch)
	line("image", "%s", v.Image.Digest)
	line("size", "%s compressed, %s unpacked", size(v.Compressed), size(v.Unpacked))
	line("signed", "with key %s", v.Key)
	line("plan", "%s", p.Plan)
	line("lock", "%s, %d inputs", p.Lock, len(v.Dependencies))
	if s := v.Sealed; s != nil {
		line("sealed", "%d inputs, %s, all whole and what the builds read", s.Inputs, size(s.Size))
	}
	for _, r := range v.Reproductions {
		for _, b := range r.Builders {
			line("built by", "%s", b.ID)
		}
		line("varied", "%s", strings.Join(variedNames(r), ", "))
	}
	for i, p := range v.Problems {
		if i == shownProblems {
			line("", "and %d more", len(v.Problems)-i)
			break
		}
		line("ignored", "%s: %v", p.Manifest, p.Err)
	}
}

// shownProblems is how many problems people are shown: anybody who may push to a
// registry can make any number of them.
const shownProblems = 10

func variedNames(r release.Reproduction) []string {
	var names []string
	for _, v := range r.Varied {
		names = append(names, v.Name)
	}
	return names
}

// A brokenReleaseError reports a release whose files are not what their digests
// say, or no release at all.
type brokenReleaseError struct{ Err error }

func (e *brokenReleaseError) Error() string { return e.Err.Error() }
func (e *brokenReleaseError) Unwrap() error { return e.Err }

// asBroken wraps err if it is about what the files say rather than about reading
// them.
func asBroken(err error) error {
	var (
		digestErr   *oci.DigestError
		sizeErr     *oci.SizeError
		formatErr   *oci.FormatError
		limitErr    *oci.LimitError
		trailingErr *oci.TrailingError
		sealedErr   *inputs.SealedError
	)
	if errors.As(err, &digestErr) || errors.As(err, &sizeErr) || errors.As(err, &formatErr) ||
		errors.As(err, &limitErr) || errors.As(err, &trailingErr) || errors.As(err, &sealedErr) {
		return &brokenReleaseError{err}
	}
	return err
}

func (a *app) verifyCommand() *cobra.Command {
	var keyFile, platform string
	cmd := &cobra.Command{
		Use:   "verify DIR|REF --key PUB",
		Short: "Check a release from its files alone",
		Long: `Checks that the release is whole, and that the key signed what makes it one: the
image, the provenance of two builds that were different, and their comparison.
Exits with 4 when it is not so. No recipes are used.

The release is in the folder DIR, and then no network is used, or in a registry as
REF, HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST. A folder of that name comes
first; oci: before REF makes it a reference where it could be something else. A
tag is looked up once and says nothing by itself: what is printed as recipe is
what was signed. Sealed inputs in a registry are not fetched.

Registries are logged in to as docker and podman do. ALL_PROXY=socks5h://HOST:PORT
puts everything behind Tor.`,
		Example: `  tailsbuild verify dist/mqtt --key my.pub
  tailsbuild verify dist/mqtt --key my.pub --format json
  tailsbuild verify registry.example.org/tails/mqtt:2.7.9-r0 --key my.pub`,
	}
	cmd.Flags().StringVar(&keyFile, "key", "", "`FILE` with the public key of who signed (required)")
	cmd.Flags().StringVar(&platform, "platform", "", "`OS/ARCH` of the image that is meant, when REF is several (default this machine's)")
	return leaf(cmd, cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		if keyFile == "" {
			return usagef("--key PUB is missing")
		}
		key, err := openPublicKey(keyFile)
		if err != nil {
			return err
		}
		verify := func() (*release.Verification, error) { return release.Verify(ctx, args[0], key) }
		if isReference(args[0]) {
			verify = func() (*release.Verification, error) { return a.verifyReference(ctx, args[0], platform, key) }
		} else if platform != "" {
			return usagef("--platform is for references")
		}
		v, err := verify()
		if err != nil {
			return asBroken(err)
		}
		return a.out.print(verified{v})
	})
}
