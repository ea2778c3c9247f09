package trust

import (
	"context"
	"errors"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"
)

const (
	defaultTimeout = 2 * time.Minute
	// clockSlack is how far a clock may go back between two checks: as long as a
	// timestamp usually lives, so that nobody is locked out who corrects a clock
	// with which the trust root was still good.
	clockSlack = 24 * time.Hour
	// clockStep is how often the time of a check is written down.
	clockStep = time.Hour
)

// Options say which trust root to open and where it is.
type Options struct {
	// Root is the pinned root: the content of an N.root.json that came with the
	// package, or that a person compared. Required.
	Root []byte
	// Cache is the folder of this user's copy of this trust root and of what was
	// seen, which belongs to no other. Required.
	Cache string
	// Source has the published files; nil to go by the cache alone.
	Source Source
	// Offline asks no source that needs a network.
	Offline bool
	// Now is the time at which metadata must be good; the default is the clock's.
	Now time.Time
	// Timeout bounds Open, and each later lookup. The default is two minutes.
	Timeout time.Duration
}

// A client does TUF's client workflow (specification, section 5) once.
type client struct {
	cache   *cache
	state   *state
	source  Source // nil when none may be asked
	where   string
	now     time.Time
	trusted *trustedmetadata.TrustedMetadata
	// repaired are files of the cache that were damaged and could be replaced.
	repaired []string
	// fresh is what goes into the cache once everything is good.
	fresh map[string][]byte
}

// Open reads the trust root's newest state and verifies it: the chain of roots
// from the pinned one, over those in the cache, to the newest; then timestamp,
// snapshot and targets. Delegated roles are read when they are needed.
//
// Whatever is wrong is an error and no View: *[ExpiredError], *[RollbackError],
// *[SignatureError], *[ChangedError], *[MismatchError], *[MissingError],
// *[LimitError], *[FormatError], *[RefusedError] for what the metadata is;
// *[SourceError], *[CacheError], *[BusyError], *[ClockError] for where it is read
// and when. Roots are kept as soon as they are verified, and the rest of what was
// seen when all of it is good.
func Open(ctx context.Context, opts Options) (*View, error) {
	if len(opts.Root) == 0 || opts.Cache == "" {
		return nil, errors.New("trust: no pinned root, or no cache")
	}
	c := &client{source: opts.Source, where: opts.Cache, now: opts.Now, fresh: map[string][]byte{}}
	if opts.Now.IsZero() {
		c.now = time.Now()
	}
	c.now = c.now.UTC()
	if c.source != nil && c.source.Remote() && opts.Offline {
		c.source = nil
	}
	if c.source != nil {
		c.where = c.source.String()
	}
	if opts.Timeout <= 0 {
		opts.Timeout = defaultTimeout
	}
	limited, cancel := withTimeout(ctx, opts.Timeout)
	defer cancel()
	if err := c.open(limited, opts); err != nil {
		return nil, timeoutError(limited, err)
	}
	return &View{
		trusted: c.trusted, verified: map[step]bool{}, source: c.source, where: c.where, dir: opts.Cache, now: c.now,
		timeout: opts.Timeout, images: c.state.Images, repaired: c.repaired,
	}, nil
}

func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, &LimitError{What: "time", Limit: int64(d / time.Second)})
}

// timeoutError adds to err that ctx ended because it took too long.
func timeoutError(ctx context.Context, err error) error {
	var limit *LimitError
	if cause := context.Cause(ctx); errors.As(cause, &limit) && errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(err, limit)
	}
	return err
}

func (c *client) open(ctx context.Context, opts Options) error {
	pinned, err := c.pin(opts.Root)
	if err != nil {
		return err
	}
	if c.cache, err = openCache(ctx, opts.Cache); err != nil {
		return err
	}
	defer c.cache.close()
	if err := c.cache.sweep(); err != nil {
		return err
	}
	if c.state, err = c.cache.loadState(pinned); err != nil {
		return err
	}
	if c.now.Before(c.state.Checked.Add(-clockSlack)) {
		return &ClockError{Now: c.now, Seen: c.state.Checked}
	}
	if err := c.cache.write(rootsDir+"/"+rootFile(pinned), opts.Root); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		c.updateRoots, c.updateTimestamp, c.updateSnapshot, c.updateTargets,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return c.save()
}

// pin starts the chain of roots with the pinned one and returns its version.
func (c *client) pin(src []byte) (int64, error) {
	const file = "pinned root"
	if len(src) > maxRoot {
		return 0, &LimitError{What: file, Limit: maxRoot}
	}
	root, err := parseRoot(file, src)
	if err != nil {
		return 0, err
	}
	c.trusted, err = trustedmetadata.New(src)
	if err != nil {
		return 0, explain(file, root, root.Signed.Roles[metadata.ROOT], root.Signed.Keys, c.now, err)
	}
	c.trusted.RefTime = c.now
	return root.Signed.Version, nil
}

// save writes down what was seen. The files come first: a kill between the two
// leaves new files and the old record, which they are not older than.
func (c *client) save() error {
	for _, name := range []string{"targets.json", "snapshot.json", "timestamp.json"} {
		if b, ok := c.fresh[name]; ok {
			if err := c.cache.write(name, b); err != nil {
				return err
			}
		}
	}
	if c.now.After(c.state.Checked.Add(clockStep)) {
		c.state.Checked = c.now.Truncate(time.Second)
	}
	return c.cache.saveState(c.state)
}
