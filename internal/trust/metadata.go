package trust

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// What is read at most, in bytes and entries.
const (
	maxTimestamp       = 16 << 10
	maxRoot            = 512_000
	maxSnapshot        = 2_000_000
	maxTargets         = 5_000_000
	maxRootUpdates     = 256
	maxSignatures      = 64
	maxKeys            = 1024
	maxRoles           = 1024
	maxDelegationPaths = 256
)

// metadataKeys are the members that TUF gives meaning to. Decoders that ignore
// case would take others for them.
var metadataKeys = []string{
	"signed", "signatures", "keyid", "sig", "_type", "spec_version", "version",
	"expires", "consistent_snapshot", "keys", "roles", "keytype", "scheme", "keyval",
	"public", "keyids", "threshold", "meta", "length", "hashes", "sha256", "targets",
	"delegations", "name", "paths", "path_hash_prefixes", "terminating", "custom",
	"succinct_roles", RevocationsField,
}

// checkJSON refuses what go-tuf would not survive or would read in its own way:
// duplicate members, null, which becomes a nil pointer, and fractions, which have
// no canonical form. It decodes with decode: long metadata is read only when it has
// the sha256 that signed metadata says.
func checkJSON(file string, src []byte, decode func(what string, src []byte, v any, names ...string) error) error {
	var v any
	if err := decode(file, src, &v, metadataKeys...); err != nil {
		return formatError(file, err)
	}
	top, _ := v.(map[string]any)
	signed, _ := top["signed"].(map[string]any)
	signatures, _ := top["signatures"].([]any)
	switch {
	case signed == nil || len(signatures) == 0:
		return &FormatError{What: file, Problem: "no signed metadata"}
	case len(signatures) > maxSignatures:
		return &LimitError{What: "signatures of " + file, Limit: maxSignatures}
	}
	if spec, _ := signed["spec_version"].(string); !strings.HasPrefix(spec, "1.0.") {
		return &FormatError{What: file, Problem: fmt.Sprintf("specification %.20q, want 1.0", spec)}
	}
	if problem := checkValues(v); problem != "" {
		return &FormatError{What: file, Problem: problem}
	}
	return nil
}

// checkValues returns what is wrong with v or anything in it, or "".
func checkValues(v any) string {
	switch v := v.(type) {
	case nil:
		return "has a null"
	case json.Number:
		if _, err := v.Int64(); err != nil {
			return fmt.Sprintf("%.40s is no whole number of 64 bits", v)
		}
	case []any:
		for _, item := range v {
			if problem := checkValues(item); problem != "" {
				return problem
			}
		}
	case map[string]any:
		for _, item := range v {
			if problem := checkValues(item); problem != "" {
				return problem
			}
		}
	}
	return ""
}

// parse decodes file's metadata, which checkJSON has accepted.
func parse[T metadata.Roles](file string, src []byte) (*metadata.Metadata[T], error) {
	m, err := new(metadata.Metadata[T]).FromBytes(src)
	if err != nil {
		return nil, &FormatError{What: file, Problem: err.Error()}
	}
	return m, nil
}

// checkRoot refuses roots whose rules could be met in ways that nobody meant.
func checkRoot(file string, root *metadata.RootType) error {
	bad := func(format string, args ...any) error {
		return &FormatError{What: file, Problem: fmt.Sprintf(format, args...)}
	}
	switch {
	case root.Version < 1:
		return bad("version %d", root.Version)
	case !root.ConsistentSnapshot:
		return bad("no consistent snapshots")
	case len(root.Roles) != len(metadata.TOP_LEVEL_ROLE_NAMES):
		return bad("%d roles, want %d", len(root.Roles), len(metadata.TOP_LEVEL_ROLE_NAMES))
	}
	if err := checkKeys(file, root.Keys); err != nil {
		return err
	}
	for _, name := range metadata.TOP_LEVEL_ROLE_NAMES {
		role, ok := root.Roles[name]
		if !ok {
			return bad("no role %s", name)
		}
		if err := checkThreshold(file, name, role.KeyIDs, role.Threshold, root.Keys); err != nil {
			return err
		}
	}
	return nil
}

