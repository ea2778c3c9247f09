package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// What came of a recipe's tests as a whole.
const (
	testsPassed  = "passed"
	testsFailed  = "failed"
	testsSkipped = "skipped" // by --skip-tests
	testsNone    = "none"    // the recipe has none
	testsNotRun  = "not run" // because of an error that is not theirs
)

// A tests is what came of the tests of one recipe.
type tests struct {
	State string `json:"state"`
	// Limited is whether memory and processes were limited as declared.
	Limited bool         `json:"limited"`
	Results []testResult `json:"results"`

	all []builder.Tested // that were run
}

type testResult struct {
	Name     string   `json:"name"`
	Passed   bool     `json:"passed"`
	Why      string   `json:"why,omitempty"`      // of one that failed, in words
	Part     string   `json:"part,omitempty"`     // that is at fault
	ExitCode *int     `json:"exitCode,omitempty"` // of that part, if it ended
	At       string   `json:"at"`                 // line in the recipe
	Seconds  float64  `json:"seconds"`
	Client   []string `json:"client,omitempty"`  // last lines of the client or command
	Service  []string `json:"service,omitempty"` // last lines of the service
}

func newTests(l *loaded, all []builder.Tested, err error) *tests {
	t := &tests{State: testsPassed, Limited: len(all) > 0, Results: []testResult{}, all: all}
	if err != nil {
		t.State = testsNotRun
	}
	for _, one := range all {
		r := testResult{
			Name: one.Name, Passed: one.Passed, Why: one.Why(), Seconds: one.Seconds,
			At:     fmt.Sprintf("%s:%d", filepath.Join(filepath.Dir(l.path), recipe.FileName), one.Range.Start.Line),
			Client: one.Client, Service: one.Service,
		}
		if !one.Passed {
			t.State, r.Part = testsFailed, string(one.Failed)
			if one.ExitCode >= 0 {
				r.ExitCode = &one.ExitCode
			}
		}
		t.Limited = t.Limited && one.Limited
		t.Results = append(t.Results, r)
	}
	return t
}

// String is one line.
func (t *tests) String() string {
	var failed []string
	var seconds float64
	for _, r := range t.Results {
		if !r.Passed {
			failed = append(failed, r.Name)
		}
		seconds += r.Seconds
	}
	switch t.State {
	case testsNone:
		return "no tests"
	case testsSkipped:
		return "NOT RUN (--skip-tests)"
	case testsNotRun:
		return "NOT RUN"
	case testsFailed:
		return fmt.Sprintf("%d of %d FAILED: %s", len(failed), len(t.Results), strings.Join(failed, ", "))
	}
	limits := ""
	if !t.Limited {
		limits = ", without limits of memory and processes, which take root"
	}
	return fmt.Sprintf("%d passed, %.1f s%s", len(t.Results), seconds, limits)
}

// testPackages reports whether a test of r has packages.
func testPackages(r *recipe.Recipe) bool {
	return slices.ContainsFunc(r.Tests, func(t recipe.Test) bool { return len(t.Packages) > 0 })
}

// warnUntested says which recipes have tests that are not run.
func (b *build) warnUntested(todo []target) {
	for _, t := range todo {
		l := t[0]
		if n := len(l.closure[0].Tests); b.flags.skipTests && n > 0 {
			b.app.warn("%s is released UNTESTED: --skip-tests skips its %d tests", l.closure[0].Name, n)
		}
	}
}

// test runs the tests of l on the image that r describes, with client's image for
// their clients. What it returns is never nil.
func (b *build) test(ctx context.Context, l *loaded, r *builder.Result, client clientImage, opts builder.Options) (*tests, error) {
	if len(l.closure[0].Tests) == 0 {
		return &tests{State: testsNone, Results: []testResult{}}, nil
	}
	if b.flags.skipTests {
		return &tests{State: testsSkipped, Results: []testResult{}}, nil
	}
	image, err := client.wait()
	if err != nil {
		return newTests(l, nil, err), err
	}
	all, err := builder.RunTests(ctx, l.plan, r, builder.TestOptions{Client: image, Work: opts.Work, Progress: opts.Progress})
	return newTests(l, all, err), err
}

// A clientImage is the image for the clients of tests that have packages, nil if
// there is none. It is made beside the builds.
type clientImage struct {
	wait func() (*builder.Result, error)
	// stop ends what makes it; nothing works on it any more then.
	stop func()
}

