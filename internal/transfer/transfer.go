// Package transfer moves releases with everything that is attached to them: between
// folders, registries and export files.
//
// What it moves keeps its bytes, and with them its digests, which are checked on the
// way. Whether a release is good is for others to say: nothing here verifies a
// signature.
package transfer

import (
	"context"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
)

// Options say what is moved, and how.
type Options struct {
	// Without are the artifactTypes of attached manifests that are left out.
	Without []string
	// Near are layouts that are asked for blobs before the origin is.
	Near []*oci.Layout
	// Places knows which repositories have which blobs, and learns it. It may be
	// nil.
	Places *Places
	// Parallel is how many blobs are moved at once. The default is 4.
	Parallel int
	// MaxBytes is how many bytes a release may have with all that is attached. The
	// default is 64 GiB.
	MaxBytes int64
	// Report, which may be nil, is told how many bytes of how many are there. It is
	// called by several goroutines.
	Report func(current, total int64)
	// Registry says how registries are asked: its Proxy and Limits count. What claims
	// to be one of its Artifacts is looked at first, and left out when it is larger
	// than one may be.
	Registry registry.Options
}

func (o Options) withDefaults() Options {
	if o.Parallel <= 0 {
		o.Parallel = 4
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 64 << 30
	}
	return o
}

// MaxBlob is how many bytes a blob may have: as many as in an export file.
const MaxBlob = 8<<30 - 1

// blobsOf returns the blobs of manifests, each once, and their size together.
func blobsOf(manifests []*registry.Manifest, limit int64) (blobs []ocispec.Descriptor, total int64, err error) {
	sizes := map[digest.Digest]int64{}
	for _, m := range manifests {
		for _, desc := range m.Blobs() {
			what := "blob " + desc.Digest.String()
			size, seen := sizes[desc.Digest]
			switch {
			case seen && size != desc.Size:
				return nil, 0, &oci.SizeError{Blob: what, Expected: size, Got: desc.Size}
			case seen:
				continue
			case desc.Size > MaxBlob:
				return nil, 0, &oci.LimitError{What: what, Size: desc.Size, Limit: MaxBlob}
			case desc.Size > limit-total:
				return nil, 0, &oci.LimitError{What: "the release with all that is attached", Size: total + desc.Size, Limit: limit}
			}
			sizes[desc.Digest] = desc.Size
			total += desc.Size
			blobs = append(blobs, desc)
		}
	}
	return blobs, total, nil
}

// A meter adds up how far blobs are.
type meter struct {
	report func(current, total int64)
	total  int64

	mu          sync.Mutex
	current, by int64 // by is how many of current didn't have to be moved
	at          map[digest.Digest]int64
}

func newMeter(total int64, report func(current, total int64)) *meter {
	return &meter{report: report, total: total, at: map[digest.Digest]int64{}}
}

// set says that n bytes of a blob were moved.
func (m *meter) set(desc ocispec.Descriptor, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current += n - m.at[desc.Digest]
	m.at[desc.Digest] = n
	if m.report != nil {
		m.report(m.current, m.total)
	}
}

// there says that a blob doesn't have to be moved.
func (m *meter) there(desc ocispec.Descriptor) {
	m.mu.Lock()
	m.by += desc.Size
	m.mu.Unlock()
	m.set(desc, desc.Size)
}

// has reports whether all of a blob is there.
func (m *meter) has(desc ocispec.Descriptor) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := m.at[desc.Digest]
	return ok && n == desc.Size
}

// sent returns how many bytes were moved.
func (m *meter) sent() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current - m.by
}

// each calls do for all items, n at once, until one returns an error.
func each[T any](ctx context.Context, n int, items []T, do func(context.Context, T) error) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(n)
	for _, item := range items {
		if inner.Err() != nil {
			break
		}
		g.Go(func() error { return do(inner, item) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}
