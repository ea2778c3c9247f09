// Slsa-verifier is the program of that name for provenance that tailsbuild wrote: the
// libraries of slsa-verifier, with one builder more. The original knows those of
// GitHub and Google, and has no flag for others.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/slsa-framework/slsa-verifier/v2/cli/slsa-verifier/verify"
	serrors "github.com/slsa-framework/slsa-verifier/v2/errors"
	"github.com/spf13/cobra"
)

// What the original prints.
const (
	passed = "PASSED: SLSA verification passed"
	failed = "FAILED: SLSA verification failed"
)

// unsupported are flags of the original's that would not be checked.
var unsupported = []string{"source-branch", "source-tag", "source-versioned-tag", "provenance-repository"}

func main() {
	root := &cobra.Command{
		Use:           "slsa-verifier",
		Short:         "Verify SLSA provenance of tailsbuild's builds and rebuilds",
		Args:          cobra.NoArgs,
		RunE:          func(*cobra.Command, []string) error { return errors.New("expected a command: verify-image") },
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.AddCommand(verifyImage())
	if err := root.Execute(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", failed, err)
		os.Exit(1)
	}
}

func verifyImage() *cobra.Command {
	var o verify.VerifyOptions
	var keyPath string
	cmd := &cobra.Command{
		Use:   "verify-image [flags] IMAGE@DIGEST",
		Short: "Verifies SLSA provenance on a container image",
		Example: `  cosign verify-attestation --key tails.pub --insecure-ignore-tlog=true --type slsaprovenance1 $image >provenance
  slsa-verifier verify-image $image --provenance-path provenance --public-key-path tails.pub \
    --builder-id https://gitlab.com/tailsbuild/tailsbuild/builder/embedded-a \
    --source-uri pkg:golang/github.com/mochi-mqtt/server/v2@v2.7.9 --build-workflow-input recipe=mqtt`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range unsupported {
				if cmd.Flags().Changed(name) {
					return fmt.Errorf("%w: --%s: nothing that tailsbuild builds from is found by it", serrors.ErrorNotSupported, name)
				}
			}
			key, err := os.ReadFile(keyPath)
			if err != nil {
				return err
			}
			if err := registerBuilder(o.BuilderID, key); err != nil {
				return err
			}
			c := verify.VerifyImageCommand{
				SourceURI: o.SourceURI, BuilderID: &o.BuilderID, PrintProvenance: o.PrintProvenance,
				ProvenancePath: &o.ProvenancePath, BuildWorkflowInputs: o.BuildWorkflowInputs.AsMap(),
			}
			if _, err := c.Exec(cmd.Context(), args); err != nil {
				return err
			}
			fmt.Fprintln(cmd.ErrOrStderr(), passed)
			return nil
		},
	}
	o.AddFlags(cmd)
	cmd.Flags().Lookup("source-uri").Usage = "expected URI of a source, package or root file system that the image was made from"
	cmd.Flags().Lookup("build-workflow-input").Usage = "[optional] an expected external parameter of the build, in the format 'key=value'"
	cmd.Flags().StringVar(&keyPath, "public-key-path", "", "path to the public key of who signs for the builder, in PEM")
	for _, name := range []string{"builder-id", "provenance-path", "public-key-path"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	for _, name := range unsupported {
		if err := cmd.Flags().MarkHidden(name); err != nil {
			panic(err)
		}
	}
	return cmd
}
