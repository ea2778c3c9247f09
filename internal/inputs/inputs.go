// Package inputs fetches what builds read beside the recipe, from mirrors that
// are never trusted, into a store that knows every file by its sha256.
//
// An input that the lock names is used only when its size and the sha256 of the
// whole file are the locked ones. Go modules and toolchains are fetched with the
// go command and packed into tar archives whose bytes depend on the modules
// alone, not on who served them or when.
package inputs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// A Mirror names places that have the files below Upstream, an http or https URL.
type Mirror struct {
	Upstream string
	// Locations are asked in order: a folder, or a file, http or https URL. The
	// upstream itself is asked only if it is one of them.
	Locations []string
}

// A Transfer is the state of fetching one input.
type Transfer struct {
	// Name is the input's, as lock.Input.String returns it.
	Name string
	// From is the location that is asked now.
	From string
	// Current and Total count bytes. Total is 0 when it isn't known.
	Current, Total int64
	Done           bool
	// Err is why the input could not be had, when Done.
	Err error
}

// A Fetcher brings inputs into Store.
type Fetcher struct {
	Store   *Store
	Mirrors []Mirror
	// Extra locations are asked before all others, for every input with a URL.
	Extra []string
	// Offline leaves folders and file URLs as the only locations.
	Offline bool
	// Jobs is how many inputs are fetched at once. The default is 4.
	Jobs int
	// Report, if set, is told of each transfer's progress, one call at a time.
	Report func(Transfer)
	// Go is the go command. The default is "go", looked up in PATH.
	Go string
	// Sealed, if set, is the only place that inputs come from: no mirror, folder
	// or go command is asked, and nothing can be resolved.
	Sealed *Sealed

	reporting  sync.Mutex
	clientOnce sync.Once
	client     *http.Client
	pause      time.Duration // before the first retry; for tests
}

// Fetch brings the locked inputs into the store and verifies those that are
// there already.
//
// It returns, joined, a *MissingError for each input that no location has. When a
// location had it with other bytes than the locked ones, the *MismatchError that
// says so is among the errors it wraps. Other inputs are still fetched.
func (f *Fetcher) Fetch(ctx context.Context, in []lock.Input) error {
	jobs := f.Jobs
	if jobs <= 0 {
		jobs = 4
	}
	var group errgroup.Group
	group.SetLimit(jobs)
	errs := make([]error, len(in))
	for i := range in {
		group.Go(func() error {
			errs[i] = f.fetch(ctx, in[i])
			return nil
		})
	}
	group.Wait() // the functions leave their errors in errs
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(errs...)
}

func (f *Fetcher) fetch(ctx context.Context, in lock.Input) (err error) {
	t := f.transfer(in)
	defer func() { t.done(err) }()
	if err := checkLocked(in); err != nil {
		return err
	}
	unlock, err := f.Store.lock(ctx, in.SHA256)
	if err != nil {
		return err
	}
	defer unlock()
	have, err := f.Store.check(ctx, in)
	if err != nil {
		return err
	}
	if f.Sealed != nil {
		return f.unseal(ctx, in, have, t)
	}
	if have {
		return nil
	}
	switch in.Kind {
	case lock.KindRootfs, lock.KindHTTP, lock.KindIndex, lock.KindPackage:
		return f.fetchURL(ctx, in, t)
	case lock.KindGoModule, lock.KindToolchain:
		_, err := f.pack(ctx, in, t)
		return err
	}
	return &KindError{Input: in}
}

// checkLocked refuses an input without the sums that it would be checked by.
func checkLocked(in lock.Input) error {
	fromGo := in.Kind == lock.KindGoModule || in.Kind == lock.KindToolchain
	if !validSHA256(in.SHA256) || in.Size < 0 || in.Size > lock.MaxSize || (fromGo && in.Sum == "") {
		return &KindError{Input: in}
	}
	return nil
}

// Resolve fetches want, an input as lock.Wanted names it, and returns it with
// what the lock records: Size and SHA256, the DiffID of a rootfs, Sum and Modules
// of a Go module. If want.SHA256 or want.Size is set, the file must have it.
//
// Afterwards the input is in the store.
func (f *Fetcher) Resolve(ctx context.Context, want lock.Input) (lock.Input, error) {
	return f.ResolveChecked(ctx, want, nil)
}

// A Check says what is wrong with a file of size bytes, which from, a path, a URL or
// "the store", has. Its errors say which input is meant, and from.
type Check func(from string, file io.ReaderAt, size int64) error

// ResolveChecked is Resolve for an input with a URL whose bytes have to satisfy
// check. What doesn't is not stored, and no other location is asked: one that has
// something wrong, and isn't merely without it, is for a person to know of. The
// error is a *RefusedError then.
func (f *Fetcher) ResolveChecked(ctx context.Context, want lock.Input, check Check) (got lock.Input, err error) {
	t := f.transfer(want)
	defer func() { t.done(err) }()
	if f.Sealed != nil {
		return lock.Input{}, &SealedError{Dir: f.Sealed.dir, Blob: want.String(), Err: ErrMissing}
	}
	switch want.Kind {
	case lock.KindRootfs, lock.KindHTTP, lock.KindIndex, lock.KindPackage:
		return f.resolveURL(ctx, want, check, t)
	case lock.KindGoModule, lock.KindToolchain:
		return f.pack(ctx, want, t)
	}
	return lock.Input{}, &KindError{Input: want}
}

// A transfer reports the progress of one input.
type transfer struct {
	fetcher *Fetcher
	state   Transfer
	last    time.Time
}

func (f *Fetcher) transfer(in lock.Input) *transfer {
	return &transfer{fetcher: f, state: Transfer{Name: in.String(), Total: in.Size}}
}

// from starts over, at another location.
func (t *transfer) from(location string, current int64) {
	t.state.From, t.state.Current = location, current
	t.send()
}

// add counts n more bytes, and reports them at most ten times a second.
func (t *transfer) add(n int64) {
	t.state.Current += n
	if now := time.Now(); now.Sub(t.last) >= 100*time.Millisecond {
		t.last = now
		t.send()
	}
}

func (t *transfer) done(err error) {
	t.state.Done, t.state.Err = true, err
	t.send()
}

func (t *transfer) send() {
	if t.fetcher.Report == nil {
		return
	}
	t.fetcher.reporting.Lock()
	defer t.fetcher.reporting.Unlock()
	t.fetcher.Report(t.state)
}

// Write counts the bytes of p.
func (t *transfer) Write(p []byte) (int, error) {
	t.add(int64(len(p)))
	return len(p), nil
}

// A KindError reports an input that is not complete, or of an unknown kind.
type KindError struct{ Input lock.Input }

func (e *KindError) Error() string {
	return fmt.Sprintf("%s is not an input that can be fetched: unknown kind, or no size and sha256", e.Input)
}
