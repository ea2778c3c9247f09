package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/assess"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/rebuild"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

// A stated is a statement about a release that was signed and published without a
// rebuild.
type stated struct {
	Target string `json:"target"`
	// Says is what, in one line.
	Says  string        `json:"says"`
	Name  string        `json:"name"`
	Image digest.Digest `json:"image"`
	// By is who says it, KeyID the key.
	By        string `json:"by"`
	KeyID     string `json:"keyId"`
	Published string `json:"published"`
	// Rebuilders are those that agree, in an agreement.
	Rebuilders []verdict.Counted `json:"rebuilders,omitempty"`
}

func (s stated) kind() string { return "statement" }

func (s stated) text(w io.Writer) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s %s\n", name, progress.Clean(fmt.Sprintf(format, args...)))
	}
	fmt.Fprintf(w, "%s %s\n", progress.Clean(s.Target), s.Says)
	line("image", "%s, %s", s.Name, s.Image)
	for _, r := range s.Rebuilders {
		line("rebuilt by", "%s, %s", r.Organisation, r.Builder)
	}
	line("signed", "by %s, with key %s", s.By, s.KeyID)
	line("added to", "%s", s.Published)
}

// state signs and publishes what is said of a release.
func (u *auditor) state(ctx context.Context, out stated, sign func(rebuild.Auditor) ([]rebuild.Statement, error)) error {
	out.By, out.Published = u.flags.builder, u.flags.publish
	statements, err := sign(rebuild.Auditor{Builder: u.flags.builder, Version: thisVersion().Version, At: time.Now()})
	if err != nil {
		return err
	}
	out.KeyID = statements[0].Attachment.Key.ID()
	if err := u.publish(ctx, statements); err != nil {
		return err
	}
	return u.out.print(out)
}

// sayFlags are those of statements without a rebuild.
func (f *auditFlags) addSay(cmd *cobra.Command, id, what string) {
	f.addVerify(cmd)
	f.addOwn(cmd, id)
	cmd.Flags().StringVar(&f.publish, "publish", "", "`DIR`, or oci:HOST/REPO, that "+what+" is added to")
}

// checkSay wants to know who says it, and where.
func (f *auditFlags) checkSay(id string) error {
	if f.ownKey == "" || f.builder == "" || f.publish == "" {
		return usagef("--own-key, --%s and --publish are all needed", id)
	}
	return f.check()
}

func (a *app) auditWithdrawCommand() *cobra.Command {
	var f auditFlags
	var reason string
	cmd := &cobra.Command{
		Use:   "withdraw DIR|REF --reason TEXT",
		Short: "Take back what was said about a release",
		Long: `Says, in a signed statement, that what this auditor has said about a release counts
no more, whether it was that it is reproduced or that it is different: the machine may
have been broken, or broken into. Of an auditor's statements about an image the newest
counts. Another audit is another, newer one.`,
		Example: `  tailsbuild audit withdraw registry.example/tails/mqtt:2.7.9-r0 --policy policy.hcl \
      --reason "the machine was broken into" --own-key my.key \
      --builder-id https://rebuild.example/v1 --publish statements`,
	}
	f.addSay(cmd, "builder-id", "the statement")
	cmd.Flags().StringVar(&reason, "reason", "", "why, in one line of `TEXT` that all see")
	return leaf(cmd, cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		if reason == "" {
			return usagef("--reason says nothing")
		}
		if err := f.checkSay("builder-id"); err != nil {
			return err
		}
		return a.inWork(ctx, f, func(u *auditor) error {
			p, err := u.published(ctx, args[0])
			if err != nil {
				return u.showVerdict(err)
			}
			attempt, err := rebuild.Fail(p, evidence.Withdrawn, reason)
			if err != nil {
				return err
			}
			key, err := u.key()
			if err != nil {
				return err
			}
			out := stated{Target: args[0], Says: "counts no more as it was audited here", Name: p.Name, Image: p.Image.Digest}
			return u.state(ctx, out, func(who rebuild.Auditor) ([]rebuild.Statement, error) {
				return attempt.State(ctx, key, who, u.by.signers)
			})
		})
	})
}

