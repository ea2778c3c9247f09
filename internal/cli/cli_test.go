package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/acceptance"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/kms"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/ownership"
	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sandbox"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

// leaves returns the commands that do something.
func leaves(cmd *cobra.Command) []*cobra.Command {
	if !cmd.HasSubCommands() {
		return []*cobra.Command{cmd}
	}
	var all []*cobra.Command
	for _, sub := range cmd.Commands() {
		all = append(all, leaves(sub)...)
	}
	return all
}

func run(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = Main(args, nil, &out, &errs)
	return code, out.String(), errs.String()
}

func TestUsage(t *testing.T) {
	tests := []struct {
		args []string
		want string // on stderr
	}{
		{nil, "error: no command given\ntailsbuild: hint: tailsbuild --help\n"},
		{[]string{"biuld"}, `there is no command "biuld"; did you mean "build"?`},
		{[]string{"key"}, "hint: tailsbuild key --help\n"},
		{[]string{"key", "old"}, `there is no command "old"`},
		{[]string{"build"}, "no recipe is named; name some, or say --all\ntailsbuild: hint: tailsbuild build --help\n"},
		{[]string{"build", "x", "--all"}, "both --all and recipe names are given"},
		{[]string{"build", "x", "x"}, `recipe "x" is named twice`},
		{[]string{"build", "x", "--nonsense"}, "unknown flag: --nonsense"},
		{[]string{"build", "x", "--builder", "d"}, "must be one of both, a, b"},
		{[]string{"build", "x", "--builder", "a", "--key", "k"}, "nothing to sign"},
		{[]string{"build", "x", "--progress", "loud"}, "must be one of auto, tty, plain, rawjson, quiet"},
		{[]string{"version", "--format", "xml"}, "must be one of text, json"},
		{[]string{"version", "extra"}, "hint: tailsbuild version --help\n"},
		{[]string{"compare", "one"}, "accepts 2 arg(s), received 1"},
		{[]string{"verify", "dist/x"}, "--key PUB is missing"},
		{[]string{"key", "new"}, "--out PREFIX is missing"},
		{[]string{"validate", "--var", "novalue"}, `--var "novalue" is not NAME=VALUE`},
		{[]string{"validate", "--var", "a=1", "--var", "a=2"}, `--var sets a to both "1" and "2"`},
	}
	project := t.TempDir()
	if err := os.Mkdir(filepath.Join(project, "recipes"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(project)
	for _, test := range tests {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			code, stdout, stderr := run(test.args...)
			if code != exitUsage || stdout != "" {
				t.Errorf("exit code %d, stdout %q; want %d and nothing", code, stdout, exitUsage)
			}
			if !strings.Contains(stderr, test.want) {
				t.Errorf("stderr is %q, want %q in it", stderr, test.want)
			}
		})
	}
}

// TestJSON: one object a line, the protocol first, and the exit code is the same
// as without.
func TestJSON(t *testing.T) {
	code, stdout, _ := run("version", "--format", "json")
	if code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	if len(lines) != 2 || lines[0] != `{"protocol":1,"command":"version"}` {
		t.Fatalf("got %q", lines)
	}
	var v struct{ Version versions }
	if err := json.Unmarshal([]byte(lines[1]), &v); err != nil || v.Version.Compatibility != lock.CurrentOutput().Compatibility {
		t.Errorf("%s: %+v, %v", lines[1], v, err)
	}

	t.Chdir(t.TempDir())
	code, stdout, stderr := run("compare", "a", "b", "--format", "json")
	if code != exitOther || !strings.Contains(stderr, "tailsbuild: error: ") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	lines = strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[1], `{"error":{"code":5,"message":"`) {
		t.Errorf("got %q", lines)
	}
}

