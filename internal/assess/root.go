package assess

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
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
	root, err := readFile("pinned root", a.path(t.Root), maxRoot)
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
		if !trust.IsURL(location) {
			location = a.path(location)
		} else if a.opts.Offline {
			continue
		}
		s, openErr := trust.At(location, trust.HTTPOptions{Proxy: a.opts.Proxy})
		if openErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", location, openErr))
			continue
		}
		sources = append(sources, s)
	}
	if a.opts.Offline || len(t.Sources) == 0 {
		sources = append(sources, nil)
	}
	return sources, err
}

// path returns where a path of the policy leads.
func (a *Assessor) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(a.opts.Folder, p)
}

// openSigstores opens the trusted root of every sigstore of the policy. One that
// can't be used stands against every image: who knows what its services would say.
func (a *Assessor) openSigstores() {
	for _, s := range a.opts.Policy.Sigstores {
		what := fmt.Sprintf("trusted root of the sigstore %q", s.Name)
		file, err := readFile(what, a.path(s.TrustedRoot), sign.MaxTrustedRoot)
		var t *sign.TrustedRoot
		if err == nil {
			t, err = sign.OpenTrustedRoot(s.Name, file)
		}
		if err != nil {
			a.problems = append(a.problems, err.Error())
			continue
		}
		a.trusted.Roots = append(a.trusted.Roots, t)
	}
}

// readFile reads a file of the policy's, of at most limit bytes.
func readFile(what, path string, limit int64) ([]byte, error) {
	b, err := regular.Read(path, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return b, nil
}
