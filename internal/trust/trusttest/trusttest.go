// Package trusttest makes trust roots for tests, good ones and bad ones, with
// go-tuf's metadata API: keys in memory, files in a folder.
package trusttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/secure-systems-lab/go-securesystemslib/cjson"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// TB is what is needed of a testing.TB.
type TB interface {
	Helper()
	Fatal(args ...any)
	TempDir() string
}

// A Key is an ECDSA P-256 key pair.
type Key struct {
	Private *ecdsa.PrivateKey
	TUF     *metadata.Key
	ID      string // TUF's
}

// NewKey returns a new key.
func NewKey(tb TB) *Key {
	tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(tb, err)
	key, err := metadata.KeyFromPublicKey(private.Public())
	check(tb, err)
	id, err := key.ID()
	check(tb, err)
	return &Key{private, key, id}
}

// A Repo is a trust root and all its keys. Tests change what they like in it and
// publish it. The root is signed by two of three keys, every other role by one.
type Repo struct {
	tb TB
	// Dir has the published files.
	Dir string

	Root      *metadata.Metadata[metadata.RootType]
	Targets   *metadata.Metadata[metadata.TargetsType]
	Roles     map[string]*metadata.Metadata[metadata.TargetsType]
	Snapshot  *metadata.Metadata[metadata.SnapshotType]
	Timestamp *metadata.Metadata[metadata.TimestampType]

	RootKeys                              []*Key
	TargetsKey, SnapshotKey, TimestampKey *Key
	RoleKeys                              map[string]*Key
}

// New returns a trust root that is good from now on for as long as the roles
// usually are: root 365 days, targets 180, delegations 90, snapshot 7, timestamp 1.
// Its first root is published, the rest is not.
func New(tb TB, now time.Time) *Repo {
	tb.Helper()
	now = now.UTC().Truncate(time.Second)
	r := &Repo{
		tb: tb, Dir: tb.TempDir(),
		Root:       metadata.Root(now.AddDate(0, 0, 365)),
		Targets:    metadata.Targets(now.AddDate(0, 0, 180)),
		Roles:      map[string]*metadata.Metadata[metadata.TargetsType]{},
		Snapshot:   metadata.Snapshot(now.AddDate(0, 0, 7)),
		Timestamp:  metadata.Timestamp(now.AddDate(0, 0, 1)),
		RootKeys:   []*Key{NewKey(tb), NewKey(tb), NewKey(tb)},
		TargetsKey: NewKey(tb), SnapshotKey: NewKey(tb), TimestampKey: NewKey(tb),
		RoleKeys: map[string]*Key{},
	}
	for _, k := range r.RootKeys {
		check(tb, r.Root.Signed.AddKey(k.TUF, metadata.ROOT))
	}
	r.Root.Signed.Roles[metadata.ROOT].Threshold = 2
	check(tb, r.Root.Signed.AddKey(r.TargetsKey.TUF, metadata.TARGETS))
	check(tb, r.Root.Signed.AddKey(r.SnapshotKey.TUF, metadata.SNAPSHOT))
	check(tb, r.Root.Signed.AddKey(r.TimestampKey.TUF, metadata.TIMESTAMP))
	r.Targets.Signed.Delegations = &metadata.Delegations{Keys: map[string]*metadata.Key{}, Roles: []metadata.DelegatedRole{}}
	r.PublishRoot(r.RootKeys[0], r.RootKeys[1])
	return r
}

// Delegate adds a delegated role with a new key, which may sign what paths match.
func (r *Repo) Delegate(role string, paths ...string) *metadata.Metadata[metadata.TargetsType] {
	r.tb.Helper()
	key := NewKey(r.tb)
	r.RoleKeys[role] = key
	d := r.Targets.Signed.Delegations
	d.Keys[key.ID] = key.TUF
	d.Roles = append(d.Roles, metadata.DelegatedRole{
		Name: role, KeyIDs: []string{key.ID}, Threshold: 1, Terminating: true, Paths: paths,
	})
	m := metadata.Targets(r.Targets.Signed.Expires.AddDate(0, 0, -90))
	r.Roles[role] = m
	return m
}

// Add makes role sign a release whose manifest has those bytes, and returns its
// digest.
func (r *Repo) Add(role string, ref trust.Ref, sequence int64, manifest string) digest.Digest {
	r.tb.Helper()
	d := digest.FromString(manifest)
	r.Set(role, ref, int64(len(manifest)), d, &trust.Target{
		Version: trust.TargetVersion, Platforms: map[string]digest.Digest{"linux/amd64": d},
		Released: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Sequence: sequence,
	})
	return d
}

// Set makes role sign a release with any description.
func (r *Repo) Set(role string, ref trust.Ref, size int64, d digest.Digest, target *trust.Target) {
	r.tb.Helper()
	b, err := target.Encode()
	check(r.tb, err)
	file, err := metadata.TargetFile().FromBytes(ref.Path(), nil)
	check(r.tb, err)
	var sum []byte
	_, err = fmt.Sscanf(d.Encoded(), "%x", &sum)
	check(r.tb, err)
	raw := json.RawMessage(b)
	file.Length, file.Hashes, file.Custom = size, metadata.Hashes{"sha256": sum}, &raw
	r.targets(role).Signed.Targets[ref.Path()] = file
}

