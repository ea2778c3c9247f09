package trust

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// maxVisited is how many roles one lookup may ask.
const maxVisited = 64

// A step is a role that a walk will ask, and who delegates to it.
type step struct{ role, parent string }

// find returns what the first role in TUF's order says of ref.
func (v *View) find(ctx context.Context, ref Ref) (*Release, error) {
	path := ref.Path()
	todo := []step{{metadata.TARGETS, metadata.ROOT}}
	visited := map[string]bool{}
	for len(todo) > 0 {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if visited[next.role] {
			continue
		}
		if len(visited) == maxVisited {
			return nil, &LimitError{What: "roles that may sign " + ref.String(), Limit: maxVisited}
		}
		visited[next.role] = true
		targets, err := v.role(ctx, next)
		if err != nil {
			return nil, err
		}
		if file, ok := targets.Targets[path]; ok {
			return release(ref, next.role, file)
		}
		if targets.Delegations == nil {
			continue
		}
		var children []step
		for _, r := range targets.Delegations.GetRolesForTarget(path) {
			children = append(children, step{r.Name, next.role})
			if r.Terminating {
				todo = nil
				break
			}
		}
		slices.Reverse(children)
		todo = append(todo, children...)
	}
	return nil, v.notFound(ref)
}

// notFound says why nobody signs ref, when the trust root does.
func (v *View) notFound(ref Ref) error {
	all, err := v.revocations()
	if err != nil {
		return err
	}
	missing := &NotFoundError{What: ref.String()}
	for _, r := range slices.Backward(all) {
		rule := metadata.DelegatedRole{Paths: r.Paths}
		if ok, err := rule.IsDelegatedPath(ref.Path()); r.Kind == RevokedDelegation && ok && err == nil {
			missing.Revoked = &r
			break
		}
	}
	return missing
}

func release(ref Ref, role string, file *metadata.TargetFiles) (*Release, error) {
	bad := func(problem string) error {
		return &FormatError{What: ref.String() + " in " + role, Problem: problem}
	}
	if len(file.Hashes) != 1 || len(file.Hashes["sha256"]) != 32 || file.Length < 1 {
		return nil, bad("has no length or sha256")
	}
	if file.Custom == nil {
		return nil, bad("has no description")
	}
	target, err := DecodeTarget(*file.Custom)
	if err != nil {
		return nil, &RefusedError{Role: ref.String() + " in " + role, Err: err}
	}
	return &Release{
		Ref: ref, Role: role, Target: target, Size: file.Length,
		Digest: digest.NewDigestFromBytes(digest.SHA256, file.Hashes["sha256"]),
	}, nil
}

// role returns the targets of a role, which is read the first time and verified by
// the rules of each of those who delegate to it: go-tuf takes a role that one of
// them vouches for as good for all.
func (v *View) role(ctx context.Context, s step) (*metadata.TargetsType, error) {
	m, ok := v.trusted.Targets[s.role]
	if ok && (s.role == metadata.TARGETS || v.verified[s]) {
		return &m.Signed, nil
	}
	parent := v.trusted.Targets[s.parent]
	file := s.role + ".json"
	meta, err := checkMeta("snapshot", file, v.trusted.Snapshot.Signed.Meta)
	if err != nil {
		return nil, err
	}
	var b []byte
	if ok {
		err = parent.VerifyDelegate(s.role, m)
	} else {
		if b, err = v.loadRole(ctx, file, meta); err != nil {
			return nil, err
		}
		m, err = v.trusted.UpdateDelegatedTargets(b, s.role, s.parent)
	}
	if err != nil {
		return nil, v.refused(s, m, b, meta, err)
	}
	err = checkTargets(s.role, &m.Signed)
	if err == nil {
		err = checkReleased(v.now, s.role, &m.Signed)
	}
	if err != nil {
		delete(v.trusted.Targets, s.role)
		return nil, err
	}
	v.verified[s] = true
	return &m.Signed, nil
}

