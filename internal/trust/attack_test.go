package trust_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust/trusttest"
)

func put(t testing.TB, dir, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestRootThreshold(t *testing.T) {
	r, m := setup(t)
	for name, keys := range map[string][]*trusttest.Key{
		"none":             {trusttest.NewKey(t)},
		"one":              {r.RootKeys[0]},
		"one and a wrong":  {r.RootKeys[0], r.TargetsKey},
		"one and a forger": {r.RootKeys[0], trusttest.NewKey(t)},
	} {
		r.PublishRoot(keys...)
		m.pinned = r.File("1.root.json")
		_, err := m.open(trust.Folder(r.Dir))
		e := refused[*trust.SignatureError](t, err)
		if want := min(len(keys)-1, 1); name != "one" && e.Got != want || e.Want != 2 {
			t.Errorf("%s: %v", name, e)
		}
	}
	// One key's signature twice, and one public key under two IDs.
	r.PublishRoot(r.RootKeys[0], r.RootKeys[0])
	m.pinned = r.File("1.root.json")
	if _, err := m.open(trust.Folder(r.Dir)); err == nil {
		t.Error("one key counted twice")
	}
	twin := *r.RootKeys[0]
	tuf := *twin.TUF
	twin.TUF = &metadata.Key{Type: metadata.KeyTypeECDSA_SHA2_P256_COMPAT, Scheme: tuf.Scheme, Value: tuf.Value}
	var err error
	if twin.ID, err = twin.TUF.ID(); err != nil {
		t.Fatal(err)
	}
	if err := r.Root.Signed.AddKey(twin.TUF, "root"); err != nil {
		t.Fatal(err)
	}
	r.PublishRoot(r.RootKeys[0], &twin)
	m.pinned = r.File("1.root.json")
	_, err = m.open(trust.Folder(r.Dir))
	refused[*trust.SignatureError](t, err)
}

// TestFreeze: each role, expired, is refused, with its name and when.
func TestFreeze(t *testing.T) {
	r, m := setup(t)
	source := trust.Folder(r.Dir)
	find(t, m.mustOpen(source), mqtt)
	deadlines := map[string]time.Time{
		"timestamp": r.Timestamp.Signed.Expires, "snapshot": r.Snapshot.Signed.Expires,
		"targets": r.Targets.Signed.Expires, "mqtt": r.Roles["mqtt"].Signed.Expires, "root": r.Root.Signed.Expires,
	}
	late := now.AddDate(2, 0, 0)
	all := []*time.Time{&r.Timestamp.Signed.Expires, &r.Snapshot.Signed.Expires, &r.Targets.Signed.Expires, &r.Roles["mqtt"].Signed.Expires, &r.Roles["onion"].Signed.Expires}
	for role, deadline := range deadlines {
		for _, expires := range all {
			*expires = late
		}
		switch role {
		case "timestamp":
			r.Timestamp.Signed.Expires = deadline
		case "snapshot":
			r.Snapshot.Signed.Expires = deadline
		case "targets":
			r.Targets.Signed.Expires = deadline
		case "mqtt":
			r.Roles["mqtt"].Signed.Expires = deadline
		}
		r.Bump()
		r.Publish()
		for _, offline := range []bool{false, true} {
			m.now = deadline // the last second at which it is good
			from := source
			if offline {
				from = nil
			}
			find(t, m.mustOpen(from), mqtt)
			m.now = deadline.Add(time.Second)
			v, err := m.open(from)
			if role == "mqtt" {
				if err != nil {
					t.Fatal(err)
				}
				_, err = v.Find(context.Background(), mqtt)
			}
			e := refused[*trust.ExpiredError](t, err)
			if e.Role != role || !e.Expired.Equal(deadline) || !e.Now.Equal(m.now) {
				t.Errorf("%s: %+v", role, e)
			}
		}
		// The clock's own check is another test's.
		m = newMachine(t, r)
	}
}

func TestWholeRollback(t *testing.T) {
	r, m := setup(t)
	old := r.Copy()
	r.Bump()
	r.Add("mqtt", next, 2, "manifest 2")
	r.Publish()
	find(t, m.mustOpen(trust.Folder(r.Dir)), next)
	_, err := m.open(trust.Folder(old))
	e := refused[*trust.RollbackError](t, err)
	if e.Role != "timestamp" || e.Got != 1 || e.Seen != 2 {
		t.Errorf("%+v", e)
	}
	// A rollback is one, also when what it goes back to has expired.
	m.now = now.AddDate(0, 0, 3)
	_, err = m.open(trust.Folder(old))
	refused[*trust.RollbackError](t, err)
	// Who sees the trust root for the first time can't know until it expires.
	first := newMachine(t, r)
	find(t, first.mustOpen(trust.Folder(old)), mqtt)
	first = newMachine(t, r)
	first.now = now.AddDate(0, 0, 2)
	_, err = first.open(trust.Folder(old))
	refused[*trust.ExpiredError](t, err)
}

// TestPartRollback: online keys that sign a snapshot with something older in it.
func TestPartRollback(t *testing.T) {
	for name, attack := range map[string]func(*trusttest.Repo){
		"delegated role": func(r *trusttest.Repo) { r.Roles["mqtt"].Signed.Version = 1 },
		"targets":        func(r *trusttest.Repo) { r.Targets.Signed.Version = 1 },
		"dropped role":   func(r *trusttest.Repo) { delete(r.Roles, "mqtt"); delete(r.Snapshot.Signed.Meta, "mqtt.json") },
		"snapshot":       func(r *trusttest.Repo) { r.Snapshot.Signed.Version = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			r, m := setup(t)
			r.Bump()
			r.Publish()
			find(t, m.mustOpen(trust.Folder(r.Dir)), mqtt)
			r.Snapshot.Signed.Version++
			r.Timestamp.Signed.Version++
			attack(r)
			r.Publish()
			_, err := m.open(trust.Folder(r.Dir))
			refused[*trust.RollbackError](t, err)
		})
	}
}

