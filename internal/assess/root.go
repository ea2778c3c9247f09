package assess

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// maxRoot is more than package trust reads, so that it is the one to say so.
const maxRoot = 1 << 20

// opened is a trust root, or why it can't be used.
type opened struct {
	view *trust.View
	err  error
}

// view opens a trust root, once.
func (a *Assessor) view(ctx context.Context, t *policy.TrustRoot) (*trust.View, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	o, ok := a.roots[t.Name]
	if !ok {
		o.view, o.err = a.open(ctx, t)
		if o.err != nil {
			o.view = nil
		}
		a.roots[t.Name] = o
	}
	return o.view, o.err
}

// Releases returns all releases that the trust root called name lists. It is an error
// of package trust when they aren't known, or a *[NoRootError].
func (a *Assessor) Releases(ctx context.Context, name string) ([]*trust.Release, error) {
	t := a.opts.Policy.TrustRoot(name)
	if t == nil {
		return nil, &NoRootError{Name: name}
	}
	view, err := a.view(ctx, t)
	if err != nil {
		return nil, err
	}
	return view.Releases(ctx)
}

// A NoRootError reports a trust root that the policy doesn't have.
type NoRootError struct{ Name string }

func (e *NoRootError) Error() string { return fmt.Sprintf("the policy has no trust root %q", e.Name) }

// open goes through the sources in order. What one of them has wrong doesn't keep
// the next from being right: all that is used is verified, from the pinned root on.
func (a *Assessor) open(ctx context.Context, t *policy.TrustRoot) (*trust.View, error) {
	root, err := readPinned(a.path(t.Root))
	if err != nil {
		return nil, err
	}
	sources, err := a.sources(t)
	for _, source := range sources {
		view, openErr := trust.Open(ctx, trust.Options{
			Root: root, Cache: filepath.Join(a.opts.Cache, t.Name), Source: source,
			Offline: a.opts.Offline, Now: a.opts.Now,
		})
		if openErr == nil {
			return view, nil
		}
		err = errors.Join(err, openErr)
		var cache *trust.CacheError
		if errors.As(openErr, &cache) || ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

// sources returns what the trust root is read from, in order; nil is the cache
// alone. The error says what is no source.
func (a *Assessor) sources(t *policy.TrustRoot) (sources []trust.Source, err error) {
	for _, location := range t.Sources {
		remote := strings.HasPrefix(location, "https://") || strings.HasPrefix(location, "http://")
		switch {
		case remote && a.opts.Offline:
		case remote:
			s, httpErr := trust.HTTP(location, trust.HTTPOptions{})
			if httpErr != nil {
				err = errors.Join(err, fmt.Errorf("%s: %w", location, httpErr))
				continue
			}
			sources = append(sources, s)
		default:
			sources = append(sources, local(a.path(location)))
		}
	}
	if a.opts.Offline || len(t.Sources) == 0 {
		sources = append(sources, nil)
	}
	return sources, err
}

// local returns the source in a folder: the files, or an OCI image layout of them.
func local(dir string) trust.Source {
	if _, err := os.Lstat(filepath.Join(dir, ocispec.ImageLayoutFile)); err == nil {
		return trust.Layout(dir)
	}
	return trust.Folder(dir)
}

// path returns where a path of the policy leads.
func (a *Assessor) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(a.opts.Folder, p)
}

func readPinned(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("pinned root: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("pinned root: %s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("pinned root: %w", err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxRoot))
}
