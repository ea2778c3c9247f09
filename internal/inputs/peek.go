package inputs

import (
	"context"
	"errors"
	"os"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// Peek has check look at the file at url, which has at most limit bytes, at the first
// location that has one. name is what errors call it. It is not stored: Peek is for
// looking at what a mirror has now.
//
// Its error is a *MissingError when no location has it, and a *RefusedError when
// check refuses what one has.
func (f *Fetcher) Peek(ctx context.Context, name, url string, limit int64, check Check) (err error) {
	file, err := f.Store.temp()
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	t := &transfer{fetcher: f, state: Transfer{Name: name}}
	defer func() { t.done(err) }()
	want := expected{name: name, size: -1, most: limit, check: check}
	_, _, err = f.fetchAny(ctx, url, want, file, t)
	return err
}

// Versions returns the versions of in's Go module that the go command knows, in
// the order of semantic versions, without those that the module retracts. latest
// is the one that the go command would take: the highest release, else the highest
// pre-release, else a pseudo-version. GOPROXY and the like apply.
//
// Its error is a *MissingError when the go command can't say.
func (f *Fetcher) Versions(ctx context.Context, in lock.Input) (versions []string, latest string, err error) {
	if f.Offline {
		return nil, "", missing(in, goList, &OfflineError{Location: goList})
	}
	g, err := f.newGo(false)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	modules, err := g.modules(ctx, "list", "-m", "-versions", "-json", "--", in.Module+"@latest")
	if err != nil {
		return nil, "", missing(in, goList, err)
	}
	if len(modules) != 1 || modules[0].Path != in.Module || modules[0].Version == "" {
		return nil, "", &FormatError{File: "output of go list", Problem: "not one version of " + in.Module}
	}
	return modules[0].Versions, modules[0].Version, nil
}
