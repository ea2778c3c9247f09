package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/rebuild"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// auditFlags say what is audited, and who says what came out.
type auditFlags struct {
	judge   judgeFlags
	draw    progressFlag
	pass    passphraseFlag
	asked   serviceFlags
	keyFile string // the public key of who signed
	expect  string
	source  string
	force   bool
	ownKey  string
	builder string
	publish string
	reveal  string // what opens commitments
	output  string
	work    string
	timeout timeoutFlag
	many    manyFlags
}

// addVerify adds how releases are verified, and where what is done meanwhile is kept.
func (f *auditFlags) addVerify(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.keyFile, "key", "", "`FILE` with the public key of who signed the release, to ask no policy")
	flags.StringVar(&f.judge.policy, "policy", "", "`FILE` with the policy to judge by (default "+systemPolicy+", then the user's)")
	flags.StringVar(&f.judge.reference, "reference", "", "`NAME` that the image was asked for by (default: what a trust root or signer of the policy calls it)")
	flags.StringVar(&f.judge.cache, "cache", "", "`DIR` that keeps trust roots for audits (default in the user's state folder)")
	flags.StringVar(&f.judge.platform, "platform", "", "`OS/ARCH` of the image that is meant, of a release for several (default this machine's)")
	f.judge.proxyFlag.add(cmd)
	flags.BoolVar(&f.judge.offline, "offline", false, "use no network for the policy's trust root and statements; a rebuild never has one")
	flags.StringVar(&f.work, "work", "", "`DIR` to work in, which nothing is left in (default in tailsbuild's cache folder)")
}

// addOwn adds who speaks: id is the flag with who that is.
func (f *auditFlags) addOwn(cmd *cobra.Command, id string) {
	flags := cmd.Flags()
	flags.StringVar(&f.ownKey, "own-key", "", "`FILE` with the auditor's private key, or SCHEME://KEY, to sign statements with")
	flags.StringVar(&f.builder, id, "", "`URI` of who says what the statements say")
	f.pass.add(cmd)
	flags.StringVar(&f.asked.config, "signing-config", "", "`FILE` that names the services to ask about what is signed")
	flags.StringVar(&f.asked.root, "trusted-root", "", "`FILE` with the keys of these services, sigstore's trusted root")
}

func (f *auditFlags) add(cmd *cobra.Command) {
	f.addVerify(cmd)
	f.addOwn(cmd, "builder-id")
	flags := cmd.Flags()
	flags.StringVar(&f.expect, "expect", "", "`DIGEST` that the image, or its index, has to have, from somebody else than the registry or the builder")
	flags.StringVar(&f.source, "source", "", "`DIR` with recipes, that the release's have to be the same as")
	flags.BoolVar(&f.force, "other-toolchain", false, "rebuild even when this tailsbuild's toolchain record is another than the release's")
	flags.StringVar(&f.publish, "publish", "", "`DIR`, or oci:HOST/REPO, that the signed statements are added to")
	flags.StringVar(&f.reveal, "reveal", "", "`FILE`, or the folder with all of them, that opens the commitment made by audit commit")
	flags.StringVar(&f.output, "output", "audit", "`DIR` for the reports")
	f.timeout.add(cmd)
	f.draw.add(cmd)
}

func (f *auditFlags) check() error {
	if f.keyFile != "" && f.judge != (judgeFlags{platform: f.judge.platform, proxyFlag: f.judge.proxyFlag}) {
		return usagef("--key asks no policy")
	}
	if d := digest.Digest(f.expect); f.expect != "" && (d.Validate() != nil || d.Algorithm() != digest.SHA256) {
		return usagef("--expect %q is no digest, sha256:HEX", f.expect)
	}
	if (f.ownKey == "") != (f.builder == "") {
		return usagef("--own-key and --builder-id go together: a statement says which builder found out what it says")
	}
	if f.builder != "" {
		if err := evidence.CheckBuilderID(f.builder); err != nil {
			return usagef("--builder-id: %v", err)
		}
	}
	if err := f.asked.check(f.ownKey); err != nil {
		return err
	}
	if f.asked.config != "" && f.ownKey == "" {
		return usagef("--signing-config is for what --own-key signs")
	}
	if _, err := policy.Repository(f.publish); err != nil {
		return usagef("--publish: %v", err)
	}
	if f.publish != "" && f.ownKey == "" {
		return usagef("--publish needs --own-key and --builder-id: only what is signed is published")
	}
	if f.reveal != "" && f.ownKey == "" {
		return usagef("--reveal needs the --own-key and --builder-id that have committed")
	}
	return nil
}

func (a *app) auditCommand() *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use:   "audit DIR|REF|FILE | --all CATALOGUE",
		Short: "Rebuild somebody's release from its own sealed inputs, and say what came out",
		Long: `Verifies a release, in a folder, a registry or an export file, as verify does, takes recipe, lock and all inputs from the
release itself, and builds it again, with no network and an empty store: once, with a
variation of its own. Then the two images are compared. The outcome is

  REPRODUCED           0  the same image came out, bit for bit
  DIFFERENT            1  another one did, or another one was expected
  BUILD-FAILED         7  the recipe's own step failed
  INPUTS-MISSING       6  the release lacks an input, or has another than it was built from
  TOOLCHAIN-MISMATCH   9  the release was made for another toolchain than this one's

with its exit code. DIR/NAME has the report, as text, JSON and HTML, and the image that
came out if it is another one. A rebuild that is different is signed as well as one
that is the same: with --own-key and --builder-id, two statements say what came out and
from what. --publish adds them to a folder of the auditor's own, which policies name.

--expect is the digest that somebody who tested the image says it has, --source the
recipes as the auditor knows them. --all audits what a file lists, a reference or folder
a line, with the digest to expect behind it if it is known, or all releases of a trust
root of the policy, as trust-root:NAME. See docs/audit.md.`,
		Example: `  tailsbuild audit dist/mqtt --key tails.pub
  tailsbuild audit registry.example/tails/mqtt:2.7.9-r0 --policy policy.hcl
  tailsbuild audit /media/stick/mqtt --key tails.pub --expect sha256:0123… --source recipes
  tailsbuild audit dist/mqtt --key tails.pub --own-key my.key --builder-id https://rebuild.example/v1 --publish statements
  tailsbuild audit --all trust-root:tails --registry registry.example/tails --since 24h --jobs auto`,
	}
	f.add(cmd)
	f.many.add(cmd)
	cmd.AddCommand(a.auditCommitCommand(), a.auditWithdrawCommand(), a.auditSummaryCommand())
	return leaf(cmd, cobra.MaximumNArgs(1), func(ctx context.Context, args []string) error {
		if err := errors.Join(f.check(), f.many.check(f, len(args))); err != nil {
			return err
		}
		if f.many.all != "" {
			return a.auditAll(ctx, f)
		}
		return a.audit(ctx, f, args[0])
	})
}

