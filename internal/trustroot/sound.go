package trustroot

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// maxRoots is how many updates of the root go-tuf's updater follows at once.
const maxRoots = 256

// checkRoots checks the chain of published roots: each is signed as it says
// itself, and as the one before it says.
func (r *Repo) checkRoots() error {
	if len(r.roots) > maxRoots {
		return &LimitError{What: "the number of roots", Size: int64(len(r.roots)), Limit: maxRoots}
	}
	for i, d := range r.roots {
		if err := rootAuthority(d, metadata.ROOT).verify(d); err != nil {
			return err
		}
		if i == 0 {
			continue
		}
		if err := rootAuthority(r.roots[i-1], metadata.ROOT).verify(d); err != nil {
			return err
		}
	}
	return nil
}

// Sound checks that what is published fits together but for snapshot and
// timestamp, which follow: the chain of roots, the targets, and every delegated
// role. It returns an *[UnsoundError].
func (r *Repo) Sound() error {
	if !r.Published() {
		return nil
	}
	if err := r.sound(); err != nil {
		return &UnsoundError{Err: err}
	}
	return nil
}

func (r *Repo) sound() error {
	root := r.published[metadata.ROOT]
	if root == nil {
		return &MissingError{What: "root"}
	}
	if err := r.checkRoots(); err != nil {
		return err
	}
	_, err := resolve(root, r.published[metadata.TARGETS], func(role string) []*document {
		return []*document{r.published[role]}
	})
	return err
}

// CheckPinned checks that file, the root that an officer or a client got in
// another way, is in the published chain. It returns an *[OtherRootError].
func (r *Repo) CheckPinned(file []byte) error {
	pinned, err := decode(metadata.ROOT, file)
	if err != nil {
		return err
	}
	v := pinned.version()
	if v > int64(len(r.roots)) || !bytes.Equal(r.roots[v-1].raw, file) {
		return &OtherRootError{Version: v}
	}
	return r.checkRoots()
}

// A set is the files that clients would accept together, by role.
type set map[string]*document

// resolve returns root and targets with one document for each delegated role: the
// first of choices that the delegation's keys have signed.
func resolve(root, targets *document, choices func(role string) []*document) (set, error) {
	if targets == nil {
		return nil, &MissingError{What: "targets"}
	}
	if err := rootAuthority(root, metadata.TARGETS).verify(targets); err != nil {
		return nil, err
	}
	if err := checkApart(root, targets); err != nil {
		return nil, err
	}
	s := set{metadata.ROOT: root, metadata.TARGETS: targets}
	for _, role := range delegations(targets) {
		d, err := choose(targets, &role, choices(role.Name))
		if err != nil {
			return nil, err
		}
		s[role.Name] = d
	}
	return s, nil
}

// choose returns the first document that may be role's, and otherwise what is
// wrong with the last.
func choose(targets *document, role *metadata.DelegatedRole, choices []*document) (*document, error) {
	var err error = &MissingError{What: "metadata of " + role.Name}
	a, _ := delegatedAuthority(targets, role.Name)
	for _, d := range choices {
		if d == nil {
			continue
		}
		if err = a.verify(d); err != nil {
			continue
		}
		if err = checkOwned(role, d); err == nil {
			return d, nil
		}
	}
	return nil, err
}

// checkOwned checks that a delegated role lists nothing outside its patterns.
func checkOwned(role *metadata.DelegatedRole, d *document) error {
	for _, rel := range releases(d) {
		if !owns(role, rel.Ref.Name) {
			return &FormatError{File: d.role + ".json", Problem: fmt.Sprintf("%s is outside of %q", rel.Ref, role.Paths)}
		}
	}
	return nil
}

// checkApart checks that no key which is online signs releases.
func checkApart(root, targets *document) error {
	for _, online := range []string{metadata.SNAPSHOT, metadata.TIMESTAMP} {
		for _, role := range delegations(targets) {
			for _, id := range root.root.Signed.Roles[online].KeyIDs {
				if slices.Contains(role.KeyIDs, id) {
					return &FormatError{File: "targets.json", Problem: fmt.Sprintf("%s may be signed by the key %s, which signs %s on a machine that is online",
						role.Name, keyName(root.root.Signed.Keys[id]), online)}
				}
			}
		}
	}
	return nil
}

// choices are a staged document, if it may be published once it is signed, and
// the published one.
func (r *Repo) choices(role string) []*document {
	var all []*document
	if s := r.staged[role]; s != nil && r.checkStale(s) == nil && r.checkHistory(s) == nil {
		all = append(all, s)
	}
	if p := r.published[role]; p != nil {
		all = append(all, p)
	}
	return all
}

// solve returns the set that takes as much as possible of what is staged, root
// before targets before the delegated roles. The published root has to be sound;
// a staged one needs the signatures of both.
func (r *Repo) solve() (set, error) {
	if err := r.checkRoots(); err != nil {
		return nil, &UnsoundError{Err: err}
	}
	var first error
	for _, root := range r.choices(metadata.ROOT) {
		if err := r.verifyRoot(root); err != nil {
			first = errors.Join(first, err)
			continue
		}
		for _, targets := range r.choices(metadata.TARGETS) {
			s, err := resolve(root, targets, r.choices)
			if err == nil {
				return s, nil
			}
			first = errors.Join(first, err)
		}
	}
	if first == nil {
		first = &MissingError{What: "root and targets"}
	}
	return nil, first
}

// verifyRoot checks a root's signatures by its own rules and, when it is staged,
// by those of the published one.
func (r *Repo) verifyRoot(d *document) error {
	for _, a := range r.rootAuthorities(d) {
		if err := a.verify(d); err != nil {
			return err
		}
	}
	return nil
}

// rootAuthorities returns who has to sign the root d: those that it names, and
// before them those that the root before it named.
func (r *Repo) rootAuthorities(d *document) []authority {
	own := rootAuthority(d, metadata.ROOT)
	if p := r.published[metadata.ROOT]; p != nil && p.version() != d.version() {
		return []authority{rootAuthority(p, metadata.ROOT), own}
	}
	return []authority{own}
}

// checkHistory checks what a new version of a file may not take back: a release
// that was published stays listed, with the same image and sequence, and once
// revoked it stays so.
func (r *Repo) checkHistory(d *document) error {
	p := r.published[d.role]
	if p == nil || d.targets == nil || d.role == metadata.TARGETS {
		return nil
	}
	bad := func(ref fmt.Stringer, what string) error {
		return &FormatError{File: d.role + ".json", Problem: fmt.Sprintf("%s was published, and %s; a release can be revoked, nothing else", ref, what)}
	}
	for _, old := range releases(p) {
		file := d.targets.Signed.Targets[old.Ref.Path()]
		if file == nil {
			return bad(old.Ref, "is gone")
		}
		now, err := newRelease(old.Ref.Path(), file)
		switch {
		case err != nil:
			return err
		case now.Image != old.Image || now.Size != old.Size || now.Sequence != old.Sequence:
			return bad(old.Ref, "has another image or sequence now")
		case old.Revoked != nil && now.Revoked == nil:
			return bad(old.Ref, "is no longer revoked")
		}
	}
	return nil
}
