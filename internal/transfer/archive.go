package transfer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
)

// A TwiceError reports that the same image was given twice.
type TwiceError struct{ Image digest.Digest }

func (e *TwiceError) Error() string { return fmt.Sprintf("image %s is there twice", e.Image) }

// Export writes sets as one file, see [oci.WriteArchive]: each release with all that
// is attached to it, and what they share once. The same sets give the same bytes, in
// whatever order they are given and wherever they were. One image twice is a
// *[TwiceError].
func Export(ctx context.Context, w io.Writer, sets []*Set, opts Options) error {
	opts = opts.withDefaults()
	sets = slices.Clone(sets)
	slices.SortFunc(sets, func(a, b *Set) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Image.Digest.String(), b.Image.Digest.String()))
	})
	var (
		index     []ocispec.Descriptor
		manifests []*registry.Manifest
		bodies    = map[digest.Digest][]byte{}
		origins   = map[digest.Digest]origin{}
	)
	for _, s := range sets {
		if bodies[s.Image.Digest] != nil {
			return &TwiceError{s.Image.Digest}
		}
		platform, err := s.platform(ctx)
		if err != nil {
			return err
		}
		index = append(index, s.index(platform)...)
		for _, m := range s.manifests() {
			manifests, bodies[m.Digest] = append(manifests, m), m.Body
			for _, desc := range m.Blobs() {
				origins[desc.Digest] = s.origin
			}
		}
	}
	blobs, total, err := blobsOf(manifests, opts.MaxBytes*int64(len(sets)))
	if err != nil {
		return err
	}
	meter := newMeter(total, opts.Report)
	for _, m := range manifests {
		blobs = append(blobs, m.Descriptor)
	}
	return oci.WriteArchive(w, index, blobs, func(desc ocispec.Descriptor) (io.ReadCloser, error) {
		if body := bodies[desc.Digest]; body != nil {
			return io.NopCloser(bytes.NewReader(body)), nil
		}
		r, err := origins[desc.Digest].blob(ctx, desc, 0)
		if err != nil {
			return nil, err
		}
		counted := &countedReader{r: oci.Verified(r, desc), moved: func(n int64) { meter.set(desc, n) }}
		return struct {
			io.Reader
			io.Closer
		}{counted, r}, nil
	})
}

// A countedReader tells how much of it was read.
type countedReader struct {
	r     io.Reader
	n     int64
	moved func(int64)
}

func (r *countedReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.n += int64(n)
	r.moved(r.n)
	return n, err
}

// OpenExport opens a file that Export wrote. One that was cut off, added to or changed
// is an error, see [oci.OpenArchive]; whether the blobs are what they have to be,
// reading them shows.
func OpenExport(path string) (*Folder, error) {
	l, err := oci.OpenArchive(path)
	if err != nil {
		return nil, err
	}
	f, err := NewFolder(l)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), l.Close())
	}
	return f, nil
}

// Check reads all of the layout, and checks it.
func (f *Folder) Check(ctx context.Context, opts Options) error {
	var manifests []*registry.Manifest
	for _, d := range f.order {
		manifests = append(manifests, f.manifests[d])
	}
	_, total, err := blobsOf(manifests, 1<<62)
	if err != nil {
		return err
	}
	current := int64(0)
	return f.layout.Check(ctx, func(n int) {
		if current += int64(n); opts.Report != nil {
			opts.Report(min(current, total), total)
		}
	})
}

// Artifact returns the layout's artifact of a kind that refers to nothing, as a set
// to be moved, or nil when there is none.
func (f *Folder) Artifact(artifactType string) (*Set, error) {
	var found *Set
	for _, d := range f.order {
		m := f.manifests[d]
		if m.Content.ArtifactType != artifactType || m.Content.Subject != nil {
			continue
		}
		if found != nil {
			return nil, &oci.FormatError{What: ocispec.ImageIndexFile, Detail: "more than one artifact of type " + artifactType}
		}
		found = &Set{Image: m, origin: f}
	}
	return found, nil
}

// Merge adds what other, a set of the same image, has attached besides. Where both
// together are too many, those of other stay.
func (s *Set) Merge(other *Set) {
	has := map[digest.Digest]bool{}
	all := slices.Clone(other.Attached)
	for _, m := range all {
		has[m.Digest] = true
	}
	for _, m := range s.Attached {
		switch {
		case has[m.Digest]:
		case len(all) >= maxAttached:
			s.tooMany(m.Digest)
		default:
			all = append(all, m)
		}
	}
	s.Attached = all
	slices.SortFunc(s.Attached, byDigest)
	for _, n := range other.Names {
		if !slices.ContainsFunc(s.Names, func(have Names) bool { return have.Of == n.Of }) {
			s.Names = append(s.Names, n)
		}
	}
}
