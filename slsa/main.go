// Slsa-verifier is the program of that name for provenance that tailsbuild wrote: the
// libraries of slsa-verifier, with one builder more. The original knows those of
// GitHub and Google, and has no flag for others.
package main

import (
	"fmt"
	"os"

	"github.com/slsa-framework/slsa-verifier/v2/cli/slsa-verifier/verify"
	"github.com/spf13/cobra"
)

// What the original prints.
const (
	passed = "PASSED: SLSA verification passed"
	failed = "FAILED: SLSA verification failed"
)

func main() {
	root := &cobra.Command{
		Use:           "slsa-verifier",
		Short:         "Verify SLSA provenance of tailsbuild's builds and rebuilds",
		SilenceErrors: true, SilenceUsage: true,
	}
	root.AddCommand(verifyImage())
	if err := root.Execute(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", failed, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, passed)
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
			for name, to := range map[string]struct {
				given **string
				value *string
			}{
				"source-branch":         {&c.SourceBranch, &o.SourceBranch},
				"source-tag":            {&c.SourceTag, &o.SourceTag},
				"source-versioned-tag":  {&c.SourceVersionTag, &o.SourceVersionTag},
				"provenance-repository": {&c.ProvenanceRepository, &o.ProvenanceRepository},
			} {
				if cmd.Flags().Changed(name) {
					*to.given = to.value
				}
			}
			_, err = c.Exec(cmd.Context(), args)
			return err
		},
	}
	o.AddFlags(cmd)
	cmd.Flags().StringVar(&keyPath, "public-key-path", "", "path to the public key of who signs for the builder, in PEM")
	for _, name := range []string{"builder-id", "provenance-path", "public-key-path"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	return cmd
}