// checkReleased returns a *[ClockError] when now is more than a day before something in
// targets was released or revoked. It keeps a machine without a memory, whose clock was
// set back, from taking what has expired. Each role's dates count for itself alone, so
// that nobody's clock, or malice, stops the releases of others.
func checkReleased(now time.Time, role string, targets *metadata.TargetsType) error {
	var newest time.Time
	for _, file := range targets.Targets {
		var dates struct {
			Released time.Time   `json:"released"`
			Revoked  *Revocation `json:"revoked"`
		}
		if file.Custom == nil || json.Unmarshal(*file.Custom, &dates) != nil {
			continue // release says what is wrong with it
		}
		if dates.Revoked != nil && dates.Revoked.At.After(dates.Released) {
			dates.Released = dates.Revoked.At
		}
		if dates.Released.After(newest) {
			newest = dates.Released
		}
	}
	if now.Before(newest.Add(-clockSlack)) {
		return &ClockError{Now: now, Seen: newest, Role: role}
	}
	return nil
}

// refused explains why s.parent's rules don't verify the role, which is m or, when
// that is nil, in b.
func (v *View) refused(s step, m *metadata.Metadata[metadata.TargetsType], b []byte, meta *metadata.MetaFiles, err error) error {
	d := v.trusted.Targets[s.parent].Signed.Delegations
	i := slices.IndexFunc(d.Roles, func(r metadata.DelegatedRole) bool { return r.Name == s.role })
	rules := &metadata.Role{KeyIDs: d.Roles[i].KeyIDs, Threshold: d.Roles[i].Threshold}
	if m != nil {
		return v.withReason(s.role, explain(s.role, m, rules, d.Keys, v.now, err))
	}
	return v.withReason(s.role, explainTargets(s.role, b, meta, rules, d.Keys, v.now, err))
}

// loadRole reads a delegated role's file and keeps it in the cache.
func (v *View) loadRole(ctx context.Context, file string, meta *metadata.MetaFiles) ([]byte, error) {
	c, err := openCache(ctx, v.dir)
	if err != nil {
		return nil, err
	}
	defer c.close()
	l := &client{cache: c, source: v.source, where: v.where, now: v.now}
	cached := rolesDir + "/" + file
	b, err := l.load(ctx, file, cached, meta, maxTargets)
	if err != nil {
		return nil, err
	}
	return b, c.write(cached, b)
}

// withReason adds to a *[SignatureError] why role lost a key, when the trust root
// says so.
func (v *View) withReason(role string, err error) error {
	var unsigned *SignatureError
	if !errors.As(err, &unsigned) {
		return err
	}
	all, badErr := v.revocations()
	if badErr != nil {
		return badErr
	}
	for _, r := range slices.Backward(all) {
		if r.Kind == RevokedKey && r.Role == role {
			unsigned.Revoked = &r
			break
		}
	}
	return err
}

// all returns the names of all releases that any role signs, also those that it
// may not sign, and why roles could not be read.
func (v *View) all(ctx context.Context) ([]Ref, error) {
	refs := map[Ref]bool{}
	var broken error
	todo := []step{{metadata.TARGETS, metadata.ROOT}}
	visited := map[step]bool{}
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]
		if visited[next] {
			continue
		}
		if len(visited) == maxRoles {
			return nil, &LimitError{What: "delegated roles", Limit: maxRoles}
		}
		visited[next] = true
		targets, err := v.role(ctx, next)
		if err != nil {
			broken = errors.Join(broken, err)
			continue
		}
		for path := range targets.Targets {
			if ref, err := ParsePath(path); err == nil {
				refs[ref] = true
			}
		}
		if targets.Delegations == nil {
			continue
		}
		for _, r := range targets.Delegations.Roles {
			todo = append(todo, step{r.Name, next.role})
		}
	}
	compare := func(a, b Ref) int { return cmp.Compare(a.Path(), b.Path()) }
	return slices.SortedFunc(maps.Keys(refs), compare), broken
}
