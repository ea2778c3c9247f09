package trust_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust/trusttest"
)

var (
	now  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	mqtt = trust.Ref{Name: "mqtt", Version: "2.7.9", Release: 0}
	next = trust.Ref{Name: "mqtt", Version: "2.7.10", Release: 0}
)

// A machine is a user's: a pinned root and a cache.
type machine struct {
	t      testing.TB
	pinned []byte
	cache  string
	now    time.Time
}

func (m *machine) open(source trust.Source) (*trust.View, error) {
	m.t.Helper()
	return trust.Open(context.Background(), trust.Options{Root: m.pinned, Cache: m.cache, Source: source, Now: m.now})
}

func (m *machine) mustOpen(source trust.Source) *trust.View {
	m.t.Helper()
	v, err := m.open(source)
	if err != nil {
		m.t.Fatal(err)
	}
	return v
}

// setup returns a published trust root with one release, and a machine that has
// only the pinned root.
func setup(t testing.TB) (*trusttest.Repo, *machine) {
	t.Helper()
	r := trusttest.New(t, now)
	r.Delegate("mqtt", "mqtt/*")
	r.Delegate("onion", "onion-*/*", "tor/*")
	r.Add("mqtt", mqtt, 1, "manifest 1")
	r.Publish()
	return r, newMachine(t, r)
}

func newMachine(t testing.TB, r *trusttest.Repo) *machine {
	t.Helper()
	return &machine{t, r.File("1.root.json"), filepath.Join(t.TempDir(), "cache"), now}
}

func refused[E error](t testing.TB, err error) E {
	t.Helper()
	var want E
	if !errors.As(err, &want) {
		t.Fatalf("got %T: %v, want a %T", err, err, want)
	}
	return want
}

