package trustroot

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// maxVersion leaves room for every version to come.
const maxVersion = 1 << 50

// maxKeys is how many keys one file may have, maxDelegations how many roles.
const (
	maxKeys        = 256
	maxDelegations = 4096
	maxSignatures  = 2 * maxKeys
)

// check holds d to the form that this package writes. What officers are shown is
// made of what is checked here, so that a file can't say anything beside it.
func (d *document) check() error {
	bad := func(format string, args ...any) error {
		return &FormatError{File: d.role + ".json", Problem: fmt.Sprintf(format, args...)}
	}
	if err := d.checkHeader(); err != nil {
		return bad("%v", err)
	}
	var err error
	switch {
	case d.root != nil:
		err = checkRoot(&d.root.Signed)
	case d.role == metadata.TARGETS:
		err = checkTargets(&d.targets.Signed)
	case d.targets != nil:
		err = checkDelegated(d.role, &d.targets.Signed)
	case d.snapshot != nil:
		err = checkMeta(d.snapshot.Signed.Meta, checkSnapshotName)
	default:
		err = checkMeta(d.timestamp.Signed.Meta, checkTimestampName)
	}
	if err != nil {
		return bad("%v", err)
	}
	return nil
}

// checkHeader checks what all kinds have, and that there is nothing that TUF or
// we have no meaning for.
func (d *document) checkHeader() error {
	var spec string
	var unknown []map[string]any
	switch {
	case d.root != nil:
		spec, unknown = d.root.Signed.SpecVersion, []map[string]any{d.root.UnrecognizedFields, d.root.Signed.UnrecognizedFields}
	case d.targets != nil:
		// checkTargets looks at those of the signed part.
		spec, unknown = d.targets.Signed.SpecVersion, []map[string]any{d.targets.UnrecognizedFields}
	case d.snapshot != nil:
		spec, unknown = d.snapshot.Signed.SpecVersion, []map[string]any{d.snapshot.UnrecognizedFields, d.snapshot.Signed.UnrecognizedFields}
	default:
		spec, unknown = d.timestamp.Signed.SpecVersion, []map[string]any{d.timestamp.UnrecognizedFields, d.timestamp.Signed.UnrecognizedFields}
	}
	if !strings.HasPrefix(spec, "1.0.") {
		return fmt.Errorf("it is of the specification %.20q, want 1.0", spec)
	}
	if v := d.version(); v < 1 || v > maxVersion {
		return fmt.Errorf("it has version %d", v)
	}
	if e := d.expires(); e.Location() != time.UTC || e.Nanosecond() != 0 || e.Year() < 2000 || e.Year() > 9999 {
		return fmt.Errorf("it expires at %s, which is not in UTC and whole seconds", e.Format(time.RFC3339Nano))
	}
	sigs := *d.signatures()
	if len(sigs) > maxSignatures {
		return fmt.Errorf("it has %d signatures, more than %d", len(sigs), maxSignatures)
	}
	for _, s := range sigs {
		unknown = append(unknown, s.UnrecognizedFields)
	}
	return known(unknown...)
}

// known refuses members that nobody has read.
func known(fields ...map[string]any) error {
	for _, f := range fields {
		if len(f) > 0 {
			return fmt.Errorf("it has the unknown members %.200q", slices.Sorted(maps.Keys(f)))
		}
	}
	return nil
}

func checkRoot(r *metadata.RootType) error {
	if !r.ConsistentSnapshot {
		return fmt.Errorf("consistent_snapshot is not set")
	}
	if len(r.Roles) != len(topRoles) {
		return fmt.Errorf("it has %d roles, want %d", len(r.Roles), len(topRoles))
	}
	used := map[string]bool{}
	for _, name := range topRoles {
		role := r.Roles[name]
		if role == nil {
			return fmt.Errorf("it has no role %s", name)
		}
		if err := known(role.UnrecognizedFields); err != nil {
			return err
		}
		if err := checkRole(name, role.KeyIDs, role.Threshold, r.Keys, used); err != nil {
			return err
		}
	}
	if err := checkKeys(r.Keys, used); err != nil {
		return err
	}
	for _, online := range []string{metadata.SNAPSHOT, metadata.TIMESTAMP} {
		for _, offline := range []string{metadata.ROOT, metadata.TARGETS} {
			for _, id := range r.Roles[online].KeyIDs {
				if slices.Contains(r.Roles[offline].KeyIDs, id) {
					return fmt.Errorf("the key %s signs both %s, on a machine that is online, and %s", keyName(r.Keys[id]), online, offline)
				}
			}
		}
	}
	return nil
}