func (a *app) auditSummaryCommand() *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use:   "summary DIR|REF --policy FILE",
		Short: "Say that independent rebuilders agree on a release",
		Long: `Judges a release by a policy, as verify does, and says in a signed statement which
rebuilders of it got the image, bit for bit: SLSA's SLSA_BUILD_REPRODUCED. The image
has to be trusted, and rebuilt by two or more organisations with builders of their own,
other than those that vouch for it. What one organisation says is never enough.`,
		Example: `  tailsbuild audit summary registry.example/tails/mqtt:2.7.9-r0 --policy policy.hcl \
      --own-key my.key --verifier-id https://verify.example/v1 --publish statements`,
	}
	f.addSay(cmd, "verifier-id", "the statement")
	return leaf(cmd, cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		if f.keyFile != "" {
			return usagef("a summary is by a policy, which says who is independent of whom")
		}
		if err := f.checkSay("verifier-id"); err != nil {
			return err
		}
		return a.inWork(ctx, f, func(u *auditor) error { return u.summarise(ctx, args[0]) })
	})
}

func (u *auditor) summarise(ctx context.Context, target string) error {
	dir, err := u.fetch(ctx, target)
	if err != nil {
		return err
	}
	reference := u.flags.judge.reference
	if isReference(target) {
		reference = target
	}
	image, err := imageIn(dir, u.flags.judge.platform)
	if err != nil {
		return asBroken(err)
	}
	contents, err := u.by.judge.contents(ctx, dir, target, image)
	if err != nil {
		return asBroken(err)
	}
	s, err := u.by.judge.assessor.Judge(ctx, contents, reference)
	if err != nil {
		return err
	}
	if err := untrusted(target, s); err != nil {
		return u.showVerdict(err)
	}
	agreement, err := s.Agreement(dir, u.by.policy)
	if err != nil {
		return err
	}
	key, err := u.key()
	if err != nil {
		return err
	}
	out := stated{
		Target: target, Says: fmt.Sprintf("is reproduced: %d organisations agree", len(s.Verdict.Rebuilt)),
		Name: s.Facts.Reference, Image: s.Facts.Digest, Rebuilders: s.Verdict.Rebuilt,
	}
	return u.state(ctx, out, func(who rebuild.Auditor) ([]rebuild.Statement, error) {
		st, err := agreement.State(ctx, key, who, u.by.signers)
		return []rebuild.Statement{st}, err
	})
}

// untrusted returns why a release may not be used, with the verdict, nil if it may.
func untrusted(target string, s *assess.Assessment) error {
	if s.Verdict.Kind == verdict.Trusted {
		return nil
	}
	return &notTrustedError{
		Dir: target, Kind: s.Verdict.Kind, Unnamed: s.Unnamed, Err: s.Err,
		judged: &judged{Dir: target, Verdict: s.Verdict, Listed: s.Listed, Facts: s.Facts},
	}
}

// showVerdict prints the verdict that err has with it, if it has one, and returns err.
func (a *app) showVerdict(err error) error {
	var e *notTrustedError
	if errors.As(err, &e) && e.judged != nil {
		return errors.Join(err, a.out.print(*e.judged))
	}
	return err
}

// published verifies the release that target names as an audit does.
func (u *auditor) published(ctx context.Context, target string) (*rebuild.Published, error) {
	dir, err := u.fetch(ctx, target)
	if err != nil {
		return nil, err
	}
	return u.by.open(ctx, dir, target, u.flags.judge)
}

// fetch returns the folder with the release that target names.
func (u *auditor) fetch(ctx context.Context, target string) (string, error) {
	got, err := u.obtain(ctx, target, filepath.Join(u.work, "release"))
	return got.dir, asBroken(errors.Join(got.missing, err))
}
