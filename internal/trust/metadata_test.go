package trust

import (
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// FuzzMetadata: nothing that passes our own checks makes go-tuf panic, in any role.
// Metadata is decoded before its signatures can be verified.
func FuzzMetadata(f *testing.F) {
	expires := day.AddDate(1, 0, 0)
	sig := []metadata.Signature{{KeyID: "00", Signature: []byte{0}}}
	root, targets := metadata.Root(expires), metadata.Targets(expires)
	snapshot, timestamp := metadata.Snapshot(expires), metadata.Timestamp(expires)
	root.Signatures, targets.Signatures, snapshot.Signatures, timestamp.Signatures = sig, sig, sig, sig
	targets.Signed.Delegations = &metadata.Delegations{
		Keys:  map[string]*metadata.Key{"00": {Type: "ecdsa", Scheme: "ecdsa-sha2-nistp256"}},
		Roles: []metadata.DelegatedRole{{Name: "a", KeyIDs: []string{"00"}, Threshold: 1, Paths: []string{"a/*"}}},
	}
	targets.Signed.Targets["a/1-r0"] = &metadata.TargetFiles{Length: 1, Hashes: metadata.Hashes{"sha256": {1}}}
	for _, m := range []interface{ ToBytes(bool) ([]byte, error) }{root, targets, snapshot, timestamp} {
		b, err := m.ToBytes(false)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if checkJSON("fuzz", src, oci.UnmarshalJSON) != nil {
			return
		}
		if m, err := parseRoot("fuzz", src); err == nil {
			_, _ = trustedmetadata.New(src)
			signers(m, metadata.ROOT, m.Signed.Roles[metadata.ROOT].KeyIDs, m.Signed.Keys)
		}
		if m, err := parse[metadata.TimestampType]("fuzz", src); err == nil {
			_, _ = checkMeta("fuzz", "snapshot.json", m.Signed.Meta)
			_ = new(seenRole).check("fuzz", m.Signed.Version, m.Signed.Meta)
		}
		if m, err := parse[metadata.SnapshotType]("fuzz", src); err == nil {
			_ = checkSnapshot(&m.Signed)
		}
		m, err := parse[metadata.TargetsType]("fuzz", src)
		if err != nil || checkTargets("fuzz", &m.Signed) != nil {
			return
		}
		for path, file := range m.Signed.Targets {
			if ref, err := ParsePath(path); err == nil {
				_, _ = release(ref, "fuzz", file)
			}
		}
		if d := m.Signed.Delegations; d != nil {
			d.GetRolesForTarget("a/1-r0")
			for _, r := range d.Roles {
				_ = m.VerifyDelegate(r.Name, m)
			}
		}
		_ = m.Signed.IsExpired(time.Time{})
	})
}