// checkRole checks who may sign for a role, and adds its keys to used.
func checkRole(name string, ids []string, threshold int, keys map[string]*metadata.Key, used map[string]bool) error {
	for i, id := range ids {
		if keys[id] == nil {
			return fmt.Errorf("%s names the key %.100q, which is not there", name, id)
		}
		if slices.Contains(ids[:i], id) {
			return fmt.Errorf("%s names the key %s twice", name, id)
		}
		used[id] = true
	}
	if threshold < 1 || threshold > len(ids) {
		return fmt.Errorf("%s wants %d signatures by %d keys", name, threshold, len(ids))
	}
	return nil
}

// checkKeys accepts keys of the one kind that tailsbuild makes. With one form for
// each, two IDs are two keys.
func checkKeys(keys map[string]*metadata.Key, used map[string]bool) error {
	if len(keys) > maxKeys {
		return fmt.Errorf("it has %d keys, more than %d", len(keys), maxKeys)
	}
	for id, k := range keys {
		if k == nil || !used[id] {
			return fmt.Errorf("it has the key %.100q, which no role uses", id)
		}
		if err := known(k.UnrecognizedFields, k.Value.UnrecognizedFields); err != nil {
			return err
		}
		public, err := sign.OpenPublicKey([]byte(k.Value.PublicKey))
		if err != nil {
			return fmt.Errorf("key %.100q: %w", id, err)
		}
		if want := newKey(public); k.Type != want.Type || k.Scheme != want.Scheme || k.Value.PublicKey != want.Value.PublicKey {
			return fmt.Errorf("key %.100q: it is not written as %s with %s in PEM", id, want.Type, want.Scheme)
		}
		if want, err := keyID(public); err != nil || id != want {
			return fmt.Errorf("key %.100q: its ID should be %s", id, want)
		}
	}
	return nil
}

func checkTargets(t *metadata.TargetsType) error {
	if len(t.Targets) > 0 {
		return fmt.Errorf("it has releases itself, which belong in delegated roles")
	}
	for name := range t.UnrecognizedFields {
		if name != trust.RevocationsField {
			return fmt.Errorf("it has the unknown member %.100q", name)
		}
	}
	if _, err := revocations(t); err != nil {
		return err
	}
	if t.Delegations == nil {
		return nil
	}
	if t.Delegations.SuccinctRoles != nil {
		return fmt.Errorf("it has succinct roles")
	}
	if err := known(t.Delegations.UnrecognizedFields); err != nil {
		return err
	}
	if len(t.Delegations.Roles) > maxDelegations {
		return fmt.Errorf("it has %d delegations, more than %d", len(t.Delegations.Roles), maxDelegations)
	}
	used := map[string]bool{}
	for i := range t.Delegations.Roles {
		if err := checkDelegation(t.Delegations, i, used); err != nil {
			return err
		}
	}
	return checkKeys(t.Delegations.Keys, used)
}

