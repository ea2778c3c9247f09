package trustroot

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

func TestInitRefuses(t *testing.T) {
	good := func() Initial {
		return Initial{
			Root: signers(t, 2, "alice", "bob", "carol"), Targets: signers(t, 1, "tom"),
			Snapshot: signers(t, 1, "snapshot"), Timestamp: signers(t, 1, "timestamp"),
		}
	}
	for name, spoil := range map[string]func(*Initial){
		"no threshold":        func(in *Initial) { in.Root.Threshold = 0 },
		"threshold too high":  func(in *Initial) { in.Root.Threshold = 4 },
		"no snapshot key":     func(in *Initial) { in.Snapshot.Keys = nil },
		"one key twice":       func(in *Initial) { in.Root = signers(t, 2, "alice", "alice", "bob") },
		"online root key":     func(in *Initial) { in.Timestamp = signers(t, 1, "alice") },
		"online targets key":  func(in *Initial) { in.Snapshot = signers(t, 1, "tom") },
		"too low a threshold": func(in *Initial) { in.Targets.Threshold = -1 },
	} {
		in := good()
		spoil(&in)
		dir := filepath.Join(t.TempDir(), "trust")
		var want *ChangeError
		if err := Init(dir, in, Options{Now: start}); !errors.As(err, &want) {
			t.Errorf("%s: %v", name, err)
		}
		if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
			t.Errorf("%s: left %v", name, entries)
		}
	}
	dir := filepath.Join(t.TempDir(), "trust")
	check(t, Init(dir, good(), Options{Now: start}))
	if err := Init(dir, good(), Options{Now: start}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v", err)
	}
}

