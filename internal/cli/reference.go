package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// isReference reports whether a command's argument names an image in a registry,
// not a folder.
func isReference(arg string) bool {
	if info, err := os.Stat(arg); err == nil && info.IsDir() {
		return false
	}
	return registry.LooksLike(arg)
}

// fetchOptions are those of what is fetched to be verified, through a proxy if one is
// named.
func fetchOptions(proxy string) registry.Options {
	return registry.Options{
		Proxy:     proxy,
		Artifacts: []registry.Artifact{{Type: sign.BundleMediaType, MaxBlobs: 1, MaxSize: sign.MaxBundle}},
		Others:    []string{inputs.SealedType, evidence.MediaType},
	}
}

// inTemp calls f with the name of a layout that it may make, and that is removed
// afterwards.
func inTemp(f func(dir string) error) error {
	temp, err := os.MkdirTemp("", "tailsbuild-")
	if err != nil {
		return err
	}
	return errors.Join(f(filepath.Join(temp, "release")), os.RemoveAll(temp))
}

// verifyReference fetches the release that s names, and verifies it.
func (a *app) verifyReference(ctx context.Context, s, platform, proxy string, key *sign.PublicKey) (v *release.Verification, err error) {
	ref, err := registry.ParseReference(s)
	if err != nil {
		return nil, err
	}
	opts := fetchOptions(proxy)
	opts.Layers = true
	err = inTemp(func(dir string) error {
		fetched, err := registry.Fetch(ctx, ref, platform, dir, opts)
		if err != nil {
			return err
		}
		v, err = release.VerifyWith(ctx, dir, key, release.VerifyOptions{Called: ref.String()})
		if err != nil {
			a.warnProblems(fetched.Problems)
			return err
		}
		for _, p := range fetched.Problems {
			v.Problems = append(v.Problems, release.Problem(p))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// warnProblems says what was found in a registry and could not be used, which may
// be why something else is missing.
func (a *app) warnProblems(problems []registry.Problem) {
	for i, p := range problems {
		if i == shownProblems {
			a.warn("and %d more", len(problems)-i)
			return
		}
		a.warn("ignored %s: %s", p.Manifest, progress.Clean(p.Err.Error()))
	}
}
