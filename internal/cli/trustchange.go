package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
	"gitlab.com/tailsbuild/tailsbuild/internal/trustroot"
)

// change makes a change to the trust root and prints what is staged then.
func (a *app) change(f trustFlag, do func(*trustroot.Repo) error) error {
	return f.with(false, func(r *trustroot.Repo) error {
		if err := do(r); err != nil {
			return err
		}
		s, err := newStaging(f.dir, r)
		if err != nil {
			return err
		}
		return a.out.print(s)
	})
}

func (a *app) trustDelegateCommand() *cobra.Command {
	var (
		f         trustFlag
		name      string
		files     []string
		threshold int
	)
	cmd := &cobra.Command{
		Use:   "delegate NAME-PATTERN --key PUB...",
		Short: "Let keys release images with certain names",
		Long: `Stages a delegation: the keys (tagging keys) may release the images whose names
fit the pattern, where "*" stands for any characters and "?" for one. No name may
fit two delegations. Its first list, which is empty, is staged too: the targets are
published when the targets keys have signed them and the tagging keys the list.`,
		Example: `  tailsbuild trust delegate mqtt --key maria.pub
  tailsbuild trust delegate 'onion-*' --name onion --key max.pub --key maria.pub --threshold 2`,
	}
	f.add(cmd)
	cmd.Flags().StringVar(&name, "name", "", "`NAME` of the delegation, and of its file (default: the pattern)")
	cmd.Flags().StringArrayVar(&files, "key", nil, "`FILE` with a public tagging key; may be repeated (required)")
	cmd.Flags().IntVar(&threshold, "threshold", 1, "how many of the keys have to sign")
	return leaf(cmd, cobra.ExactArgs(1), func(_ context.Context, args []string) error {
		if len(files) == 0 {
			return usagef("--key PUB is missing")
		}
		if name == "" {
			name = args[0]
		}
		if strings.ContainsAny(name, "*?") {
			return usagef("a pattern needs a name: --name NAME")
		}
		keys, err := publicKeys(files)
		if err != nil {
			return err
		}
		return a.change(f, func(r *trustroot.Repo) error {
			return r.Delegate(name, args[0], trustroot.Signers{Keys: keys, Threshold: threshold})
		})
	})
}

func (a *app) trustAddCommand() *cobra.Command {
	var (
		f          trustFlag
		keyFile    string
		rebuilders int
	)
	cmd := &cobra.Command{
		Use:   "add RELEASE --key PUB",
		Short: "List a release",
		Long: `Verifies the release in the folder RELEASE as tailsbuild verify does, by the key
that it was signed with when it was built, and stages its entry: name, version,
digest, platform and bundles, in the delegation that owns the name. A tagging key
signs the entry then. It may be the same key.`,
		Example: `  tailsbuild trust add dist/mqtt --key builder.pub
  tailsbuild trust add dist/mqtt --key builder.pub --rebuilders 2
  tailsbuild trust sign mqtt --key tag.key`,
	}
	f.add(cmd)
	cmd.Flags().StringVar(&keyFile, "key", "", "`FILE` with the public key that the release is signed with (required)")
	cmd.Flags().IntVar(&rebuilders, "rebuilders", 0, "rebuilders of how many organisations users should ask for")
	return leaf(cmd, cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		if keyFile == "" {
			return usagef("--key PUB is missing")
		}
		key, err := openPublicKey(keyFile)
		if err != nil {
			return err
		}
		entry, err := verifiedEntry(ctx, args[0], key, rebuilders)
		if err != nil {
			return err
		}
		return a.change(f, func(r *trustroot.Repo) error {
			_, err := r.Add(*entry)
			return err
		})
	})
}

