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
	fmt.Fprintf(w, "%s is verified\n", progress.Line(v.Dir))
	line := said(w, "  ")
	p := v.Parameters
	if v.Platforms == nil {
		line("recipe", "%s %s-r%d for %s", p.Recipe, p.Version, p.Release, p.Arch)
		line("image", "%s", v.Image.Digest)
	} else {
		line("recipe", "%s %s-r%d", p.Recipe, p.Version, p.Release)
		line("index", "%s", v.Image.Digest)
	}
	if len(v.Lacks) > 0 {
		line("lacks", "%s", strings.Join(v.Lacks, ", "))
	}
	line("signed", "with key %s", v.Key)
	if v.Platforms == nil {
		v.image(line)
	}
	for _, one := range v.Platforms {
		line("platform", "%s, %s", one.Parameters.Arch, one.Image.Digest)
		verified{one}.image(said(w, "    "))
	}
	for i, p := range v.Problems {
		if i == shownProblems {
			line("", "and %d more", len(v.Problems)-i)
			break
		}
		line("ignored", "%s: %v", p.Manifest, p.Err)
	}
}

// said returns a function that writes lines to w. A release comes from anywhere; what
// its key signed is shown, not obeyed.
func said(w io.Writer, indent string) func(name, format string, args ...any) {
	return func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s%-10s %s\n", indent, name, progress.Line(fmt.Sprintf(format, args...)))
	}
}

// image writes what was verified of one image.
func (v verified) image(line func(name, format string, args ...any)) {
	p := v.Parameters
	line("size", "%s compressed, %s unpacked", size(v.Compressed), size(v.Unpacked))
	line("plan", "%s", p.Plan)
	line("lock", "%s, %d inputs", p.Lock, len(v.Dependencies))
	if s := v.Sealed; s != nil {
		line("sealed", "%d inputs, %s, all whole and what the builds read", s.Inputs, size(s.Size))
	}
	for _, r := range v.Reproductions {
		for _, b := range r.Builders {
			how := ""
			if b.Emulation != "" {
				how = ", emulating " + b.Emulation
			}
			line("built by", "%s%s", b.ID, how)
		}
		line("varied", "%s", strings.Join(variedNames(r), ", "))
	}
	v.about(line)
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
// say, or not there, or no release at all.
type brokenReleaseError struct{ Err error }

func (e *brokenReleaseError) Error() string { return e.Err.Error() }
func (e *brokenReleaseError) Unwrap() error { return e.Err }

// asBroken wraps err if it is about what the files say rather than about reading
// them.
func asBroken(err error) error {
	var (
		digestErr   *oci.DigestError
		missingErr  *oci.MissingError
		sizeErr     *oci.SizeError
		formatErr   *oci.FormatError
		limitErr    *oci.LimitError
		trailingErr *oci.TrailingError
		sealedErr   *inputs.SealedError
		archiveErr  *oci.ArchiveError
	)
	if errors.As(err, &digestErr) || errors.As(err, &missingErr) || errors.As(err, &sizeErr) || errors.As(err, &formatErr) ||
		errors.As(err, &limitErr) || errors.As(err, &trailingErr) || errors.As(err, &sealedErr) || errors.As(err, &archiveErr) {
		return &brokenReleaseError{err}
	}
	return err
}

func (a *app) verifyCommand() *cobra.Command {
	var (
		keyFile string
		f       judgeFlags
	)
	cmd := &cobra.Command{
		Use:   "verify DIR|REF... [--policy FILE] | verify DIR|REF --key PUB",
		Short: "Check releases, by a policy or by one key",
		Long: `Checks that the image of a release is whole, and judges it by a policy and what the
policy's trust root says: trusted, foreign, unsigned or refused, with all reasons.
Exits with 0 when it is trusted or was accepted, with 8 when it is foreign, with 4
when it isn't trusted for another reason, a file that it lacks among them, and with 5
when nothing could be read: no such folder, or no answer from the registry. Once a
release is trusted, older ones of its name are refused here.

A release is in the folder DIR, or in a registry as REF, HOST/REPOSITORY:TAG or
HOST/REPOSITORY@DIGEST, or oci:REF where that could be a folder. From a registry,
layers are read with --key alone: the verdict of a policy is on the manifest's digest.
Without --reference, a release in a folder has the name that a trust root or a signer
of the policy gives it. With --accept, a person at a terminal can accept one that is
foreign or, twice, one that is unsigned; what is refused stays refused.

With --key, checks that the key signed what makes the release one: the image, the
provenance of two builds that were different, and their comparison; and that sealed
inputs in a folder are whole. No policy, trust root or recipe is used then.`,
		Example: `  tailsbuild verify dist/mqtt --policy policy.hcl
  tailsbuild verify registry.example/tails/mqtt:2.7.9-r0
  tailsbuild verify /media/stick/* --offline --format json
  tailsbuild verify dist/mqtt --key my.pub`,
	}
	cmd.Flags().StringVar(&keyFile, "key", "", "`FILE` with the public key of who signed, to ask no policy")
	f.add(cmd)
	return leaf(cmd, cobra.MinimumNArgs(1), func(ctx context.Context, args []string) error {
		if err := noExport(args...); err != nil {
			return err
		}
		if keyFile == "" {
			return a.judge(ctx, f, args)
		}
		if f != (judgeFlags{platform: f.platform, proxyFlag: f.proxyFlag}) || len(args) > 1 {
			return usagef("--key is for one release, without a policy")
		}
		_, err := a.verifyByKey(ctx, args[0], f.platform, keyFile, f.proxy)
		return err
	})
}

// verifyByKey prints what a key says of a release, and returns it.
func (a *app) verifyByKey(ctx context.Context, arg, platform, keyFile, proxy string) (*release.Verification, error) {
	key, err := openPublicKey(keyFile)
	if err != nil {
		return nil, err
	}
	verify := func() (*release.Verification, error) { return release.Verify(ctx, arg, key) }
	if isReference(arg) {
		verify = func() (*release.Verification, error) { return a.verifyReference(ctx, arg, platform, proxy, key) }
	} else if platform != "" {
		return nil, usagef("--platform is for references")
	}
	v, err := verify()
	if err != nil {
		return nil, asBroken(err)
	}
	return v, a.out.print(verified{v})
}
