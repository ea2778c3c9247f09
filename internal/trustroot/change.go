package trustroot

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// Delegate stages a delegation: role may list releases of the images whose names
// fit pattern, signed by threshold of keys. It stages the role's first list, too,
// empty, which its keys sign to show that they are there. The targets are not
// published without it.
func (r *Repo) Delegate(role, pattern string, s Signers) error {
	path := pattern + "/*"
	if err := trust.CheckRoleName(role); err != nil {
		return err
	}
	if err := trust.CheckPathPattern(path); err != nil {
		return err
	}
	if err := s.check(role); err != nil {
		return err
	}
	if err := r.checkNotRevoked(role, s.Keys); err != nil {
		return err
	}
	targets, err := r.edit(metadata.TARGETS)
	if err != nil {
		return err
	}
	if delegation(targets, role) != nil {
		return &ChangeError{Role: role, Problem: "there is such a delegation already; change its keys with rotate"}
	}
	t := &targets.targets.Signed
	if t.Delegations == nil {
		t.Delegations = &metadata.Delegations{Keys: map[string]*metadata.Key{}}
	}
	t.Delegations.Roles = append(t.Delegations.Roles, metadata.DelegatedRole{
		Name: role, KeyIDs: []string{}, Threshold: s.Threshold, Terminating: true, Paths: []string{path},
	})
	for _, k := range s.Keys {
		if err := t.AddKey(newKey(k), role); err != nil {
			return err
		}
	}
	if err := apart(role, r.next(metadata.ROOT), targets); err != nil {
		return err
	}
	list := newDocument(role, r.expiry(role, time.Time{}))
	if r.next(role) != nil {
		// It was revoked once. Versions go on, and what was listed stays listed.
		if list, err = r.edit(role); err != nil {
			return err
		}
		if err := checkOwned(delegation(targets, role), list); err != nil {
			return &ChangeError{Role: role, Problem: "there was such a delegation once: " + err.Error()}
		}
	}
	return r.stage(targets, list)
}

// Rotation changes who may sign for a role.
type Rotation struct {
	Add    []*sign.PublicKey
	Remove []KeyRef
	// Threshold is the new one, 0 to leave it.
	Threshold int
}

// Rotate stages a change of who may sign for role: in a new root for one of the
// top-level roles, otherwise in new targets. What the removed keys have signed
// and the others alone can't vouch for is staged again, to be signed again.
func (r *Repo) Rotate(role string, c Rotation) error {
	if len(c.Add)+len(c.Remove) == 0 && c.Threshold == 0 {
		return &ChangeError{Role: role, Problem: "no change is asked for"}
	}
	if err := r.checkNotRevoked(role, c.Add); err != nil {
		return err
	}
	if isTop(role) {
		root, err := r.edit(metadata.ROOT)
		if err != nil {
			return err
		}
		if err := rotateTop(root, role, c); err != nil {
			return err
		}
		if err := apart(role, root, r.next(metadata.TARGETS)); err != nil {
			return err
		}
		docs, err := r.withTargets(root)
		if err != nil {
			return err
		}
		return r.stage(docs...)
	}
	targets, err := r.edit(metadata.TARGETS)
	if err != nil {
		return err
	}
	if err := r.rotateDelegated(targets, role, c, ""); err != nil {
		return err
	}
	docs, err := r.withDelegated(targets)
	if err != nil {
		return err
	}
	return r.stage(docs...)
}

// topRoles are those that the root names.
var topRoles = []string{metadata.ROOT, metadata.TARGETS, metadata.SNAPSHOT, metadata.TIMESTAMP}

func isTop(role string) bool { return slices.Contains(topRoles, role) }

// rotateTop changes who may sign for one of the top-level roles in root.
func rotateTop(root *document, role string, c Rotation) error {
	signed := &root.root.Signed
	for _, k := range c.Add {
		id, err := keyID(k)
		if err != nil {
			return err
		}
		if slices.Contains(signed.Roles[role].KeyIDs, id) {
			return &ChangeError{Role: role, Problem: fmt.Sprintf("the key %s may sign it already", k.ID())}
		}
		if err := signed.AddKey(newKey(k), role); err != nil {
			return err
		}
	}
	for _, ref := range c.Remove {
		id, err := ref.find(keysOf(signed.Keys, signed.Roles[role].KeyIDs))
		if err != nil {
			return err
		}
		if err := signed.RevokeKey(id, role); err != nil {
			return err
		}
	}
	return setThreshold(role, &signed.Roles[role].Threshold, len(signed.Roles[role].KeyIDs), c.Threshold)
}

