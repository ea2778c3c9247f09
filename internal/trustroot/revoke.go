package trustroot

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// record adds what is revoked, and why, to targets.
func (r *Repo) record(targets *document, entry trust.RoleRevocation, reason string) error {
	entry.Revocation = trust.Revocation{Reason: reason, At: r.now}
	t := &targets.targets.Signed
	entries, err := revocations(t)
	if err != nil {
		return err
	}
	b, err := trust.EncodeRevocations(append(entries, entry))
	if err != nil {
		return err
	}
	if t.UnrecognizedFields == nil {
		t.UnrecognizedFields = map[string]any{}
	}
	t.UnrecognizedFields[trust.RevocationsField] = json.RawMessage(b)
	return nil
}

// revokedKeys are the newest revocations of keys, by TUF's IDs.
type revokedKeys map[string]trust.RoleRevocation

// with returns k and what the targets among docs record, each of which may be nil.
func (k revokedKeys) with(docs ...*document) revokedKeys {
	all := revokedKeys{}
	maps.Copy(all, k)
	for _, d := range docs {
		if d == nil || d.role != metadata.TARGETS {
			continue
		}
		entries, _ := revocations(&d.targets.Signed) // check has read them
		for _, e := range entries {
			if e.Kind == trust.RevokedKey && !e.At.Before(all[e.KeyID].At) {
				all[e.KeyID] = e
			}
		}
	}
	return all
}

// revokedKeys returns those that are published or staged.
func (r *Repo) revokedKeys() revokedKeys {
	return revokedKeys{}.with(r.published[metadata.TARGETS], r.staged[metadata.TARGETS])
}

// checkNotRevoked returns a *[RevokedKeyError] when one of keys, which are to sign for
// role, was revoked once.
func (r *Repo) checkNotRevoked(role string, keys []*sign.PublicKey) error {
	revoked := r.revokedKeys()
	for _, k := range keys {
		id, err := keyID(k)
		if err != nil {
			return err
		}
		if e, ok := revoked[id]; ok {
			return &RevokedKeyError{Role: role, Key: k.ID(), Revocation: e.Revocation}
		}
	}
	return nil
}

