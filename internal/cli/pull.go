package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/engine"
)

// A pulledImage is one that was verified, and that an engine has now.
type pulledImage struct{ *engine.Pulled }

func (p pulledImage) kind() string { return "pulled" }

func (p pulledImage) text(w io.Writer) {
	fmt.Fprintf(w, "%s has %s\n", p.Engine, p.Image)
	if p.Tag != "" {
		fmt.Fprintf(w, "  %-10s %s\n", "tagged", p.Tag)
	}
}

func (a *app) pullCommand() *cobra.Command {
	var (
		f               judgeFlags
		keyFile, chosen string
	)
	cmd := &cobra.Command{
		Use:   "pull REF [--policy FILE | --key PUB]",
		Short: "Verify an image, then have podman or docker pull it",
		Long: `Verifies the image that REF names in a registry as verify does, and only then has
podman, or docker where there is no podman, pull exactly this image, by its digest,
and tag it as REF says. What the tag means in the registry by then doesn't matter.
Exits as verify does when the image isn't trusted; nothing is pulled then.

REF is HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST.`,
		Example: `  tailsbuild pull registry.example.org/tails/mqtt:2.7.9-r0
  tailsbuild pull registry.example.org/tails/mqtt:2.7.9-r0 --policy policy.hcl --engine docker
  tailsbuild pull registry.example.org/tails/mqtt:2.7.9-r0 --key my.pub`,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.policy, "policy", "", "`FILE` with the policy to judge by (default "+systemPolicy+", then the user's)")
	flags.StringVar(&f.cache, "cache", "", "`DIR` that remembers trust roots (default trust in tailsbuild's state folder)")
	flags.StringVar(&f.platform, "platform", "", "`OS/ARCH` of the image that is meant, when REF is several (default this machine's)")
	flags.BoolVar(&f.accept, "accept", false, "ask a person at a terminal whether to accept what isn't trusted")
	flags.StringVar(&keyFile, "key", "", "`FILE` with the public key of who signed, to ask no policy")
	flags.Var(newOptionalChoice(&chosen, engine.Names()...), "engine", "`ENGINE` that pulls: podman or docker (default the first of them that is there)")
	return leaf(cmd, cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		if keyFile != "" && f != (judgeFlags{platform: f.platform}) {
			return usagef("--key asks no policy")
		}
		e, err := engine.Find(chosen)
		if err != nil {
			return err
		}
		p, err := e.Pull(ctx, args[0], func(ctx context.Context, ref string) (digest.Digest, error) {
			if !isReference(ref) {
				return "", &engine.ReferenceError{Reference: ref}
			}
			if keyFile == "" {
				return a.verifiedByPolicy(ctx, ref, f)
			}
			v, err := a.verifyByKey(ctx, ref, f.platform, keyFile)
			if err != nil {
				return "", err
			}
			return v.Image.Digest, nil
		})
		if err != nil {
			return err
		}
		return a.out.print(pulledImage{p})
	})
}

// verifiedByPolicy prints the verdict on the image that ref names, and returns
// which it is if it may be used.
func (a *app) verifiedByPolicy(ctx context.Context, ref string, f judgeFlags) (digest.Digest, error) {
	j, err := a.newJudging(f)
	if err != nil {
		return "", err
	}
	g, err := j.gather(ctx, ref, f)
	if err != nil {
		return "", asBroken(err)
	}
	images, err := j.assess(ctx, g)
	if err != nil {
		return "", err
	}
	s := images[0] // from a registry, the one for the platform
	refusal, err := j.judge(ctx, ref, s)
	if err := errors.Join(err, refusal); err != nil {
		return "", err
	}
	return s.Verdict.Digest, nil
}