func checkDelegation(all *metadata.Delegations, i int, used map[string]bool) error {
	role := &all.Roles[i]
	if err := trust.CheckRoleName(role.Name); err != nil {
		return err
	}
	if err := known(role.UnrecognizedFields); err != nil {
		return err
	}
	if !role.Terminating || len(role.PathHashPrefixes) > 0 || len(role.Paths) == 0 {
		return fmt.Errorf("the delegation %s is not terminating, or not by patterns", role.Name)
	}
	for _, p := range role.Paths {
		if err := trust.CheckPathPattern(p); err != nil {
			return err
		}
	}
	for _, other := range all.Roles[:i] {
		if other.Name == role.Name {
			return fmt.Errorf("the delegation %s is there twice", role.Name)
		}
		for _, p := range role.Paths {
			for _, q := range other.Paths {
				if overlap(strings.TrimSuffix(p, "/*"), strings.TrimSuffix(q, "/*")) {
					return fmt.Errorf("the delegations %s (%s) and %s (%s) have names in common", other.Name, q, role.Name, p)
				}
			}
		}
	}
	return checkRole(role.Name, role.KeyIDs, role.Threshold, all.Keys, used)
}

func checkDelegated(role string, t *metadata.TargetsType) error {
	if err := trust.CheckRoleName(role); err != nil {
		return err
	}
	if err := known(t.UnrecognizedFields); err != nil {
		return err
	}
	if t.Delegations != nil {
		return fmt.Errorf("it delegates further")
	}
	sequences := map[string]map[int64]string{}
	for path, file := range t.Targets {
		rel, err := newRelease(path, file)
		if err != nil {
			return err
		}
		if sequences[rel.Ref.Name] == nil {
			sequences[rel.Ref.Name] = map[int64]string{}
		}
		if other, ok := sequences[rel.Ref.Name][rel.Sequence]; ok {
			return fmt.Errorf("%s and %s have the same sequence, %d", other, path, rel.Sequence)
		}
		sequences[rel.Ref.Name][rel.Sequence] = path
	}
	return nil
}

// checkMeta checks the entries of a snapshot or timestamp: each has a length and
// a sha256, so that no older file can take its place.
func checkMeta(meta map[string]*metadata.MetaFiles, name func(string) error) error {
	if len(meta) > maxDelegations+1 {
		return fmt.Errorf("it names %d files, more than %d", len(meta), maxDelegations+1)
	}
	for file, m := range meta {
		if err := name(file); err != nil {
			return err
		}
		if m == nil || m.Version < 1 || m.Version > maxVersion || m.Length < 1 || len(m.Hashes) != 1 || len(m.Hashes["sha256"]) != 32 {
			return fmt.Errorf("%s has no version, length and sha256", file)
		}
		if err := known(m.UnrecognizedFields); err != nil {
			return err
		}
	}
	return nil
}

func checkSnapshotName(file string) error {
	role, ok := strings.CutSuffix(file, ".json")
	if !ok {
		return fmt.Errorf("it names the file %.100q", file)
	}
	if role == metadata.TARGETS {
		return nil
	}
	return trust.CheckRoleName(role)
}

func checkTimestampName(file string) error {
	if file != metadata.SNAPSHOT+".json" {
		return fmt.Errorf("it names the file %.100q", file)
	}
	return nil
}

// revocations returns the revoked keys and delegations that t records.
func revocations(t *metadata.TargetsType) ([]trust.RoleRevocation, error) {
	v, ok := t.UnrecognizedFields[trust.RevocationsField]
	if !ok {
		return nil, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return trust.DecodeRevocations(b)
}

// overlap reports whether a name fits both patterns, in which each character
// stands for itself but "?" for one and "*" for any number of others.
func overlap(a, b string) bool {
	// at[j] says that the pattern read so far of a has a name in common with b[:j].
	at := make([]bool, len(b)+1)
	at[0] = true
	for j := range b {
		at[j+1] = at[j] && b[j] == '*'
	}
	for i := range a {
		next := make([]bool, len(b)+1)
		next[0] = at[0] && a[i] == '*'
		for j := range b {
			switch {
			case a[i] == '*':
				next[j+1] = at[j+1] || next[j]
			case b[j] == '*':
				next[j+1] = next[j] || at[j+1]
			default:
				next[j+1] = at[j] && (a[i] == b[j] || a[i] == '?' || b[j] == '?')
			}
		}
		at = next
	}
	return at[len(b)]
}
