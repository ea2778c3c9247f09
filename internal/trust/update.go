package trust

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

func parseRoot(file string, src []byte) (*metadata.Metadata[metadata.RootType], error) {
	if err := checkJSON(file, src, oci.UnmarshalJSON); err != nil {
		return nil, err
	}
	root, err := parse[metadata.RootType](file, src)
	if err != nil {
		return nil, err
	}
	return root, checkRoot(file, &root.Signed)
}

// updateRoots follows the chain of roots as far as it goes: in the cache first,
// where all roots since the pinned one are kept, then in the source. Each is
// verified by the one before and by itself.
func (c *client) updateRoots(ctx context.Context) error {
	var damage error
	for n := 0; ; n++ {
		if n == maxRootUpdates {
			return &LimitError{What: "updates of the root", Limit: maxRootUpdates}
		}
		next := c.trusted.Root.Signed.Version + 1
		cached, err := c.cachedRoot(next)
		if cached {
			continue
		}
		if err != nil {
			damage = fmt.Errorf("%s: %w", rootFile(next), err)
		}
		more, err := c.fetchRoot(ctx, next)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if damage != nil {
			c.repaired = append(c.repaired, rootFile(next))
			damage = nil
		}
	}
	got, seen := c.trusted.Root.Signed.Version, c.state.Root
	if got < seen {
		old := &RollbackError{Role: metadata.ROOT, Got: got, Seen: seen}
		if damage != nil {
			return &CacheError{c.cache.dir, errors.Join(damage, old)}
		}
		return old
	}
	if got > seen {
		c.state.Root = got
		return c.cache.saveState(c.state)
	}
	return nil
}

// cachedRoot trusts the cache's root of that version. A root that is there and
// can't be trusted is an error: damage, or another chain than the pinned root's.
func (c *client) cachedRoot(version int64) (bool, error) {
	b, err := c.cache.read(rootsDir+"/"+rootFile(version), maxRoot)
	if err == nil && b != nil {
		err = c.trustRoot(b)
	}
	return err == nil && b != nil, err
}

// fetchRoot trusts and keeps the source's root of that version. It returns false
// when there is none.
func (c *client) fetchRoot(ctx context.Context, version int64) (bool, error) {
	if c.source == nil {
		return false, nil
	}
	b, err := c.source.Read(ctx, rootFile(version), maxRoot)
	var missing *MissingError
	if errors.As(err, &missing) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := c.trustRoot(b); err != nil {
		return false, err
	}
	return true, c.cache.write(rootsDir+"/"+rootFile(version), b)
}

func (c *client) trustRoot(src []byte) error {
	before := c.trusted.Root
	file := rootFile(before.Signed.Version + 1)
	root, err := parseRoot(file, src)
	if err != nil {
		return err
	}
	_, err = c.trusted.UpdateRoot(src)
	if err == nil {
		return nil
	}
	if errors.Is(err, &metadata.ErrBadVersionNumber{}) {
		return &MismatchError{Role: file, Got: root.Signed.Version, Want: before.Signed.Version + 1}
	}
	// Both the old rules and its own must be met; the old ones are checked first.
	by, rules := before, before.Signed.Roles[metadata.ROOT]
	old := len(signers(root, metadata.ROOT, rules.KeyIDs, by.Signed.Keys)) < rules.Threshold
	if !old {
		by, rules = root, root.Signed.Roles[metadata.ROOT]
	}
	err = explain(file, root, rules, by.Signed.Keys, c.now, err)
	var unsigned *SignatureError
	if old && errors.As(err, &unsigned) {
		unsigned.By = fmt.Sprintf("root %d", before.Signed.Version)
	}
	return err
}

func (c *client) updateTimestamp(ctx context.Context) error {
	root := &c.trusted.Root.Signed
	if root.IsExpired(c.now) {
		return &ExpiredError{Role: metadata.ROOT, Expired: root.Expires, Now: c.now}
	}
	const file = "timestamp.json"
	b, err := c.readTimestamp(ctx, file)
	if err != nil {
		return err
	}
	if err := checkJSON(file, b, oci.UnmarshalJSON); err != nil {
		return err
	}
	m, err := parse[metadata.TimestampType](file, b)
	if err != nil {
		return err
	}
	role := root.Roles[metadata.TIMESTAMP]
	_, err = c.trusted.UpdateTimestamp(b)
	signed := role.KeyIDs // all of them, when all are needed and it is good
	if err != nil || role.Threshold < len(signed) {
		signed = signers(m, metadata.TIMESTAMP, signed, root.Keys)
	}
	// A rollback is one even when what it goes back to has expired.
	if len(signed) >= role.Threshold && c.state.Timestamp.counts(role) {
		if err := c.state.Timestamp.check(metadata.TIMESTAMP, m.Signed.Version, m.Signed.Meta); err != nil {
			return err
		}
	}
	if err != nil {
		return explain(metadata.TIMESTAMP, m, role, root.Keys, c.now, err)
	}
	if m.Signed.Version < 1 || len(m.Signed.Meta) != 1 {
		return &FormatError{What: file, Problem: "has no version, or names more than a snapshot"}
	}
	if _, err := checkMeta(file, "snapshot.json", m.Signed.Meta); err != nil {
		return err
	}
	c.state.Timestamp = newSeenRole(m.Signed.Version, signed, m.Signed.Meta)
	c.fresh[file] = b
	return nil
}

func (c *client) readTimestamp(ctx context.Context, file string) ([]byte, error) {
	if c.source != nil {
		return c.source.Read(ctx, file, maxTimestamp)
	}
	b, err := c.cache.read(file, maxTimestamp)
	if err == nil && b == nil {
		err = &MissingError{File: file, Location: c.cache.dir}
	}
	return b, err
}