// RevokeKey stages that a key may sign nothing any more, in whatever roles it is.
// Where others are too few without it, replacement takes its place. The reason is
// published for each delegated role; a root has no place for it.
//
// It returns the roles that the key was in.
func (r *Repo) RevokeKey(ref KeyRef, replacement Rotation, reason string) ([]string, error) {
	if err := (&trust.Revocation{Reason: reason, At: r.now}).Check(); err != nil {
		return nil, err
	}
	in, err := r.rolesOf(ref)
	if err != nil {
		return nil, err
	}
	if err := r.checkNotRevoked(in[0], replacement.Add); err != nil {
		return nil, err
	}
	replacement.Remove = []KeyRef{ref}
	var root, targets *document
	for _, role := range in {
		if isTop(role) {
			if root, err = r.editOnce(metadata.ROOT, root); err == nil {
				err = rotateTop(root, role, replacement)
			}
		} else {
			if targets, err = r.editOnce(metadata.TARGETS, targets); err == nil {
				err = r.rotateDelegated(targets, role, replacement, reason)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return in, r.stageBoth(root, targets)
}

// editOnce is edit, unless d is there already.
func (r *Repo) editOnce(role string, d *document) (*document, error) {
	if d != nil {
		return d, nil
	}
	return r.edit(role)
}

// stageBoth stages a root, targets or both, with all that has to be signed again.
func (r *Repo) stageBoth(root, targets *document) error {
	var docs []*document
	if targets != nil {
		more, err := r.withDelegated(targets)
		if err != nil {
			return err
		}
		docs = more
	}
	switch {
	case root != nil && targets != nil:
		docs = append(docs, root)
	case root != nil:
		more, err := r.withTargets(root)
		if err != nil {
			return err
		}
		docs = more
	}
	return r.stage(docs...)
}

// rolesOf returns the roles that a key may sign for, the top-level ones first.
func (r *Repo) rolesOf(ref KeyRef) ([]string, error) {
	var in []string
	var missing error
	root, targets := r.next(metadata.ROOT), r.next(metadata.TARGETS)
	if root == nil || targets == nil {
		return nil, &MissingError{What: "root and targets"}
	}
	for _, role := range topRoles {
		signed := root.root.Signed
		if _, err := ref.find(keysOf(signed.Keys, signed.Roles[role].KeyIDs)); err == nil {
			in = append(in, role)
		} else {
			missing = err
		}
	}
	for _, role := range delegations(targets) {
		if _, err := ref.find(keysOf(targets.targets.Signed.Delegations.Keys, role.KeyIDs)); err == nil {
			in = append(in, role.Name)
		}
	}
	if len(in) == 0 {
		return nil, missing
	}
	return in, nil
}

// RevokeDelegation stages that role may list nothing any more. All of its releases
// are refused from then on; the reason is published.
func (r *Repo) RevokeDelegation(role, reason string) error {
	targets, err := r.edit(metadata.TARGETS)
	if err != nil {
		return err
	}
	d := delegation(targets, role)
	if d == nil {
		return &MissingError{What: "delegation " + role}
	}
	paths := d.Paths
	t := &targets.targets.Signed
	for _, id := range slices.Clone(d.KeyIDs) {
		if err := t.RevokeKey(id, role); err != nil {
			return err
		}
	}
	t.Delegations.Roles = slices.DeleteFunc(t.Delegations.Roles, func(d metadata.DelegatedRole) bool { return d.Name == role })
	if err := r.record(targets, trust.RoleRevocation{Kind: trust.RevokedDelegation, Role: role, Paths: paths}, reason); err != nil {
		return err
	}
	if err := r.stage(targets); err != nil {
		return err
	}
	if r.staged[role] != nil {
		delete(r.staged, role)
		return r.remove(stagedDir + "/" + role + ".json")
	}
	return nil
}

// Add stages a release in the delegated role that owns its name. Its sequence,
// version and time are set here. A release that is listed already with the same
// image is no change, and with another image a *[ChangeError].
func (r *Repo) Add(rel Release) (role string, err error) {
	if err := rel.Ref.Check(); err != nil {
		return "", err
	}
	d, list, err := r.editOwner(rel.Ref)
	if err != nil {
		return "", err
	}
	if file := list.targets.Signed.Targets[rel.Ref.Path()]; file != nil {
		old, err := newRelease(rel.Ref.Path(), file)
		if err != nil {
			return "", err
		}
		if old.Image != rel.Image {
			return "", &ChangeError{Role: d.Name, Problem: fmt.Sprintf("%s is listed with the image %s already; another image is another release", rel.Ref, old.Image)}
		}
		return "", &ChangeError{Role: d.Name, Problem: fmt.Sprintf("%s is listed already", rel.Ref)}
	}
	rel.Version, rel.Released, rel.Sequence, rel.Revoked = trust.TargetVersion, r.now, 1, nil
	for _, other := range releases(list) {
		if other.Ref.Name == rel.Ref.Name {
			rel.Sequence = max(rel.Sequence, other.Sequence+1)
		}
	}
	file, err := rel.target()
	if err != nil {
		return "", err
	}
	list.targets.Signed.Targets[rel.Ref.Path()] = file
	return d.Name, r.stage(list)
}

// RevokeRelease stages that a release must not be used. It stays listed, with the
// reason.
func (r *Repo) RevokeRelease(ref trust.Ref, reason string) (role string, err error) {
	d, list, err := r.editOwner(ref)
	if err != nil {
		return "", err
	}
	file := list.targets.Signed.Targets[ref.Path()]
	if file == nil {
		return "", &MissingError{What: "release " + ref.String()}
	}
	rel, err := newRelease(ref.Path(), file)
	if err != nil {
		return "", err
	}
	if rel.Revoked != nil {
		return "", &ChangeError{Role: d.Name, Problem: fmt.Sprintf("%s is revoked already", ref)}
	}
	rel.Revoked = &trust.Revocation{Reason: reason, At: r.now}
	if file, err = rel.target(); err != nil {
		return "", err
	}
	list.targets.Signed.Targets[ref.Path()] = file
	return d.Name, r.stage(list)
}

// editOwner returns the delegation that owns ref's name, and its list to change.
func (r *Repo) editOwner(ref trust.Ref) (*metadata.DelegatedRole, *document, error) {
	d := owner(r.next(metadata.TARGETS), ref.Name)
	if d == nil {
		return nil, nil, &MissingError{What: "delegation for the name " + ref.Name}
	}
	list, err := r.edit(d.Name)
	return d, list, err
}
