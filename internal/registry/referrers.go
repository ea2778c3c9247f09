package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

const (
	// maxPages is how many pages of a list are read.
	maxPages = 16
	// unknownSize is that of a manifest of which only the digest is known.
	unknownSize = -1
)

// referrers returns what may refer to the image: what is known, what the
// registry's referrers API lists (distribution-spec, listing referrers), and what
// the tag lists that stands in for the API. Both lists are read: which one a
// client wrote to depends on what the registry could do then. Nothing in them is
// believed but as a hint where to look first.
func (f *fetch) referrers(ctx context.Context) ([]ocispec.Descriptor, error) {
	var all []ocispec.Descriptor
	if f.opts.Known != nil {
		for _, d := range f.opts.Known(ctx, f.image.Digest) {
			all = append(all, ocispec.Descriptor{Digest: d, Size: unknownSize})
		}
	}
	listed, err := f.api(ctx)
	if err != nil {
		return nil, err
	}
	tagged, err := f.fallback(ctx)
	if err != nil {
		return nil, err
	}
	listed = append(listed, tagged...)
	slices.SortStableFunc(listed, func(a, b ocispec.Descriptor) int { return f.rank(a) - f.rank(b) })
	all = append(all, listed...)

	seen := map[digest.Digest]bool{}
	all = slices.DeleteFunc(all, func(d ocispec.Descriptor) bool {
		again := seen[d.Digest]
		seen[d.Digest] = true
		return again
	})
	if limit := f.opts.Limits.Referrers; len(all) > limit {
		f.about(&oci.LimitError{What: "manifests that may refer to it", Size: int64(len(all)), Limit: int64(limit)})
		all = all[:limit]
	}
	return all, nil
}

// rank puts what claims to be asked for before the rest.
func (f *fetch) rank(desc ocispec.Descriptor) int {
	for _, kind := range f.opts.Artifacts {
		if desc.ArtifactType == kind.Type {
			return 0
		}
	}
	return 1
}

// api returns what the referrers API lists.
func (f *fetch) api(ctx context.Context) ([]ocispec.Descriptor, error) {
	path := "referrers"
	address := f.client.url(path, f.image.Digest.String())
	var all []ocispec.Descriptor
	for page := 1; ; page++ {
		b, header, err := f.client.document(ctx, address, ocispec.MediaTypeImageIndex, min(maxManifest, f.left))
		if unsupported(err) {
			return all, nil
		}
		if err != nil {
			return all, f.listProblem(err)
		}
		f.left -= int64(len(b))
		index, err := oci.DecodeIndex("list of referrers", b)
		if err != nil {
			return all, f.listProblem(err)
		}
		all = append(all, index.Manifests...)
		if address, err = f.next(header, f.client.url(path, f.image.Digest.String())); err != nil || address == "" {
			return all, f.listProblem(err)
		}
		if page == maxPages || len(all) > f.opts.Limits.Referrers {
			f.about(&oci.LimitError{What: "pages of the list of referrers", Size: int64(page + 1), Limit: int64(page)})
			return all, nil
		}
	}
}

// fallback returns what the tag sha256-<hex> lists (distribution-spec,
// referrers tag schema).
func (f *fetch) fallback(ctx context.Context) ([]ocispec.Descriptor, error) {
	tag := strings.Replace(f.image.Digest.String(), ":", "-", 1)
	d, err := f.client.manifest(ctx, tag, min(maxManifest, f.left))
	if unsupported(err) {
		return nil, nil
	}
	if err != nil {
		return nil, f.listProblem(err)
	}
	f.left -= d.desc.Size
	if d.index == nil {
		f.about(&oci.FormatError{What: "tag " + tag, Detail: "not an index"})
		return nil, nil
	}
	return d.index.Manifests, nil
}

// unsupported reports whether a registry says that it has no such list.
func unsupported(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && slices.Contains([]int{
		http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented,
	}, status.Code)
}

// listProblem makes a problem of an error about what a list says. Others are
// returned: a list that can't be had may hide anything.
func (f *fetch) listProblem(err error) error {
	if err == nil || !aboutArtifact(err) {
		return err
	}
	f.about(err)
	return nil
}

var nextLink = lazyregexp.New(`^<([^>]*)>\s*;\s*rel="?next"?\s*$`)

// next returns the address of a list's next page, "" when there is none. It is
// where the first page was, whatever host and path the registry names.
func (f *fetch) next(header http.Header, first string) (string, error) {
	link := header.Get("Link")
	if link == "" {
		return "", nil
	}
	m := nextLink.FindStringSubmatch(link)
	if m == nil {
		return "", &oci.FormatError{What: "list of referrers", Detail: fmt.Sprintf("Link is %q", link)}
	}
	u, err := url.Parse(m[1])
	if err != nil {
		return "", &oci.FormatError{What: "list of referrers", Detail: err.Error()}
	}
	return first + "?" + u.RawQuery, nil
}
