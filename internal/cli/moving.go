package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/transfer"
)

// proxyFlag says through which proxy registries and trust roots are asked.
type proxyFlag struct{ proxy string }

func (f *proxyFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.proxy, "proxy", "", "`URL` of the proxy to connect through, as socks5h://HOST:PORT (default that of ALL_PROXY)")
}

// movingFlags say how releases are moved.
type movingFlags struct {
	proxyFlag
	draw       progressFlag
	skipInputs bool
}

func (f *movingFlags) add(cmd *cobra.Command) {
	f.proxyFlag.add(cmd)
	f.draw.add(cmd)
	cmd.Flags().BoolVar(&f.skipInputs, "skip-inputs", false, "leave the sealed inputs out")
}

// options are those of a move that is drawn as step, which may be nil.
func (f *movingFlags) options(step *progress.Step) transfer.Options {
	opts := transfer.Options{Registry: fetchOptions(f.proxy), Report: step.Progress}
	// What is looked at first, of what a registry lists.
	opts.Registry.Artifacts = append(opts.Registry.Artifacts, registry.Artifact{Type: inputs.SealedType, MaxBlobs: oci.MaxLayers, MaxSize: transfer.MaxBlob})
	if f.skipInputs {
		opts.Without = []string{inputs.SealedType}
	}
	return opts
}

// move has do move something, which is drawn as a step called name. Blobs that a
// registry was seen to have are remembered.
func (a *app) move(f *movingFlags, name string, do func(transfer.Options) error) (err error) {
	d, err := a.display(f.draw)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	step := d.Step(name)
	opts := f.options(step)
	if state, err := stateDir(); err == nil {
		opts.Places = transfer.OpenPlaces(filepath.Join(state, "places.json"))
	}
	err = do(opts)
	if err == nil && opts.Places != nil {
		if err := opts.Places.Save(); err != nil {
			step.Log("not remembered: " + err.Error())
		}
	}
	step.Done(err)
	return asBroken(err)
}

// moved says how much went where, in words.
func moved(m *transfer.Moved) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s with %d attached, %s", m.Image.Digest, m.Attached, size(m.Size))
	if m.Sent != m.Size {
		fmt.Fprintf(&b, ", %s of them now", size(m.Sent))
	}
	if m.Left > 0 {
		fmt.Fprintf(&b, "; %d left out", m.Left)
	}
	return b.String()
}

// fromFolder calls do with the one image of a layout.
func fromFolder(dir string, do func(*transfer.Image) error) error {
	f, err := transfer.OpenFolder(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	image, err := f.Image()
	if err != nil {
		return err
	}
	return do(image)
}

// from calls do with the image in a folder, or the one that a reference means.
func from(ctx context.Context, arg, platform string, opts transfer.Options, do func(*transfer.Image) error) error {
	if !isReference(arg) {
		if platform != "" {
			return usagef("--platform is for references")
		}
		return fromFolder(arg, do)
	}
	ref, err := registry.ParseReference(arg)
	if err != nil {
		return err
	}
	r, err := transfer.OpenReference(ctx, ref, platform, opts)
	if err != nil {
		return err
	}
	defer r.Close()
	return do(r.Image)
}

// releaseDir returns the folder that arg means: one with a release, or the one in
// releases that is called after the recipe.
func releaseDir(arg, releases string) string {
	if strings.ContainsRune(arg, filepath.Separator) || arg == "." || arg == ".." {
		return arg
	}
	if l, err := oci.OpenLayout(arg); err == nil {
		l.Close()
		return arg
	}
	return filepath.Join(releases, arg)
}