// TestErrorLog: what apk says is on the terminal and in the JSON, the end of it.
func TestErrorLog(t *testing.T) {
	log := append(slices.Repeat([]string{"x"}, 5), slices.Repeat([]string{"ERROR: \x1b[31m"}, 20)...)
	var stdout, stderr bytes.Buffer
	a := &app{stderr: &stderr, out: output{w: &stdout, format: "json", command: "lock"}}
	if code := a.report("tailsbuild lock", &builder.UnsatisfiableError{Recipe: "sftp", Log: log}); code != exitRecipe {
		t.Errorf("exit code %d", code)
	}
	if got := strings.Count(stderr.String(), "      > ERROR: �[31m\n"); got != 20 || strings.Contains(stderr.String(), "> x") {
		t.Errorf("%d lines in %q", got, stderr.String())
	}
	_, object, _ := strings.Cut(stdout.String(), "\n")
	var got struct{ Error struct{ Log []string } }
	if err := json.Unmarshal([]byte(object), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(log[5:], got.Error.Log); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestStdoutThatFails(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var stderr bytes.Buffer
		code := Main([]string{"version", "--format", format}, nil, brokenWriter{}, &stderr)
		if code != exitOther || !strings.Contains(stderr.String(), "error: stdout: no space left on device") {
			t.Errorf("%s: exit code %d, stderr %q", format, code, &stderr)
		}
	}
}

func unaccepted(kind verdict.Kind, err error) error {
	return &acceptance.NotAcceptedError{Verdict: verdict.Verdict{Kind: kind}, Err: err}
}

// TestOutcomes holds the table of exit codes to each type of error, also wrapped
// and joined as commands return it.
func TestOutcomes(t *testing.T) {
	tests := []struct {
		err  error
		code int
		hint string // a part of it
	}{
		{&interruptedError{&builder.DaemonError{Err: context.Canceled}}, exitInterrupted, ""},
		{&usageError{"x"}, exitUsage, ""},
		{&noPassphraseError{"k"}, exitUsage, passwordVariable},
		{&release.DifferentError{}, exitDifferent, ""},
		{&differentError{}, exitDifferent, ""},
		{&recordedError{Recipe: "mqtt"}, exitDifferent, "build mqtt"},
		{&unlockedError{Recipe: "mqtt"}, exitRecipe, "tailsbuild lock mqtt"},
		{&lock.MissingError{Recipe: "mqtt"}, exitRecipe, "tailsbuild lock mqtt"},
		{&lock.OtherRecipeError{Recipe: "mqtt"}, exitRecipe, "tailsbuild lock mqtt"},
		{&staleLockError{[]string{"a", "b"}}, exitDifferent, "tailsbuild lock a b"},
		{&unformattedError{}, exitRecipe, "tailsbuild fmt"},
		{&builder.NotYetError{}, exitRecipe, ""},
		{&openPolicyError{}, exitRecipe, ""},
		{&policyTestError{}, exitDifferent, ""},
		{&policy.NameError{Reference: "X"}, exitUsage, "lower case"},
		{&verdict.Error{}, exitRefused, ""},
		{&verdict.Error{Verdict: verdict.Verdict{Kind: verdict.Refused}}, exitRefused, ""},
		{&verdict.Error{Verdict: verdict.Verdict{Kind: verdict.Unsigned}}, exitRefused, ""},
		{&verdict.Error{Verdict: verdict.Verdict{Kind: verdict.Foreign}}, exitForeign, ""},
		{unaccepted(verdict.Foreign, acceptance.ErrDeclined), exitForeign, ""},
		{unaccepted(verdict.Unsigned, acceptance.ErrNoTerminal), exitRefused, acceptance.ConfigFile},
		{unaccepted(verdict.Refused, acceptance.ErrRefused), exitRefused, ""},
		{unaccepted(verdict.Unsigned, &acceptance.ConfigError{Err: fs.ErrPermission}), exitRefused, "belong to root"},
		{unaccepted(verdict.Unsigned, &acceptance.LogError{Err: syscall.ENOSPC}), exitRefused, ""},
		{&release.SizeError{}, exitRecipe, "limits"},
		{&release.UnsignedError{}, exitRefused, "--key FILE"},
		{&release.RefusedError{Reason: release.ErrNoSignature}, exitRefused, ""},
		{&keyFileError{"k", &sign.PassphraseError{}}, exitUsage, "--password-file"},
		{&keyFileError{"k", &sign.KeyError{Err: errors.New("x")}}, exitUsage, "key new"},
		{&kms.ReferenceError{}, exitUsage, ""},
		{&kms.SchemeError{Scheme: "a", Files: []string{"/etc/x"}}, exitUsage, "/etc/x"},
		{&kms.ConfigError{Diags: hcl.Diagnostics{{Subject: &hcl.Range{}}}}, exitUsage, "docs/keys.md"},
		{&ownership.UnsafeError{}, exitRefused, "root's or this user's"},
		{&kms.ProgramError{Err: &kms.AnswerError{Message: "wrong PIN"}}, exitRefused, "wrong PINs"},
		{&kms.ProgramError{Err: context.DeadlineExceeded}, exitOther, ""},
		{&sign.AnswerError{}, exitRefused, ""},
		{&inputs.MissingError{Tried: []inputs.Attempt{{Err: &inputs.MismatchError{}}}}, exitInputs, "not used"},
		{&inputs.MissingError{}, exitInputs, "--mirror"},
		{&builder.UnsatisfiableError{}, exitRecipe, ""},
		{&builder.RemovalError{Package: builder.Selected{Name: "busybox"}}, exitRecipe, "can't remove what its base has"},
		{&builder.StepError{ExitCode: 3}, exitStep, ""},
		{&builder.TestError{Recipe: "mqtt"}, exitStep, "tailsbuild test mqtt"},
		{&sandbox.UnavailableError{Kind: "capability", Name: "SYS_TIME"}, exitOther, "--skip-tests"},
		{&builder.TestProcessError{Err: errors.New("x")}, exitOther, "tailsbuild doctor"},
		{&builder.MachineError{Need: "crun"}, exitOther, "tailsbuild doctor"},
		{&builder.DaemonError{Err: errors.New("x")}, exitOther, "tailsbuild doctor"},
		{&fs.PathError{Op: "mkdir", Path: "dist", Err: syscall.EACCES}, exitOther, "--output"},
		{&fs.PathError{Op: "write", Path: "dist", Err: syscall.ENOSPC}, exitOther, "disk is full"},
		{&fs.PathError{Op: "create", Path: "my.key", Err: fs.ErrExist}, exitOther, "nothing was overwritten"},
		{errors.New("anything"), exitOther, ""},
	}
	for _, test := range tests {
		for _, err := range []error{test.err, fmt.Errorf("recipe x: %w", test.err), errors.Join(test.err, errors.New("and more"))} {
			o := outcomeOf(err)
			if o.code != test.code || !strings.Contains(o.hint, test.hint) {
				t.Errorf("%T: code %d, hint %q; want %d, %q", test.err, o.code, o.hint, test.code, test.hint)
			}
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1 kB", 7124000: "7.12 MB", 999499: "999 kB", 999500: "1 MB",
		15300000000: "15.3 GB", 1 << 62: "4.61e+06 TB",
	} {
		if got := size(n); got != want {
			t.Errorf("size(%d) is %q, want %q", n, got, want)
		}
	}
}