func TestMixAndMatch(t *testing.T) {
	r, m := setup(t)
	old := r.Copy()
	r.Bump()
	r.Add("mqtt", next, 2, "manifest 2")
	r.Publish()
	for _, file := range []string{"targets.json", "snapshot.json"} {
		dir := r.Copy()
		b, err := os.ReadFile(filepath.Join(old, "1."+file))
		if err != nil {
			t.Fatal(err)
		}
		for _, padding := range []int{0, 1000} {
			put(t, dir, "2."+file, append(b, bytes.Repeat([]byte(" "), padding)...))
			_, err = m.open(trust.Folder(dir))
			if e := refused[*trust.ChangedError](t, err); e.File != "2."+file {
				t.Errorf("%v", e)
			}
		}
	}
	v := m.mustOpen(trust.Folder(r.Dir))
	put(t, r.Dir, "2.mqtt.json", r.File("1.mqtt.json"))
	_, err := v.Find(context.Background(), next)
	refused[*trust.ChangedError](t, err)
}

func TestForeignDelegationKey(t *testing.T) {
	r, m := setup(t)
	r.RoleKeys["mqtt"] = trusttest.NewKey(t)
	r.Publish()
	_, err := m.mustOpen(trust.Folder(r.Dir)).Find(context.Background(), mqtt)
	e := refused[*trust.SignatureError](t, err)
	if diff := cmp.Diff(&trust.SignatureError{Role: "mqtt", Got: 0, Want: 1}, e); diff != "" {
		t.Error(diff)
	}
}

// TestKeyOutsideItsPaths: what a key signs beyond its names isn't found.
func TestKeyOutsideItsPaths(t *testing.T) {
	r, m := setup(t)
	for _, ref := range []trust.Ref{{Name: "tor", Version: "1"}, {Name: "mqtt2", Version: "1"}, {Name: "other", Version: "1"}} {
		r.Add("mqtt", ref, 1, "evil")
	}
	r.Add("onion", trust.Ref{Name: "onion-share", Version: "1"}, 1, "good")
	r.Publish()
	v := m.mustOpen(trust.Folder(r.Dir))
	for _, name := range []string{"tor", "mqtt2", "other"} {
		_, err := v.Find(context.Background(), trust.Ref{Name: name, Version: "1"})
		refused[*trust.NotFoundError](t, err)
	}
	find(t, v, trust.Ref{Name: "onion-share", Version: "1"})
}

