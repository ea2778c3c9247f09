package trustroot

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// A Change is one difference between two versions of a role's metadata, or one
// thing that is said in it, in plain words.
type Change struct {
	Role string `json:"role"`
	Text string `json:"text"`
	// Careful marks what takes protection away or can't be taken back.
	Careful bool `json:"careful,omitempty"`
}

// A story collects changes of one role.
type story struct {
	role    string
	changes []Change
	revoked revokedKeys
	// standing says that there is nothing to compare with: what is said is how it is.
	standing bool
}

func (s *story) say(format string, args ...any) {
	s.changes = append(s.changes, Change{Role: s.role, Text: fmt.Sprintf(format, args...)})
}

func (s *story) warn(format string, args ...any) {
	s.changes = append(s.changes, Change{Role: s.role, Text: fmt.Sprintf(format, args...), Careful: true})
}

// changes returns what d changes against old, which is nil when there is none
// before.
func changes(old, d *document, revoked revokedKeys) []Change {
	s := &story{role: d.role, revoked: revoked.with(old, d)}
	switch {
	case old != nil:
		s.header(old, d)
	case d.version() == 1:
		s.say("first version, 1")
	default:
		s.say("version %d, and none before", d.version())
	}
	if old == nil {
		s.say("good until %s", date(d.expires()))
	}
	s.body(old, d)
	return s.changes
}

// content returns all that d says, its version and expiry first.
func content(d *document, revoked revokedKeys) []Change {
	s := &story{role: d.role, revoked: revoked.with(d), standing: true}
	s.say("version %d", d.version())
	s.say("good until %s", date(d.expires()))
	s.body(nil, d)
	return s.changes
}

func (s *story) body(old, d *document) {
	switch {
	case d.root != nil:
		s.root(old, d)
	case d.role == metadata.TARGETS:
		s.targets(old, d)
	case d.targets != nil:
		s.releases(old, d)
	default:
		s.files(fileVersions(old), fileVersions(d))
	}
}

func (s *story) header(old, d *document) {
	switch {
	case d.version() < old.version():
		s.warn("version %d, LOWER than %d", d.version(), old.version())
	case d.version() != old.version():
		s.say("version %d after %d", d.version(), old.version())
	}
	switch {
	case d.expires().Before(old.expires()):
		s.warn("good until %s, EARLIER than before (%s)", date(d.expires()), date(old.expires()))
	case date(d.expires()) != date(old.expires()):
		s.say("good until %s, before: %s", date(d.expires()), date(old.expires()))
	}
}

func (s *story) root(old, d *document) {
	for _, role := range topRoles {
		now := rootAuthority(d, role)
		var before *authority
		if old != nil {
			a := rootAuthority(old, role)
			before = &a
		}
		s.signers(role, before, now)
	}
}

// signers says how who may sign for role changes.
func (s *story) signers(role string, old *authority, now authority) {
	if old == nil {
		s.say("%s: %s", role, rule(now))
		for i, id := range now.ids {
			s.signer(role, "may", id, now.names()[i], s.say)
		}
		return
	}
	for i, id := range now.ids {
		if !slices.Contains(old.ids, id) {
			s.signer(role, "may NOW", id, now.names()[i], s.warn)
		}
	}
	for i, id := range old.ids {
		if !slices.Contains(now.ids, id) {
			s.say("%s may no longer be signed by %s", role, old.names()[i])
		}
	}
	switch {
	case old.threshold > now.threshold:
		s.warn("%s: %s, LOWER than before: %s", role, rule(now), rule(*old))
	case old.threshold != now.threshold || len(old.ids) != len(now.ids):
		s.say("%s: %s, before: %s", role, rule(now), rule(*old))
	}
}

// signer says that a key may sign for role, and warns when it was revoked once.
func (s *story) signer(role, may, id, name string, say func(string, ...any)) {
	if r, ok := s.revoked[id]; ok {
		s.warn("%s %s be signed by %s, which was REVOKED on %s: %q", role, may, name, date(r.At), r.Reason)
		return
	}
	say("%s %s be signed by %s", role, may, name)
}

// rule says how many of the keys have to sign.
func rule(a authority) string {
	if len(a.ids) == 1 {
		return "1 key, which has to sign"
	}
	return fmt.Sprintf("%d of %d keys have to sign", a.threshold, len(a.ids))
}

func (s *story) targets(old, d *document) {
	for _, role := range delegations(d) {
		now, _ := delegatedAuthority(d, role.Name)
		before := delegation(old, role.Name)
		if before == nil && s.standing {
			s.say("%s may list the images %s", role.Name, names(role.Paths))
			s.signers(role.Name, nil, now)
			continue
		}
		if before == nil {
			s.warn("NEW delegation %s: it may list the images %s", role.Name, names(role.Paths))
			s.signers(role.Name, nil, now)
			continue
		}
		if !slices.Equal(before.Paths, role.Paths) {
			s.warn("%s may NOW list the images %s, before: %s", role.Name, names(role.Paths), names(before.Paths))
		}
		was, _ := delegatedAuthority(old, role.Name)
		s.signers(role.Name, &was, now)
	}
	for _, role := range delegations(old) {
		if delegation(d, role.Name) == nil {
			s.warn("delegation %s is GONE: clients refuse all of the images %s", role.Name, names(role.Paths))
		}
	}
	s.revocations(old, d)
}

// names says which images patterns of paths are for.
func names(paths []string) string {
	var all []string
	for _, p := range paths {
		all = append(all, strings.TrimSuffix(p, "/*"))
	}
	return strings.Join(all, ", ")
}