// Revoke marks a release that role signs as revoked.
func (r *Repo) Revoke(role string, ref trust.Ref, reason string) {
	r.tb.Helper()
	file := r.targets(role).Signed.Targets[ref.Path()]
	target, err := trust.DecodeTarget(*file.Custom)
	check(r.tb, err)
	target.Revoked = &trust.Revocation{Reason: reason, At: target.Released}
	r.Set(role, ref, file.Length, digest.NewDigestFromBytes(digest.SHA256, file.Hashes["sha256"]), target)
}

func (r *Repo) targets(role string) *metadata.Metadata[metadata.TargetsType] {
	if role == metadata.TARGETS {
		return r.Targets
	}
	return r.Roles[role]
}

// Bump raises the version of every role but the root.
func (r *Repo) Bump() {
	r.Targets.Signed.Version++
	for _, m := range r.Roles {
		m.Signed.Version++
	}
	r.Snapshot.Signed.Version++
	r.Timestamp.Signed.Version++
}

// Rotate gives an online role a new key in place of all it had. The root is not
// published.
func (r *Repo) Rotate(role string) *Key {
	r.tb.Helper()
	key := NewKey(r.tb)
	for _, id := range r.Root.Signed.Roles[role].KeyIDs {
		check(r.tb, r.Root.Signed.RevokeKey(id, role))
	}
	check(r.tb, r.Root.Signed.AddKey(key.TUF, role))
	switch role {
	case metadata.TIMESTAMP:
		r.TimestampKey = key
	case metadata.SNAPSHOT:
		r.SnapshotKey = key
	case metadata.TARGETS:
		r.TargetsKey = key
	}
	return key
}

// PublishRoot signs the root with keys and writes it.
func (r *Repo) PublishRoot(keys ...*Key) {
	r.tb.Helper()
	r.Root.ClearSignatures()
	Write(r, fmt.Sprintf("%d.root.json", r.Root.Signed.Version), r.Root, keys...)
}

// Publish signs all but the root and writes it, with versions, lengths and hashes
// as they follow from one another.
func (r *Repo) Publish() {
	r.tb.Helper()
	r.Targets.ClearSignatures()
	b := Write(r, fmt.Sprintf("%d.targets.json", r.Targets.Signed.Version), r.Targets, r.TargetsKey)
	r.Snapshot.Signed.Meta["targets.json"] = Meta(b, r.Targets.Signed.Version)
	for role, m := range r.Roles {
		m.ClearSignatures()
		b := Write(r, fmt.Sprintf("%d.%s.json", m.Signed.Version, role), m, r.RoleKeys[role])
		r.Snapshot.Signed.Meta[role+".json"] = Meta(b, m.Signed.Version)
	}
	r.PublishOnline()
}

// PublishOnline signs and writes the snapshot as it is, and the timestamp for it.
func (r *Repo) PublishOnline() {
	r.tb.Helper()
	r.Snapshot.ClearSignatures()
	b := Write(r, fmt.Sprintf("%d.snapshot.json", r.Snapshot.Signed.Version), r.Snapshot, r.SnapshotKey)
	r.Timestamp.Signed.Meta["snapshot.json"] = Meta(b, r.Snapshot.Signed.Version)
	r.PublishTimestamp()
}

// PublishTimestamp signs and writes the timestamp as it is.
func (r *Repo) PublishTimestamp() {
	r.tb.Helper()
	r.Timestamp.ClearSignatures()
	Write(r, "timestamp.json", r.Timestamp, r.TimestampKey)
}

// File returns the content of a published file.
func (r *Repo) File(name string) []byte {
	r.tb.Helper()
	b, err := os.ReadFile(filepath.Join(r.Dir, name))
	check(r.tb, err)
	return b
}

// Copy returns a folder with what is published now.
func (r *Repo) Copy() string {
	r.tb.Helper()
	dir := r.tb.TempDir()
	check(r.tb, os.CopyFS(dir, os.DirFS(r.Dir)))
	return dir
}

// Meta returns what snapshot and timestamp say of a file.
func Meta(b []byte, version int64) *metadata.MetaFiles {
	sum := sha256.Sum256(b)
	return &metadata.MetaFiles{Version: version, Length: int64(len(b)), Hashes: metadata.Hashes{"sha256": sum[:]}}
}

// Sign adds key's signature to m.
func Sign[T metadata.Roles](tb TB, m *metadata.Metadata[T], key *Key) {
	tb.Helper()
	payload, err := cjson.EncodeCanonical(m.Signed)
	check(tb, err)
	sum := sha256.Sum256(payload)
	sig, err := ecdsa.SignASN1(nil, key.Private, sum[:])
	check(tb, err)
	m.Signatures = append(m.Signatures, metadata.Signature{KeyID: key.ID, Signature: sig})
}

// Write signs m with keys, writes it among the published files and returns its
// bytes.
func Write[T metadata.Roles](r *Repo, name string, m *metadata.Metadata[T], keys ...*Key) []byte {
	r.tb.Helper()
	for _, k := range keys {
		Sign(r.tb, m, k)
	}
	b, err := m.ToBytes(false)
	check(r.tb, err)
	check(r.tb, os.WriteFile(filepath.Join(r.Dir, name), b, 0o644))
	return b
}

func check(tb TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