func (c *client) updateSnapshot(ctx context.Context) error {
	const file = "snapshot.json"
	meta := c.trusted.Timestamp.Signed.Meta[file]
	b, err := c.load(ctx, file, file, meta, maxSnapshot)
	if err != nil {
		return err
	}
	root := &c.trusted.Root.Signed
	role := root.Roles[metadata.SNAPSHOT]
	m, err := c.trusted.UpdateSnapshot(b, false)
	if err != nil {
		bad, badErr := parse[metadata.SnapshotType](file, b)
		if badErr != nil {
			return badErr
		}
		m = bad
	}
	if errors.Is(err, &metadata.ErrBadVersionNumber{}) {
		return &MismatchError{Role: metadata.SNAPSHOT, Got: m.Signed.Version, Want: meta.Version}
	}
	signed := role.KeyIDs
	if err != nil || role.Threshold < len(signed) {
		signed = signers(m, metadata.SNAPSHOT, signed, root.Keys)
	}
	if len(signed) >= role.Threshold && c.state.Snapshot.counts(role) {
		if err := c.state.Snapshot.check(metadata.SNAPSHOT, m.Signed.Version, m.Signed.Meta); err != nil {
			return err
		}
	}
	if err != nil {
		return explain(metadata.SNAPSHOT, m, role, root.Keys, c.now, err)
	}
	if err := checkSnapshot(&m.Signed); err != nil {
		return err
	}
	c.state.Snapshot = newSeenRole(m.Signed.Version, signed, m.Signed.Meta)
	c.fresh[file] = b
	return nil
}

func (c *client) updateTargets(ctx context.Context) error {
	const file = "targets.json"
	meta, err := checkMeta("snapshot", file, c.trusted.Snapshot.Signed.Meta)
	if err != nil {
		return err
	}
	b, err := c.load(ctx, file, file, meta, maxTargets)
	if err != nil {
		return err
	}
	root := &c.trusted.Root.Signed
	if _, err := c.trusted.UpdateTargets(b); err != nil {
		return explainTargets(metadata.TARGETS, b, meta, root.Roles[metadata.TARGETS], root.Keys, c.now, err)
	}
	c.fresh[file] = b
	return checkTargets(metadata.TARGETS, &c.trusted.Targets[metadata.TARGETS].Signed)
}

// load returns the metadata file that meta names, from the cache's file of the
// name cached or else from the source, and checks its JSON.
func (c *client) load(ctx context.Context, file, cached string, meta *metadata.MetaFiles, limit int64) ([]byte, error) {
	if meta.Length > limit {
		return nil, &LimitError{What: file, Limit: limit}
	}
	want := digest.NewDigestFromBytes(digest.SHA256, meta.Hashes["sha256"])
	b, err := c.cache.read(cached, meta.Length)
	if err != nil || b == nil || digest.FromBytes(b) != want {
		if c.source == nil {
			return nil, c.unusable(file, cached, b, err, want)
		}
		name := strconv.FormatInt(meta.Version, 10) + "." + file
		b, err = c.source.Read(ctx, name, meta.Length)
		if longer := (*LimitError)(nil); errors.As(err, &longer) && longer.What == name {
			return nil, &ChangedError{File: name, Want: want}
		}
		if err != nil {
			return nil, err
		}
		if got := digest.FromBytes(b); got != want {
			return nil, &ChangedError{File: name, Want: want, Got: got}
		}
	}
	return b, checkJSON(file, b, oci.UnmarshalLongJSON)
}

// unusable says why the cache's file can't be used, and no source may be asked.
func (c *client) unusable(file, cached string, b []byte, err error, want digest.Digest) error {
	if err != nil {
		return err
	}
	if b == nil {
		return &MissingError{File: file, Location: c.cache.dir}
	}
	return &ChangedError{File: cached, Want: want, Got: digest.FromBytes(b)}
}

func explainTargets(role string, src []byte, meta *metadata.MetaFiles, rules *metadata.Role, keys map[string]*metadata.Key, now time.Time, err error) error {
	m, badErr := parse[metadata.TargetsType](role, src)
	if badErr != nil {
		return badErr
	}
	if errors.Is(err, &metadata.ErrBadVersionNumber{}) {
		return &MismatchError{Role: role, Got: m.Signed.Version, Want: meta.Version}
	}
	return explain(role, m, rules, keys, now, err)
}

// explain turns what go-tuf says of role's metadata m, which rules and keys verify,
// into this package's errors.
func explain(role string, m any, rules *metadata.Role, keys map[string]*metadata.Key, now time.Time, err error) error {
	switch {
	case errors.Is(err, &metadata.ErrUnsignedMetadata{}):
		return &SignatureError{Role: role, Got: len(signers(m, role, rules.KeyIDs, keys)), Want: rules.Threshold}
	case errors.Is(err, &metadata.ErrExpiredMetadata{}):
		return &ExpiredError{Role: role, Expired: expires(m), Now: now}
	}
	return &RefusedError{Role: role, Err: err}
}

func expires(m any) time.Time {
	switch m := m.(type) {
	case *metadata.Metadata[metadata.RootType]:
		return m.Signed.Expires
	case *metadata.Metadata[metadata.TimestampType]:
		return m.Signed.Expires
	case *metadata.Metadata[metadata.SnapshotType]:
		return m.Signed.Expires
	case *metadata.Metadata[metadata.TargetsType]:
		return m.Signed.Expires
	}
	return time.Time{}
}
