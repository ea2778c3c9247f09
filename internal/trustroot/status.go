package trustroot

import (
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// The states of a role's metadata.
const (
	StateGood    = "good"
	StateSoon    = "soon"    // less than a quarter of its lifetime is left
	StateExpired = "expired" // clients refuse it
	StateMissing = "missing" // nothing is published
)

// A Status says what is published, who may sign what, and what waits.
type Status struct {
	Roles  []RoleStatus `json:"roles"`
	Staged []Waiting    `json:"staged"`
	// Behind are roles whose newest published file is not in the snapshot yet.
	Behind []string `json:"behind,omitempty"`
	// Problem is why clients would refuse what is published, "" if they don't.
	Problem string `json:"problem,omitempty"`
}

// A RoleStatus is one role's.
type RoleStatus struct {
	Role      string     `json:"role"`
	Version   int64      `json:"version,omitempty"`
	Expires   *time.Time `json:"expires,omitempty"`
	State     string     `json:"state"`
	Threshold int        `json:"threshold"`
	Keys      []string   `json:"keys"`
	// Images are the patterns of names that a delegated role may list.
	Images []string `json:"images,omitempty"`
	// Releases counts those that it lists, Revoked those of them that are revoked.
	Releases int `json:"releases,omitempty"`
	Revoked  int `json:"revoked,omitempty"`
}

// Status returns the state of the trust root at the time that it was opened for.
func (r *Repo) Status() (*Status, error) {
	st := &Status{Roles: []RoleStatus{}, Staged: []Waiting{}}
	if root := r.published[metadata.ROOT]; root != nil {
		for _, role := range topRoles {
			st.Roles = append(st.Roles, r.roleStatus(rootAuthority(root, role)))
		}
	}
	for _, role := range delegations(r.published[metadata.TARGETS]) {
		a, _ := delegatedAuthority(r.published[metadata.TARGETS], role.Name)
		rs := r.roleStatus(a)
		rs.Images = role.Paths
		for _, rel := range releases(r.published[role.Name]) {
			rs.Releases++
			if rel.Revoked != nil {
				rs.Revoked++
			}
		}
		st.Roles = append(st.Roles, rs)
	}
	for _, role := range r.Staged() {
		st.Staged = append(st.Staged, r.waiting(role))
	}
	if !r.Published() {
		st.Problem = "nothing is published"
	} else {
		st.Behind = r.behind()
		if err := r.sound(); err != nil {
			st.Problem = err.Error()
		} else if _, err := r.inForce(); err != nil {
			st.Problem = err.Error()
		}
	}
	return st, nil
}

func (r *Repo) roleStatus(a authority) RoleStatus {
	rs := RoleStatus{Role: a.role, State: StateMissing, Threshold: a.threshold, Keys: a.names()}
	d := r.published[a.role]
	if d == nil {
		return rs
	}
	expires := d.expires()
	rs.Version, rs.Expires, rs.State = d.version(), &expires, StateGood
	switch left := expires.Sub(r.now); {
	case left < 0:
		rs.State = StateExpired
	case left < Lifetime(a.role)/4:
		rs.State = StateSoon
	}
	return rs
}

// behind returns the roles that the published snapshot doesn't name as they are,
// and the snapshot, if the timestamp doesn't.
func (r *Repo) behind() []string {
	var roles []string
	snapshot, timestamp := r.published[metadata.SNAPSHOT], r.published[metadata.TIMESTAMP]
	for _, role := range r.current() {
		d := r.published[role]
		if d != nil && snapshot != nil && !sameMeta(snapshot.snapshot.Signed.Meta[role+".json"], metaOf(d)) {
			roles = append(roles, role)
		}
	}
	if snapshot != nil && timestamp != nil && r.checkTimestamp(timestamp) != nil {
		roles = append(roles, metadata.SNAPSHOT)
	}
	return roles
}

// A Description is a metadata file in plain words.
type Description struct {
	Role    string    `json:"role"`
	Version int64     `json:"version"`
	Expires time.Time `json:"expires"`
	// Content is all that it says.
	Content []Change `json:"content"`
	// Signatures are the IDs of the keys that they claim to be by: that of tailsbuild
	// key new for keys that the file itself or what is published has, otherwise
	// TUF's. They are not checked.
	Signatures []string `json:"signatures"`
}

// Describe returns the metadata file that role's b is, in plain words. It checks
// its form, and no signatures.
func Describe(role string, b []byte) (*Description, error) {
	d, err := decode(role, b)
	if err != nil {
		return nil, err
	}
	return d.describe(map[string]string{}, nil), nil
}

// describe says what d says; names has the keys' IDs that people know, by TUF's.
func (d *document) describe(names map[string]string, revoked revokedKeys) *Description {
	if d.root != nil {
		addNames(names, d.root.Signed.Keys)
	}
	out := &Description{Role: d.role, Version: d.version(), Expires: d.expires(), Content: content(d, revoked), Signatures: []string{}}
	for _, s := range *d.signatures() {
		name, ok := names[s.KeyID]
		if !ok {
			name = s.KeyID
		}
		out.Signatures = append(out.Signatures, name)
	}
	return out
}

func addNames(names map[string]string, keys map[string]*metadata.Key) {
	for id, k := range keys {
		names[id] = keyName(k)
	}
}

// names returns the IDs that people know of all keys of the published roots, and
// of the delegations that are published or staged.
func (r *Repo) names() map[string]string {
	names := map[string]string{}
	for _, root := range r.roots {
		addNames(names, root.root.Signed.Keys)
	}
	for _, root := range r.both(metadata.ROOT) {
		addNames(names, root.root.Signed.Keys)
	}
	for _, targets := range r.both(metadata.TARGETS) {
		if d := targets.targets.Signed.Delegations; d != nil {
			addNames(names, d.Keys)
		}
	}
	return names
}

// Show returns what is published, or what is staged, in plain words: of role, or
// of all roles when it is empty.
func (r *Repo) Show(role string, staged bool) ([]*Description, error) {
	docs := r.published
	if staged {
		docs = r.staged
	}
	var all []*Description
	for _, name := range inOrder(sortedKeys(docs)) {
		if role == "" || role == name {
			all = append(all, docs[name].describe(r.names(), r.revokedKeys()))
		}
	}
	if len(all) == 0 && staged {
		return nil, &NotStagedError{Role: role}
	}
	if len(all) == 0 {
		what := "published metadata"
		if role != "" {
			what += " of " + role
		}
		return nil, &MissingError{What: what}
	}
	return all, nil
}

// Diff returns how other's published files differ from r's, in plain words.
func (r *Repo) Diff(other *Repo) []Change {
	var all []Change
	revoked := r.revokedKeys().with(other.published[metadata.TARGETS])
	for _, role := range inOrder(sortedKeys(union(r.published, other.published))) {
		all = append(all, difference(r.published[role], other.published[role], revoked)...)
	}
	return all
}

// DiffStaged returns what all that is staged would change.
func (r *Repo) DiffStaged() []Change {
	var all []Change
	for _, role := range r.Staged() {
		all = append(all, difference(r.published[role], r.staged[role], r.revokedKeys())...)
	}
	return all
}

func union(a, b map[string]*document) set {
	s := set{}
	for role, d := range a {
		s[role] = d
	}
	for role, d := range b {
		s[role] = d
	}
	return s
}

// difference is changes for documents of which one may be missing.
func difference(a, b *document, revoked revokedKeys) []Change {
	if b == nil {
		return []Change{{Role: a.role, Text: "is missing", Careful: true}}
	}
	if a != nil {
		da, errA := a.digest()
		db, errB := b.digest()
		if errA == nil && errB == nil && da == db {
			return nil
		}
	}
	all := changes(a, b, revoked)
	if len(all) == 0 {
		all = append(all, Change{Role: b.role, Text: "is written in another way"})
	}
	return all
}
