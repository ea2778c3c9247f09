package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
)

// A differentError reports that the two images that were compared differ.
type differentError struct{ A, B string }

func (e *differentError) Error() string { return fmt.Sprintf("%s and %s differ", e.A, e.B) }

// A comparison prints as package diffoscope does.
type comparison struct {
	*diffoscope.Comparison
	full bool
}

func (c comparison) kind() string { return "comparison" }

func (c comparison) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	if err := diffoscope.WriteJSON(&b, c.Comparison); err != nil {
		return nil, err
	}
	return json.RawMessage(b.Bytes()), nil
}

func (c comparison) text(w io.Writer) {
	write := diffoscope.WriteText
	if c.full {
		write = diffoscope.WriteFullText
	}
	_ = write(w, c.Comparison) // w is a buffer
}

func (a *app) compareCommand() *cobra.Command {
	var full bool
	cmd := &cobra.Command{
		Use:   "compare A B",
		Short: "Compare two images byte for byte",
		Long: `Compares the images in two OCI layouts, reading and verifying every byte of both.
Exits with 0 when they are identical and with 1 when they differ; then prints
where, from the outside in.`,
		Example: `  tailsbuild compare out-a/mqtt.a out-b/mqtt.b
  tailsbuild compare dist/mqtt other/mqtt --format json`,
	}
	cmd.Flags().BoolVar(&full, "full", false, "print all differences, not only a screen of them")
	return leaf(cmd, cobra.ExactArgs(2), func(ctx context.Context, args []string) error {
		return a.compare(ctx, args[0], args[1], full)
	})
}

func (a *app) compare(ctx context.Context, pathA, pathB string, full bool) error {
	imageA, err := diffoscope.Open(pathA, diffoscope.Limits{})
	if err != nil {
		return err
	}
	defer imageA.Close()
	imageB, err := diffoscope.Open(pathB, diffoscope.Limits{})
	if err != nil {
		return err
	}
	defer imageB.Close()
	cmp, err := diffoscope.Compare(ctx, imageA, imageB)
	if err != nil {
		return err
	}
	if err := a.out.print(comparison{cmp, full}); err != nil {
		return err
	}
	if !cmp.Distinct() {
		a.warn("both are the same folder, which proves nothing")
	}
	if !cmp.Identical() {
		return &differentError{pathA, pathB}
	}
	return nil
}
