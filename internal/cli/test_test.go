package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/builder"
)

// TestTestsText: one line says what came of all tests.
func TestTestsText(t *testing.T) {
	l := &loaded{path: "recipes/app/recipe.lock.hcl"}
	good := builder.Tested{Name: "good", Passed: true, Seconds: 1, Limited: true, Range: hcl.Range{Start: hcl.Pos{Line: 7}}}
	free := builder.Tested{Name: "free", Passed: true, Seconds: 1}
	bad := builder.Tested{Name: "bad", Failed: builder.PartClient, ExitCode: 3, Limited: true}
	slow := builder.Tested{Name: "slow", Failed: builder.PartService, ExitCode: -1, Timeout: 60, Limited: true}
	for _, test := range []struct {
		tests *tests
		want  string
	}{
		{newTests(l, []builder.Tested{good, good}, nil), "2 passed, 2.0 s"},
		{newTests(l, []builder.Tested{good, free}, nil), "2 passed, 2.0 s, without limits of memory and processes, which take root"},
		{newTests(l, []builder.Tested{good, bad, slow}, &builder.TestError{}), "2 of 3 FAILED: bad, slow"},
		{newTests(l, []builder.Tested{good}, errors.New("x")), "NOT RUN"},
		{&tests{State: testsSkipped}, "NOT RUN (--skip-tests)"},
		{&tests{State: testsNone}, "no tests"},
	} {
		if got := test.tests.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
	results := newTests(l, []builder.Tested{good, bad, slow}, nil).Results
	if r := results[0]; r.At != "recipes/app/recipe.hcl:7" || r.Why != "" || r.ExitCode != nil {
		t.Errorf("got %+v", r)
	}
	if r := results[1]; r.Why != "the client ended with exit code 3" || *r.ExitCode != 3 || r.Part != "client" {
		t.Errorf("got %+v", r)
	}
	if r := results[2]; r.Why != "the service's ports were not all open after 60 s" || r.ExitCode != nil {
		t.Errorf("got %+v", r)
	}
}

// TestTestOutcome: each failed test has its line, and what its programs said, with
// nothing that a terminal would take for a command.
func TestTestOutcome(t *testing.T) {
	src := []byte("x\ntest \"one\" {\n")
	e := &builder.TestError{Recipe: "app", Source: src, Failed: []builder.Tested{
		{
			Name: "one", Failed: builder.PartClient, ExitCode: 1, Client: []string{"asked\x1b[2J"}, Service: []string{"heard"},
			Range: hcl.Range{Filename: "recipe.hcl", Start: hcl.Pos{Line: 2, Column: 1, Byte: 2}, End: hcl.Pos{Line: 2, Column: 11, Byte: 12}},
		},
		{Name: "two", Failed: builder.PartCommand, ExitCode: 2, Client: []string{"no"}, Range: hcl.Range{Filename: "recipe.hcl", Start: hcl.Pos{Line: 9, Column: 1, Byte: 9000}, End: hcl.Pos{Line: 9, Byte: 9001}}},
	}}
	got := testOutcome(e).detail
	for _, want := range []string{
		"    2 | test \"one\"\n", "      the client said:\n      > asked", "      the service said:\n      > heard\n",
		"    9 | \n      the command said:\n      > no\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\x1b") {
		t.Errorf("there is a control character in %q", got)
	}
	if want := "recipe.hcl:2,1-11: test \"one\" of app failed: the client ended with exit code 1\nrecipe.hcl:9,"; !strings.HasPrefix(e.Error(), want) {
		t.Errorf("got %q", e.Error())
	}
}
