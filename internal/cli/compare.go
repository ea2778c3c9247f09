package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/debian"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
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

// A sameDigest says that two images have one digest. What that names was not read.
type sameDigest struct {
	A      string        `json:"a"`
	B      string        `json:"b"`
	Digest digest.Digest `json:"digest"`
}

func (s sameDigest) kind() string { return "same-digest" }

func (s sameDigest) text(w io.Writer) {
	fmt.Fprintf(w, "the same digest: %s\n  A %s\n  B %s\nWhat it names was not read.\n", s.Digest, s.A, s.B)
}

type compareFlags struct {
	full     bool
	byDigest bool
	platform string
	epoch    *int64 // nil if it isn't known
	debian   bool
	forms    formFlags
	proxy    proxyFlag
	draw     progressFlag
}

func (a *app) compareCommand() *cobra.Command {
	var f compareFlags
	cmd := &cobra.Command{
		Use:   "compare A B",
		Short: "Compare two images byte for byte, and say why they differ",
		Long: `Compares two images, reading every byte of both: OCI layouts, as folders or tar files,
what docker save writes, images in registries, other tar files, directories, or files.

Exits with 0 when they are identical and with 1 when they differ. Then it prints why, as
far as that can be told: each cause with the two values that show it, where it was seen
first, and what to change; and below that what has more to see. What isn't explained is
said to be so.

--by-digest takes images that have one digest for the same, whatever their size, without
reading what it names: for layouts and registries that hold what their digests say.

--report writes all forms of that into one folder. The page of HTML needs no network and
no script. Other files than - are made anew, in the place of what was there.`,
		Example: `  tailsbuild compare out-a/mqtt.a out-b/mqtt.b
  tailsbuild compare mine.tar registry.example.org/tails/mqtt@sha256:… --html mqtt.html
  tailsbuild compare dist/mqtt other/mqtt --full
  tailsbuild compare dist/mqtt registry.example.org/tails/mqtt:1.2 --by-digest
  tailsbuild compare a.tar.gz b.tar.gz --code-quality gl-code-quality-report.json --junit junit.xml`,
	}
	cmd.Flags().BoolVar(&f.full, "full", false, "print all differences, not only a screen of them")
	cmd.Flags().BoolVar(&f.byDigest, "by-digest", false, "read nothing but manifests of images that have one digest, unless a report is asked for")
	cmd.Flags().StringVar(&f.platform, "platform", "", "`OS/ARCH` to take of what a reference names (default all)")
	epoch := cmd.Flags().Int64("epoch", 0, "SOURCE_DATE_EPOCH of both builds, in `SECONDS` (default not known)")
	cmd.Flags().BoolVar(&f.debian, "with-diffoscope", false, "have Debian's diffoscope explain files that nothing else does; it runs many programs on them")
	f.forms.add(cmd)
	f.proxy.add(cmd)
	f.draw.add(cmd)
	return leaf(cmd, cobra.ExactArgs(2), func(ctx context.Context, args []string) error {
		if err := f.forms.check(a.out.json()); err != nil {
			return err
		}
		if cmd.Flags().Changed("epoch") {
			f.epoch = epoch
		}
		return a.compare(ctx, args[0], args[1], &f)
	})
}

func (a *app) compare(ctx context.Context, nameA, nameB string, f *compareFlags) (err error) {
	wait := a.later(f.draw, fmt.Sprintf("compare %s with %s", nameA, nameB))
	defer func() { err = errors.Join(err, wait(err)) }()
	if f.byDigest && !f.forms.any() {
		same, err := findSameDigest(ctx, nameA, nameB, f)
		if err != nil {
			return err
		}
		if same != nil {
			return errors.Join(wait(nil), a.out.print(same))
		}
	}
	var inputs [2]*diffoscope.Input
	for i, name := range []string{nameA, nameB} {
		in, done, err := openInput(ctx, name, f)
		if err != nil {
			return err
		}
		defer done()
		inputs[i] = in
	}
	c, err := diffoscope.CompareAny(ctx, inputs[0], inputs[1], cause.Builds{Epoch: f.epoch})
	if err != nil {
		return err
	}
	if f.debian {
		if err := debian.Explain(ctx, c, inputs[0], inputs[1], debian.Limits{}); err != nil {
			return err
		}
	}
	if err := wait(nil); err != nil {
		return err
	}
	if err := f.forms.write(a.out.w, c, filepath.Base(nameA)+" and "+filepath.Base(nameB)); err != nil {
		return err
	}
	if !f.forms.stdout() {
		if err := a.page(comparison{c, f.full}); err != nil {
			return err
		}
	}
	if !c.Distinct() {
		a.warn("both are the same, which proves nothing")
	}
	if !c.Identical() {
		return &differentError{nameA, nameB}
	}
	return nil
}

