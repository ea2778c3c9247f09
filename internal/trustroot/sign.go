package trustroot

import (
	"context"
	"maps"
	"path"
	"slices"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// DigestLength is how many characters of a review's digest say which one is meant.
const DigestLength = 16

// A Review is what an officer is shown before signing a staged file.
type Review struct {
	Role    string `json:"role"`
	Version int64  `json:"version"`
	// Digest is the sha256 of what is signed, in hexadecimal.
	Digest string `json:"digest"`
	// Changes are against what is published.
	Changes []Change `json:"changes"`
	// Content is all that the file says, for a root and targets: who may sign
	// what once it is published.
	Content []Change `json:"content,omitempty"`
	// Needs are the signatures that it needs, each of which is by its own rules.
	Needs []Need `json:"needs"`

	doc *document
}

// A Need is how many of which keys have to sign.
type Need struct {
	// By is the file that says so: "root 1".
	By        string   `json:"by"`
	Threshold int      `json:"threshold"`
	Signed    []string `json:"signed"`  // IDs of the keys that have
	Missing   []string `json:"missing"` // and of those that may
}

// Met reports whether enough keys have signed.
func (n Need) Met() bool { return len(n.Signed) >= n.Threshold }

// Staged returns the roles for which something is staged: root, targets, the
// delegated ones by name, snapshot and timestamp.
func (r *Repo) Staged() []string {
	return inOrder(slices.Collect(maps.Keys(r.staged)))
}

// inOrder sorts roles as they are published, the timestamp last.
func inOrder(roles []string) []string {
	rank := map[string]int{metadata.ROOT: 0, metadata.TARGETS: 1, metadata.SNAPSHOT: 3, metadata.TIMESTAMP: 4}
	slices.SortFunc(roles, func(a, b string) int {
		ra, ok := rank[a]
		if !ok {
			ra = 2
		}
		rb, ok := rank[b]
		if !ok {
			rb = 2
		}
		if ra != rb {
			return ra - rb
		}
		return slices.Compare([]string{a}, []string{b})
	})
	return roles
}

// authorities returns who has to sign the staged document d: for a root by each of
// the rules, for others by those of the staged root or targets or else, as long as
// that waits, by those of the published.
func (r *Repo) authorities(d *document) ([]authority, error) {
	if d.root != nil {
		return r.rootAuthorities(d), nil
	}
	var all []authority
	switch {
	case d.role == metadata.TARGETS:
		for _, root := range r.both(metadata.ROOT) {
			all = append(all, rootAuthority(root, d.role))
		}
	case isTop(d.role): // the machines that are online know nothing of staged roots
		if root := r.published[metadata.ROOT]; root != nil {
			all = append(all, rootAuthority(root, d.role))
		}
	default:
		for _, targets := range r.both(metadata.TARGETS) {
			if a, ok := delegatedAuthority(targets, d.role); ok {
				all = append(all, a)
			}
		}
	}
	if len(all) == 0 {
		return nil, &MissingError{What: "role " + d.role}
	}
	return all, nil
}

// both returns what is staged and what is published for role.
func (r *Repo) both(role string) []*document {
	var all []*document
	for _, d := range []*document{r.staged[role], r.published[role]} {
		if d != nil {
			all = append(all, d)
		}
	}
	return all
}

// needs returns the signatures that d needs to be published with all that is
// staged.
func (r *Repo) needs(d *document) ([]Need, error) {
	all, err := r.authorities(d)
	if err != nil {
		return nil, err
	}
	if d.root == nil {
		all = all[:1]
	}
	var needs []Need
	for _, a := range all {
		n := Need{By: a.by, Threshold: a.threshold, Signed: []string{}, Missing: []string{}}
		signers := a.signers(d)
		for _, id := range a.ids {
			if slices.Contains(signers, id) {
				n.Signed = append(n.Signed, keyName(a.keys[id]))
			} else {
				n.Missing = append(n.Missing, keyName(a.keys[id]))
			}
		}
		needs = append(needs, n)
	}
	return needs, nil
}

// Review returns what is staged for role, against what is published. It refuses
// what should not be signed: a change that was staged on another version, one
// that takes back a release, and one against published files that don't verify.
func (r *Repo) Review(role string) (*Review, error) {
	d := r.staged[role]
	if d == nil {
		return nil, &NotStagedError{Role: role}
	}
	if err := r.Sound(); err != nil {
		return nil, err
	}
	if err := r.checkStaged(d); err != nil {
		return nil, err
	}
	digest, err := d.digest()
	if err != nil {
		return nil, err
	}
	needs, err := r.needs(d)
	if err != nil {
		return nil, err
	}
	rev := &Review{
		Role: role, Version: d.version(), Digest: digest, Needs: needs, doc: d,
		Changes: changes(r.published[role], d, r.revokedKeys()),
	}
	if r.published[role] != nil && (role == metadata.ROOT || role == metadata.TARGETS) {
		rev.Content = content(d, r.revokedKeys())[2:] // without version and expiry
	}
	return rev, nil
}

// checkStaged checks that d may be published once it is signed.
func (r *Repo) checkStaged(d *document) error {
	if err := r.checkStale(d); err != nil {
		return err
	}
	if err := r.checkHistory(d); err != nil {
		return err
	}
	if d.snapshot != nil {
		return r.checkSnapshot(d)
	}
	if d.timestamp != nil {
		return r.checkTimestamp(d)
	}
	if d.role == metadata.TARGETS && r.next(metadata.ROOT) != nil {
		return checkApart(r.next(metadata.ROOT), d)
	}
	if role := delegation(r.next(metadata.TARGETS), d.role); role != nil {
		return checkOwned(role, d)
	}
	return nil
}

// MaySign returns a *[NoRoleError] unless key may sign what is staged for role.
func (r *Repo) MaySign(role string, key *sign.PublicKey) error {
	d := r.staged[role]
	if d == nil {
		return &NotStagedError{Role: role}
	}
	all, err := r.authorities(d)
	if err != nil {
		return err
	}
	var may []string
	for _, a := range all {
		may = append(may, a.names()...)
	}
	if !slices.Contains(may, key.ID()) {
		slices.Sort(may)
		return &NoRoleError{Role: role, Key: key.ID(), May: slices.Compact(may)}
	}
	return nil
}

// AddSignature adds key's signature to the staged file that rev is of, and to no other.
// A key that may not sign it gives a *[NoRoleError]. The result is false when the
// key has signed it already, which counts once.
func (r *Repo) AddSignature(ctx context.Context, rev *Review, key *sign.Key) (bool, error) {
	d := rev.doc
	if r.staged[rev.Role] != d {
		return false, &NotStagedError{Role: rev.Role}
	}
	all, err := r.authorities(d)
	if err != nil {
		return false, err
	}
	id, err := keyID(key.Public())
	if err != nil {
		return false, err
	}
	for _, a := range all {
		if slices.Contains(a.signers(d), id) {
			return false, nil
		}
	}
	if err := r.MaySign(rev.Role, key.Public()); err != nil {
		return false, err
	}
	if err := signWith(ctx, d, key, id); err != nil {
		return false, err
	}
	b, err := d.encode()
	if err != nil {
		return false, err
	}
	if err := r.write(path.Join(stagedDir, d.role+".json"), b); err != nil {
		return false, err
	}
	rev.Needs, err = r.needs(d)
	return true, err
}

// signWith puts key's signature in the place of any that claims to be its.
func signWith(ctx context.Context, d *document, key *sign.Key, id string) error {
	sig, err := key.SignMetadata(ctx, d.signed())
	if err != nil {
		return err
	}
	sigs := d.signatures()
	*sigs = slices.DeleteFunc(*sigs, func(s metadata.Signature) bool { return s.KeyID == id })
	*sigs = append(*sigs, metadata.Signature{KeyID: id, Signature: sig})
	return nil
}
