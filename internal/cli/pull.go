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

// pullFlags say by whom an image is verified, and where it goes.
type pullFlags struct {
	judgeFlags
	movingFlags
	keyFile, engine, output string
}

func (f *pullFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.policy, "policy", "", "`FILE` with the policy to judge by (default "+systemPolicy+", then the user's)")
	flags.StringVar(&f.cache, "cache", "", "`DIR` that remembers trust roots (default trust in tailsbuild's state folder)")
	flags.StringVar(&f.platform, "platform", "", "`OS/ARCH` of the image that is meant, when REF is several (default this machine's; with --output, all)")
	flags.BoolVar(&f.accept, "accept", false, "ask a person at a terminal whether to accept what isn't trusted")
	flags.StringVar(&f.keyFile, "key", "", "`FILE` with the public key of who signed, to ask no policy")
	flags.Var(newOptionalChoice(&f.engine, engine.Names()...), "engine", "`ENGINE` that pulls: podman or docker (default the first of them that is there)")
	flags.StringVar(&f.output, "output", "", "`DIR` that becomes the whole release, without an engine")
	f.movingFlags.add(cmd)
}

// check returns a usageError for flags that contradict each other.
func (f *pullFlags) check() error {
	proxy := f.movingFlags.proxy
	f.judgeFlags.proxy = proxy
	switch {
	case f.keyFile != "" && f.judgeFlags != (judgeFlags{platform: f.platform, proxyFlag: f.judgeFlags.proxyFlag}):
		return usagef("--key asks no policy")
	case f.output != "" && f.engine != "":
		return usagef("--output is for the whole release, which no engine takes")
	case f.output == "" && f.skipInputs:
		return usagef("--skip-inputs is for --output: an engine gets the image alone")
	case f.output == "" && proxy != "":
		return usagef("--proxy is for --output: an engine connects by itself")
	}
	return nil
}

func (a *app) pullCommand() *cobra.Command {
	var f pullFlags
	cmd := &cobra.Command{
		Use:   "pull REF [--policy FILE | --key PUB] [--output DIR]",
		Short: "Verify an image, then have podman or docker pull it, or the whole release into a folder",
		Long: `Verifies the image that REF names in a registry as verify does, and only then has
podman, or docker where there is no podman, pull exactly this image, by its digest,
and tag it as REF says. What the tag means in the registry by then doesn't matter.
Exits as verify does when the image isn't trusted; nothing is pulled then.

With --output, no engine is asked: the image, or without --platform those of all
platforms, with everything that is attached and the sealed inputs become the folder
DIR, which is there once all of it is. An interrupted pull goes on when it is started
again. --key then also holds the sealed inputs to the provenance. Copying without
verifying is tailsbuild copy.

REF is HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST.`,
		Example: `  tailsbuild pull registry.example.org/tails/mqtt:2.7.9-r0
  tailsbuild pull registry.example.org/tails/mqtt:2.7.9-r0 --policy policy.hcl --engine docker
  tailsbuild pull registry.example.org/tails/mqtt:2.7.9-r0 --key my.pub
  tailsbuild pull registry.example.org/tails/mqtt:2.7.9-r0 --output mqtt`,
	}
	f.add(cmd)
	return leaf(cmd, cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		if err := f.check(); err != nil {
			return err
		}
		if f.output != "" {
			return a.pullFolder(ctx, args[0], &f)
		}
		return a.pullEngine(ctx, args[0], &f)
	})
}

// pullEngine has an engine pull the image.
func (a *app) pullEngine(ctx context.Context, arg string, f *pullFlags) error {
	e, err := engine.Find(f.engine)
	if err != nil {
		return err
	}
	p, err := e.Pull(ctx, arg, func(ctx context.Context, ref string) (digest.Digest, error) {
		if !isReference(ref) {
			return "", &engine.ReferenceError{Reference: ref}
		}
		if f.keyFile == "" {
			return a.verifiedByPolicy(ctx, ref, f.judgeFlags)
		}
		v, err := a.verifyByKey(ctx, ref, f.platform, f.keyFile, "")
		if err != nil {
			return "", err
		}
		return v.Image.Digest, nil
	})
	if err != nil {
		return err
	}
	return a.out.print(pulledImage{p})
}

// verifiedByPolicy prints the verdict on the image that ref names, and returns
// which it is if it may be used.
func (a *app) verifiedByPolicy(ctx context.Context, ref string, f judgeFlags) (digest.Digest, error) {
	j, err := a.newJudging(f)
	if err != nil {
		return "", err
	}
	defer j.connections.Close()
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
