package trust

import (
	"encoding/json"
	"fmt"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// RevocationsField is the member of the top-level targets' signed part that has
// the revoked delegations and keys. TUF lets metadata have members of its own.
const RevocationsField = "tailsbuild.revocations"

// What a [RoleRevocation] revokes.
const (
	RevokedDelegation = "delegation"
	RevokedKey        = "key"
)

const maxRevocations = 4096

// A RoleRevocation says why a delegation or a key is no more in the metadata.
type RoleRevocation struct {
	// Kind is RevokedDelegation or RevokedKey.
	Kind string `json:"kind"`
	// Role is the name of the delegated role that was removed, or that lost the key.
	Role string `json:"role"`
	// KeyID is TUF's ID of the key, 64 hexadecimal digits; empty for a delegation.
	KeyID string `json:"keyid,omitempty"`
	// Paths are the patterns of the targets that the role could sign.
	Paths []string `json:"paths"`
	Revocation
}

// revocations is the value of RevocationsField.
type revocations struct {
	Version int              `json:"version"`
	Entries []RoleRevocation `json:"entries"`
}

var revocationKeys = []string{"version", "entries", "kind", "role", "keyid", "paths", "reason", "at"}

var (
	rolePattern  = lazyregexp.New(`^[a-z0-9]+([._-][a-z0-9]+)*$`)
	pathsPattern = lazyregexp.New(`^[a-z0-9.*?-]+/\*$`)
	keyIDPattern = lazyregexp.New(`^[0-9a-f]{64}$`)
)

// CheckRoleName returns a *[FormatError] when name can't be a delegated role's:
// it becomes a file's name, and those of the top-level roles are taken.
func CheckRoleName(name string) error {
	if len(name) > maxName || !rolePattern.MatchString(name) {
		return &FormatError{What: "role", Problem: fmt.Sprintf("%.100q can't be a role's name", name)}
	}
	switch name {
	case "root", "targets", "snapshot", "timestamp":
		return &FormatError{What: "role", Problem: fmt.Sprintf("%q is the name of a top-level role", name)}
	}
	return nil
}

// CheckPathPattern returns a *[FormatError] when pattern can't be one of a
// delegation's paths: a pattern of names, a slash and a star, as in "mqtt/*" or
// "onion-*/*". Stars and question marks do not stand for a slash.
func CheckPathPattern(pattern string) error {
	if len(pattern) > maxName+2 || !pathsPattern.MatchString(pattern) {
		return &FormatError{What: "delegation", Problem: fmt.Sprintf("%.100q is not NAME-PATTERN/*", pattern)}
	}
	return nil
}

// EncodeRevocations returns the value for [RevocationsField]. Entries keep their
// order.
func EncodeRevocations(entries []RoleRevocation) (json.RawMessage, error) {
	if err := checkRevocations(entries); err != nil {
		return nil, err
	}
	return json.Marshal(revocations{Version: TargetVersion, Entries: entries})
}

// DecodeRevocations reads the value of [RevocationsField], as strictly as
// [DecodeTarget] reads its own.
func DecodeRevocations(b []byte) ([]RoleRevocation, error) {
	const what = "revocations"
	var list revocations
	if err := decodeStrict(what, b, &list, revocationKeys); err != nil {
		return nil, err
	}
	if list.Version != TargetVersion {
		return nil, &VersionError{What: what, Got: list.Version, Want: TargetVersion}
	}
	if err := checkRevocations(list.Entries); err != nil {
		return nil, err
	}
	return list.Entries, nil
}

func checkRevocations(entries []RoleRevocation) error {
	if len(entries) > maxRevocations {
		return &LimitError{What: "revocations", Limit: maxRevocations}
	}
	for i, e := range entries {
		if err := e.Check(); err != nil {
			return fmt.Errorf("revocation %d: %w", i, err)
		}
	}
	return nil
}

// Check returns a *[FormatError] when r breaks its format.
func (r *RoleRevocation) Check() error {
	bad := func(format string, args ...any) error {
		return &FormatError{What: "revocation", Problem: fmt.Sprintf(format, args...)}
	}
	switch {
	case r.Kind != RevokedDelegation && r.Kind != RevokedKey:
		return bad("%.100q is neither a delegation nor a key", r.Kind)
	case r.Kind == RevokedDelegation && r.KeyID != "":
		return bad("a delegation has no key ID")
	case r.Kind == RevokedKey && !keyIDPattern.MatchString(r.KeyID):
		return bad("%.100q is no key ID", r.KeyID)
	}
	if err := CheckRoleName(r.Role); err != nil {
		return err
	}
	if len(r.Paths) > maxDelegationPaths {
		return &LimitError{What: "paths of a delegation", Limit: maxDelegationPaths}
	}
	for _, p := range r.Paths {
		if err := CheckPathPattern(p); err != nil {
			return err
		}
	}
	return r.Revocation.Check()
}
