package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/acceptance"
	"gitlab.com/tailsbuild/tailsbuild/internal/assess"
	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

// systemPolicy is the machine's policy, which comes before the user's.
const systemPolicy = "/etc/tailsbuild/policy.hcl"

// judgeFlags say by which policy releases are judged.
type judgeFlags struct {
	proxyFlag
	policy, reference, cache, platform string
	offline, accept                    bool
}

func (f *judgeFlags) add(cmd *cobra.Command) {
	f.proxyFlag.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.policy, "policy", "", "`FILE` with the policy to judge by (default "+systemPolicy+", then the user's)")
	flags.StringVar(&f.reference, "reference", "", "`NAME` that the image was asked for by (default: what a trust root or signer of the policy calls it)")
	flags.StringVar(&f.cache, "cache", "", "`DIR` that keeps trust roots, and what was seen of them (default in the user's state folder)")
	flags.StringVar(&f.platform, "platform", "", "`OS/ARCH` of the image that is meant, when REF is several (default this machine's)")
	flags.BoolVar(&f.offline, "offline", false, "use no network: folders, and what the cache has")
	flags.BoolVar(&f.accept, "accept", false, "ask a person at a terminal whether to accept what isn't trusted")
}

// file returns the policy's path.
func (f *judgeFlags) file() (string, error) {
	if f.policy != "" {
		return f.policy, nil
	}
	candidates := []string{systemPolicy}
	if dir, err := os.UserConfigDir(); err == nil {
		candidates = append(candidates, filepath.Join(dir, "tailsbuild", "policy.hcl"))
	}
	for _, path := range candidates {
		// Only one that isn't there makes way for the next.
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
	}
	return "", usagef("--key PUB is missing, or --policy FILE; there is no policy of this machine or user")
}

// stateDir returns the folder for what must not be lost. XDG's rules say that a
// relative path counts as none.
func stateDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "tailsbuild"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", usagef("no state folder: %v; set XDG_STATE_HOME", err)
	}
	return filepath.Join(home, ".local", "state", "tailsbuild"), nil
}

// A judged is the verdict on a release in a folder.
type judged struct {
	Dir string `json:"dir"`
	verdict.Verdict
	// Index is that of the images that this one is among, "" for one that is alone.
	Index digest.Digest `json:"index,omitempty"`
	// Listed is what the trust root says of it.
	Listed *trust.Release `json:"listed,omitempty"`
	Facts  verdict.Facts  `json:"facts"`
}

func (j judged) kind() string { return "verdict" }

func (j judged) text(w io.Writer) {
	line := func(format string, args ...any) {
		fmt.Fprintf(w, "  %s\n", progress.Line(fmt.Sprintf(format, args...)))
	}
	fmt.Fprintf(w, "%s is %s\n", progress.Line(j.Dir), j.Kind)
	line("%-10s %q", "reference", j.Reference)
	line("%-10s %s", "image", j.Digest)
	if j.Index != "" {
		line("%-10s %s", "of index", j.Index)
	}
	if j.Scope != "" {
		line("%-10s %q", "scope", j.Scope)
	}
	if r := j.Facts.Root; r.Name != "" && r.Verified == verdict.Yes {
		line("%-10s %q, good until %s", "trust root", r.Name, r.Expires.UTC().Format("2006-01-02 15:04 UTC"))
	}
	for _, r := range j.Reasons {
		line("- %s: %s", r.Code, r.Text)
	}
	for _, r := range j.Warnings {
		line("! %s: %s", r.Code, r.Text)
	}
}

// An accepted is a release that isn't trusted, and that somebody accepted.
type accepted struct {
	Dir string `json:"dir"`
	// Log is the file that has it.
	Log string `json:"log"`
}

func (a accepted) kind() string { return "acceptance" }

func (a accepted) text(w io.Writer) {
	fmt.Fprintf(w, "%s was accepted, which %s says\n", progress.Line(a.Dir), progress.Line(a.Log))
}

// A notTrustedError reports a release that the policy doesn't trust. The verdict
// with its reasons was printed, or is with it.
type notTrustedError struct {
	Dir     string
	Kind    verdict.Kind
	Unnamed bool
	Err     error // what the trust root has against it, or nil

	judged *judged // that is still to be printed, or nil
}

func (e *notTrustedError) Error() string { return fmt.Sprintf("%s is %s", e.Dir, e.Kind) }

func notTrusted(e *notTrustedError) outcome {
	o := outcome{code: verdictCode(e.Kind)}
	switch {
	case e.Err != nil:
		o.hint = untrustedOutcome(&untrustedError{e.Err}).hint
	case e.Unnamed:
		o.hint = "say which image it has to be with --reference NAME"
	case e.judged != nil:
		// An audit asks nobody to accept anything.
	case e.Kind == verdict.Foreign || e.Kind == verdict.Unsigned:
		o.hint = "with --accept, a person at a terminal is asked whether to use it all the same; without one, the administrator can name its digest in " + acceptance.ConfigFile
	}
	return o
}

