package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/transfer"
)

// manyFlags say which releases are audited at once, and how.
type manyFlags struct {
	all, registry, since, state string
	jobs                        jobs
	retries                     int
}

// retryPause is how long a round of retries waits, times its number.
var retryPause = 30 * time.Second

func (f *manyFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.all, "all", "", "audit all of a `CATALOGUE`: a file, or trust-root:NAME of the policy")
	flags.StringVar(&f.registry, "registry", "", "`HOST/PATH` in which a trust root's releases are")
	flags.StringVar(&f.since, "since", "", "`TIME` or age, as 24h or 7d: leave out images with an outcome from then or later")
	flags.StringVar(&f.state, "state", "", "`FILE` that outcomes are added to and --since reads (default OUTPUT/audits.jsonl)")
	flags.Var(newJobs(&f.jobs), "jobs", "how many releases to audit at once, or auto")
	flags.IntVar(&f.retries, "retries", 2, "how often to try again what this machine or the network was to blame for")
}

func (f *manyFlags) check(all auditFlags, args int) error {
	switch fromRoot := strings.HasPrefix(f.all, trustRootPrefix); {
	case f.all == "" && args == 0:
		return usagef("no release is named; name one, or a catalogue with --all")
	case f.all == "" && (f.registry != "" || f.since != "" || f.state != ""):
		return usagef("--registry, --since and --state are for --all")
	case f.all == "":
		return nil
	case args > 0:
		return usagef("both --all and a release are given")
	case all.expect != "" || all.judge.reference != "":
		return usagef("--expect and --reference are for one release")
	case fromRoot != (f.registry != ""):
		return usagef("--all trust-root:NAME and --registry go together")
	case fromRoot && all.keyFile != "":
		return usagef("a trust root is the policy's, so that --key has no place beside it")
	case f.retries < 0 || f.retries > 10:
		return usagef("--retries is a number from 0 to 10")
	case all.draw.mode == "tty" || all.draw.mode == "rawjson":
		return usagef("--progress %s shows one audit at a time; choose plain or quiet", all.draw.mode)
	}
	if _, err := sinceTime(f.since, time.Now()); err != nil {
		return usagef("--since %q is no time, as 2026-11-22 or 2026-11-22T08:00:00Z, and no age, as 24h or 7d", f.since)
	}
	return nil
}

// sinceTime returns the time that s means, the zero time for "".
func sinceTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if age, err := time.ParseDuration(s); err == nil && age > 0 {
		return now.Add(-age), nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339, s)
}

// A tried is what became of one release among several.
type tried struct {
	catalogued
	// out is nil when the audit had no outcome, and err says why.
	out *audited
	err error
	// before is an earlier audit, which is new enough for no other to be made. It is
	// nil when there was one.
	before *auditRecord
}

// code is the exit code of the release's audit alone.
func (t *tried) code() int {
	switch {
	case t.err != nil:
		return outcomeOf(t.err).code
	case t.outcome() != evidence.Reproduced:
		return auditOutcome(&auditError{Outcome: t.outcome()}).code
	}
	return exitOK
}

// outcome is what came of the audit, now or before, "" when nothing did.
func (t *tried) outcome() evidence.Outcome {
	switch {
	case t.out != nil:
		return t.out.Outcome
	case t.before != nil:
		return t.before.Outcome
	}
	return ""
}

// again reports whether nobody but this machine or the network was to blame, and trying
// again may help. A registry that says no says it again, and what takes for ever does.
func (t *tried) again() bool {
	if errors.As(t.err, new(*builder.TimeoutError)) {
		return false
	}
	var status *registry.StatusError
	if errors.As(t.err, &status) && slices.Contains([]int{401, 403, statusNotFound}, status.Code) {
		return false
	}
	return t.err != nil && t.code() == exitOther
}

// word is what became of it, in a word.
func (t *tried) word() string {
	switch {
	case t.err == nil:
		return string(t.outcome())
	case t.code() == exitRefused || t.code() == exitForeign:
		return "refused"
	}
	return "failed"
}

// An auditRow is one of several audits, as a line.
type auditRow struct{ *tried }

