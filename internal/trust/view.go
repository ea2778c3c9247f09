package trust

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"
)

// A View is one state of the trust root, verified. It may be used from several
// goroutines.
type View struct {
	mu       sync.Mutex
	trusted  *trustedmetadata.TrustedMetadata
	verified map[step]bool // delegated roles, and by whose rules
	source   Source
	where    string
	dir      string
	now      time.Time
	timeout  time.Duration
	images   map[string]Seen
	repaired []string
	// digests has all releases by their digests, and broken why some are not among
	// them; nil before anybody asks.
	digests map[digest.Digest][]*Release
	broken  error
}

// A Release is what the trust root says of one release of an image.
type Release struct {
	Ref Ref `json:"ref"`
	// Digest and Size are those of the image's manifest, or of its index.
	Digest digest.Digest `json:"digest"`
	Size   int64         `json:"size"`
	Target *Target       `json:"target"`
	// Role is the delegated role that signed it.
	Role string `json:"role"`
}

// A Role is the state of one role.
type Role struct {
	Name    string    `json:"name"`
	Version int64     `json:"version"`
	Expires time.Time `json:"expires"`
}

// Find returns the release that ref names.
//
// It asks the roles in TUF's order (specification 5.6.7): top-level targets, then
// the delegations whose paths match, depth first; a terminating one ends the
// search. What one of them lacks or has wrong ends it, too, as an error of [Open]'s
// kinds. Beside these it returns a *[NotFoundError], a *[RevokedError] for a
// release that must not be used, and a *[SequenceError] or *[ConflictError] for one
// that this machine has accepted something newer or other for.
func (v *View) Find(ctx context.Context, ref Ref) (*Release, error) {
	if err := ref.Check(); err != nil {
		return nil, err
	}
	ctx, cancel := withTimeout(ctx, v.timeout)
	defer cancel()
	v.mu.Lock()
	defer v.mu.Unlock()
	r, err := v.find(ctx, ref)
	if err != nil {
		return nil, timeoutError(ctx, err)
	}
	if err := v.allowed(ctx, r, v.images); err != nil {
		return nil, timeoutError(ctx, err)
	}
	return r, nil
}

// FindDigest returns the releases whose manifest, or that of one of whose
// platforms, has the digest d, sorted by name and from the newest.
//
// It reads every delegated role, and fails as [View.Find] does when one of the
// releases must not be used. A role that can't be read only counts when nothing is
// found.
func (v *View) FindDigest(ctx context.Context, d digest.Digest) ([]*Release, error) {
	if err := checkDigest(d); err != nil {
		return nil, &FormatError{What: "digest", Problem: err.Error()}
	}
	ctx, cancel := withTimeout(ctx, v.timeout)
	defer cancel()
	v.mu.Lock()
	defer v.mu.Unlock()
	found, broken := v.byDigest(ctx, d)
	if len(found) == 0 {
		return nil, timeoutError(ctx, cmp.Or(broken, error(&NotFoundError{What: d.String()})))
	}
	for _, r := range found {
		if err := v.allowed(ctx, r, v.images); err != nil {
			return nil, timeoutError(ctx, err)
		}
	}
	slices.SortFunc(found, newestFirst)
	return found, nil
}

// newestFirst orders releases by name and from the newest.
func newestFirst(a, b *Release) int {
	return cmp.Or(cmp.Compare(a.Ref.Name, b.Ref.Name), cmp.Compare(b.Target.Sequence, a.Target.Sequence))
}

// Releases returns all releases that are listed and not revoked, sorted by name and
// from the newest. It is an error when a role can't be read: who wants all has to
// know that it is all.
func (v *View) Releases(ctx context.Context) ([]*Release, error) {
	ctx, cancel := withTimeout(ctx, v.timeout)
	defer cancel()
	v.mu.Lock()
	defer v.mu.Unlock()
	all, broken := v.releases(ctx)
	if broken != nil {
		return nil, timeoutError(ctx, broken)
	}
	all = slices.DeleteFunc(all, func(r *Release) bool { return r.Target.Revoked != nil })
	slices.SortFunc(all, newestFirst)
	return all, nil
}

// releases returns all releases, and why some could not be read. What a role lists
// that it may not is nothing that could not be read.
func (v *View) releases(ctx context.Context) (all []*Release, broken error) {
	refs, broken := v.all(ctx)
	for _, ref := range refs {
		r, err := v.find(ctx, ref)
		var missing *NotFoundError
		if errors.As(err, &missing) {
			continue
		}
		if err != nil {
			broken = errors.Join(broken, err)
			continue
		}
		all = append(all, r)
	}
	return all, broken
}

// byDigest returns the releases that have the digest d, and why others could not be
// read.
func (v *View) byDigest(ctx context.Context, d digest.Digest) ([]*Release, error) {
	if v.digests != nil {
		return slices.Clone(v.digests[d]), v.broken
	}
	all := map[digest.Digest][]*Release{}
	found, broken := v.releases(ctx)
	for _, r := range found {
		for _, d := range r.digests() {
			all[d] = append(all[d], r)
		}
	}
	var source *SourceError
	if ctx.Err() == nil && !errors.As(broken, &source) { // those may be better next time
		v.digests, v.broken = all, broken
	}
	return slices.Clone(all[d]), broken
}