// withTargets returns root and, unless the keys that it names have signed the
// targets as they are, those to be signed again.
func (r *Repo) withTargets(root *document) ([]*document, error) {
	targets := r.next(metadata.TARGETS)
	if targets == nil || rootAuthority(root, metadata.TARGETS).verify(targets) == nil {
		return []*document{root}, nil
	}
	if r.staged[metadata.TARGETS] != nil {
		return []*document{root}, nil // they wait for signatures anyway
	}
	targets, err := r.edit(metadata.TARGETS)
	return []*document{root, targets}, err
}

// rotateDelegated changes who may sign for role in targets. With a reason, it is
// recorded for each key that goes.
func (r *Repo) rotateDelegated(targets *document, role string, c Rotation, reason string) error {
	d := delegation(targets, role)
	if d == nil {
		return &MissingError{What: "role " + role}
	}
	t := &targets.targets.Signed
	for _, k := range c.Add {
		id, err := keyID(k)
		if err != nil {
			return err
		}
		if slices.Contains(d.KeyIDs, id) {
			return &ChangeError{Role: role, Problem: fmt.Sprintf("the key %s may sign it already", k.ID())}
		}
		if err := t.AddKey(newKey(k), role); err != nil {
			return err
		}
	}
	for _, ref := range c.Remove {
		id, err := ref.find(keysOf(t.Delegations.Keys, d.KeyIDs))
		if err != nil {
			return err
		}
		if err := t.RevokeKey(id, role); err != nil {
			return err
		}
		if reason == "" {
			continue
		}
		if err := r.record(targets, trust.RoleRevocation{Kind: trust.RevokedKey, Role: role, KeyID: id, Paths: d.Paths}, reason); err != nil {
			return err
		}
	}
	if err := setThreshold(role, &d.Threshold, len(d.KeyIDs), c.Threshold); err != nil {
		return err
	}
	return apart(role, r.next(metadata.ROOT), targets)
}

// apart is checkApart for a change of who may sign for role.
func apart(role string, root, targets *document) error {
	if root == nil || targets == nil {
		return nil
	}
	err := checkApart(root, targets)
	var format *FormatError
	if errors.As(err, &format) {
		return &ChangeError{Role: role, Problem: format.Problem}
	}
	return err
}

// withDelegated returns targets and each delegated role that its keys, as targets
// names them, have not signed as it is, to be signed again.
func (r *Repo) withDelegated(targets *document) ([]*document, error) {
	docs := []*document{targets}
	for _, role := range delegations(targets) {
		a, _ := delegatedAuthority(targets, role.Name)
		if r.staged[role.Name] != nil {
			continue // it waits for signatures anyway
		}
		if d := r.published[role.Name]; d == nil || a.verify(d) == nil {
			continue
		}
		d, err := r.edit(role.Name)
		if err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	return docs, nil
}

func setThreshold(role string, threshold *int, keys, want int) error {
	if want != 0 {
		*threshold = want
	}
	if *threshold > keys {
		return &TooFewKeysError{Role: role, Delegation: !isTop(role), Threshold: *threshold, Keys: keys}
	}
	if *threshold < 1 {
		return &ChangeError{Role: role, Problem: fmt.Sprintf("a threshold of %d with %d keys", *threshold, keys)}
	}
	return nil
}

// keysOf returns the keys with those IDs.
func keysOf(keys map[string]*metadata.Key, ids []string) map[string]*metadata.Key {
	some := map[string]*metadata.Key{}
	for _, id := range ids {
		some[id] = keys[id]
	}
	return some
}

// Expire stages role's metadata as it is with another expiry date.
func (r *Repo) Expire(role string, at time.Time) error {
	if role == metadata.SNAPSHOT || role == metadata.TIMESTAMP {
		return &ChangeError{Role: role, Problem: "its expiry is set when it is made"}
	}
	at = at.UTC().Truncate(time.Second)
	if !at.After(r.now) {
		return &ChangeError{Role: role, Problem: fmt.Sprintf("%s has passed", at.Format(time.RFC3339))}
	}
	d, err := r.edit(role)
	if err != nil {
		return err
	}
	_, expires := d.header()
	*expires = at
	return r.stage(d)
}
