package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/transfer"
)

// A pulledFolder is a release that is in a folder now.
type pulledFolder struct {
	Reference string `json:"reference"`
	Dir       string `json:"dir"`
	// Verified says that its image was, before the rest was taken.
	Verified bool `json:"verified"`
	*transfer.Moved
}

func (p pulledFolder) kind() string { return "folder" }

func (p pulledFolder) text(w io.Writer) {
	fmt.Fprintf(w, "%s is in %s\n", progress.Line(p.Reference), progress.Line(p.Dir))
	fmt.Fprintf(w, "  %-10s %s\n", "image", moved(p.Moved))
	if !p.Verified {
		fmt.Fprintf(w, "  %-10s no, only copied: tailsbuild verify %s\n", "verified", progress.Line(p.Dir))
	}
}

// pullFolder verifies the image that arg names, and takes all that is attached to it
// into the folder f.output.
func (a *app) pullFolder(ctx context.Context, arg string, f *pullFlags) (err error) {
	ref, err := registry.ParseReference(arg)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(f.output)), 0o755); err != nil {
		return err
	}
	w, err := oci.Resume(f.output)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Abort()) }()
	image, err := a.pullVerified(ctx, ref, w, f)
	if err != nil {
		return err
	}
	m, index, err := a.pullRest(ctx, ref, image, w, f)
	if err != nil {
		return err
	}
	a.warnProblems(m.Problems)
	if f.keyFile != "" {
		// Once more, with the layers and the sealed inputs.
		staged, err := w.Stage(index)
		if err != nil {
			return err
		}
		v, err := keyVerification(ctx, staged, f.keyFile, release.VerifyOptions{Called: ref.String()})
		if err != nil {
			return asBroken(err)
		}
		if err := a.out.print(verified{v}); err != nil {
			return err
		}
	}
	if err := w.Commit(index); err != nil {
		return err
	}
	return a.out.print(pulledFolder{Reference: ref.String(), Dir: f.output, Verified: true, Moved: m})
}

// pullVerified puts the image's manifest and what is signed about it into w, and
// verifies that. What isn't to be used isn't kept.
func (a *app) pullVerified(ctx context.Context, ref registry.Reference, w *oci.Writer, f *pullFlags) (image ocispec.Descriptor, err error) {
	opts := fetchOptions(f.movingFlags.proxy)
	var j *judging
	if f.keyFile == "" {
		if j, err = a.newJudging(f.judgeFlags); err != nil {
			return image, err
		}
		opts.Known = j.known(ref.String())
	}
	s, err := registry.Open(ctx, ref, opts)
	if err != nil {
		return image, fmt.Errorf("%s: %w", ref, err)
	}
	defer s.Close()
	if image, err = s.Image(f.platform); err != nil {
		return image, fmt.Errorf("%s: %w", ref, err)
	}
	fetched, index, err := s.FetchInto(ctx, image, w)
	if err != nil {
		return image, asBroken(fmt.Errorf("%s: %w", ref, err))
	}
	a.warnProblems(fetched.Problems)
	staged, err := w.Stage(index)
	if err != nil {
		return image, err
	}
	if err := a.judgeFetched(ctx, staged, ref, j, f); err != nil {
		return image, errors.Join(err, w.Discard())
	}
	return fetched.Image, nil
}

// judgeFetched returns why the release that was fetched into dir, without its layers,
// must not be used: by j, or by a key. The layers are still to be taken by the digests
// that this verifies.
func (a *app) judgeFetched(ctx context.Context, dir string, ref registry.Reference, j *judging, f *pullFlags) error {
	opts := release.VerifyOptions{Called: ref.String(), WithoutLayers: true}
	if j == nil {
		_, err := keyVerification(ctx, dir, f.keyFile, opts)
		return asBroken(err)
	}
	contents, err := j.assessor.ReadAll(ctx, dir, opts)
	if err != nil {
		return asBroken(err)
	}
	images, err := j.assess(ctx, &gathered{contents: contents, reference: ref.String()})
	if err != nil {
		return err
	}
	for _, s := range images {
		refusal, err := j.judge(ctx, ref.String(), s)
		if err := errors.Join(err, refusal); err != nil {
			return err
		}
	}
	return nil
}

// keyVerification returns what a key says of the release in dir.
func keyVerification(ctx context.Context, dir, keyFile string, opts release.VerifyOptions) (*release.Verification, error) {
	key, err := openPublicKey(keyFile)
	if err != nil {
		return nil, err
	}
	return release.VerifyWith(ctx, dir, key, opts)
}

// pullRest adds to w what is attached to the image besides, by the digest that was
// verified.
func (a *app) pullRest(ctx context.Context, ref registry.Reference, image ocispec.Descriptor, w *oci.Writer, f *pullFlags) (m *transfer.Moved, index []ocispec.Descriptor, err error) {
	err = a.move(&f.movingFlags, "pull "+ref.String(), func(opts transfer.Options) error {
		r, err := transfer.OpenReference(ctx, ref.WithDigest(image.Digest), "", opts)
		if err != nil {
			return err
		}
		defer r.Close()
		r.Image.Name = ref.Name()
		set, err := r.Image.Collect(ctx, opts)
		if err != nil {
			return fmt.Errorf("%s: %w", ref, err)
		}
		if m, index, err = set.Write(ctx, w, opts); err != nil {
			return fmt.Errorf("%s: %w", ref, err)
		}
		return nil
	})
	return m, index, err
}