// checkKeys accepts ECDSA P-256 keys under their own IDs.
func checkKeys(file string, keys map[string]*metadata.Key) error {
	if len(keys) > maxKeys {
		return &LimitError{What: "keys of " + file, Limit: maxKeys}
	}
	for id, key := range keys {
		bad := func(problem string) error {
			return &FormatError{What: file, Problem: fmt.Sprintf("key %.64q %s", id, problem)}
		}
		if key.Type != metadata.KeyTypeECDSA_SHA2_P256 && key.Type != metadata.KeyTypeECDSA_SHA2_P256_COMPAT ||
			key.Scheme != metadata.KeySchemeECDSA_SHA2_P256 {
			return bad("is not of type ecdsa with scheme ecdsa-sha2-nistp256")
		}
		public, err := key.ToPublicKey()
		if err != nil {
			return bad("is no public key")
		}
		if p, ok := public.(*ecdsa.PublicKey); !ok || p.Curve != elliptic.P256() {
			return bad("is not on the curve P-256")
		}
		if own, err := key.ID(); err != nil || own != id {
			return bad("has another ID than its own")
		}
	}
	return nil
}

func checkThreshold(file, role string, ids []string, threshold int, keys map[string]*metadata.Key) error {
	bad := func(format string, args ...any) error {
		return &FormatError{What: file, Problem: role + ": " + fmt.Sprintf(format, args...)}
	}
	if threshold < 1 || threshold > len(ids) {
		return bad("threshold %d of %d keys", threshold, len(ids))
	}
	if sorted := slices.Sorted(slices.Values(ids)); len(slices.Compact(sorted)) != len(ids) {
		return bad("a key is listed twice")
	}
	for _, id := range ids {
		if keys[id] == nil {
			return bad("key %.64q is not there", id)
		}
	}
	return nil
}

// checkMeta returns what meta says of file, which must be its version, length and
// sha256.
func checkMeta(in, file string, meta map[string]*metadata.MetaFiles) (*metadata.MetaFiles, error) {
	m := meta[file]
	if m == nil {
		return nil, &MissingError{File: file, Location: in}
	}
	if m.Version < 1 || m.Length < 1 || len(m.Hashes) != 1 || len(m.Hashes["sha256"]) != 32 {
		return nil, &FormatError{What: in, Problem: fmt.Sprintf("%.100q has no version, length or sha256", file)}
	}
	return m, nil
}

func checkSnapshot(snapshot *metadata.SnapshotType) error {
	if len(snapshot.Meta) > maxRoles+1 {
		return &LimitError{What: "files in snapshot", Limit: maxRoles + 1}
	}
	for file := range snapshot.Meta {
		role, ok := strings.CutSuffix(file, ".json")
		if !ok || role != metadata.TARGETS && CheckRoleName(role) != nil {
			return &FormatError{What: "snapshot", Problem: fmt.Sprintf("%.100q is no role's file", file)}
		}
		if _, err := checkMeta("snapshot", file, snapshot.Meta); err != nil {
			return err
		}
	}
	return nil
}

// checkTargets checks the delegations of role, whose targets are checked when
// they are asked for.
func checkTargets(role string, targets *metadata.TargetsType) error {
	d := targets.Delegations
	if d == nil {
		return nil
	}
	if d.SuccinctRoles != nil {
		return &FormatError{What: role, Problem: "delegates by hash"}
	}
	if len(d.Roles) > maxRoles {
		return &LimitError{What: "delegations of " + role, Limit: maxRoles}
	}
	if err := checkKeys(role, d.Keys); err != nil {
		return err
	}
	names := map[string]bool{}
	for _, r := range d.Roles {
		if err := CheckRoleName(r.Name); err != nil {
			return err
		}
		if names[r.Name] {
			return &FormatError{What: role, Problem: fmt.Sprintf("delegates twice to %q", r.Name)}
		}
		names[r.Name] = true
		if err := checkDelegation(role, r, d.Keys); err != nil {
			return err
		}
	}
	return nil
}

func checkDelegation(role string, r metadata.DelegatedRole, keys map[string]*metadata.Key) error {
	if len(r.PathHashPrefixes) > 0 || len(r.Paths) == 0 {
		return &FormatError{What: role, Problem: fmt.Sprintf("delegates to %q, but no paths", r.Name)}
	}
	if len(r.Paths) > maxDelegationPaths {
		return &LimitError{What: "paths of a delegation", Limit: maxDelegationPaths}
	}
	for _, p := range r.Paths {
		if err := CheckPathPattern(p); err != nil {
			return err
		}
	}
	return checkThreshold(role, r.Name, r.KeyIDs, r.Threshold, keys)
}

// signers returns which of ids have a good signature on m, of type
// *metadata.Metadata.
func signers(m any, role string, ids []string, keys map[string]*metadata.Key) []string {
	var good []string
	for _, id := range ids {
		// The rules of one key: does it sign?
		one := metadata.Metadata[metadata.RootType]{Signed: metadata.RootType{
			Keys:  keys,
			Roles: map[string]*metadata.Role{role: {KeyIDs: []string{id}, Threshold: 1}},
		}}
		if one.VerifyDelegate(role, m) == nil {
			good = append(good, id)
		}
	}
	return good
}