// verifiedEntry returns what the trust root lists of a release that key signed.
func verifiedEntry(ctx context.Context, dir string, key *sign.PublicKey, rebuilders int) (*trustroot.Release, error) {
	v, err := release.Verify(ctx, dir, key)
	if err != nil {
		return nil, asBroken(err)
	}
	images := v.Platforms
	if images == nil {
		images = []*release.Verification{v}
	}
	platforms := map[string]digest.Digest{}
	for _, one := range images {
		p := one.Image.Platform
		if p == nil || p.OS == "" || p.Architecture == "" {
			return nil, &brokenReleaseError{fmt.Errorf("release %s: its image names no platform", dir)}
		}
		platforms[strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")] = one.Image.Digest
	}
	return &trustroot.Release{
		Ref:   trust.Ref{Name: v.Parameters.Recipe, Version: v.Parameters.Version, Release: v.Parameters.Release},
		Image: v.Image.Digest, Size: v.Image.Size,
		Target: trust.Target{Platforms: platforms, Bundles: v.Bundles, MinimumRebuilders: rebuilders},
	}, nil
}

func (a *app) trustRotateCommand() *cobra.Command {
	var (
		f           trustFlag
		add, remove []string
		threshold   int
	)
	cmd := &cobra.Command{
		Use:   "rotate ROLE --add PUB... --remove KEY...",
		Short: "Change who may sign for a role",
		Long: `Stages a change of the keys of ROLE: root, targets, snapshot, timestamp or a
delegation's name. A new root needs signatures of enough keys of the root before it
and of enough of its own. What the removed keys had signed is staged again, if the
others have not signed it too. KEY is a public key's file, or its ID.`,
		Example: `  tailsbuild trust rotate root --remove carol.pub --add dora.pub
  tailsbuild trust rotate timestamp --remove pF3xT0aZ --add ci2.pub
  tailsbuild trust rotate mqtt --add max.pub --threshold 2`,
	}
	f.add(cmd)
	cmd.Flags().StringArrayVar(&add, "add", nil, "`FILE` with a public key that may sign from now on; may be repeated")
	cmd.Flags().StringArrayVar(&remove, "remove", nil, "`KEY` that may not any more; may be repeated")
	cmd.Flags().IntVar(&threshold, "threshold", 0, "how many of the keys have to sign (default: as before)")
	return leaf(cmd, cobra.ExactArgs(1), func(_ context.Context, args []string) error {
		keys, err := publicKeys(add)
		if err != nil {
			return err
		}
		refs, err := keyRefs(remove)
		if err != nil {
			return err
		}
		return a.change(f, func(r *trustroot.Repo) error {
			return r.Rotate(args[0], trustroot.Rotation{Add: keys, Remove: refs, Threshold: threshold})
		})
	})
}

func (a *app) trustRevokeCommand() *cobra.Command {
	var (
		f                 trustFlag
		reason, threshold = "", 0
		add               []string
	)
	kinds := []string{"key", "delegation", "release"}
	cmd := &cobra.Command{
		Use:   "revoke key|delegation|release WHAT --reason TEXT",
		Short: "Take trust back, and say why",
		Long: `Stages that something is trusted no more: a key, wherever it may sign (a file or
an ID; --add takes another in its place); a delegation, with all of its images; or
one release, NAME:VERSION-rN, which stays listed as revoked. Users are shown the
reason, but for keys of root, targets, snapshot and timestamp, which have none.`,
		Example: `  tailsbuild trust revoke release mqtt:2.7.9-r0 --reason 'CVE-2026-1234: update to 2.7.10'
  tailsbuild trust revoke key maria.pub --add max.pub --reason 'stolen on 22 November'
  tailsbuild trust revoke delegation mqtt --reason 'no longer maintained'`,
	}
	f.add(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` that users are shown (required)")
	cmd.Flags().StringArrayVar(&add, "add", nil, "`FILE` with a public key to put in place of a revoked one; may be repeated")
	cmd.Flags().IntVar(&threshold, "threshold", 0, "how many of the remaining keys have to sign (default: as before)")
	return leaf(cmd, cobra.ExactArgs(2), func(_ context.Context, args []string) error {
		switch {
		case !slices.Contains(kinds, args[0]):
			return usagef("%q can't be revoked, only %s", args[0], strings.Join(kinds, ", "))
		case reason == "":
			return usagef("--reason TEXT is missing")
		case args[0] != "key" && (len(add) > 0 || threshold != 0):
			return usagef("--add and --threshold are for revoke key")
		}
		return a.trustRevoke(f, args[0], args[1], reason, add, threshold)
	})
}

func (a *app) trustRevoke(f trustFlag, kind, what, reason string, add []string, threshold int) error {
	keys, err := publicKeys(add)
	if err != nil {
		return err
	}
	return a.change(f, func(r *trustroot.Repo) error {
		switch kind {
		case "delegation":
			return r.RevokeDelegation(what, reason)
		case "release":
			ref, err := trust.ParsePath(strings.Replace(what, ":", "/", 1))
			if err != nil {
				return usagef("%q is not NAME:VERSION-rN", what)
			}
			_, err = r.RevokeRelease(ref, reason)
			return err
		}
		refs, err := keyRefs([]string{what})
		if err != nil {
			return err
		}
		_, err = r.RevokeKey(refs[0], trustroot.Rotation{Add: keys, Threshold: threshold}, reason)
		return err
	})
}

func (a *app) trustExpireCommand() *cobra.Command {
	var (
		f       trustFlag
		expires string
	)
	cmd := &cobra.Command{
		Use:   "expire ROLE --expires WHEN",
		Short: "Renew a role's metadata",
		Long: `Stages the metadata of ROLE (root, targets or a delegation's name) as it is, with
another date on which it expires. Clients refuse what has expired. Every other
change renews it, too: the root for 365 days, targets for 180, delegations for 90.`,
		Example: `  tailsbuild trust expire root --expires 365d
  tailsbuild trust expire mqtt --expires 2027-02-28`,
	}
	f.add(cmd)
	cmd.Flags().StringVar(&expires, "expires", "", expiresHelp+" (required)")
	return leaf(cmd, cobra.ExactArgs(1), func(_ context.Context, args []string) error {
		at, err := parseExpiry(expires)
		if err != nil {
			return err
		}
		if at.IsZero() {
			return usagef("--expires WHEN is missing")
		}
		return a.change(f, func(r *trustroot.Repo) error { return r.Expire(args[0], at) })
	})
}
