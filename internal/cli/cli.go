// Package cli is tailsbuild's command line: it reads flags, wires the other
// packages together, and turns their typed errors into hints and exit codes.
//
// Stdout has the result and nothing else; everything else goes to stderr.
package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Main runs the command line args, which does not include the program's name,
// and returns the exit code that exit.go documents.
//
// The first SIGINT or SIGTERM cancels what runs, so that it cleans up; the second
// kills the process as it would any other.
func Main(args []string, stdin *os.File, stdout, stderr io.Writer) int {
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer restore()
	context.AfterFunc(ctx, restore)

	a := newApp(stdin, stdout, stderr)
	root := a.root()
	root.SetArgs(containerdArgs(args))
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		err = a.unknown
	}
	if err != nil && ctx.Err() != nil {
		err = &interruptedError{err}
	}
	return a.report(cmd.CommandPath(), err)
}

// An app is one run of the command line.
type app struct {
	stdin  *os.File
	stderr io.Writer
	out    output
	typed  *bufio.Reader // what a person types, see askLine
	// unknown is why there was no help to show.
	unknown error
}

func newApp(stdin *os.File, stdout, stderr io.Writer) *app {
	return &app{stdin: stdin, stderr: stderr, out: output{w: stdout}}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "tailsbuild",
		Short: "Build small Alpine images twice, and sign only what came out the same",
		Long: `Tailsbuild makes OCI images from recipes. Each recipe is built twice, by two
builders that share nothing and differ in everything that must not matter. Only
when the two images are the same, bit for bit, is there a release.`,
		Example: `  tailsbuild lock mqtt
  tailsbuild key new --out my
  tailsbuild build mqtt --key my.key
  tailsbuild verify dist/mqtt --key my.pub`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              noArgs,
		RunE:              noCommand,
	}
	root.SetIn(a.stdin)
	root.SetOut(a.out.w)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return &usageError{err.Error()}
	})
	root.PersistentFlags().Var(newChoice(&a.out.format, "text", "json"), "format", "form of the `result` on stdout: text or json")
	show := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if rest := cmd.Flags().Args(); cmd.HasSubCommands() && len(rest) > 0 {
			if a.unknown = cmd.ValidateArgs(rest); a.unknown != nil {
				return
			}
		}
		show(cmd, args)
	})
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		a.out.command = strings.TrimPrefix(cmd.CommandPath(), "tailsbuild ")
		return nil
	}
	root.AddCommand(
		a.initCommand(), a.fmtCommand(), a.validateCommand(), a.lockCommand(), a.graphCommand(), a.planCommand(),
		a.buildCommand(), a.testCommand(), a.compareCommand(), a.archiveCommand(),
		a.keyCommand(), a.pushCommand(), a.pullCommand(), a.copyCommand(), a.exportCommand(), a.importCommand(),
		a.policyCommand(), a.inspectCommand(), a.verifyCommand(), a.auditCommand(), a.containerdVerifyCommand(), a.trustCommand(),
		a.doctorCommand(), a.versionCommand(),
	)
	return root
}

// A usageError says that the command line itself is wrong.
type usageError struct{ Message string }

func (e *usageError) Error() string { return e.Message }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// leaf completes a command that does something: its arguments are checked by
// args, and what is wrong with them is a usageError.
func leaf(cmd *cobra.Command, args cobra.PositionalArgs, run func(ctx context.Context, args []string) error) *cobra.Command {
	cmd.DisableFlagsInUseLine = true
	cmd.Args = func(cmd *cobra.Command, got []string) error {
		if err := args(cmd, got); err != nil {
			return &usageError{err.Error()}
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return run(cmd.Context(), args)
	}
	return cmd
}

// noArgs is for commands that only have subcommands: what they are given was
// meant as one of them.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	msg := fmt.Sprintf("there is no command %q", args[0])
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		msg += fmt.Sprintf("; did you mean %q?", near[0])
	}
	return &usageError{msg}
}

func noCommand(*cobra.Command, []string) error { return &usageError{"no command given"} }