func TestChangesRefused(t *testing.T) {
	g := newGroup(t)
	g.do(func(r *Repo) error { return r.Delegate("alpine", "alpine-*", signers(t, 1, "max")) })
	ref := trust.Ref{Name: "mqtt", Version: "2.7.8"}
	long := strings.Repeat("x", 600)
	for name, do := range map[string]func(*Repo) error{
		"delegation that is there":   func(r *Repo) error { return r.Delegate("mqtt", "mqtt2", signers(t, 1, "max")) },
		"name of a top-level role":   func(r *Repo) error { return r.Delegate("root", "root", signers(t, 1, "max")) },
		"name with a slash":          func(r *Repo) error { return r.Delegate("../x", "x", signers(t, 1, "max")) },
		"pattern with a slash":       func(r *Repo) error { return r.Delegate("x", "x/y", signers(t, 1, "max")) },
		"pattern with brackets":      func(r *Repo) error { return r.Delegate("x", "[a-z]", signers(t, 1, "max")) },
		"patterns in common":         func(r *Repo) error { return r.Delegate("x", "*-3.19", signers(t, 1, "max")) },
		"no key":                     func(r *Repo) error { return r.Delegate("x", "x", Signers{Threshold: 1}) },
		"key that is online":         func(r *Repo) error { return r.Delegate("x", "x", signers(t, 1, "snapshot")) },
		"key that is online, later":  func(r *Repo) error { return r.Rotate("mqtt", Rotation{Add: signers(t, 1, "timestamp").Keys}) },
		"root key that is online":    func(r *Repo) error { return r.Rotate("root", Rotation{Add: signers(t, 1, "timestamp").Keys}) },
		"tagging key that is online": func(r *Repo) error { return r.Rotate("timestamp", Rotation{Add: signers(t, 1, "maria").Keys}) },
		"no change":                  func(r *Repo) error { return r.Rotate("root", Rotation{}) },
		"unknown role":               func(r *Repo) error { return r.Rotate("sftp", Rotation{Threshold: 1}) },
		"threshold of 3 keys":        func(r *Repo) error { return r.Rotate("root", Rotation{Threshold: 4}) },
		"last key": func(r *Repo) error {
			return r.Rotate("mqtt", Rotation{Remove: []KeyRef{{Public: key(t, "maria").Public()}}})
		},
		"revoked last key": func(r *Repo) error {
			_, err := r.RevokeKey(KeyRef{Public: key(t, "maria").Public()}, Rotation{}, "why")
			return err
		},
		"key that is there": func(r *Repo) error { return r.Rotate("mqtt", Rotation{Add: signers(t, 1, "maria").Keys}) },
		"key of another role": func(r *Repo) error {
			return r.Rotate("mqtt", Rotation{Add: signers(t, 1, "max").Keys, Remove: []KeyRef{{Public: key(t, "tom").Public()}}})
		},
		"short ID": func(r *Repo) error {
			return r.Rotate("root", Rotation{Remove: []KeyRef{{ID: key(t, "carol").Public().ID()[:7]}}})
		},
		"unknown key": func(r *Repo) error {
			_, err := r.RevokeKey(KeyRef{Public: key(t, "mallory").Public()}, Rotation{}, "why")
			return err
		},
		"no reason": func(r *Repo) error { _, err := r.RevokeRelease(ref, ""); return err },
		"long reason": func(r *Repo) error {
			_, err := r.RevokeKey(KeyRef{Public: key(t, "carol").Public()}, Rotation{}, long)
			return err
		},
		"escapes in a reason": func(r *Repo) error { return r.RevokeDelegation("mqtt", "\x1b[2J") },
		"bidi in a reason":    func(r *Repo) error { _, err := r.RevokeRelease(ref, "a\u202eb"); return err },
		"unknown release": func(r *Repo) error {
			_, err := r.RevokeRelease(trust.Ref{Name: "mqtt", Version: "1"}, "why")
			return err
		},
		"unknown delegation": func(r *Repo) error { return r.RevokeDelegation("sftp", "why") },
		"nobody's image":     func(r *Repo) error { _, err := r.Add(release(t, "sftp:1-r0", "x")); return err },
		"another image":      func(r *Repo) error { _, err := r.Add(release(t, "mqtt:2.7.8-r0", "other")); return err },
		"the same image":     func(r *Repo) error { _, err := r.Add(release(t, "mqtt:2.7.8-r0", "old")); return err },
		"no size": func(r *Repo) error {
			rel := release(t, "mqtt:3-r0", "x")
			rel.Size = 0
			_, err := r.Add(rel)
			return err
		},
		"bundles not sorted": func(r *Repo) error {
			rel := release(t, "mqtt:3-r0", "x")
			rel.Bundles = append(rel.Bundles, rel.Bundles[0])
			_, err := r.Add(rel)
			return err
		},
		"past":                 func(r *Repo) error { return r.Expire("root", start) },
		"snapshot's expiry":    func(r *Repo) error { return r.Expire("snapshot", start.Add(day)) },
		"snapshot in the past": func(r *Repo) error { _, err := r.Snapshot(ctx, key(t, "snapshot"), start.Add(-day)); return err },
		"another's snapshot":   func(r *Repo) error { _, err := r.Snapshot(ctx, key(t, "timestamp"), time.Time{}); return err },
		"another's timestamp":  func(r *Repo) error { _, err := r.Timestamp(ctx, key(t, "maria"), time.Time{}); return err },
	} {
		before := files(t, g.dir)
		var (
			change  *ChangeError
			missing *MissingError
			format  *trust.FormatError
			limit   *trust.LimitError
			role    *NoRoleError
			few     *TooFewKeysError
		)
		err := g.try(do)
		if !errors.As(err, &change) && !errors.As(err, &missing) && !errors.As(err, &format) && !errors.As(err, &limit) && !errors.As(err, &role) && !errors.As(err, &few) {
			t.Errorf("%s: %v", name, err)
		}
		if after := files(t, g.dir); after != before {
			t.Errorf("%s: the folder changed:\n%s\nbefore:\n%s", name, after, before)
		}
	}
}

// files lists the folder's files with their digests.
func files(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	check(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		b.WriteString(rel + "\n" + string(content) + "\n")
		return err
	}))
	return b.String()
}

