package inputs

import (
	"context"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// NewestModule returns the version of the Go module at path that the go command
// calls the latest: of the releases the newest, else of the pre-releases, else that
// of the newest commit. Nothing is fetched but what proxies and repositories say
// about versions, and nothing is locked.
//
// It returns a *MissingError when nobody could be asked or knows the module.
func (f *Fetcher) NewestModule(ctx context.Context, path string) (_ string, err error) {
	in := lock.Input{Kind: lock.KindGoModule, Name: path}
	if f.Offline || f.Sealed != nil {
		return "", &MissingError{Input: in.String(), Tried: []Attempt{{Location: "go list", Err: &OfflineError{Location: "go list"}}}}
	}
	g, err := f.newGo(false)
	if err != nil {
		return "", err
	}
	defer func() {
		if closeErr := g.close(); err == nil {
			err = closeErr
		}
	}()
	modules, err := g.modules(ctx, "list", "-m", "-json", "--", path+"@latest")
	if err != nil {
		return "", missing(in, err)
	}
	if len(modules) != 1 || modules[0].Path != path || modules[0].Version == "" {
		return "", missing(in, &FormatError{File: "output of go list", Problem: "not one version of " + path})
	}
	return modules[0].Version, nil
}
