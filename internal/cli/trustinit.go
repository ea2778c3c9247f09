package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/trustroot"
)

// initFlags say who may sign what in a new trust root.
type initFlags struct {
	trustFlag
	root, targets, snapshot, timestamp []string
	threshold, targetsThreshold        int
	expires                            string
}

func (a *app) trustInitCommand() *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init --threshold M --root-key PUB... --snapshot-key PUB --timestamp-key PUB",
		Short: "Stage a new trust root, from public keys",
		Long: `Stages a new trust root: who may sign it (M of the root keys), the targets (who
may release which images; the root keys, unless there are targets keys), the
snapshot and the timestamp. The keys are made on their owners' machines, with
tailsbuild key new; only the public ones are needed here, and nothing is signed.`,
		Example: `  tailsbuild trust init --threshold 2 --root-key a.pub --root-key b.pub --root-key c.pub \
      --snapshot-key ci.pub --timestamp-key ci.pub
  tailsbuild trust sign --all --key a.key`,
	}
	f.add(cmd)
	cmd.Flags().IntVar(&f.threshold, "threshold", 0, "how many root keys have to sign (required)")
	cmd.Flags().StringArrayVar(&f.root, "root-key", nil, "`FILE` with a public root key; may be repeated (required)")
	cmd.Flags().StringArrayVar(&f.targets, "targets-key", nil, "`FILE` with a public targets key; may be repeated (default: the root keys)")
	cmd.Flags().IntVar(&f.targetsThreshold, "targets-threshold", 0, "how many targets keys have to sign (default: as of the root keys, or 1)")
	cmd.Flags().StringArrayVar(&f.snapshot, "snapshot-key", nil, "`FILE` with a public snapshot key; may be repeated (required)")
	cmd.Flags().StringArrayVar(&f.timestamp, "timestamp-key", nil, "`FILE` with a public timestamp key; may be repeated (required)")
	cmd.Flags().StringVar(&f.expires, "expires", "", expiresHelp+" (root; default 365d)")
	return leaf(cmd, cobra.NoArgs, func(context.Context, []string) error { return a.trustInit(f) })
}

func (a *app) trustInit(f initFlags) error {
	if f.threshold == 0 {
		return usagef("--threshold M is missing")
	}
	if len(f.targets) == 0 {
		f.targets = f.root
		if f.targetsThreshold == 0 {
			f.targetsThreshold = f.threshold
		}
	}
	expires, err := parseExpiry(f.expires)
	if err != nil {
		return err
	}
	in := trustroot.Initial{RootExpires: expires}
	for _, s := range []struct {
		signers   *trustroot.Signers
		files     []string
		threshold int
	}{
		{&in.Root, f.root, f.threshold},
		{&in.Targets, f.targets, max(1, f.targetsThreshold)},
		{&in.Snapshot, f.snapshot, 1},
		{&in.Timestamp, f.timestamp, 1},
	} {
		keys, err := publicKeys(s.files)
		if err != nil {
			return err
		}
		*s.signers = trustroot.Signers{Keys: keys, Threshold: s.threshold}
	}
	if err := trustroot.Init(f.dir, in, trustroot.Options{Now: time.Now()}); err != nil {
		return err
	}
	if f.threshold == 1 {
		a.warn("with a threshold of 1, whoever steals one root key is the trust root")
	}
	return a.staged(f.dir)
}

// staged prints what is staged in dir.
func (a *app) staged(dir string) error {
	return withTrustRoot(dir, true, func(r *trustroot.Repo) error {
		s, err := newStaging(dir, r)
		if err != nil {
			return err
		}
		return a.out.print(s)
	})
}
