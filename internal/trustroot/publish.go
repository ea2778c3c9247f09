package trustroot

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// A Publication is what became of what was staged.
type Publication struct {
	// Published are the files that were put in place, in that order.
	Published []File `json:"published"`
	// Waiting is what is still staged.
	Waiting []Waiting `json:"waiting"`
}

// A File is one version of a role's metadata.
type File struct {
	Role    string `json:"role"`
	Version int64  `json:"version"`
	Name    string `json:"file"`
}

// Waiting is a staged file and what it waits for.
type Waiting struct {
	Role    string `json:"role"`
	Version int64  `json:"version"`
	Needs   []Need `json:"needs"`
	// Reason is set when it is not signatures alone.
	Reason string `json:"reason,omitempty"`
}

// Publish puts what is staged, signed by enough keys, among what is published:
// each file in one step, in an order in which clients never see one before what
// it relies on, the timestamp last. Of the root, the targets and the delegated
// roles it takes only what fits together: targets wait for the first list of each
// delegated role, and a root that takes a key away for what has to be signed
// again.
//
// When it is interrupted, what is published is still what clients accept, and the
// next call goes on.
func (r *Repo) Publish() (*Publication, error) {
	p := &Publication{Published: []File{}, Waiting: []Waiting{}}
	s, why := r.solve()
	var unsound *UnsoundError
	if errors.As(why, &unsound) {
		return nil, why
	}
	for _, role := range inOrder(sortedKeys(s)) {
		if d := s[role]; d == r.staged[role] {
			if err := r.put(d, s.authorities(r, d), p); err != nil {
				return nil, err
			}
		}
	}
	for _, role := range []string{metadata.SNAPSHOT, metadata.TIMESTAMP} {
		d := r.staged[role]
		if d == nil || why != nil || r.checkStaged(d) != nil || rootAuthority(s[metadata.ROOT], role).verify(d) != nil {
			continue
		}
		if err := r.put(d, s.authorities(r, d), p); err != nil {
			return nil, err
		}
	}
	for _, role := range r.Staged() {
		p.Waiting = append(p.Waiting, r.waiting(role))
	}
	return p, r.removePublished()
}

func sortedKeys(s set) []string {
	var keys []string
	for k := range s {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// authorities returns who signs d, which is one of s or follows it.
func (s set) authorities(r *Repo, d *document) []authority {
	switch {
	case d.root != nil:
		return r.rootAuthorities(d)
	case isTop(d.role):
		return []authority{rootAuthority(s[metadata.ROOT], d.role)}
	}
	a, _ := delegatedAuthority(s[metadata.TARGETS], d.role)
	return []authority{a}
}

// put publishes d: with the signatures of those who may sign it, and no others.
func (r *Repo) put(d *document, all []authority, p *Publication) error {
	var good []string
	for _, a := range all {
		good = append(good, a.signers(d)...)
	}
	sigs := d.signatures()
	*sigs = slices.DeleteFunc(*sigs, func(s metadata.Signature) bool { return !slices.Contains(good, s.KeyID) })
	b, err := d.encode()
	if err != nil {
		return err
	}
	if d, err = decode(d.role, b); err != nil {
		return err
	}
	name := path.Join(metadataDir, d.file())
	if d.role != metadata.TIMESTAMP {
		// Clients may have it by now: a version is published once.
		old, err := r.read(name, sizeLimit(d.role))
		if err == nil && !bytes.Equal(old, b) {
			return &FormatError{File: name, Problem: "another file of this version is published"}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := r.write(name, b); err != nil {
		return err
	}
	if d.root != nil {
		r.roots = append(r.roots, d)
	}
	r.published[d.role] = d
	delete(r.staged, d.role)
	p.Published = append(p.Published, File{Role: d.role, Version: d.version(), Name: d.file()})
	return nil
}

// removePublished removes the staged files that are in place by now.
func (r *Repo) removePublished() error {
	names, err := r.list(stagedDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if role, ok := strings.CutSuffix(name, ".json"); ok && r.staged[role] == nil {
			if err := r.remove(path.Join(stagedDir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// waiting says what the staged file of role waits for.
func (r *Repo) waiting(role string) Waiting {
	d := r.staged[role]
	w := Waiting{Role: role, Version: d.version(), Needs: []Need{}}
	needs, err := r.needs(d)
	if err == nil {
		w.Needs = needs
		err = r.checkStaged(d)
	}
	met := !slices.ContainsFunc(w.Needs, func(n Need) bool { return !n.Met() })
	switch {
	case err != nil:
		w.Reason = err.Error()
	case met:
		w.Reason = "its signatures are complete; it waits for the other staged files, so that clients accept what is published"
	}
	return w
}

// metaOf returns what a snapshot or timestamp says of a published file.
func metaOf(d *document) *metadata.MetaFiles {
	file, _ := metadata.TargetFile().FromBytes(d.role, d.raw, "sha256") // sha256 is known
	return &metadata.MetaFiles{Version: d.version(), Length: file.Length, Hashes: file.Hashes}
}

func sameMeta(a, b *metadata.MetaFiles) bool {
	return a != nil && b != nil && a.Version == b.Version && a.Length == b.Length && bytes.Equal(a.Hashes["sha256"], b.Hashes["sha256"])
}

// checkSnapshot checks that d names the published targets and delegated roles as
// they are, and still names all that the snapshot before it did: clients refuse
// one that doesn't.
func (r *Repo) checkSnapshot(d *document) error {
	meta := d.snapshot.Signed.Meta
	for _, role := range r.current() {
		p := r.published[role]
		if p == nil || !sameMeta(meta[role+".json"], metaOf(p)) {
			return &FormatError{File: "snapshot.json", Problem: fmt.Sprintf("it doesn't name %s as it is published; make it again", role)}
		}
	}
	old := r.published[metadata.SNAPSHOT]
	if old == nil {
		return nil
	}
	for name, m := range old.snapshot.Signed.Meta {
		if meta[name] == nil || meta[name].Version < m.Version {
			return &FormatError{File: "snapshot.json", Problem: fmt.Sprintf("it doesn't name %s %d, as the one before did", name, m.Version)}
		}
	}
	return nil
}

// current returns targets and the delegated roles that are published.
func (r *Repo) current() []string {
	roles := []string{metadata.TARGETS}
	for _, role := range delegations(r.published[metadata.TARGETS]) {
		roles = append(roles, role.Name)
	}
	return roles
}

func (r *Repo) checkTimestamp(d *document) error {
	p := r.published[metadata.SNAPSHOT]
	if p == nil || !sameMeta(d.timestamp.Signed.Meta["snapshot.json"], metaOf(p)) {
		return &FormatError{File: "timestamp.json", Problem: "it doesn't name the snapshot as it is published; make it again"}
	}
	return nil
}