func TestRevokedDelegation(t *testing.T) {
	r, m := setup(t)
	find(t, m.mustOpen(trust.Folder(r.Dir)), mqtt)
	d := r.Targets.Signed.Delegations
	lost := d.Roles[0]
	revoke := func(e trust.RoleRevocation) {
		e.Revocation = trust.Revocation{Reason: "laptop stolen", At: now}
		b, err := trust.EncodeRevocations([]trust.RoleRevocation{e})
		if err != nil {
			t.Fatal(err)
		}
		r.Targets.Signed.UnrecognizedFields = map[string]any{trust.RevocationsField: b}
		r.Bump()
		r.Publish()
	}

	// A key: replaced, but the role is not signed with the new one yet.
	fresh := trusttest.NewKey(t)
	d.Keys[fresh.ID] = fresh.TUF
	d.Roles[0].KeyIDs = []string{fresh.ID}
	revoke(trust.RoleRevocation{Kind: trust.RevokedKey, Role: "mqtt", KeyID: lost.KeyIDs[0], Paths: lost.Paths})
	_, err := m.mustOpen(trust.Folder(r.Dir)).Find(context.Background(), mqtt)
	if e := refused[*trust.SignatureError](t, err); e.Revoked == nil || e.Revoked.Reason != "laptop stolen" {
		t.Errorf("%v", e)
	}

	// The delegation itself.
	d.Roles = d.Roles[1:]
	revoke(trust.RoleRevocation{Kind: trust.RevokedDelegation, Role: "mqtt", Paths: lost.Paths})
	v := m.mustOpen(trust.Folder(r.Dir))
	_, err = v.Find(context.Background(), mqtt)
	if e := refused[*trust.NotFoundError](t, err); e.Revoked == nil || e.Revoked.Role != "mqtt" {
		t.Errorf("%v", e)
	}
	_, err = v.Find(context.Background(), trust.Ref{Name: "tor", Version: "1"})
	if e := refused[*trust.NotFoundError](t, err); e.Revoked != nil {
		t.Errorf("%v", e)
	}
	if all, err := v.Revocations(); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestRootRotation(t *testing.T) {
	r, m := setup(t)
	m.mustOpen(trust.Folder(r.Dir))
	before := r.Copy()
	stolen := r.TimestampKey
	r.Root.Signed.Version = 2
	r.Rotate("timestamp")
	fresh := trusttest.NewKey(t)
	if err := r.Root.Signed.RevokeKey(r.RootKeys[2].ID, "root"); err != nil {
		t.Fatal(err)
	}
	if err := r.Root.Signed.AddKey(fresh.TUF, "root"); err != nil {
		t.Fatal(err)
	}
	r.Bump()
	r.Publish()

	// Enough of the new keys, not enough of the old.
	r.PublishRoot(r.RootKeys[0], fresh)
	_, err := m.open(trust.Folder(r.Dir))
	e := refused[*trust.SignatureError](t, err)
	if diff := cmp.Diff(&trust.SignatureError{Role: "2.root.json", Got: 1, Want: 2, By: "root 1"}, e); diff != "" {
		t.Error(diff)
	}
	// Enough of the old, not enough of the new.
	r.PublishRoot(r.RootKeys[0], r.RootKeys[2])
	_, err = m.open(trust.Folder(r.Dir))
	if e := refused[*trust.SignatureError](t, err); e.By != "" || e.Got != 1 {
		t.Errorf("%v", e)
	}
	r.PublishRoot(r.RootKeys[0], r.RootKeys[1])
	m.mustOpen(trust.Folder(r.Dir))

	// Whoever has the revoked key withholds the new root. The pinned root, which
	// is still the old one, would believe it; what is in the cache doesn't.
	thief := *r
	thief.Dir, thief.TimestampKey = before, stolen
	thief.Timestamp.Signed.Version = 99
	thief.Publish()
	_, err = m.open(trust.Folder(before))
	if e := refused[*trust.SignatureError](t, err); e.Role != "timestamp" {
		t.Errorf("%v", e)
	}
	if _, err := newMachine(t, r).open(trust.Folder(before)); err != nil {
		t.Errorf("the attack should work without a cache: %v", err)
	}
	// Nor does it help to have the cache's new root deleted.
	if err := os.Remove(filepath.Join(m.cache, "roots", "2.root.json")); err != nil {
		t.Fatal(err)
	}
	_, err = m.open(trust.Folder(before))
	if e := refused[*trust.RollbackError](t, err); e.Role != "root" || e.Got != 1 || e.Seen != 2 {
		t.Errorf("%v", e)
	}
}

func TestFastForward(t *testing.T) {
	r, m := setup(t)
	honest := r.Copy()
	r.Timestamp.Signed.Version, r.Snapshot.Signed.Version = math.MaxInt64/2, 1<<62
	r.Publish()
	m.mustOpen(trust.Folder(r.Dir))
	_, err := m.open(trust.Folder(honest))
	refused[*trust.RollbackError](t, err)

	// One key alone is not enough to start versions anew, both are.
	r.Root.Signed.Version = 2
	r.Rotate("timestamp")
	r.PublishRoot(r.RootKeys[:2]...)
	r.Timestamp.Signed.Version, r.Snapshot.Signed.Version = 5, 5
	r.Publish()
	_, err = m.open(trust.Folder(r.Dir))
	if e := refused[*trust.RollbackError](t, err); e.Role != "snapshot" {
		t.Errorf("%v", e)
	}
	r.Root.Signed.Version = 3
	r.Rotate("snapshot")
	r.PublishRoot(r.RootKeys[:2]...)
	r.Publish()
	find(t, m.mustOpen(trust.Folder(r.Dir)), mqtt)
	r.Timestamp.Signed.Version = 4
	r.PublishTimestamp()
	_, err = m.open(trust.Folder(r.Dir))
	refused[*trust.RollbackError](t, err)
}

// TestKeyConfusion: no role's key signs for another role.
func TestKeyConfusion(t *testing.T) {
	r, _ := setup(t)
	keys := map[string]*trusttest.Key{
		"root": r.RootKeys[0], "targets": r.TargetsKey, "snapshot": r.SnapshotKey, "timestamp": r.TimestampKey,
		"mqtt": r.RoleKeys["mqtt"], "onion": r.RoleKeys["onion"],
	}
	for role, own := range keys {
		for other, key := range keys {
			if other == role {
				continue
			}
			set := func(k *trusttest.Key) {
				switch role {
				case "targets":
					r.TargetsKey = k
				case "snapshot":
					r.SnapshotKey = k
				case "timestamp":
					r.TimestampKey = k
				case "mqtt", "onion":
					r.RoleKeys[role] = k
				}
			}
			set(key)
			r.PublishRoot(r.RootKeys[0], r.RootKeys[1])
			if role == "root" {
				r.PublishRoot(r.RootKeys[1], key)
			}
			r.Publish()
			m := newMachine(t, r)
			v, err := m.open(trust.Folder(r.Dir))
			if role == "onion" {
				_, err = v.Find(context.Background(), trust.Ref{Name: "tor", Version: "1"})
			} else if err == nil {
				_, err = v.Find(context.Background(), mqtt)
			}
			refused[*trust.SignatureError](t, err)
			set(own)
		}
	}
}

// TestRoleForRole: one role's file, validly signed by its own key, in the place of
// another's.
func TestRoleForRole(t *testing.T) {
	files := map[string]string{"timestamp": "timestamp.json", "snapshot": "1.snapshot.json", "targets": "1.targets.json", "root": "1.root.json"}
	for at, place := range files {
		for from, file := range files {
			if at == from || at == "root" {
				continue
			}
			r, m := setup(t)
			b := r.File(file)
			put(t, r.Dir, place, b)
			switch at {
			case "snapshot":
				r.Timestamp.Signed.Meta["snapshot.json"] = trusttest.Meta(b, 1)
			case "targets":
				r.Snapshot.Signed.Meta["targets.json"] = trusttest.Meta(b, 1)
				r.PublishOnline()
			}
			if at != "timestamp" {
				r.PublishTimestamp()
			}
			if _, err := m.open(trust.Folder(r.Dir)); err == nil {
				t.Errorf("%s passed for %s", from, at)
			}
		}
	}
}

// TestTwoParents: who may delegate some names can't vouch for a role that another
// delegates others to.
func TestTwoParents(t *testing.T) {
	r, m := setup(t)
	thief := r.RoleKeys["mqtt"]
	r.Roles["mqtt"].Signed.Delegations = &metadata.Delegations{
		Keys:  map[string]*metadata.Key{thief.ID: thief.TUF},
		Roles: []metadata.DelegatedRole{{Name: "onion", KeyIDs: []string{thief.ID}, Threshold: 1, Paths: []string{"mqtt/*"}}},
	}
	r.RoleKeys["onion"] = thief
	tor := trust.Ref{Name: "tor", Version: "1"}
	r.Add("onion", tor, 1, "evil")
	r.Add("onion", next, 1, "own name, own key")
	r.Publish()
	v := m.mustOpen(trust.Folder(r.Dir))
	find(t, v, next) // reads the role by the thief's rules
	_, err := v.Find(context.Background(), tor)
	refused[*trust.SignatureError](t, err)
	_, err = v.FindDigest(context.Background(), find(t, v, next).Digest)
	if err != nil {
		t.Error(err)
	}
}

func TestClock(t *testing.T) {
	r, m := setup(t)
	old := r.Copy()
	m.now = now.Add(20 * time.Hour)
	m.mustOpen(trust.Folder(r.Dir))
	m.now = now // corrected
	m.mustOpen(trust.Folder(r.Dir))
	r.Timestamp.Signed.Expires = now.AddDate(0, 0, 40)
	r.Snapshot.Signed.Expires = now.AddDate(0, 0, 40)
	r.Bump()
	r.Publish()
	m.now = now.AddDate(0, 0, 30)
	m.mustOpen(trust.Folder(r.Dir))
	// Set back, so that what has expired looks good.
	m.now = now
	_, err := m.open(trust.Folder(old))
	e := refused[*trust.ClockError](t, err)
	if !e.Now.Equal(now) || !e.Seen.Equal(now.AddDate(0, 0, 30)) {
		t.Errorf("%+v", e)
	}
	_, err = m.open(nil)
	refused[*trust.ClockError](t, err)
}

// TestClockBeforeReleases: a machine without a memory, whose clock was set back, takes
// nothing that was signed before what the same role has released or revoked since.
func TestClockBeforeReleases(t *testing.T) {
	for name, c := range map[string]struct {
		back time.Duration
		good bool
	}{
		"right": {0, true}, "a little": {23 * time.Hour, true}, "a month": {30 * 24 * time.Hour, false},
	} {
		r, m := setup(t)
		m.now = now.Add(-c.back)
		v := m.mustOpen(trust.Folder(r.Dir))
		_, err := v.Find(context.Background(), mqtt)
		_, byDigest := v.FindDigest(context.Background(), digest.FromString("manifest 1"))
		if c.good {
			if err != nil || byDigest != nil {
				t.Errorf("%s: %v, %v", name, err, byDigest)
			}
			continue
		}
		for _, err := range []error{err, byDigest} {
			if e := refused[*trust.ClockError](t, err); e.Role != "mqtt" || !e.Now.Equal(m.now) {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
}

func TestMissingFiles(t *testing.T) {
	for _, file := range []string{"timestamp.json", "1.snapshot.json", "1.targets.json", "1.mqtt.json"} {
		r, m := setup(t)
		if err := os.Remove(filepath.Join(r.Dir, file)); err != nil {
			t.Fatal(err)
		}
		v, err := m.open(trust.Folder(r.Dir))
		if err == nil {
			_, err = v.Find(context.Background(), mqtt)
		}
		if e := refused[*trust.MissingError](t, err); e.File != file {
			t.Errorf("%v", e)
		}
	}
	_, m := setup(t)
	_, err := m.open(trust.Folder(filepath.Join(t.TempDir(), "gone")))
	refused[*trust.SourceError](t, err)
}

func TestTooManyRoots(t *testing.T) {
	r, m := setup(t)
	for range 257 {
		r.Root.Signed.Version++
		r.PublishRoot(r.RootKeys[:2]...)
	}
	_, err := m.open(trust.Folder(r.Dir))
	if e := refused[*trust.LimitError](t, err); e.Limit != 256 {
		t.Errorf("%v", e)
	}
	// What was verified is kept, so that the next try goes on.
	m.pinned = r.File("200.root.json")
	m.mustOpen(trust.Folder(r.Dir))
}

// TestBadMetadata: what a key holder could write to crash or confuse a client.
func TestBadMetadata(t *testing.T) {
	replace := func(old, new string) func([]byte) []byte {
		return func(b []byte) []byte {
			if !bytes.Contains(b, []byte(old)) {
				panic(fmt.Sprintf("%q not in %s", old, b))
			}
			return bytes.Replace(b, []byte(old), []byte(new), 1)
		}
	}
	cases := map[string]struct {
		file   string
		change func([]byte) []byte
	}{
		"duplicate version":  {"timestamp.json", replace(`"version":1}`, `"version":1,"version":9}`)},
		"other case":         {"timestamp.json", replace(`"expires"`, `"Expires"`)},
		"null meta":          {"timestamp.json", replace(`"meta":{`, `"meta":null,"m":{`)},
		"no meta":            {"timestamp.json", replace(`"snapshot.json"`, `"snap.json"`)},
		"null meta entry":    {"timestamp.json", replace(`"meta":{`, `"meta":{"x":null,`)},
		"fraction":           {"timestamp.json", replace(`"version":1}`, `"version":1.5}`)},
		"huge":               {"timestamp.json", replace(`"version":1}`, `"version":9223372036854775808}`)},
		"no signatures":      {"timestamp.json", func([]byte) []byte { return []byte(`{"signed":{"_type":"timestamp"},"signatures":[]}`) }},
		"empty":              {"timestamp.json", func([]byte) []byte { return nil }},
		"not JSON":           {"timestamp.json", func([]byte) []byte { return []byte("<html>") }},
		"trailing":           {"timestamp.json", func(b []byte) []byte { return append(b, b...) }},
		"deep":               {"timestamp.json", func([]byte) []byte { return bytes.Repeat([]byte("["), 10000) }},
		"null snapshot meta": {"1.snapshot.json", replace(`"meta":{`, `"meta":{"x.json":null,`)},
		"null target":        {"1.targets.json", replace(`"targets":{}`, `"targets":{"x":null}`)},
		"null role":          {"2.root.json", replace(`"roles":{`, `"roles":{"x":null,`)},
		"array":              {"2.root.json", func([]byte) []byte { return []byte("[]") }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r, m := setup(t)
			r.Root.Signed.Version = 2
			r.PublishRoot(r.RootKeys[:2]...)
			b := c.change(r.File(c.file))
			put(t, r.Dir, c.file, b)
			switch c.file {
			case "1.snapshot.json":
				r.Timestamp.Signed.Meta["snapshot.json"] = trusttest.Meta(b, 1)
				r.PublishTimestamp()
			case "1.targets.json":
				r.Snapshot.Signed.Meta["targets.json"] = trusttest.Meta(b, 1)
				r.PublishOnline()
			}
			if _, err := m.open(trust.Folder(r.Dir)); err == nil {
				t.Error("opened")
			}
		})
	}
}

// TestBadRules: signed with good keys, but rules that nobody should rely on.
func TestBadRules(t *testing.T) {
	for name, change := range map[string]func(*trusttest.Repo){
		"no hash in the timestamp": func(r *trusttest.Repo) {
			r.Timestamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(1)
			r.PublishTimestamp()
		},
		"no hash in the snapshot": func(r *trusttest.Repo) {
			r.Snapshot.Signed.Meta["mqtt.json"] = metadata.MetaFile(1)
			r.PublishOnline()
		},
		"role name with a path": func(r *trusttest.Repo) {
			r.Targets.Signed.Delegations.Roles[0].Name = "../mqtt"
			r.Publish()
		},
		"top-level name": func(r *trusttest.Repo) {
			r.Targets.Signed.Delegations.Roles[0].Name = "snapshot"
			r.Publish()
		},
		"two delegations of one name": func(r *trusttest.Repo) {
			d := r.Targets.Signed.Delegations
			d.Roles = append(d.Roles, d.Roles[0])
			r.Publish()
		},
		"everything": func(r *trusttest.Repo) {
			r.Targets.Signed.Delegations.Roles[0].Paths = []string{"*"}
			r.Publish()
		},
		"threshold 0": func(r *trusttest.Repo) {
			r.Targets.Signed.Delegations.Roles[0].Threshold = 0
			r.Publish()
		},
		"key under another ID": func(r *trusttest.Repo) {
			d := r.Targets.Signed.Delegations
			id := strings.Repeat("ab", 32)
			d.Keys[id] = d.Keys[d.Roles[0].KeyIDs[0]]
			d.Roles[0].KeyIDs = []string{id}
			r.Publish()
		},
		"short Ed25519 key": func(r *trusttest.Repo) {
			k := &metadata.Key{Type: metadata.KeyTypeEd25519, Scheme: metadata.KeySchemeEd25519, Value: metadata.KeyVal{PublicKey: "00"}}
			id, _ := k.ID()
			d := r.Targets.Signed.Delegations
			d.Keys[id] = k
			d.Roles[0].KeyIDs = []string{id}
			r.Publish()
		},
		"null key": func(r *trusttest.Repo) {
			r.Targets.Signed.Delegations.Keys["x"] = nil
			r.Publish()
		},
		"no consistent snapshots": func(r *trusttest.Repo) {
			r.Root.Signed.Version, r.Root.Signed.ConsistentSnapshot = 2, false
			r.PublishRoot(r.RootKeys[:2]...)
		},
		"root that skips one": func(r *trusttest.Repo) {
			r.Root.Signed.Version = 3
			r.PublishRoot(r.RootKeys[:2]...)
			if err := os.Rename(filepath.Join(r.Dir, "3.root.json"), filepath.Join(r.Dir, "2.root.json")); err != nil {
				panic(err)
			}
		},
		"another specification": func(r *trusttest.Repo) {
			r.Timestamp.Signed.SpecVersion = "2.0.0"
			r.PublishTimestamp()
		},
		"version in the snapshot alone": func(r *trusttest.Repo) {
			b := r.File("1.targets.json")
			put(t, r.Dir, "7.targets.json", b)
			r.Snapshot.Signed.Meta["targets.json"] = trusttest.Meta(b, 7)
			r.PublishOnline()
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, m := setup(t)
			change(r)
			if _, err := m.open(trust.Folder(r.Dir)); err == nil {
				t.Error("opened")
			}
		})
	}
}

// TestBadDescription: a delegated key's own metadata, with a release that isn't
// described as it must be.
func TestBadDescription(t *testing.T) {
	for name, custom := range map[string]string{
		"none": "", "empty": "{}", "null": "null",
		"unknown member": `{"version":1,"platforms":{},"minimumRebuilders":0,"bundles":[],"released":"2026-11-22T12:00:00Z","sequence":1,"x":1}`,
	} {
		r, m := setup(t)
		file := r.Roles["mqtt"].Signed.Targets[mqtt.Path()]
		file.Custom = nil
		if custom != "" {
			raw := json.RawMessage(custom)
			file.Custom = &raw
		}
		r.Publish()
		v := m.mustOpen(trust.Folder(r.Dir))
		if _, err := v.Find(context.Background(), mqtt); err == nil {
			t.Errorf("%s: found", name)
		}
	}
}
