package trustroot

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// The tests here play docs/ceremony.md with go-tuf's own client, which trusts
// root 1 and keeps its cache.

func TestCeremony(t *testing.T) {
	g := &group{t: t, dir: filepath.Join(t.TempDir(), "trust"), now: start}
	g.init()
	metadataFiles := func() []string {
		names := []string{}
		entries, err := os.ReadDir(filepath.Join(g.dir, "metadata"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	wants := func(names ...string) {
		t.Helper()
		if got := metadataFiles(); !slices.Equal(got, names) {
			t.Fatalf("published are %q, want %q", got, names)
		}
	}
	wants()
	g.sign("root", "alice", "alice")
	wants()
	g.sign("root", "carol")
	wants() // root waits for targets
	g.sign("targets", "tom")
	wants("1.root.json", "1.targets.json")

	g.do(func(r *Repo) error { return r.Delegate("mqtt", "mqtt", signers(t, 1, "maria")) })
	g.sign("targets", "tom")
	wants("1.root.json", "1.targets.json") // targets wait for maria
	g.sign("mqtt", "maria")
	wants("1.mqtt.json", "1.root.json", "1.targets.json", "2.targets.json")

	g.add("mqtt:2.7.8-r0", "old")
	g.add("mqtt:2.7.9-r0", "new")
	g.sign("mqtt", "maria")
	g.online()
	wants("1.mqtt.json", "1.root.json", "1.snapshot.json", "1.targets.json", "2.mqtt.json", "2.targets.json", "timestamp.json")
	c := newClient(t, g.root(1))
	c.accepts(g, "mqtt:2.7.9-r0", "new")
	c.accepts(g, "mqtt:2.7.8-r0", "old")
	c.refuses(g, "mqtt:2.7.7-r0", "not found")
	c.refuses(g, "sftp:1.0-r0", "not found")

	// A newer one, and one that is revoked.
	g.now = g.now.Add(day)
	g.add("mqtt:2.7.9-r1", "newer")
	g.do(func(r *Repo) error {
		_, err := r.RevokeRelease(trust.Ref{Name: "mqtt", Version: "2.7.8"}, "CVE-2026-1")
		return err
	})
	g.sign("mqtt", "maria")
	g.online()
	c.accepts(g, "mqtt:2.7.9-r1", "newer")
	c.revoked(g, "mqtt:2.7.8-r0", "CVE-2026-1")
	file := must[*metadata.TargetFiles](t)(c.find(g, "mqtt:2.7.9-r1"))
	if target := must[*trust.Target](t)(trust.DecodeTarget(*file.Custom)); target.Sequence != 3 {
		t.Errorf("sequence %d, want 3", target.Sequence)
	}

	// Without CI, clients stop after a day.
	g.now = g.now.Add(day + time.Second)
	c.refuses(g, "mqtt:2.7.9-r1", "timestamp.json is expired")
	g.online()
	c.accepts(g, "mqtt:2.7.9-r1", "newer")
}

func TestRootKeyLost(t *testing.T) {
	g := newGroup(t)
	seen, late := newClient(t, g.root(1)), newClient(t, g.root(1))
	seen.accepts(g, "mqtt:2.7.8-r0", "old")

	// Carol's is lost: dora takes her place.
	g.do(func(r *Repo) error {
		return r.Rotate("root", Rotation{Add: signers(t, 1, "dora").Keys, Remove: []KeyRef{{ID: key(t, "carol").Public().ID()}}})
	})
	g.sign("root", "alice")
	if p := g.sign("root", "dora"); len(p.Published) != 0 {
		t.Fatalf("published %v, with one signature of the old keys", p.Published)
	}
	if p := g.sign("root", "bob"); len(p.Published) != 1 || p.Published[0].Name != "2.root.json" {
		t.Fatalf("published %v, want 2.root.json", p.Published)
	}
	g.online()
	seen.accepts(g, "mqtt:2.7.8-r0", "old")
	late.accepts(g, "mqtt:2.7.8-r0", "old")
	newClient(t, g.root(2)).accepts(g, "mqtt:2.7.8-r0", "old")
}

func TestRootKeyStolen(t *testing.T) {
	g := newGroup(t)
	c := newClient(t, g.root(1))
	c.accepts(g, "mqtt:2.7.8-r0", "old")

	// The thief of carol's key makes a root of his own, which nobody takes.
	thief := g.copy(t)
	thief.do(func(r *Repo) error {
		return r.Rotate("targets", Rotation{Add: signers(t, 1, "mallory").Keys})
	})
	thief.sign("root", "carol")
	check(t, os.Rename(filepath.Join(thief.dir, "staged", "root.json"), filepath.Join(thief.dir, "metadata", "2.root.json")))
	c.refuses(thief, "mqtt:2.7.8-r0", "not enough signatures, got 1, want 2")
	thief.refuses(func(r *Repo) error { return r.Sound() })

	// Carol's key goes; then bob's is stolen, too, and the two are worth nothing.
	g.do(func(r *Repo) error {
		_, err := r.RevokeKey(KeyRef{Public: key(t, "carol").Public()}, Rotation{Add: signers(t, 1, "dora").Keys}, "stolen")
		return err
	})
	g.sign("root", "alice", "bob")
	g.online()
	c.accepts(g, "mqtt:2.7.8-r0", "old")
	thief = g.copy(t)
	thief.do(func(r *Repo) error { return r.Rotate("targets", Rotation{Add: signers(t, 1, "mallory").Keys}) })
	thief.sign("root", "bob")
	var role *NoRoleError
	if err := thief.try(func(r *Repo) error { return r.signAs("root", "carol", t) }); !errors.As(err, &role) {
		t.Errorf("carol's old key: %v", err)
	}
	check(t, os.Rename(filepath.Join(thief.dir, "staged", "root.json"), filepath.Join(thief.dir, "metadata", "3.root.json")))
	c.refuses(thief, "mqtt:2.7.8-r0", "not enough signatures, got 1, want 2")
}

// refuses wants a typed error of the trust root's.
func (g *group) refuses(do func(*Repo) error) {
	g.t.Helper()
	var unsound *UnsoundError
	if err := g.try(do); !errors.As(err, &unsound) {
		g.t.Fatalf("got %v, want an UnsoundError", err)
	}
}

func (r *Repo) signAs(role, who string, t testing.TB) error {
	rev, err := r.Review(role)
	if err != nil {
		return err
	}
	_, err = r.AddSignature(ctx, rev, key(t, who))
	return err
}

// TestRootThresholdLost: with two of three keys gone nobody can make a root. All
// goes on until root 1 expires; clients need a new trust root by another way.
func TestRootThresholdLost(t *testing.T) {
	g := newGroup(t)
	c := newClient(t, g.root(1))
	g.do(func(r *Repo) error { return r.Rotate("root", Rotation{Add: signers(t, 1, "dora", "emil").Keys}) })
	g.sign("root", "carol", "dora", "emil")
	g.now = start.Add(80 * day)
	g.do(func(r *Repo) error { return r.Expire("mqtt", start.Add(500*day)) })
	g.do(func(r *Repo) error { return r.Expire("targets", start.Add(500*day)) })
	check(t, os.Remove(filepath.Join(g.dir, "staged", "root.json")))
	g.sign("targets", "tom")
	g.sign("mqtt", "maria")
	g.now = start.Add(364 * day)
	g.online()
	c.accepts(g, "mqtt:2.7.8-r0", "old")
	g.now = start.Add(365*day + time.Second)
	g.online()
	c.refuses(g, "mqtt:2.7.8-r0", "final root.json is expired")

	fresh := newGroup(t) // signed by others in life; what counts is that it is another root
	c.refuses(fresh, "mqtt:2.7.8-r0", "")
	newClient(t, fresh.root(1)).accepts(fresh, "mqtt:2.7.8-r0", "old")
}

// TestRootThresholdStolen: who has two of three keys is the root for clients.
// Only a new one, brought in another way, helps; with it the thief's is refused.
func TestRootThresholdStolen(t *testing.T) {
	g := newGroup(t)
	c := newClient(t, g.root(1))
	thief := g.copy(t)
	thief.do(func(r *Repo) error {
		return r.Rotate("targets", Rotation{Add: signers(t, 1, "mallory").Keys, Remove: []KeyRef{{Public: key(t, "tom").Public()}}})
	})
	thief.sign("root", "alice", "bob")
	thief.sign("targets", "mallory")
	thief.online()
	c.accepts(thief, "mqtt:2.7.8-r0", "old") // there is no defence

	fresh := &group{t: t, dir: filepath.Join(t.TempDir(), "trust"), now: start}
	check(t, Init(fresh.dir, Initial{
		Root: signers(t, 2, "dora", "emil", "frida"), Targets: signers(t, 1, "tom"),
		Snapshot: signers(t, 1, "snapshot2"), Timestamp: signers(t, 1, "timestamp2"),
	}, Options{Now: start}))
	fresh.sign("root", "dora", "emil")
	fresh.sign("targets", "tom")
	newClient(t, fresh.root(1)).refuses(thief, "mqtt:2.7.8-r0", "not enough signatures")
}

func TestTargetsKeyLost(t *testing.T) {
	g := newGroup(t)
	c := newClient(t, g.root(1))
	c.accepts(g, "mqtt:2.7.8-r0", "old")
	g.do(func(r *Repo) error {
		return r.Rotate("targets", Rotation{Add: signers(t, 1, "tina").Keys, Remove: []KeyRef{{Public: key(t, "tom").Public()}}})
	})
	// The root waits, since clients would refuse tom's targets by it.
	if p := g.sign("root", "alice", "bob"); len(p.Published) != 0 || len(p.Waiting) != 2 {
		t.Fatalf("published %v, waiting %v", p.Published, p.Waiting)
	}
	c.accepts(g, "mqtt:2.7.8-r0", "old")
	if p := g.sign("targets", "tina"); len(p.Published) != 2 {
		t.Fatalf("published %v, want root and targets", p.Published)
	}
	g.online()
	c.accepts(g, "mqtt:2.7.8-r0", "old")
}

func TestTargetsKeyStolen(t *testing.T) {
	g := newGroup(t)
	c := newClient(t, g.root(1))
	c.accepts(g, "mqtt:2.7.8-r0", "old")
	evil := func(thief *group, keys ...string) *Publication {
		thief.do(func(r *Repo) error { return r.Delegate("evil", "sftp", signers(t, 1, "mallory")) })
		thief.sign("evil", "mallory")
		thief.add("sftp:1-r0", "evil")
		thief.sign("evil", "mallory")
		return thief.sign("targets", keys...)
	}
	// With tom's key alone, but neither snapshot's nor timestamp's, no client sees it.
	thief := g.copy(t)
	evil(thief, "tom")
	c.refuses(thief, "sftp:1-r0", "not found")

	// Before that machine signs the next snapshot, tom's key is replaced.
	g.do(func(r *Repo) error {
		return r.Rotate("targets", Rotation{Add: signers(t, 1, "tina").Keys, Remove: []KeyRef{{Public: key(t, "tom").Public()}}})
	})
	g.sign("root", "alice", "bob")
	g.sign("targets", "tina")
	g.online()
	c.accepts(g, "mqtt:2.7.8-r0", "old")
	thief = g.copy(t)
	thief.do(func(r *Repo) error { return r.Delegate("evil", "sftp", signers(t, 1, "mallory")) })
	var role *NoRoleError
	if err := thief.try(func(r *Repo) error { return r.signAs("targets", "tom", t) }); !errors.As(err, &role) {
		t.Errorf("tom's old key: %v", err)
	}
}

func TestTaggingKeyLost(t *testing.T) {
	g := newGroup(t)
	c := newClient(t, g.root(1))
	c.accepts(g, "mqtt:2.7.8-r0", "old")
	g.do(func(r *Repo) error {
		return r.Rotate("mqtt", Rotation{Add: signers(t, 1, "max").Keys, Remove: []KeyRef{{Public: key(t, "maria").Public()}}})
	})
	if p := g.sign("targets", "tom"); len(p.Published) != 0 {
		t.Fatalf("published %v, and clients would refuse maria's list", p.Published)
	}
	g.sign("mqtt", "max")
	g.online()
	c.accepts(g, "mqtt:2.7.8-r0", "old")
	g.add("mqtt:2.7.9-r0", "new")
	g.sign("mqtt", "max")
	g.online()
	c.accepts(g, "mqtt:2.7.9-r0", "new")
}

func TestTaggingKeyStolen(t *testing.T) {
	g := newGroup(t)
	c := newClient(t, g.root(1))
	// The thief can release as maria, where a machine publishes what she signs, but
	// nothing of others.
	g.add("mqtt:2.7.9-r0", "evil")
	g.sign("mqtt", "maria")
	g.online()
	c.accepts(g, "mqtt:2.7.9-r0", "evil")
	var missing *MissingError
	if err := g.try(func(r *Repo) error { _, err := r.Add(release(t, "sftp:1-r0", "evil")); return err }); !errors.As(err, &missing) {
		t.Errorf("another's image: %v", err)
	}

	g.do(func(r *Repo) error {
		_, err := r.RevokeKey(KeyRef{Public: key(t, "maria").Public()}, Rotation{Add: signers(t, 1, "max").Keys}, "stolen on 22 November")
		return err
	})
	g.do(func(r *Repo) error {
		_, err := r.RevokeRelease(trust.Ref{Name: "mqtt", Version: "2.7.9"}, "not ours: the key was stolen")
		return err
	})
	g.sign("targets", "tom")
	g.sign("mqtt", "max")
	g.online()
	c.accepts(g, "mqtt:2.7.8-r0", "old")
	c.revoked(g, "mqtt:2.7.9-r0", "not ours: the key was stolen")
	g.do(func(r *Repo) error {
		entries := must[[]trust.RoleRevocation](t)(revocations(&r.published["targets"].targets.Signed))
		if len(entries) != 1 || entries[0].Reason != "stolen on 22 November" || entries[0].Role != "mqtt" {
			t.Errorf("recorded %+v", entries)
		}
		return nil
	})

	// Nobody gives it back its rights without a word.
	maria := signers(t, 1, "maria")
	for name, do := range map[string]func(*Repo) error{
		"rotate":       func(r *Repo) error { return r.Rotate("mqtt", Rotation{Add: maria.Keys}) },
		"rotate a top": func(r *Repo) error { return r.Rotate("root", Rotation{Add: maria.Keys}) },
		"delegate":     func(r *Repo) error { return r.Delegate("sftp", "sftp", maria) },
		"revoke another": func(r *Repo) error {
			_, err := r.RevokeKey(KeyRef{Public: key(t, "max").Public()}, Rotation{Add: maria.Keys}, "lost")
			return err
		},
	} {
		var revoked *RevokedKeyError
		if err := g.try(do); !errors.As(err, &revoked) || revoked.Reason != "stolen on 22 November" || !revoked.At.Equal(g.now) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Somebody may have staged it by hand.
	g.do(func(r *Repo) error {
		const was = "which was REVOKED on 2026-11-22 12:00 UTC: \"stolen on 22 November\""
		targets := must[*document](t)(r.edit("targets"))
		check(t, targets.targets.Signed.AddKey(newKey(key(t, "maria").Public()), "mqtt"))
		check(t, r.stage(targets))
		root := must[*document](t)(r.edit("root"))
		check(t, root.root.Signed.AddKey(newKey(key(t, "maria").Public()), "root"))
		check(t, r.stage(root))
		for _, role := range []string{"targets", "root"} {
			rev := must[*Review](t)(r.Review(role))
			for of, all := range map[string][]Change{"may NOW": rev.Changes, "may": rev.Content} {
				if want := of + " be signed by " + key(t, "maria").Public().ID() + ", " + was; !strings.Contains(texts(all), want) {
					t.Errorf("%s: no %q in\n%s", role, want, texts(all))
				}
			}
			if !strings.Contains(texts(r.DiffStaged()), was) {
				t.Errorf("%s: not in the difference:\n%s", role, texts(r.DiffStaged()))
			}
		}
		check(t, r.remove("staged/root.json"))
		return r.remove("staged/targets.json")
	})

	// What the old key signs now is refused, even with CI's help.
	thief := g.copy(t)
	thief.add("mqtt:2.8-r0", "evil")
	d := must[*document](t)(decode("mqtt", must[[]byte](t)(os.ReadFile(filepath.Join(thief.dir, "staged", "mqtt.json")))))
	check(t, signWith(ctx, d, key(t, "maria"), must[string](t)(keyID(key(t, "maria").Public()))))
	check(t, os.WriteFile(filepath.Join(thief.dir, "metadata", d.file()), must[[]byte](t)(d.encode()), 0o644))
	check(t, os.Remove(filepath.Join(thief.dir, "staged", "mqtt.json")))
	thief.refuses(func(r *Repo) error { _, err := r.Snapshot(ctx, key(t, "snapshot"), time.Time{}); return err })
}

func TestDelegationRevoked(t *testing.T) {
	g := newGroup(t)
	c := newClient(t, g.root(1))
	c.accepts(g, "mqtt:2.7.8-r0", "old")
	g.do(func(r *Repo) error { return r.RevokeDelegation("mqtt", "maria left") })
	g.sign("targets", "tom")
	g.online()
	c.refuses(g, "mqtt:2.7.8-r0", "not found")
	// It comes back with another key: versions go on, and the releases are there.
	g.do(func(r *Repo) error { return r.Delegate("mqtt", "mqtt", signers(t, 1, "max")) })
	g.sign("targets", "tom")
	g.sign("mqtt", "max")
	g.online()
	c.accepts(g, "mqtt:2.7.8-r0", "old")
}

// TestOnlineKeys: loss and theft of the snapshot and the timestamp key.
func TestOnlineKeys(t *testing.T) {
	for _, role := range []string{"snapshot", "timestamp"} {
		t.Run(role, func(t *testing.T) {
			g := newGroup(t)
			c := newClient(t, g.root(1))
			c.accepts(g, "mqtt:2.7.8-r0", "old")
			before := g.copy(t)
			g.do(func(r *Repo) error {
				return r.Rotate(role, Rotation{Add: signers(t, 1, role+"2").Keys, Remove: []KeyRef{{Public: key(t, role).Public()}}})
			})
			// As long as the root waits, CI goes on with the old key.
			g.online()
			if p := g.sign("root", "alice", "bob"); len(p.Published) != 1 {
				t.Fatalf("published %v, want the root", p.Published)
			}
			g.renew(role)
			c.accepts(g, "mqtt:2.7.8-r0", "old")

			// The old key makes another timestamp or snapshot; the client knows better.
			before.now = before.now.Add(time.Hour)
			before.online()
			before.online()
			before.online()
			c.refuses(before, "mqtt:2.7.8-r0", "not enough signatures")
		})
	}
}

// renew signs snapshot and timestamp, that of role with its second key.
func (g *group) renew(roles ...string) {
	g.t.Helper()
	name := func(role string) string {
		if slices.Contains(roles, role) {
			return role + "2"
		}
		return role
	}
	g.do(func(r *Repo) error { _, err := r.Snapshot(ctx, key(g.t, name("snapshot")), time.Time{}); return err })
	g.do(func(r *Repo) error { _, err := r.Timestamp(ctx, key(g.t, name("timestamp")), time.Time{}); return err })
}

// TestFastForward: with both online keys a thief makes versions so high that the
// real ones look old. New keys for both roles bring clients back.
func TestFastForward(t *testing.T) {
	g := newGroup(t)
	c := newClient(t, g.root(1))
	c.accepts(g, "mqtt:2.7.8-r0", "old")
	thief := g.copy(t)
	thief.do(func(r *Repo) error {
		for _, role := range []string{"snapshot", "timestamp"} {
			d := r.published[role]
			version, _ := d.header()
			*version = 1 << 40
			if role == "timestamp" {
				d.timestamp.Signed.Meta["snapshot.json"] = metaOf(r.published["snapshot"])
			}
			check(t, signWith(ctx, d, key(t, role), must[string](t)(keyID(key(t, role).Public()))))
			b := must[[]byte](t)(d.encode())
			check(t, r.write("metadata/"+d.file(), b))
			r.published[role] = must[*document](t)(decode(role, b))
		}
		return nil
	})
	c.accepts(thief, "mqtt:2.7.8-r0", "old")
	g.online()
	c.refuses(g, "mqtt:2.7.8-r0", "version")
	for _, role := range []string{"snapshot", "timestamp"} {
		g.do(func(r *Repo) error {
			return r.Rotate(role, Rotation{Add: signers(t, 1, role+"2").Keys, Remove: []KeyRef{{Public: key(t, role).Public()}}})
		})
	}
	g.sign("root", "alice", "bob")
	g.renew("snapshot", "timestamp")
	c.accepts(g, "mqtt:2.7.8-r0", "old")
	c.refuses(thief, "mqtt:2.7.8-r0", "not enough signatures")
}

// TestWords: what officers are shown.
func TestWords(t *testing.T) {
	g := newGroup(t)
	g.do(func(r *Repo) error {
		check(t, r.Rotate("root", Rotation{Add: signers(t, 1, "dora").Keys, Remove: []KeyRef{{Public: key(t, "carol").Public()}}}))
		check(t, r.Rotate("root", Rotation{Threshold: 1}))
		check(t, r.Delegate("web", "web-*", signers(t, 2, "max", "maria")))
		check(t, r.RevokeDelegation("mqtt", "maria left"))
		root, targets := must[*Review](t)(r.Review("root")), must[*Review](t)(r.Review("targets"))
		for _, want := range []string{
			"! root: root may NOW be signed by " + key(t, "dora").Public().ID(),
			"  root: root may no longer be signed by " + key(t, "carol").Public().ID(),
			"! root: root: 1 of 3 keys have to sign, LOWER than before: 2 of 3 keys have to sign",
		} {
			if !strings.Contains(texts(root.Changes), want) {
				t.Errorf("root: no %q in\n%s", want, texts(root.Changes))
			}
		}
		for _, want := range []string{
			"! targets: NEW delegation web: it may list the images web-*",
			"  targets: web: 2 of 2 keys have to sign",
			"! targets: delegation mqtt is GONE: clients refuse all of the images mqtt",
			`recorded: the delegation mqtt was revoked on 2026-11-22 12:00 UTC: "maria left"`,
		} {
			if !strings.Contains(texts(targets.Changes), want) {
				t.Errorf("targets: no %q in\n%s", want, texts(targets.Changes))
			}
		}
		if !strings.Contains(texts(root.Content), "timestamp may be signed by "+key(t, "timestamp").Public().ID()) {
			t.Errorf("who may sign what is not in\n%s", texts(root.Content))
		}
		return nil
	})
}

// TestShowWords: what has long been in force isn't shown as new.
func TestShowWords(t *testing.T) {
	g := newGroup(t)
	g.do(func(r *Repo) error {
		for role, want := range map[string]string{"targets": "mqtt may list the images mqtt", "mqtt": "release mqtt:2.7.8-r0: "} {
			all := must[[]*Description](t)(r.Show(role, false))
			if got := texts(all[0].Content); strings.Contains(got, "first version") || strings.Contains(got, "NEW") || strings.Contains(got, "new ") || !strings.Contains(got, want) || !strings.Contains(got, "version 2\n") {
				t.Errorf("%s: no %q, or something new, in\n%s", role, want, got)
			}
		}
		return nil
	})
}