// findSameDigest returns nil when a and b don't have one digest, or when one has none.
func findSameDigest(ctx context.Context, a, b string, f *compareFlags) (*sameDigest, error) {
	var digests [2]digest.Digest
	for i, name := range []string{a, b} {
		var err error
		if digests[i], err = findDigest(ctx, name, f); err != nil || digests[i] == "" {
			return nil, err
		}
	}
	if digests[0] != digests[1] {
		return nil, nil
	}
	return &sameDigest{a, b, digests[0]}, nil
}

// findDigest returns the digest of the manifest or index that name is, "" for a tree of
// files.
func findDigest(ctx context.Context, name string, f *compareFlags) (digest.Digest, error) {
	if isPath(name) {
		in, err := diffoscope.OpenAny(name, diffoscope.Limits{})
		if err != nil {
			return "", err
		}
		defer in.Close()
		return in.Digest(), nil
	}
	ref, err := registry.ParseReference(name)
	if err != nil {
		return "", err
	}
	s, err := registry.Open(ctx, ref, registry.Options{Proxy: f.proxy.proxy})
	if err != nil {
		return "", fmt.Errorf("%s: %w", ref, err)
	}
	defer s.Close()
	if f.platform == "" {
		return s.Target.Digest, nil
	}
	image, err := s.Image(f.platform)
	if err != nil {
		return "", fmt.Errorf("%s: %w", ref, err)
	}
	return image.Digest, nil
}

// isPath tells a file or folder from what is in a registry.
func isPath(name string) bool {
	_, err := os.Stat(name)
	return err == nil || !registry.LooksLike(name)
}

// openInput opens what name is: a file, a folder, or what it names in a registry.
// Done releases it.
func openInput(ctx context.Context, name string, f *compareFlags) (in *diffoscope.Input, done func(), err error) {
	if isPath(name) {
		in, err := diffoscope.OpenAny(name, diffoscope.Limits{})
		if err != nil {
			return nil, nil, err
		}
		return in, func() { in.Close() }, nil
	}
	ref, err := registry.ParseReference(name)
	if err != nil {
		return nil, nil, err
	}
	temp, err := os.MkdirTemp("", "tailsbuild-")
	if err != nil {
		return nil, nil, err
	}
	remove := func() { os.RemoveAll(temp) }
	dir := filepath.Join(temp, "image")
	if err := fetchWhole(ctx, ref, f, dir); err != nil {
		remove()
		return nil, nil, err
	}
	if in, err = diffoscope.OpenAny(dir, diffoscope.Limits{}); err != nil {
		remove()
		return nil, nil, fmt.Errorf("%s: %w", ref, err)
	}
	in.SetFetched(ref.String())
	return in, func() { in.Close(); remove() }, nil
}

// fetchWhole fetches what ref names to the layout that it makes at dir.
func fetchWhole(ctx context.Context, ref registry.Reference, f *compareFlags, dir string) (err error) {
	s, err := registry.Open(ctx, ref, registry.Options{Layers: true, Proxy: f.proxy.proxy})
	if err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	defer s.Close()
	w, err := oci.Create(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Abort()) }()
	w.Passing()
	_, index, err := fetchInto(ctx, s, f.platform, w)
	if err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	return w.Commit(index)
}
