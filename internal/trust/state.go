package trust

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

const maxState = 4 << 20

// A Seen is the release of a name that this machine accepted last.
type Seen struct {
	Ref      Ref           `json:"ref"`
	Sequence int64         `json:"sequence"`
	Digest   digest.Digest `json:"digest"`
}

// A state is what must not be forgotten, lest an older trust root or release pass
// for the newest.
type state struct {
	Version int `json:"version"`
	// Root is the version of the newest root.
	Root int64 `json:"root"`
	// Checked is the latest time at which the trust root was found good.
	Checked   time.Time       `json:"checked"`
	Timestamp seenRole        `json:"timestamp"`
	Snapshot  seenRole        `json:"snapshot"`
	Images    map[string]Seen `json:"images"` // by name
}

// A seenRole is the newest metadata of an online role.
type seenRole struct {
	Version int64 `json:"version"`
	// Signers are the IDs of the keys whose signatures it had. When the root takes
	// the role from so many of them that the rest could not sign, what they signed
	// doesn't count any more: a thief may have used up the versions (TUF 5.3.11).
	Signers []string `json:"signers"`
	// Meta has the versions of what the metadata lists.
	Meta map[string]int64 `json:"meta"`
}

// counts reports whether r was signed by enough keys that the root still trusts.
func (r *seenRole) counts(role *metadata.Role) bool {
	n := 0
	for _, id := range r.Signers {
		if slices.Contains(role.KeyIDs, id) {
			n++
		}
	}
	return r.Version > 0 && n >= role.Threshold
}

// check returns a *[RollbackError] when role, which has version and lists meta, is
// older than r, or anything in it is.
func (r *seenRole) check(role string, version int64, meta map[string]*metadata.MetaFiles) error {
	if version < r.Version {
		return &RollbackError{Role: role, Got: version, Seen: r.Version}
	}
	for file, seen := range r.Meta {
		got := int64(0)
		if m := meta[file]; m != nil {
			got = m.Version
		}
		if got < seen {
			return &RollbackError{Role: file, Got: got, Seen: seen}
		}
	}
	return nil
}

func newSeenRole(version int64, signers []string, meta map[string]*metadata.MetaFiles) seenRole {
	r := seenRole{Version: version, Signers: signers, Meta: make(map[string]int64, len(meta))}
	for file, m := range meta {
		r.Meta[file] = m.Version
	}
	return r
}

// loadState reads the cache's state. A new cache gets one, with the root's
// version, before anything else is in it; a cache that has lost its state, or that
// should not be new because pinned is 0, is a *[CacheError].
func (c *cache) loadState(pinned int64) (*state, error) {
	fail := func(err error) (*state, error) { return nil, &CacheError{c.dir, err} }
	b, err := c.read(stateFile, maxState)
	if err != nil {
		return nil, err
	}
	if b == nil {
		empty, err := c.empty()
		if err != nil {
			return nil, err
		}
		if !empty || pinned == 0 {
			return fail(errors.New("the record of what was seen is gone"))
		}
		s := &state{Version: 1, Root: pinned, Images: map[string]Seen{}}
		return s, c.saveState(s)
	}
	var s state
	if err := decodeStrict("record of what was seen", b, &s, nil); err != nil {
		return fail(err)
	}
	if err := s.check(); err != nil {
		return fail(err)
	}
	if s.Images == nil {
		s.Images = map[string]Seen{}
	}
	return &s, nil
}

func (s *state) check() error {
	const what = "record of what was seen"
	if s.Version != 1 {
		return &VersionError{What: what, Got: s.Version, Want: 1}
	}
	if s.Root < 1 || s.Timestamp.Version < 0 || s.Snapshot.Version < 0 {
		return &FormatError{What: what, Problem: "has a version below its first"}
	}
	for name, seen := range s.Images {
		if seen.Ref.Name != name || seen.Ref.Check() != nil || seen.Sequence < 1 || checkDigest(seen.Digest) != nil {
			return &FormatError{What: what, Problem: fmt.Sprintf("its entry %q is none", name)}
		}
	}
	return nil
}

func (c *cache) saveState(s *state) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if len(b) >= maxState {
		return &LimitError{What: "record of what was seen", Limit: maxState}
	}
	return c.write(stateFile, append(b, '\n'))
}

// withState runs f with the cache's state, under its lock.
func withState(ctx context.Context, dir string, f func(*cache, *state) error) error {
	c, err := openCache(ctx, dir)
	if err != nil {
		return err
	}
	defer c.close()
	s, err := c.loadState(0)
	if err != nil {
		return err
	}
	return f(c, s)
}