// startClient starts to make the image for l's clients.
func (b *build) startClient(ctx context.Context, l *loaded, opts builder.Options) clientImage {
	if l.client == nil || b.flags.skipTests {
		return clientImage{wait: func() (*builder.Result, error) { return nil, nil }, stop: func() {}}
	}
	ctx, cancel := context.WithCancel(ctx)
	made := sync.OnceValues(func() (*builder.Result, error) {
		step := opts.Progress.Step("packages for the tests of " + l.closure[0].Name)
		opts := builder.Options{Store: opts.Store, Work: filepath.Join(opts.Work, "client"), Timeout: opts.Timeout}
		err := os.Mkdir(opts.Work, 0o700)
		if err != nil {
			step.Done(err)
			return nil, err
		}
		image, err := builder.BuildOne(ctx, "a", l.client, opts)
		step.Done(err)
		return image, err
	})
	go made()
	return clientImage{wait: made, stop: func() {
		cancel()
		made()
	}}
}

func (a *app) testCommand() *cobra.Command {
	f := buildFlags{testOnly: true, builder: "a"}
	cmd := &cobra.Command{
		Use:   "test NAME...",
		Short: "Build recipes once and run their tests",
		Long: `Builds each recipe with one builder only and runs its tests on the image, each in
new containers under exactly the privileges that the recipe declares. There is no
release: tailsbuild build runs the same tests before it makes one. When a test fails
the exit code is 7.`,
		Example: `  tailsbuild test sftp
  tailsbuild test sftp mqtt --format json`,
	}
	f.recipes.add(cmd)
	f.from.add(cmd)
	f.draw.add(cmd)
	f.timeout.add(cmd)
	newJobs(&f.jobs)
	return leaf(cmd, cobra.MinimumNArgs(1), func(ctx context.Context, args []string) error {
		return a.build(ctx, f, args)
	})
}

// A trial is what came of the tests of one recipe that was built once.
type trial struct {
	Recipe   string  `json:"recipe"`
	Version  string  `json:"version"`
	Arch     string  `json:"arch"`
	Plan     string  `json:"plan"`
	Image    string  `json:"image"`
	Recorded string  `json:"recorded"`
	Tests    *tests  `json:"tests"`
	Seconds  float64 `json:"seconds"` // with the build
}

func (t *trial) kind() string { return "test" }

func (t *trial) text(w io.Writer) {
	fmt.Fprintf(w, "%s %s for %s\n", t.Recipe, t.Version, t.Arch)
	fmt.Fprintf(w, "  image      %s\n", t.Image)
	fmt.Fprintf(w, "  recorded   %s\n", recordedText(t.Recorded, t.Recipe))
	for _, r := range t.Tests.Results {
		said := "passed"
		if !r.Passed {
			said = "FAILED: " + progress.Clean(r.Why)
		}
		fmt.Fprintf(w, "  %-10s %s, %.1f s\n", r.Name, said, r.Seconds)
	}
	fmt.Fprintf(w, "  tests      %s\n", t.Tests)
	fmt.Fprintf(w, "  time       %.1f s\n", t.Seconds)
}

// testAlone builds l once and runs its tests.
func (b *build) testAlone(ctx context.Context, l *loaded, opts builder.Options) (_ result, err error) {
	d, err := b.display(l.plan.Recipe().Name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	opts.Progress = d
	start := time.Now()
	client := b.startClient(ctx, l, opts)
	defer client.stop()
	r, err := builder.BuildOne(ctx, b.flags.builder, l.plan, opts)
	if err != nil {
		return nil, l.place(err)
	}
	s := newSingle(l, r)
	out := &trial{Recipe: s.Recipe, Version: s.Version, Arch: s.Arch, Plan: s.Plan, Image: s.Image, Recorded: s.Recorded}
	out.Tests, err = b.test(ctx, l, r, client, opts)
	out.Seconds = time.Since(start).Seconds()
	return out, l.place(err)
}

// testOutcome shows each test that failed with its line, and what its programs said
// last.
func testOutcome(e *builder.TestError) outcome {
	var detail strings.Builder
	for _, t := range e.Failed {
		fmt.Fprintf(&detail, "%5d | %s\n", t.Range.Start.Line, progress.Clean(e.Header(t)))
		who := "the client"
		if t.Failed == builder.PartCommand {
			who = "the command"
		}
		for _, log := range []struct {
			who   string
			lines []string
		}{{who, t.Client}, {"the service", t.Service}} {
			if len(log.lines) > 0 {
				fmt.Fprintf(&detail, "      %s said:\n%s", log.who, quote(last(log.lines)))
			}
		}
	}
	return outcome{code: exitStep, detail: detail.String(), hint: fmt.Sprintf("there is no release; try again, fast, with tailsbuild test %s", e.Recipe)}
}