// TestSignOnce: a key is one signature, however often it signs, and junk isn't
// published.
func TestSignOnce(t *testing.T) {
	g := newGroup(t)
	g.do(func(r *Repo) error { return r.Expire("root", start.Add(500*day)) })
	g.do(func(r *Repo) error {
		rev := must[*Review](t)(r.Review("root"))
		if added := must[bool](t)(r.AddSignature(ctx, rev, key(t, "alice"))); !added {
			t.Error("the first signature is none")
		}
		if added := must[bool](t)(r.AddSignature(ctx, rev, key(t, "alice"))); added {
			t.Error("the second signature is one")
		}
		if n := rev.Needs[0]; len(n.Signed) != 1 || n.Met() {
			t.Errorf("needs %+v", n)
		}
		var role *NoRoleError
		for _, who := range []string{"tom", "maria", "snapshot", "timestamp", "mallory"} {
			if _, err := r.AddSignature(ctx, rev, key(t, who)); !errors.As(err, &role) {
				t.Errorf("%s: %v", who, err)
			}
		}
		return nil
	})
	// Somebody adds a signature of his own, and alice's over something else.
	path := filepath.Join(g.dir, "staged", "root.json")
	d := must[*document](t)(decode("root", must[[]byte](t)(os.ReadFile(path))))
	check(t, signWith(ctx, d, key(t, "mallory"), must[string](t)(keyID(key(t, "mallory").Public()))))
	bob := must[string](t)(keyID(key(t, "bob").Public()))
	check(t, signWith(ctx, d, key(t, "bob"), bob))
	sigs := *d.signatures()
	sigs[len(sigs)-1].Signature = sigs[0].Signature
	check(t, os.WriteFile(path, must[[]byte](t)(d.encode()), 0o644))
	if p := g.sign("root", "alice"); len(p.Published) != 0 {
		t.Fatalf("published %v with alice's signature alone", p.Published)
	}
	if p := g.sign("root", "bob"); len(p.Published) != 1 {
		t.Fatalf("published %v", p.Published)
	}
	d = must[*document](t)(decode("root", g.root(2)))
	if n := len(*d.signatures()); n != 2 {
		t.Errorf("%d signatures are published, want those of alice and bob", n)
	}
	newClient(t, g.root(1)).accepts(g, "mqtt:2.7.8-r0", "old")
}

func TestStale(t *testing.T) {
	g := newGroup(t)
	g.add("mqtt:2.7.9-r0", "new")
	other := g.copy(t)
	g.sign("mqtt", "maria")
	// The staged file of the copy is of the version that is published by now.
	other.do(func(r *Repo) error {
		_, err := r.RevokeRelease(trust.Ref{Name: "mqtt", Version: "2.7.8"}, "why")
		return err
	})
	b := must[[]byte](t)(os.ReadFile(filepath.Join(other.dir, "staged", "mqtt.json")))
	check(t, os.WriteFile(filepath.Join(g.dir, "staged", "mqtt.json"), b, 0o644))
	var stale *StaleError
	for name, do := range map[string]func(*Repo) error{
		"sign":   func(r *Repo) error { return r.signAs("mqtt", "maria", t) },
		"add":    func(r *Repo) error { _, err := r.Add(release(t, "mqtt:3-r0", "x")); return err },
		"expire": func(r *Repo) error { return r.Expire("mqtt", start.Add(500*day)) },
	} {
		if err := g.try(do); !errors.As(err, &stale) || stale.Staged != 3 || stale.Published != 3 {
			t.Errorf("%s: %v", name, err)
		}
	}
	g.do(func(r *Repo) error {
		p := must[*Publication](t)(r.Publish())
		if len(p.Published) != 0 || len(p.Waiting) != 1 || !strings.Contains(p.Waiting[0].Reason, "version 3 is staged") {
			t.Errorf("%+v", p)
		}
		return nil
	})
	check(t, os.Remove(filepath.Join(g.dir, "staged", "mqtt.json")))
	g.online()
	newClient(t, g.root(1)).accepts(g, "mqtt:2.7.9-r0", "new")
}

