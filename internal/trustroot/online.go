package trustroot

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// Snapshot makes and signs the next snapshot: it names the published targets and
// delegated roles, and once it is in a timestamp they are in force. It expires at
// the given time, by default after the role's lifetime. All of it follows from
// what is published, so that nobody has to look at it.
func (r *Repo) Snapshot(ctx context.Context, key *sign.Key, expires time.Time) (*Publication, error) {
	if err := r.Sound(); err != nil {
		return nil, err
	}
	if !r.Published() {
		return nil, &MissingError{What: "root"}
	}
	d, err := r.following(metadata.SNAPSHOT, expires)
	if err != nil {
		return nil, err
	}
	meta := map[string]*metadata.MetaFiles{}
	if old := r.published[metadata.SNAPSHOT]; old != nil {
		// Clients refuse a snapshot that lacks what the one before it named, even
		// a delegated role that is gone.
		maps.Copy(meta, old.snapshot.Signed.Meta)
	}
	for _, role := range r.current() {
		meta[role+".json"] = metaOf(r.published[role])
	}
	d.snapshot.Signed.Meta = meta
	return r.signAndPublish(ctx, d, key)
}

// Timestamp makes and signs the next timestamp, which names the published
// snapshot, after it has checked that clients accept that.
func (r *Repo) Timestamp(ctx context.Context, key *sign.Key, expires time.Time) (*Publication, error) {
	if err := r.Sound(); err != nil {
		return nil, err
	}
	if _, err := r.named(); err != nil {
		return nil, err
	}
	d, err := r.following(metadata.TIMESTAMP, expires)
	if err != nil {
		return nil, err
	}
	d.timestamp.Signed.Meta = map[string]*metadata.MetaFiles{"snapshot.json": metaOf(r.published[metadata.SNAPSHOT])}
	return r.signAndPublish(ctx, d, key)
}

// following returns an empty document with the version after the published one,
// which has to be signed as one of the roots said.
func (r *Repo) following(role string, expires time.Time) (*document, error) {
	at := r.expiry(role, expires)
	if !at.After(r.now) {
		return nil, &ChangeError{Role: role, Problem: fmt.Sprintf("%s has passed", at.Format(time.RFC3339))}
	}
	d := newDocument(role, at)
	old := r.published[role]
	if old == nil {
		return d, nil
	}
	version, _ := d.header()
	*version = old.version() + 1
	var err error
	for i := len(r.roots) - 1; i >= 0; i-- {
		if err = rootAuthority(r.roots[i], role).verify(old); err == nil {
			return d, nil
		}
	}
	return nil, &UnsoundError{Err: err}
}

func (r *Repo) signAndPublish(ctx context.Context, d *document, key *sign.Key) (*Publication, error) {
	a := rootAuthority(r.published[metadata.ROOT], d.role)
	id, err := keyID(key.Public())
	if err != nil {
		return nil, err
	}
	if a.keys[id] == nil || !slices.Contains(a.ids, id) {
		return nil, &NoRoleError{Role: d.role, Key: key.Public().ID(), May: a.names()}
	}
	if err := r.stage(d); err != nil {
		return nil, err
	}
	rev, err := r.Review(d.role)
	if err != nil {
		return nil, err
	}
	if _, err := r.AddSignature(ctx, rev, key); err != nil {
		return nil, err
	}
	return r.Publish()
}

// named returns what the published snapshot names, as clients will see it: files
// that are there, are what it says, and are signed as the newest root says.
func (r *Repo) named() (set, error) {
	root, snapshot := r.published[metadata.ROOT], r.published[metadata.SNAPSHOT]
	if root == nil || snapshot == nil {
		return nil, &MissingError{What: "snapshot"}
	}
	if err := rootAuthority(root, metadata.SNAPSHOT).verify(snapshot); err != nil {
		return nil, err
	}
	var first error
	load := func(role string) *document {
		d, err := r.readNamed(snapshot, role)
		if err != nil && first == nil {
			first = err
		}
		return d
	}
	s, err := resolve(root, load(metadata.TARGETS), func(role string) []*document { return []*document{load(role)} })
	if first != nil {
		return nil, first
	}
	if err != nil {
		return nil, err
	}
	s[metadata.SNAPSHOT] = snapshot
	return s, nil
}

func (r *Repo) readNamed(snapshot *document, role string) (*document, error) {
	m := snapshot.snapshot.Signed.Meta[role+".json"]
	if m == nil {
		return nil, &MissingError{What: fmt.Sprintf("%s in %s", role, snapshot)}
	}
	d, err := r.readDocument(role, m.Version)
	if err != nil {
		return nil, err
	}
	if !sameMeta(m, metaOf(d)) {
		return nil, &FormatError{File: d.file(), Problem: fmt.Sprintf("it is not the file that %s names", snapshot)}
	}
	return d, nil
}

// inForce returns what clients accept now, by role, or why they accept nothing:
// something is missing, isn't signed as it should be, or has expired.
func (r *Repo) inForce() (set, error) {
	if err := r.checkRoots(); err != nil {
		return nil, err
	}
	s, err := r.named()
	if err != nil {
		return nil, err
	}
	timestamp := r.published[metadata.TIMESTAMP]
	if timestamp == nil {
		return nil, &MissingError{What: "timestamp"}
	}
	if err := rootAuthority(s[metadata.ROOT], metadata.TIMESTAMP).verify(timestamp); err != nil {
		return nil, err
	}
	if err := r.checkTimestamp(timestamp); err != nil {
		return nil, err
	}
	s[metadata.TIMESTAMP] = timestamp
	for _, role := range inOrder(sortedKeys(s)) {
		if e := s[role].expires(); r.now.After(e) {
			return nil, &ExpiredError{Role: role, Expired: e}
		}
	}
	return s, nil
}