// A someUntrustedError reports that not all releases are trusted or accepted.
type someUntrustedError struct {
	Untrusted, Total int
	Worst            error
	Code             int // Worst's exit code
}

func (e *someUntrustedError) Error() string {
	return fmt.Sprintf("%d of %d releases are not trusted", e.Untrusted, e.Total)
}

// judge judges the releases that args name: folders, and references.
func (a *app) judge(ctx context.Context, f judgeFlags, args []string) error {
	remote := slices.ContainsFunc(args, isReference)
	switch {
	case f.reference != "" && (len(args) > 1 || remote):
		return usagef("--reference is for one release in a folder")
	case f.offline && remote:
		return usagef("--offline asks no registry")
	case f.platform != "" && !remote:
		return usagef("--platform is for references")
	}
	j, err := a.newJudging(f)
	if err != nil {
		return err
	}
	defer j.connections.Close()
	some := &someUntrustedError{}
	err = inOrder(ctx, args, func(ctx context.Context, arg string) (*gathered, error) {
		return j.gather(ctx, arg, f)
	}, func(arg string, g *gathered, err error) error {
		if err != nil {
			return asBroken(err)
		}
		images, err := j.assess(ctx, g)
		if err != nil {
			return err
		}
		some.Total += len(images)
		for _, s := range images {
			refusal, err := j.judge(ctx, arg, s)
			if err != nil {
				return err
			}
			if refusal != nil {
				some.add(refusal)
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case some.Untrusted == 0:
		return nil
	case some.Total == 1:
		return some.Worst
	}
	return some
}

// add counts a refusal. One that is only foreign is better than any other.
func (e *someUntrustedError) add(refusal error) {
	e.Untrusted++
	if e.Worst == nil || e.Code == exitForeign {
		e.Worst, e.Code = refusal, outcomeOf(refusal).code
	}
}

// judging is one run of verify.
type judging struct {
	*app
	policy   *policy.Policy
	source   digest.Digest // of the policy's file
	assessor *assess.Assessor
	now      time.Time
	log      string
	accept   bool
	// connections are those to the registries that releases are read from.
	connections registry.Connections
}

// newJudging opens the policy.
func (a *app) newJudging(f judgeFlags) (*judging, error) {
	file, err := f.file()
	if err != nil {
		return nil, err
	}
	p, src, err := a.openPolicy(file)
	if err != nil {
		return nil, err
	}
	state, err := stateDir()
	if err != nil {
		return nil, err
	}
	if f.cache == "" {
		f.cache = filepath.Join(state, "trust")
	}
	now := time.Now()
	assessor, err := assess.New(assess.Options{
		Policy: p, Folder: filepath.Dir(file), Cache: f.cache, Offline: f.offline, Proxy: f.proxy, Now: now,
	})
	if err != nil {
		return nil, err
	}
	return &judging{app: a, policy: p, source: digest.FromBytes(src), assessor: assessor, now: now, log: filepath.Join(state, "accepted.jsonl"), accept: f.accept}, nil
}

// judge prints the verdict on a release, and returns why it must not be used.
func (j *judging) judge(ctx context.Context, dir string, s *assess.Assessment) (refusal, err error) {
	if s.Verdict.Kind == verdict.Trusted {
		// First: what can't be written down isn't trusted.
		if err := s.Accept(ctx); err != nil {
			return nil, &untrustedError{err}
		}
	}
	shown := judged{Dir: dir, Verdict: s.Verdict, Listed: s.Listed, Facts: s.Facts}
	if index := s.Contents.Index; index != nil {
		shown.Index = index.Digest
	}
	if err := j.out.print(shown); err != nil {
		return nil, err
	}
	if s.Verdict.Kind == verdict.Trusted {
		return nil, nil
	}
	notTrusted := &notTrustedError{Dir: dir, Kind: s.Verdict.Kind, Unnamed: s.Unnamed, Err: s.Err}
	if s.Verdict.Kind == verdict.Refused {
		return notTrusted, nil
	}
	err = acceptedByFile(ctx, acceptance.New(nil, nil, j.log), s.Verdict, shown.Index, j.now)
	if errors.Is(err, acceptance.ErrNoTerminal) {
		if !j.accept {
			return notTrusted, nil
		}
		out, _ := j.stderr.(*os.File) // nil when it can't be a terminal
		err = acceptance.New(j.stdin, out, j.log).Accept(ctx, s.Verdict, j.now)
	}
	if err != nil {
		return err, nil
	}
	return nil, j.out.print(accepted{dir, j.log})
}

// acceptedByFile asks whether the administrator accepts the image by its digest, or by
// that of the index that it was found in, "" for none. The acceptor asks nobody.
func acceptedByFile(ctx context.Context, a *acceptance.Acceptor, v verdict.Verdict, index digest.Digest, now time.Time) error {
	err := a.Accept(ctx, v, now)
	if err == nil || index == "" || index == v.Digest || !errors.Is(err, acceptance.ErrNoTerminal) {
		return err
	}
	v.Digest = index
	return a.Accept(ctx, v, now)
}