func (r auditRow) kind() string { return "audit" }

func (r auditRow) MarshalJSON() ([]byte, error) {
	switch {
	case r.out != nil:
		return json.Marshal(r.out)
	case r.before != nil:
		return json.Marshal(struct {
			*auditRecord
			Skipped bool `json:"skipped"`
		}{r.before, true})
	}
	return json.Marshal(struct {
		catalogued
		Outcome string `json:"outcome"`
		Code    int    `json:"code"`
		Error   string `json:"error"`
	}{r.catalogued, r.word(), r.code(), r.err.Error()})
}

func (r auditRow) text(w io.Writer) {
	fmt.Fprintf(w, "%-18s  %s  %s\n", strings.ToUpper(r.word()), progress.Clean(r.Target), progress.Clean(r.detail()))
}

// detail says more of it, in one line.
func (r auditRow) detail() string {
	if r.err != nil {
		line, _, _ := strings.Cut(r.err.Error(), "\n")
		return line
	}
	var parts []string
	add := func(part string) {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if o := r.out; o != nil {
		add(o.line())
		add(cmp.Or(o.Reason, fmt.Sprintf("%.1f s", o.Seconds)))
	} else {
		add(r.before.line())
		add(r.before.Reason)
		add("as audited at " + r.before.At.Format(time.RFC3339))
	}
	return strings.Join(parts, "; ")
}

// An auditTotal sums up several audits.
type auditTotal struct {
	Releases int `json:"releases"`
	// Outcomes counts them by outcome, and those that were refused or failed. Skipped is
	// how many of them were audited before, and have their outcome from then.
	Outcomes map[string]int `json:"outcomes"`
	Skipped  int            `json:"skipped"`
	Seconds  float64        `json:"seconds"`
}

func (s auditTotal) kind() string { return "audits" }

// totalWords are the keys of an auditTotal, in the order in which they are shown.
func totalWords() []string {
	var words []string
	for _, o := range evidence.Outcomes {
		words = append(words, string(o))
	}
	return append(words, "refused", "failed")
}

func (s auditTotal) String() string {
	var parts []string
	for _, word := range totalWords() {
		if n := s.Outcomes[word]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, word))
		}
	}
	all := strings.Join(parts, ", ")
	if s.Skipped > 0 {
		all += fmt.Sprintf("; %d audited before, and skipped", s.Skipped)
	}
	return all
}

func (s auditTotal) text(w io.Writer) {
	fmt.Fprintf(w, "%s in %.1f s: %s\n", count(s.Releases, "release"), s.Seconds, s)
}

// A someAuditsError reports that not all of several releases were reproduced.
type someAuditsError struct {
	Total auditTotal
	Code  int // of the audit that matters most
}

func (e *someAuditsError) Error() string {
	return "not all releases are reproduced: " + e.Total.String()
}

// worstFirst are the exit codes of audits, the one first that matters most.
var worstFirst = []int{exitDifferent, exitRefused, exitForeign, exitStep, exitInputs, exitToolchain, exitRecipe, exitUsage, exitOther}

// auditAll audits all of a catalogue, and goes on past whatever happens to one.
func (a *app) auditAll(ctx context.Context, f auditFlags) error {
	start := time.Now()
	since, err := sinceTime(f.many.since, start)
	if err != nil {
		return err
	}
	list, err := a.catalogue(ctx, f)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return usagef("--all %s lists no release", f.many.all)
	}
	state, err := openAuditState(cmp.Or(f.many.state, filepath.Join(f.output, "audits.jsonl")))
	if err != nil {
		return err
	}
	total := auditTotal{Releases: len(list), Outcomes: map[string]int{}}
	worst := len(worstFirst)
	err = a.inWork(ctx, f, func(u *auditor) error {
		m := &many{auditor: u, state: state, since: since}
		return m.run(ctx, list, func(t *tried) error {
			total.Outcomes[t.word()]++
			if i := slices.Index(worstFirst, t.code()); i >= 0 {
				worst = min(worst, i)
			}
			if t.before != nil {
				total.Skipped++
				return a.out.print(auditRow{t})
			}
			return errors.Join(state.add(t, &f), a.out.print(auditRow{t}))
		})
	})
	if err := errors.Join(err, state.close()); err != nil {
		return err
	}
	total.Seconds = time.Since(start).Seconds()
	if err := a.out.print(total); err != nil {
		return err
	}
	if worst < len(worstFirst) {
		return &someAuditsError{total, worstFirst[worst]}
	}
	return nil
}

