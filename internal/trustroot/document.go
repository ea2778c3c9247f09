package trustroot

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

const day = 24 * time.Hour

// Lifetime returns how long metadata of role is good for when nothing else is
// said.
func Lifetime(role string) time.Duration {
	switch role {
	case metadata.ROOT:
		return 365 * day
	case metadata.TARGETS:
		return 180 * day
	case metadata.SNAPSHOT:
		return 7 * day
	case metadata.TIMESTAMP:
		return day
	}
	return 90 * day
}

// sizeLimit returns how many bytes of role's file clients read; it is that of
// go-tuf's updater.
func sizeLimit(role string) int64 {
	switch role {
	case metadata.ROOT:
		return 512_000
	case metadata.SNAPSHOT:
		return 2_000_000
	case metadata.TIMESTAMP:
		return 16_384
	}
	return 5_000_000
}

// A document is the metadata of one role in one version. One of the pointers is
// set, targets for delegated roles, too.
type document struct {
	role      string
	root      *metadata.Metadata[metadata.RootType]
	targets   *metadata.Metadata[metadata.TargetsType]
	snapshot  *metadata.Metadata[metadata.SnapshotType]
	timestamp *metadata.Metadata[metadata.TimestampType]
	// raw is the file that it was read from, nil when it was made here.
	raw []byte
}

// decode reads role's metadata and checks all of it but the signatures.
func decode(role string, b []byte) (*document, error) {
	if n := int64(len(b)); n > sizeLimit(role) {
		return nil, &LimitError{What: role + ".json", Size: n, Limit: sizeLimit(role)}
	}
	var whole any
	if err := oci.UnmarshalLongJSON(role+".json", b, &whole, memberNames...); err != nil {
		return nil, &FormatError{File: role + ".json", Problem: err.Error()}
	}
	if hasNull(whole) { // which nothing has a use for, and which go-tuf panics on
		return nil, &FormatError{File: role + ".json", Problem: "it has a null"}
	}
	d := &document{role: role, raw: b}
	var err error
	switch role {
	case metadata.ROOT:
		d.root, err = new(metadata.Metadata[metadata.RootType]).FromBytes(b)
	case metadata.SNAPSHOT:
		d.snapshot, err = new(metadata.Metadata[metadata.SnapshotType]).FromBytes(b)
	case metadata.TIMESTAMP:
		d.timestamp, err = new(metadata.Metadata[metadata.TimestampType]).FromBytes(b)
	default:
		d.targets, err = new(metadata.Metadata[metadata.TargetsType]).FromBytes(b)
	}
	if err != nil {
		return nil, &FormatError{File: role + ".json", Problem: err.Error()}
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	return d, nil
}

// hasNull reports whether there is a null anywhere in v, which package oci has
// limited in depth.
func hasNull(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return slices.ContainsFunc(v, hasNull)
	case map[string]any:
		for _, member := range v {
			if hasNull(member) {
				return true
			}
		}
	}
	return false
}

// memberNames are the members of TUF's objects. Decoders that ignore case would
// take others for them.
var memberNames = []string{
	"signed", "signatures", "keyid", "sig", "_type", "spec_version", "version",
	"expires", "consistent_snapshot", "keys", "roles", "keyids", "threshold",
	"keytype", "scheme", "keyval", "public", "meta", "length", "hashes", "sha256",
	"targets", "custom", "delegations", "name", "paths", "terminating",
}

// encode returns d as a file: indented, with its members sorted.
func (d *document) encode() ([]byte, error) {
	var v any
	switch {
	case d.root != nil:
		v = d.root
	case d.targets != nil:
		v = d.targets
	case d.snapshot != nil:
		v = d.snapshot
	default:
		v = d.timestamp
	}
	b, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		return nil, fmt.Errorf("%s.json: %w", d.role, err)
	}
	b = append(b, '\n')
	if n := int64(len(b)); n > sizeLimit(d.role) {
		return nil, &LimitError{What: "the size of " + d.role + ".json in bytes", Size: n, Limit: sizeLimit(d.role)}
	}
	return b, nil
}

// clone returns a copy of d that can be changed.
func (d *document) clone() (*document, error) {
	b, err := d.encode()
	if err != nil {
		return nil, err
	}
	return decode(d.role, b)
}

// signed returns the part that signatures are of.
func (d *document) signed() any {
	switch {
	case d.root != nil:
		return d.root.Signed
	case d.targets != nil:
		return d.targets.Signed
	case d.snapshot != nil:
		return d.snapshot.Signed
	}
	return d.timestamp.Signed
}

// digest names the signed part, in hexadecimal: whoever signs says which one is
// meant.
func (d *document) digest() (string, error) {
	b, err := json.Marshal(d.signed())
	if err != nil {
		return "", fmt.Errorf("%s.json: %w", d.role, err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

func (d *document) signatures() *[]metadata.Signature {
	switch {
	case d.root != nil:
		return &d.root.Signatures
	case d.targets != nil:
		return &d.targets.Signatures
	case d.snapshot != nil:
		return &d.snapshot.Signatures
	}
	return &d.timestamp.Signatures
}

// header returns what all kinds of metadata have.
func (d *document) header() (version *int64, expires *time.Time) {
	switch {
	case d.root != nil:
		return &d.root.Signed.Version, &d.root.Signed.Expires
	case d.targets != nil:
		return &d.targets.Signed.Version, &d.targets.Signed.Expires
	case d.snapshot != nil:
		return &d.snapshot.Signed.Version, &d.snapshot.Signed.Expires
	}
	return &d.timestamp.Signed.Version, &d.timestamp.Signed.Expires
}

func (d *document) version() int64     { v, _ := d.header(); return *v }
func (d *document) expires() time.Time { _, e := d.header(); return *e }

// file returns d's name among the published files (specification 1.0, 6.2).
func (d *document) file() string {
	if d.role == metadata.TIMESTAMP {
		return "timestamp.json"
	}
	return fmt.Sprintf("%d.%s.json", d.version(), d.role)
}

func (d *document) String() string { return fmt.Sprintf("%s %d", d.role, d.version()) }

// newDocument returns the first version of role's metadata, with nothing in it.
func newDocument(role string, expires time.Time) *document {
	d := &document{role: role}
	switch role {
	case metadata.ROOT:
		d.root = metadata.Root(expires)
	case metadata.SNAPSHOT:
		d.snapshot = metadata.Snapshot(expires)
		d.snapshot.Signed.Meta = map[string]*metadata.MetaFiles{}
	case metadata.TIMESTAMP:
		d.timestamp = metadata.Timestamp(expires)
		d.timestamp.Signed.Meta = map[string]*metadata.MetaFiles{}
	default:
		d.targets = metadata.Targets(expires)
	}
	return d
}
