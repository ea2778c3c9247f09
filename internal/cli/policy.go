package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

func (a *app) policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Check, test, explain and export policies",
		Long:  "Checks, tests, explains and exports policies: files that say which images may\nrun.",
		Args:  noArgs,
		RunE:  noCommand,
	}
	cmd.AddCommand(a.policyCheckCommand(), a.policyTestCommand(), a.policyExplainCommand(), a.policyExportCommand())
	return cmd
}

// openPolicy reads and decodes the policy at path.
func (a *app) openPolicy(path string) (*policy.Policy, []byte, error) {
	src, err := regular.Read(path, recipeLimit)
	if err != nil {
		return nil, nil, err
	}
	p, diags := policy.Decode(path, src)
	return p, src, a.checkSource(path, src, diags)
}

type checkedPolicy struct {
	File     string `json:"file"`
	Scopes   int    `json:"scopes"`
	Warnings int    `json:"warnings"`
}

func (c checkedPolicy) kind() string { return "policy" }

func (c checkedPolicy) text(w io.Writer) {
	fmt.Fprintf(w, "%s is valid, with %s and %s\n", progress.Line(c.File), count(c.Scopes, "scope"), count(c.Warnings, "warning"))
}

// count writes a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// An openPolicyError reports a policy with warnings where none are allowed.
type openPolicyError struct {
	File     string
	Warnings int
}

func (e *openPolicyError) Error() string {
	return fmt.Sprintf("%s has %s, shown above", e.File, count(e.Warnings, "warning"))
}

func (a *app) policyCheckCommand() *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Say what is wrong with a policy, and where it is open",
		Long: `Decodes the policy in FILE and prints all that is wrong, in the order of the
source; then exits with 3. Warns of what can never matter, and of what lets
images run that nobody vouches for.`,
		Example: `  tailsbuild policy check policy.hcl
  tailsbuild policy check policy.hcl --strict --format json`,
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "exit with 3 when there are warnings, too")
	return leaf(cmd, cobra.ExactArgs(1), func(_ context.Context, args []string) error {
		p, src, err := a.openPolicy(args[0])
		if err != nil {
			return err
		}
		warnings := p.Warnings()
		if err := a.checkSource(args[0], src, warnings); err != nil {
			return err
		}
		if strict && len(warnings) > 0 {
			return &openPolicyError{args[0], len(warnings)}
		}
		return a.out.print(checkedPolicy{args[0], len(p.Scopes), len(warnings)})
	})
}

// A testedPolicy is the result of one test of a policy.
type testedPolicy struct{ verdict.Result }

func (t testedPolicy) kind() string { return "test" }

func (t testedPolicy) text(w io.Writer) {
	if t.Passed {
		fmt.Fprintf(w, "ok    %s\n", progress.Clean(t.Name))
		return
	}
	fmt.Fprintf(w, "FAIL  %s\n", progress.Clean(t.Name))
	if t.Verdict.Kind != t.Expect {
		fmt.Fprintf(w, "      - %s\n      + %s\n", t.Expect, t.Verdict.Kind)
	}
	for _, code := range t.Missing {
		fmt.Fprintf(w, "      - %s\n", code)
	}
	for _, r := range append(t.Verdict.Reasons, t.Verdict.Warnings...) {
		fmt.Fprintf(w, "      + %s: %s\n", r.Code, progress.Clean(r.Text))
	}
}

// A policyTestError reports tests of a policy that failed.
type policyTestError struct {
	File          string
	Failed, Total int
}

func (e *policyTestError) Error() string {
	return fmt.Sprintf("%d of %s of %s failed", e.Failed, count(e.Total, "test"), e.File)
}

func (a *app) policyTestCommand() *cobra.Command {
	var tests string
	cmd := &cobra.Command{
		Use:   "test FILE",
		Short: "Judge the images of a policy's tests",
		Long: `Judges the images that the tests of the policy in FILE describe, and compares the
verdicts with the ones they expect. The tests of policy.hcl are in
policy_test.hcl. Exits with 1 when a test fails: lines with - say what it
expects, lines with + what came out. Exits with 3 when a file is wrong.`,
		Example: `  tailsbuild policy test policy.hcl
  tailsbuild policy test policy.hcl --tests more_test.hcl --format json`,
	}
	cmd.Flags().StringVar(&tests, "tests", "", "`FILE` with the tests (default: beside the policy)")
	return leaf(cmd, cobra.ExactArgs(1), func(_ context.Context, args []string) error {
		if tests == "" {
			tests = strings.TrimSuffix(args[0], ".hcl") + "_test.hcl"
		}
		return a.testPolicy(args[0], tests)
	})
}

func (a *app) testPolicy(file, tests string) error {
	p, _, err := a.openPolicy(file)
	if err != nil {
		return err
	}
	src, err := regular.Read(tests, recipeLimit)
	if err != nil {
		return err
	}
	cases, diags := policy.DecodeCases(tests, src, p)
	if err := a.checkSource(tests, src, diags); err != nil {
		return err
	}
	failed, covered := 0, make(map[string]bool)
	for _, c := range cases {
		r := verdict.Test(p, c)
		covered[r.Verdict.Scope] = true
		if !r.Passed {
			failed++
		}
		if err := a.out.print(testedPolicy{r}); err != nil {
			return err
		}
	}
	for _, s := range p.Scopes {
		if name := s.Pattern.String(); !covered[name] {
			a.warn("no test is of the scope %q", name)
		}
	}
	if failed > 0 {
		return &policyTestError{tests, failed, len(cases)}
	}
	return nil
}

// An explained policy is what is asked of one image.
type explained struct {
	File  string `json:"file"`
	Image string `json:"image"`
	// Name is what scopes match. Scope is the one that does, "" when none does.
	Name  string          `json:"name"`
	Scope string          `json:"scope"`
	Line  int             `json:"line,omitempty"`
	Asks  []policy.Demand `json:"asks"`
}

func (e explained) kind() string { return "explanation" }

func (e explained) text(w io.Writer) {
	if e.Scope == "" {
		fmt.Fprintf(w, "No scope of %s matches %s. It is refused.\n", progress.Line(e.File), e.Name)
		return
	}
	fmt.Fprintf(w, "%s has the scope %q, line %d of %s. What it asks:\n", e.Name, e.Scope, e.Line, progress.Line(e.File))
	for _, d := range e.Asks {
		fmt.Fprintf(w, "  - %s\n", d.Text)
	}
}

func (a *app) policyExplainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain FILE IMAGE",
		Short: "Say in plain words what a policy asks of an image",
		Long: `Says which scope of the policy in FILE matches the name of IMAGE, and what it
asks of the image, in plain words. IMAGE is a reference, or the name of a recipe
for a release in a folder. Nothing is fetched, and no verdict is given.`,
		Example: `  tailsbuild policy explain policy.hcl registry.example/tails/mqtt:2.7.9-r0
  tailsbuild policy explain policy.hcl mqtt --format json`,
	}
	return leaf(cmd, cobra.ExactArgs(2), func(_ context.Context, args []string) error {
		name, err := policy.ImageName(args[1])
		if err != nil {
			return err
		}
		p, _, err := a.openPolicy(args[0])
		if err != nil {
			return err
		}
		e := explained{File: args[0], Image: args[1], Name: name, Asks: []policy.Demand{}}
		if s := p.Scope(name); s != nil {
			e.Scope, e.Line, e.Asks = s.Pattern.String(), s.Range.Start.Line, p.Explain(s)
		}
		return a.out.print(e)
	})
}