func find(t testing.TB, v *trust.View, ref trust.Ref) *trust.Release {
	t.Helper()
	r, err := v.Find(context.Background(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func accept(t testing.TB, v *trust.View, ref trust.Ref) {
	t.Helper()
	if err := v.Accept(context.Background(), find(t, v, ref)); err != nil {
		t.Fatal(err)
	}
}

func TestFind(t *testing.T) {
	r, m := setup(t)
	v := m.mustOpen(trust.Folder(r.Dir))
	got := find(t, v, mqtt)
	d := digest.FromString("manifest 1")
	want := &trust.Release{
		Ref: mqtt, Digest: d, Size: 10, Role: "mqtt",
		Target: &trust.Target{
			Version: 1, Platforms: map[string]digest.Digest{"linux/amd64": d}, Bundles: []digest.Digest{},
			Released: now, Sequence: 1,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var roles []string
	for _, role := range v.Roles() {
		roles = append(roles, fmt.Sprint(role.Name, role.Version))
	}
	if diff := cmp.Diff([]string{"root1", "timestamp1", "snapshot1", "targets1", "mqtt1"}, roles); diff != "" {
		t.Error(diff)
	}
	if e := v.Expires(); e.Name != "timestamp" || !e.Expires.Equal(now.AddDate(0, 0, 1)) {
		t.Errorf("expires first: %+v", e)
	}

	// Without any source the cache answers, for what it was asked before.
	off := m.mustOpen(nil)
	find(t, off, mqtt)
	_, err := off.Find(context.Background(), trust.Ref{Name: "tor", Version: "1"})
	refused[*trust.MissingError](t, err)
}

func TestFindDigest(t *testing.T) {
	r, m := setup(t)
	ctx := context.Background()
	arm := digest.FromString("arm")
	index := digest.FromString("index")
	r.Set("mqtt", next, 5, index, &trust.Target{
		Version: 1, Platforms: map[string]digest.Digest{"linux/amd64": digest.FromString("manifest 1"), "linux/arm64": arm},
		Released: now, Sequence: 2,
	})
	tor := trust.Ref{Name: "tor", Version: "1"}
	r.Add("onion", tor, 1, "manifest 1")
	r.Add("onion", trust.Ref{Name: "mqtt", Version: "9"}, 9, "foreign") // not its name
	r.Publish()
	v := m.mustOpen(trust.Folder(r.Dir))
	for d, want := range map[digest.Digest][]trust.Ref{
		arm: {next}, index: {next}, digest.FromString("manifest 1"): {next, mqtt, tor},
	} {
		found, err := v.FindDigest(ctx, d)
		if err != nil {
			t.Fatal(err)
		}
		var refs []trust.Ref
		for _, f := range found {
			refs = append(refs, f.Ref)
		}
		if diff := cmp.Diff(want, refs); diff != "" {
			t.Error(diff)
		}
	}
	for _, d := range []digest.Digest{digest.FromString("foreign"), digest.FromString("unknown")} {
		_, err := v.FindDigest(ctx, d)
		if missing := refused[*trust.NotFoundError](t, err); missing.What != d.String() {
			t.Errorf("%s is not found for %s", missing.What, d)
		}
	}
	// What is accepted in between counts, whatever was looked up before.
	accept(t, v, next)
	_, err := v.FindDigest(ctx, digest.FromString("manifest 1"))
	refused[*trust.SequenceError](t, err)
	for _, d := range []digest.Digest{"", "sha256:00", "sha512:" + digest.Digest(strings.Repeat("a", 128))} {
		_, err := v.FindDigest(ctx, d)
		refused[*trust.FormatError](t, err)
	}

	r.Bump()
	r.Revoke("mqtt", mqtt, "key lay in the image")
	r.Publish()
	_, err = m.mustOpen(trust.Folder(r.Dir)).FindDigest(ctx, digest.FromString("manifest 1"))
	refused[*trust.RevokedError](t, err)
}

// TestTerminating: the first terminating role that a path matches is the last that
// is asked.
func TestTerminating(t *testing.T) {
	for _, terminating := range []bool{true, false} {
		r := trusttest.New(t, now)
		r.Delegate("first", "mqtt/*")
		r.Delegate("second", "m*/*")
		r.Add("second", mqtt, 1, "manifest")
		r.Targets.Signed.Delegations.Roles[0].Terminating = terminating
		r.Publish()
		release, err := newMachine(t, r).mustOpen(trust.Folder(r.Dir)).Find(context.Background(), mqtt)
		if terminating {
			refused[*trust.NotFoundError](t, err)
		} else if err != nil || release.Role != "second" {
			t.Errorf("%+v, %v", release, err)
		}
	}
}

func TestRotationIsFollowed(t *testing.T) {
	r, m := setup(t)
	m.mustOpen(trust.Folder(r.Dir))
	for v := range 5 {
		r.Root.Signed.Version++
		r.Rotate([]string{"timestamp", "snapshot", "targets"}[v%3])
		r.PublishRoot(r.RootKeys[v%2], r.RootKeys[2])
		r.Bump()
		r.Publish()
	}
	if got := m.mustOpen(trust.Folder(r.Dir)).Roles()[0].Version; got != 6 {
		t.Errorf("root %d, want 6", got)
	}
	// The whole chain is there and can be walked again from the pinned root.
	find(t, m.mustOpen(trust.Folder(r.Dir)), mqtt)
	for v := 1; v <= 6; v++ {
		if _, err := os.Stat(filepath.Join(m.cache, "roots", fmt.Sprintf("%d.root.json", v))); err != nil {
			t.Error(err)
		}
	}
	find(t, m.mustOpen(nil), mqtt)
	// A package that pins a newer root goes on from there.
	m.pinned = r.File("4.root.json")
	find(t, m.mustOpen(nil), mqtt)
}

func TestSequence(t *testing.T) {
	r, m := setup(t)
	ctx := context.Background()
	source := trust.Folder(r.Dir)
	accept(t, m.mustOpen(source), mqtt)
	r.Add("mqtt", next, 2, "manifest 2")
	r.Bump()
	r.Publish()
	v := m.mustOpen(source)
	find(t, v, mqtt) // nothing newer was accepted yet
	old := find(t, v, mqtt)
	accept(t, v, next)

	_, err := v.Find(ctx, mqtt)
	e := refused[*trust.SequenceError](t, err)
	if e.Seen.Ref != next || e.Release.Ref != mqtt {
		t.Errorf("%+v", e)
	}
	_, err = m.mustOpen(source).FindDigest(ctx, digest.FromString("manifest 1"))
	refused[*trust.SequenceError](t, err)
	refused[*trust.SequenceError](t, v.Accept(ctx, old))
	refused[*trust.SequenceError](t, m.mustOpen(nil).Accept(ctx, old))

	// Another image under the accepted name, or with the accepted number.
	saved := r.Roles["mqtt"].Signed.Targets[next.Path()]
	r.Add("mqtt", next, 3, "manifest 2, changed")
	r.Bump()
	r.Publish()
	_, err = m.mustOpen(source).Find(ctx, next)
	refused[*trust.ConflictError](t, err)
	r.Roles["mqtt"].Signed.Targets[next.Path()] = saved
	twin := trust.Ref{Name: "mqtt", Version: "2.7.10", Release: 1}
	r.Add("mqtt", twin, 2, "twin")
	r.Bump()
	r.Publish()
	_, err = m.mustOpen(source).Find(ctx, twin)
	refused[*trust.ConflictError](t, err)

	// The newer one disappears: that is no revocation.
	delete(r.Roles["mqtt"].Signed.Targets, next.Path())
	r.Bump()
	r.Publish()
	_, err = m.mustOpen(source).Find(ctx, mqtt)
	refused[*trust.SequenceError](t, err)

	// Revoked on purpose: the older one is good again.
	r.Roles["mqtt"].Signed.Targets[next.Path()] = saved
	r.Revoke("mqtt", next, "broke the clients")
	r.Bump()
	r.Publish()
	v = m.mustOpen(source)
	_, err = v.Find(ctx, next)
	if e := refused[*trust.RevokedError](t, err); e.Release.Target.Revoked.Reason != "broke the clients" {
		t.Errorf("%v", e)
	}
	accept(t, v, mqtt)
	if seen, ok := v.Seen("mqtt"); !ok || seen.Ref != mqtt {
		t.Errorf("seen %+v", seen)
	}
}

// TestAcceptRace: of many who accept at once, none makes the record go back.
func TestAcceptRace(t *testing.T) {
	r, m := setup(t)
	refs := []trust.Ref{mqtt}
	for i := range 7 {
		ref := trust.Ref{Name: "mqtt", Version: "3", Release: i}
		r.Add("mqtt", ref, int64(i+2), fmt.Sprint("m", i))
		refs = append(refs, ref)
	}
	r.Publish()
	m.mustOpen(trust.Folder(r.Dir))
	var wg sync.WaitGroup
	var mu sync.Mutex
	var accepted []int
	for i, ref := range refs {
		wg.Go(func() {
			v, err := m.open(trust.Folder(r.Dir))
			if err != nil {
				t.Error(err)
				return
			}
			release, err := v.Find(context.Background(), ref)
			if err == nil {
				err = v.Accept(context.Background(), release)
			}
			var older *trust.SequenceError
			if err != nil && !errors.As(err, &older) {
				t.Error(err)
			}
			if err == nil {
				mu.Lock()
				accepted = append(accepted, i)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	seen, ok := m.mustOpen(nil).Seen("mqtt")
	if !ok || seen.Ref != refs[len(refs)-1] || !slices.Contains(accepted, len(refs)-1) {
		t.Errorf("seen %+v, accepted %v", seen, accepted)
	}
}

func TestOptions(t *testing.T) {
	r, m := setup(t)
	for _, o := range []trust.Options{
		{Cache: m.cache, Source: trust.Folder(r.Dir)},
		{Root: m.pinned, Source: trust.Folder(r.Dir)},
	} {
		if _, err := trust.Open(context.Background(), o); err == nil {
			t.Errorf("opened %+v", o)
		}
	}
	_, err := m.open(nil)
	refused[*trust.MissingError](t, err)
	v := m.mustOpen(trust.Folder(r.Dir))
	_, err = v.Find(context.Background(), trust.Ref{Name: "../x", Version: "1"})
	refused[*trust.FormatError](t, err)
}