// digests returns those of r's index and manifests, each once.
func (r *Release) digests() []digest.Digest {
	all := append(slices.Collect(maps.Values(r.Target.Platforms)), r.Digest)
	slices.Sort(all)
	return slices.Compact(all)
}

// allowed refuses a release that is revoked, or that seen is newer than.
func (v *View) allowed(ctx context.Context, r *Release, images map[string]Seen) error {
	if r.Target.Revoked != nil {
		return &RevokedError{Release: r}
	}
	seen, ok := images[r.Ref.Name]
	if !ok {
		return nil
	}
	sameName, sameImage := r.Ref == seen.Ref, r.Digest == seen.Digest
	switch {
	case sameName && sameImage && r.Target.Sequence >= seen.Sequence:
		return nil
	case sameName && !sameImage, !sameName && r.Target.Sequence == seen.Sequence:
		return &ConflictError{Release: r, Seen: seen}
	case r.Target.Sequence > seen.Sequence:
		return nil
	}
	newer, err := v.find(ctx, seen.Ref)
	var missing *NotFoundError
	if err != nil && !errors.As(err, &missing) {
		return err
	}
	if err == nil && newer.Digest == seen.Digest && newer.Target.Revoked != nil {
		return nil // taken back on purpose
	}
	return &SequenceError{Release: r, Seen: seen}
}

// Accept writes down that this machine uses r, which [View.Find] or
// [View.FindDigest] returned: from now on, older releases of its name are refused.
// It checks r once more, against what other processes have accepted meanwhile.
func (v *View) Accept(ctx context.Context, r *Release) error {
	ctx, cancel := withTimeout(ctx, v.timeout)
	defer cancel()
	v.mu.Lock()
	defer v.mu.Unlock()
	current, err := v.find(ctx, r.Ref)
	if err != nil {
		return timeoutError(ctx, err)
	}
	if current.Digest != r.Digest {
		return &ChangedError{File: r.Ref.String(), Want: current.Digest, Got: r.Digest}
	}
	for {
		// Looking up takes the cache's lock itself, so it is done without holding
		// it, and again when somebody was faster.
		seen, err := v.reload(ctx)
		if err != nil {
			return timeoutError(ctx, err)
		}
		if err := v.allowed(ctx, current, v.images); err != nil {
			return timeoutError(ctx, err)
		}
		done, err := v.record(ctx, current, seen)
		if err != nil || done {
			return timeoutError(ctx, err)
		}
	}
}

// reload reads what was accepted anew and returns it for r's name.
func (v *View) reload(ctx context.Context) (map[string]Seen, error) {
	err := withState(ctx, v.dir, func(_ *cache, s *state) error {
		v.images = s.Images
		return nil
	})
	return v.images, err
}

// record writes r down unless what was accepted of its name is not expected any
// more.
func (v *View) record(ctx context.Context, r *Release, expected map[string]Seen) (bool, error) {
	name, done := r.Ref.Name, false
	err := withState(ctx, v.dir, func(c *cache, s *state) error {
		if s.Images[name] != expected[name] {
			return nil
		}
		done = true
		s.Images[name] = Seen{Ref: r.Ref, Sequence: r.Target.Sequence, Digest: r.Digest}
		v.images = s.Images
		return c.saveState(s)
	})
	return done, err
}

// Seen returns what this machine accepted last of name.
func (v *View) Seen(name string) (Seen, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, ok := v.images[name]
	return s, ok
}

// Roles returns the top-level roles, in the order in which they were verified, and
// the delegated ones read so far, by name.
func (v *View) Roles() []Role {
	v.mu.Lock()
	defer v.mu.Unlock()
	root, ts, sn := v.trusted.Root.Signed, v.trusted.Timestamp.Signed, v.trusted.Snapshot.Signed
	all := []Role{
		{metadata.ROOT, root.Version, root.Expires},
		{metadata.TIMESTAMP, ts.Version, ts.Expires},
		{metadata.SNAPSHOT, sn.Version, sn.Expires},
	}
	first := len(all) + 1
	for name, m := range v.trusted.Targets {
		r := Role{name, m.Signed.Version, m.Signed.Expires}
		if name == metadata.TARGETS {
			all = slices.Insert(all, first-1, r)
		} else {
			all = append(all, r)
		}
	}
	slices.SortFunc(all[first:], func(a, b Role) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Expires returns the role that expires first, of those that [View.Roles] returns.
func (v *View) Expires() Role {
	return slices.MinFunc(v.Roles(), func(a, b Role) int { return a.Expires.Compare(b.Expires) })
}

// Now returns the time at which the view is good.
func (v *View) Now() time.Time { return v.now }

// Repaired returns the cache's files that were damaged and came from the source
// again. Nothing that was seen before is lost with them.
func (v *View) Repaired() []string { return slices.Clone(v.repaired) }

// Revocations returns the delegations and keys that were revoked, in the order of
// the metadata.
func (v *View) Revocations() ([]RoleRevocation, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.revocations()
}

func (v *View) revocations() ([]RoleRevocation, error) {
	field, ok := v.trusted.Targets[metadata.TARGETS].Signed.UnrecognizedFields[RevocationsField]
	if !ok {
		return nil, nil
	}
	b, err := json.Marshal(field)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", RevocationsField, err)
	}
	return DecodeRevocations(b)
}