// TestTampered: what is staged says something that officers would not be shown,
// or takes back a release.
func TestTampered(t *testing.T) {
	g := newGroup(t)
	g.add("mqtt:2.7.9-r0", "new")
	g.do(func(r *Repo) error { return r.Expire("root", start.Add(500*day)) })
	for name, c := range map[string]struct{ role, old, new string }{
		"unknown member":       {"mqtt", `"version": 3`, `"version": 3, "x": 1`},
		"member of other case": {"mqtt", `"version": 3`, `"version": 3, "Version": 4`},
		"member twice":         {"mqtt", `"version": 3`, `"version": 3, "version": 3`},
		"unknown in custom":    {"mqtt", `"sequence": 2`, `"sequence": 2, "x": 1`},
		"same sequence":        {"mqtt", `"sequence": 2`, `"sequence": 1`},
		"other image":          {"mqtt", `"mqtt/2.7.8-r0"`, `"sftp/2.7.8-r0"`},
		"release gone":         {"mqtt", `"mqtt/2.7.8-r0"`, `"mqtt/2.7.7-r0"`},
		"no path":              {"mqtt", `"mqtt/2.7.9-r0"`, `"../2.7.9-r0"`},
		"type":                 {"mqtt", `"_type": "targets"`, `"_type": "snapshot"`},
		"high version":         {"mqtt", `"version": 3`, `"version": 4611686018427387904`},
		"version in between":   {"mqtt", `"version": 3`, `"version": 4`},
		"expiry":               {"mqtt", `"expires": "2027-`, `"expires": "12027-`},
		"no snapshots":         {"root", `"consistent_snapshot": true`, `"consistent_snapshot": false`},
		"threshold 0":          {"root", `"threshold": 2`, `"threshold": 0`},
		"threshold 4":          {"root", `"threshold": 2`, `"threshold": 4`},
		"other scheme":         {"root", `"ecdsa-sha2-nistp256"`, `"ecdsa-sha2-nistp384"`},
		"fifth role":           {"root", `"roles": {`, `"roles": {"mirrors": {"keyids": [], "threshold": 1},`},
		"null role":            {"root", `"roles": {`, `"roles": {"root": null,`},
	} {
		bad := g.copy(t)
		path := filepath.Join(bad.dir, "staged", c.role+".json")
		b := must[[]byte](t)(os.ReadFile(path))
		changed := bytes.Replace(b, []byte(c.old), []byte(c.new), 1)
		if bytes.Equal(b, changed) {
			t.Fatalf("%s: %s is not in\n%s", name, c.old, b)
		}
		check(t, os.WriteFile(path, changed, 0o644))
		r, err := Open(bad.dir, Options{Now: bad.now})
		if err == nil {
			who := map[string]string{"mqtt": "maria", "root": "alice"}[c.role]
			err = errors.Join(r.signAs(c.role, who, t), r.Close())
		}
		var format *FormatError
		var stale *StaleError
		if !errors.As(err, &format) && !errors.As(err, &stale) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestForgedBase: officers are shown changes against what is published, so that
// has to be real: nobody signs on top of files that don't verify.
func TestForgedBase(t *testing.T) {
	g := newGroup(t)
	pinned := g.root(1)
	forged := g.copy(t)
	path := filepath.Join(forged.dir, "metadata", "1.root.json")
	b := must[[]byte](t)(os.ReadFile(path))
	check(t, os.WriteFile(path, bytes.Replace(b, []byte(`"threshold": 2`), []byte(`"threshold": 1`), 1), 0o644))
	check(t, forged.try(func(r *Repo) error { return r.Expire("root", start.Add(500*day)) }))
	forged.refuses(func(r *Repo) error { return r.signAs("root", "alice", t) })
	forged.refuses(func(r *Repo) error { _, err := r.Publish(); return err })
	forged.refuses(func(r *Repo) error { _, err := r.Timestamp(ctx, key(t, "timestamp"), time.Time{}); return err })

	// A whole trust root of somebody else's verifies in itself, but isn't the one
	// that an officer has kept.
	other := &group{t: t, dir: filepath.Join(t.TempDir(), "trust"), now: start}
	check(t, Init(other.dir, Initial{
		Root: signers(t, 1, "mallory", "alice"), Targets: signers(t, 1, "mallory"),
		Snapshot: signers(t, 1, "snapshot"), Timestamp: signers(t, 1, "timestamp"),
	}, Options{Now: start}))
	other.sign("root", "mallory")
	other.sign("targets", "mallory")
	var otherRoot *OtherRootError
	if err := other.try(func(r *Repo) error { return r.CheckPinned(pinned) }); !errors.As(err, &otherRoot) {
		t.Errorf("another trust root: %v", err)
	}
	g.do(func(r *Repo) error { return r.CheckPinned(pinned) })
}