// An auditor is one run of audit: how releases are verified, and who speaks.
type auditor struct {
	*app
	flags auditFlags
	by    signedBy
	// key opens the auditor's own key, once. It returns nil when nothing is to be
	// signed.
	key  func() (*sign.Key, error)
	work string
}

// newAuditor reads what all audits of a run need. work is a folder to work in.
func (a *app) newAuditor(ctx context.Context, f auditFlags, work string) (_ *auditor, err error) {
	u := &auditor{app: a, flags: f, work: work}
	if u.by, err = a.newSignedBy(f); err != nil {
		return nil, err
	}
	if f.source != "" {
		// Before anything is built that would be in vain.
		if _, err := u.openSource(f.source); err != nil {
			return nil, err
		}
	}
	u.key = func() (*sign.Key, error) { return nil, nil }
	if f.ownKey != "" {
		open, err := a.askForSigner(ctx, f.ownKey, f.pass, f.asked)
		if err != nil {
			return nil, err
		}
		u.key = sync.OnceValues(func() (*sign.Key, error) { return open(ctx) })
	}
	return u, nil
}

func (a *app) audit(ctx context.Context, f auditFlags, target string) error {
	return a.inWork(ctx, f, func(u *auditor) error {
		d, err := a.display(f.draw)
		if err != nil {
			return err
		}
		out, err := u.one(ctx, target, digest.Digest(f.expect), d)
		if err := errors.Join(d.Close(), err); err != nil {
			return a.showVerdict(err)
		}
		if err := a.out.print(out); err != nil {
			return err
		}
		return out.err()
	})
}

// inWork calls do with an auditor that has a folder to work in.
func (a *app) inWork(ctx context.Context, f auditFlags, do func(*auditor) error) (err error) {
	work, err := f.scratch()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, work.remove()) }()
	u, err := a.newAuditor(ctx, f, work.dir)
	if err != nil {
		return err
	}
	return do(u)
}

// scratch returns a folder to work in.
func (f *auditFlags) scratch() (*scratch, error) {
	dir, err := (&inputFlags{store: f.work}).storeDir()
	if err != nil {
		return nil, err
	}
	return newScratch(filepath.Join(dir, "work"))
}

// one audits one release, and writes the report. An error is one of this machine,
// of the network or of the command line, or that the release isn't to be trusted:
// nothing was found out then about what comes out of it.
func (u *auditor) one(ctx context.Context, target string, expect digest.Digest, d *progress.Display) (_ *audited, err error) {
	work, err := os.MkdirTemp(u.work, "audit-")
	if err != nil {
		return nil, err
	}
	t := &oneAudit{auditor: u, target: target, work: work, draw: d, out: &audited{Target: target, Expected: expect, started: time.Now()}}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.verify(ctx); err != nil {
		return nil, err
	}
	attempt, err := t.attempt(ctx)
	if err != nil {
		return nil, err
	}
	if err := t.conclude(ctx, attempt); err != nil {
		return nil, fmt.Errorf("audit %s: %w", target, err)
	}
	return t.out, nil
}

// conclude signs what came of it, writes the report, and publishes.
func (t *oneAudit) conclude(ctx context.Context, attempt *rebuild.Attempt) error {
	out := t.out
	out.Outcome, out.Reason, out.Rebuilt = attempt.Outcome(), attempt.Reason(), attempt.Rebuilt()
	out.At = time.Now().UTC().Truncate(time.Millisecond)
	out.Seconds = time.Since(out.started).Seconds()
	var statements []rebuild.Statement
	key, err := t.key()
	if err != nil {
		return err
	}
	if key != nil {
		who := rebuild.Auditor{Builder: t.flags.builder, Version: thisVersion().Version, At: out.At}
		if statements, err = attempt.State(ctx, key, who, t.by.signers); err != nil {
			return err
		}
		out.KeyID, out.BuilderID = key.Public().ID(), t.flags.builder
	}
	// A place that is out of order costs no report, which has the statements, too.
	if t.flags.publish != "" {
		if err = t.publish(ctx, statements); err == nil {
			out.Published = t.flags.publish
		}
	}
	return errors.Join(err, t.report(ctx, attempt, statements))
}

// publish adds statements to the auditor's own place.
func (u *auditor) publish(ctx context.Context, statements []rebuild.Statement) error {
	repository, err := policy.Repository(u.flags.publish)
	if err != nil {
		return err
	}
	if repository != "" {
		return rebuild.PublishTo(ctx, repository, statements, registry.Options{Proxy: u.flags.judge.proxy})
	}
	return rebuild.Publish(u.flags.publish, statements)
}