// A many is a run of several audits.
type many struct {
	*auditor
	state   *auditState
	since   time.Time
	drawing sync.Mutex // held by whatever draws
}

// run audits all of list, as many at once as --jobs says, and tells done of each, one
// after the other. What this machine was to blame for is tried again when all others
// are through.
func (m *many) run(ctx context.Context, list []catalogued, done func(*tried) error) error {
	for round := 0; len(list) > 0; round++ {
		var again []catalogued
		var failed error
		for t := range m.round(ctx, list) {
			if t.again() && round < m.flags.many.retries && ctx.Err() == nil {
				m.warn("%s: %s; it is tried again", progress.Clean(t.Target), progress.Clean(t.err.Error()))
				again = append(again, t.catalogued)
				continue
			}
			failed = errors.Join(failed, done(t))
		}
		if err := errors.Join(failed, ctx.Err()); err != nil {
			return err
		}
		if list = again; len(list) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryPause * time.Duration(round+1)):
		}
	}
	return nil
}

// round audits list once, and sends what became of each. What was not begun when the
// context ended is left out.
func (m *many) round(ctx context.Context, list []catalogued) <-chan *tried {
	next, ended := make(chan catalogued), make(chan *tried)
	go func() {
		defer close(next)
		for _, c := range list {
			select {
			case next <- c:
			case <-ctx.Done():
				return
			}
		}
	}()
	var workers sync.WaitGroup
	for range min(m.flags.many.jobs.n, len(list)) {
		workers.Go(func() {
			for c := range next {
				ended <- m.try(ctx, c)
			}
		})
	}
	go func() {
		workers.Wait()
		close(ended)
	}()
	return ended
}

// try audits one release, unless its image has an outcome that is new enough.
func (m *many) try(ctx context.Context, c catalogued) *tried {
	t := &tried{catalogued: c}
	if !m.since.IsZero() {
		image, err := m.imageOf(ctx, c.Target)
		if err != nil {
			t.err = asBroken(err)
			return t
		}
		if t.before = m.state.since(m.flags.key(c, image), m.since); t.before != nil {
			return t
		}
	}
	// A policy's assessor is not for several at once.
	u := *m.auditor
	if u.by, t.err = m.newSignedBy(m.flags); t.err != nil {
		return t
	}
	mode := m.flags.draw.mode
	if mode == "auto" {
		mode = "plain"
	}
	d, err := progress.New(&lines{w: m.stderr, mu: &m.drawing, prefix: c.Target + " "}, mode)
	if err != nil {
		t.err = err
		return t
	}
	t.out, t.err = u.one(ctx, c.Target, c.Expect, d)
	if err := d.Close(); err != nil && t.err == nil {
		t.out, t.err = nil, err
	}
	return t
}

// imageOf returns the digest of the image that a target is now, without the rest.
func (m *many) imageOf(ctx context.Context, target string) (digest.Digest, error) {
	if isExport(target) {
		f, err := transfer.OpenExport(target)
		if err != nil {
			return "", err
		}
		defer f.Close()
		image, err := oneIn(target, f)
		if err != nil {
			return "", err
		}
		return image.Digest, nil
	}
	if !isReference(target) {
		image, err := imageIn(target, m.flags.judge.platform)
		return image.Digest, err
	}
	ref, err := registry.ParseReference(target)
	if err != nil {
		return "", err
	}
	s, err := registry.Open(ctx, ref, fetchOptions(m.flags.judge.proxy))
	if err != nil {
		return "", err
	}
	defer s.Close()
	desc, err := s.Image(m.flags.judge.platform)
	return desc.Digest, err
}