func (s *story) revocations(old, d *document) {
	var before []trust.RoleRevocation
	if old != nil {
		before, _ = revocations(&old.targets.Signed) // check has read them
	}
	now, _ := revocations(&d.targets.Signed)
	for _, r := range now {
		if !slices.ContainsFunc(before, func(o trust.RoleRevocation) bool { return sameRevocation(o, r) }) {
			s.say("recorded: %s", revocation(r, old, d))
		}
	}
	for _, r := range before {
		if !slices.ContainsFunc(now, func(n trust.RoleRevocation) bool { return sameRevocation(n, r) }) {
			s.warn("NO LONGER recorded: %s", revocation(r, old, d))
		}
	}
}

func sameRevocation(a, b trust.RoleRevocation) bool {
	return a.Kind == b.Kind && a.Role == b.Role && a.KeyID == b.KeyID && a.Reason == b.Reason && a.At.Equal(b.At)
}

// revocation says what r revokes; the key's own ID comes from whichever document
// has the key.
func revocation(r trust.RoleRevocation, docs ...*document) string {
	what := "the delegation " + r.Role
	if r.Kind == trust.RevokedKey {
		name := r.KeyID
		for _, d := range docs {
			if d == nil || d.targets.Signed.Delegations == nil {
				continue
			}
			if k := d.targets.Signed.Delegations.Keys[r.KeyID]; k != nil {
				name = keyName(k)
			}
		}
		what = fmt.Sprintf("the key %s of %s", name, r.Role)
	}
	return fmt.Sprintf("%s was revoked on %s: %q", what, date(r.At), r.Reason)
}

func (s *story) releases(old, d *document) {
	before := map[trust.Ref]*Release{}
	for _, r := range releases(old) {
		before[r.Ref] = r
	}
	for _, r := range releases(d) {
		was := before[r.Ref]
		delete(before, r.Ref)
		s.release(was, r)
	}
	for _, ref := range slices.SortedFunc(maps.Keys(before), func(a, b trust.Ref) int { return strings.Compare(a.Path(), b.Path()) }) {
		s.warn("release %s is GONE", ref)
	}
	if len(d.targets.Signed.Targets) == 0 {
		s.say("no releases")
	}
}

func (s *story) release(was, now *Release) {
	switch {
	case s.standing:
		s.say("release %s: %s", now.Ref, describe(now))
	case was == nil:
		s.say("new release %s: %s", now.Ref, describe(now))
	case was.Image != now.Image || was.Size != now.Size:
		s.warn("release %s has ANOTHER IMAGE: %s, before: %s", now.Ref, now.Image, was.Image)
	case was.Sequence != now.Sequence || was.MinimumRebuilders != now.MinimumRebuilders ||
		!maps.Equal(was.Platforms, now.Platforms) || !slices.Equal(was.Bundles, now.Bundles) || !was.Released.Equal(now.Released):
		s.warn("release %s is described in ANOTHER WAY: %s, before: %s", now.Ref, describe(now), describe(was))
	}
	revoked := now.Revoked
	switch {
	case revoked != nil && (was == nil || was.Revoked == nil):
		s.warn("release %s is REVOKED: %q", now.Ref, revoked.Reason)
	case revoked != nil && (was.Revoked.Reason != revoked.Reason || !was.Revoked.At.Equal(revoked.At)):
		s.warn("release %s is revoked for ANOTHER REASON: %q, before: %q", now.Ref, revoked.Reason, was.Revoked.Reason)
	case revoked == nil && was != nil && was.Revoked != nil:
		s.warn("release %s is NO LONGER revoked", now.Ref)
	}
}

// describe says what a release is.
func describe(r *Release) string {
	var platforms []string
	for _, p := range slices.Sorted(maps.Keys(r.Platforms)) {
		if d := r.Platforms[p]; d != r.Image {
			p += " (" + d.String() + ")"
		}
		platforms = append(platforms, p)
	}
	return fmt.Sprintf("%s for %s; number %d, of %s; %d bundles; %s",
		r.Image, strings.Join(platforms, ", "), r.Sequence, date(r.Released), len(r.Bundles), rebuilders(r.MinimumRebuilders))
}

func rebuilders(n int) string {
	if n == 0 {
		return "no rebuilders asked for"
	}
	return fmt.Sprintf("rebuilders of %d organisations asked for", n)
}

// fileVersions returns the versions that a snapshot or timestamp names.
func fileVersions(d *document) map[string]int64 {
	if d == nil {
		return nil
	}
	meta := map[string]*metadata.MetaFiles{}
	if d.snapshot != nil {
		meta = d.snapshot.Signed.Meta
	} else if d.timestamp != nil {
		meta = d.timestamp.Signed.Meta
	}
	versions := map[string]int64{}
	for name, m := range meta {
		versions[strings.TrimSuffix(name, ".json")] = m.Version
	}
	return versions
}

func (s *story) files(old, now map[string]int64) {
	for _, name := range slices.Sorted(maps.Keys(now)) {
		was, ok := old[name]
		switch {
		case !ok:
			s.say("names %s %d", name, now[name])
		case was > now[name]:
			s.warn("names %s %d, LOWER than %d", name, now[name], was)
		case was != now[name]:
			s.say("names %s %d, before: %d", name, now[name], was)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if _, ok := now[name]; !ok {
			s.warn("no longer names %s, which clients refuse", name)
		}
	}
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
