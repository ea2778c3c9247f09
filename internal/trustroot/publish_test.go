package trustroot

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// TestInterrupted: publishing is cut off after each of its files. Clients accept
// what is there at every moment, and the next call ends in the same state.
func TestInterrupted(t *testing.T) {
	g := newGroup(t)
	root1 := g.root(1)
	g.do(func(r *Repo) error {
		check(t, r.Rotate("targets", Rotation{Add: signers(t, 1, "tina").Keys, Remove: []KeyRef{{Public: key(t, "tom").Public()}}}))
		check(t, r.Rotate("mqtt", Rotation{Add: signers(t, 1, "max").Keys, Remove: []KeyRef{{Public: key(t, "maria").Public()}}}))
		_, err := r.Add(release(t, "mqtt:2.7.9-r0", "new"))
		return err
	})
	g.sign("targets", "tina")
	g.sign("mqtt", "max")
	g.sign("root", "alice")
	g.do(func(r *Repo) error { // bob's is the last signature, without publishing
		rev := must[*Review](t)(r.Review("root"))
		_, err := r.AddSignature(ctx, rev, key(t, "bob"))
		return err
	})
	before := g.copy(t)
	var published []File
	g.do(func(r *Repo) error {
		p := must[*Publication](t)(r.Publish())
		published = p.Published
		return nil
	})
	if got := fmt.Sprint(published); !strings.HasPrefix(got, "[{root 2 2.root.json} {targets 3 3.targets.json} {mqtt 3 3.mqtt.json}]") {
		t.Fatalf("published %s", got)
	}
	want := files(t, g.dir)
	for n := range len(published) + 1 {
		cut := before.copy(t)
		for _, f := range published[:n] {
			b := must[[]byte](t)(os.ReadFile(filepath.Join(g.dir, "metadata", f.Name)))
			check(t, os.WriteFile(filepath.Join(cut.dir, "metadata", f.Name), b, 0o644))
		}
		// One more is half-written.
		check(t, os.WriteFile(filepath.Join(cut.dir, "metadata", ".2.root.json.tmp"), []byte("{"), 0o644))
		if n == 0 {
			newClient(t, root1).accepts(cut, "mqtt:2.7.8-r0", "old")
		}
		cut.do(func(r *Repo) error { _, err := r.Publish(); return err })
		if got := files(t, cut.dir); got != want {
			t.Fatalf("after %d files it went on to:\n%s\nwant:\n%s", n, got, want)
		}
	}
	g.online()
	newClient(t, root1).accepts(g, "mqtt:2.7.9-r0", "new")
}

// TestTimestampLast: what is published between snapshot and timestamp is not in
// force, and clients go on with what was.
func TestTimestampLast(t *testing.T) {
	g := newGroup(t)
	g.add("mqtt:2.7.9-r0", "new")
	g.sign("mqtt", "maria")
	newClient(t, g.root(1)).accepts(g, "mqtt:2.7.8-r0", "old")
	newClient(t, g.root(1)).refuses(g, "mqtt:2.7.9-r0", "not found")
	g.do(func(r *Repo) error {
		if st := must[*Status](t)(r.Status()); fmt.Sprint(st.Behind) != "[mqtt]" || st.Problem != "" {
			t.Errorf("behind %v, problem %q", st.Behind, st.Problem)
		}
		_, err := r.Snapshot(ctx, key(t, "snapshot"), time.Time{})
		return err
	})
	newClient(t, g.root(1)).accepts(g, "mqtt:2.7.8-r0", "old")
	g.do(func(r *Repo) error { _, err := r.Timestamp(ctx, key(t, "timestamp"), time.Time{}); return err })
	newClient(t, g.root(1)).accepts(g, "mqtt:2.7.9-r0", "new")
}

func TestStatus(t *testing.T) {
	g := newGroup(t)
	states := func(at time.Time) string {
		var s []string
		g.now = at
		g.do(func(r *Repo) error {
			st := must[*Status](t)(r.Status())
			for _, role := range st.Roles {
				s = append(s, role.Role+"="+role.State)
			}
			s = append(s, st.Problem)
			return nil
		})
		return strings.Join(s, " ")
	}
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{start, "root=good targets=good snapshot=good timestamp=good mqtt=good "},
		{start.Add(19 * time.Hour), "root=good targets=good snapshot=good timestamp=soon mqtt=good "},
		{start.Add(25 * time.Hour), "root=good targets=good snapshot=good timestamp=expired mqtt=good timestamp expired on 2026-11-23T12:00:00Z"},
		{start.Add(80 * day), "root=good targets=good snapshot=expired timestamp=expired mqtt=soon snapshot expired on 2026-11-29T12:00:00Z"},
		{start.Add(366 * day), "root=expired targets=expired snapshot=expired timestamp=expired mqtt=expired root expired on 2027-11-22T12:00:00Z"},
	} {
		if got := states(c.at); got != c.want {
			t.Errorf("after %s:\n%s\nwant\n%s", c.at.Sub(start), got, c.want)
		}
	}
	// Every read-only view of an empty folder says so.
	empty := &group{t: t, dir: t.TempDir(), now: start}
	empty.do(func(r *Repo) error {
		if st := must[*Status](t)(r.Status()); len(st.Roles)+len(st.Staged) != 0 || st.Problem != "nothing is published" {
			t.Errorf("an empty folder: %+v", st)
		}
		var missing *MissingError
		if _, err := r.Show("", false); !errors.As(err, &missing) {
			t.Errorf("show: %v", err)
		}
		return nil
	})
}

// TestFolder: what has no place in the folder, and what leads out of it.
func TestFolder(t *testing.T) {
	g := newGroup(t)
	r := g.open()
	var busy *BusyError
	if _, err := Open(g.dir, Options{Now: start}); !errors.As(err, &busy) {
		t.Errorf("a second process: %v", err)
	}
	check(t, r.Close())
	for name, spoil := range map[string]func(dir string) error{
		"foreign file": func(dir string) error { return os.WriteFile(filepath.Join(dir, "metadata", "x"), nil, 0o644) },
		"version 0":    func(dir string) error { return os.WriteFile(filepath.Join(dir, "metadata", "0.root.json"), nil, 0o644) },
		"empty root":   func(dir string) error { return os.WriteFile(filepath.Join(dir, "metadata", "1.root.json"), nil, 0o644) },
		"gap": func(dir string) error {
			return os.Rename(filepath.Join(dir, "metadata", "1.root.json"), filepath.Join(dir, "metadata", "2.root.json"))
		},
		"wrong version": func(dir string) error {
			return os.Rename(filepath.Join(dir, "metadata", "2.mqtt.json"), filepath.Join(dir, "metadata", "7.mqtt.json"))
		},
		"another's name": func(dir string) error {
			return os.Rename(filepath.Join(dir, "metadata", "1.snapshot.json"), filepath.Join(dir, "metadata", "1.evil.json"))
		},
		"link out": func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "metadata"), dir+".out"), os.Symlink(dir+".out", filepath.Join(dir, "metadata")))
		},
		"link to a file": func(dir string) error {
			p := filepath.Join(dir, "metadata", "1.root.json")
			return errors.Join(os.Rename(p, dir+".out.json"), os.Symlink(dir+".out.json", p))
		},
		"folder": func(dir string) error { return os.Mkdir(filepath.Join(dir, "staged", "root.json"), 0o755) },
		"huge": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "metadata", "timestamp.json"), make([]byte, 20000), 0o644)
		},
	} {
		bad := g.copy(t)
		check(t, spoil(bad.dir))
		if r, err := Open(bad.dir, Options{Now: start}); err == nil {
			t.Errorf("%s: opened", name)
			check(t, r.Close())
		}
	}
	if _, err := Open(g.dir, Options{}); err == nil {
		t.Error("opened without a time")
	}
}

// layoutFetcher is a client's that reads an OCI artifact.
type layoutFetcher struct {
	layout *oci.Layout
	files  map[string]ocispec.Descriptor
}

func (f *layoutFetcher) DownloadFile(url string, limit int64, _ time.Duration) ([]byte, error) {
	desc, ok := f.files[path.Base(url)]
	if !ok {
		return nil, &metadata.ErrDownloadHTTP{StatusCode: http.StatusNotFound, URL: url}
	}
	return f.layout.ReadBlob(desc, limit)
}

func TestExport(t *testing.T) {
	g := newGroup(t)
	g.do(func(r *Repo) error { return r.Expire("root", start.Add(400*day)) })
	g.sign("root", "alice", "bob")
	g.online()
	dir := filepath.Join(t.TempDir(), "trust.oci")
	var desc *ocispec.Descriptor
	g.do(func(r *Repo) (err error) {
		if desc, err = r.Export(dir); err != nil {
			return err
		}
		again, err := r.Export(dir)
		if err == nil && again.Digest != desc.Digest {
			t.Errorf("exported again it is %s, not %s", again.Digest, desc.Digest)
		}
		return err
	})
	layout := must[*oci.Layout](t)(oci.OpenLayout(dir))
	defer layout.Close()
	index := must[[]ocispec.Descriptor](t)(layout.Images())
	m, _, err := layout.ReadManifest(index[0])
	check(t, err)
	if len(index) != 1 || index[0].Digest != desc.Digest || m.ArtifactType != trust.ArtifactType || len(m.Layers) != 6 {
		t.Fatalf("manifest %+v", m)
	}
	f := &layoutFetcher{layout, map[string]ocispec.Descriptor{}}
	for _, l := range m.Layers {
		if l.MediaType != "application/vnd.tuf.metadata+json" {
			t.Errorf("layer %+v", l)
		}
		f.files[l.Annotations[ocispec.AnnotationTitle]] = l
	}
	cfg := must[*config.UpdaterConfig](t)(config.New("https://trust.invalid", g.root(1)))
	cfg.Fetcher, cfg.LocalMetadataDir, cfg.LocalTargetsDir = f, t.TempDir(), t.TempDir()
	u := must[*updater.Updater](t)(updater.New(cfg))
	u.UnsafeSetRefTime(start)
	check(t, u.Refresh())
	must[*metadata.TargetFiles](t)(u.GetTargetInfo("mqtt/2.7.8-r0"))
	v := must[*trust.View](t)(trust.Open(t.Context(), trust.Options{
		Root: g.root(1), Cache: filepath.Join(t.TempDir(), "cache"), Source: trust.Layout(dir), Now: start,
	}))
	must[*trust.Release](t)(v.Find(t.Context(), trust.Ref{Name: "mqtt", Version: "2.7.8"}))

	// What clients would refuse is not exported.
	g.now = start.Add(2 * day)
	g.refuses(func(r *Repo) error { _, err := r.Export(dir); return err })
	g.now = start
	g.do(func(r *Repo) error { return r.RevokeDelegation("mqtt", "why") })
	g.sign("targets", "tom")
	g.do(func(r *Repo) error { _, err := r.Snapshot(ctx, key(t, "snapshot"), time.Time{}); return err })
	g.refuses(func(r *Repo) error { _, err := r.Export(dir); return err })
}

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"mqtt", "mqtt", true},
		{"mqtt", "mqtt2", false},
		{"mqtt*", "mqtt", true},
		{"*", "anything", true},
		{"a*", "*b", true},
		{"a*c", "*b", false},
		{"a?c", "abc", true},
		{"a?c", "abbc", false},
		{"alpine-*", "*-3.19", true},
		{"alpine-*", "onion-*", false},
		{"*x*", "*y*", true},
		{"?", "", false},
		{"**", "", true},
	} {
		if overlap(c.a, c.b) != c.want || overlap(c.b, c.a) != c.want {
			t.Errorf("overlap(%q, %q) is not %t", c.a, c.b, c.want)
		}
	}
}

// TestDiff: two trust roots in plain words.
func TestDiff(t *testing.T) {
	g := newGroup(t)
	old := g.copy(t)
	g.now = start.Add(time.Hour)
	g.add("mqtt:2.7.9-r0", "new")
	g.do(func(r *Repo) error {
		_, err := r.RevokeRelease(trust.Ref{Name: "mqtt", Version: "2.7.8"}, "CVE")
		return err
	})
	g.sign("mqtt", "maria")
	g.online()
	before := old.open()
	defer before.Close()
	after := g.open()
	defer after.Close()
	got := texts(before.Diff(after))
	for _, want := range []string{
		"  mqtt: version 3 after 2\n", "  mqtt: new release mqtt:2.7.9-r0: sha256:", `! mqtt: release mqtt:2.7.8-r0 is REVOKED: "CVE"`,
		"  snapshot: names mqtt 3, before: 2\n", "  timestamp: names snapshot 2, before: 1\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	back := texts(after.Diff(before))
	for _, want := range []string{"! mqtt: version 2, LOWER than 3", "! mqtt: release mqtt:2.7.9-r0 is GONE", "! mqtt: release mqtt:2.7.8-r0 is NO LONGER revoked"} {
		if !strings.Contains(back, want) {
			t.Errorf("no %q in\n%s", want, back)
		}
	}
	shown := must[[]*Description](t)(after.Show("", false))
	if len(shown) != 5 || fmt.Sprint(shown[2].Signatures) != "["+key(t, "maria").Public().ID()+"]" {
		t.Errorf("shown: %+v", shown)
	}
	if same := texts(before.Diff(before)); same != "" {
		t.Errorf("no change is\n%s", same)
	}
}

// TestNulls: wherever there is null, or another type than there should be, a file
// is refused or means what it says; nothing panics.
func TestNulls(t *testing.T) {
	g := newGroup(t)
	g.do(func(r *Repo) error { return r.RevokeDelegation("mqtt", "why") })
	g.do(func(r *Repo) error { return r.Delegate("web", "web-*", signers(t, 1, "max")) })
	for _, name := range []string{"metadata/1.root.json", "staged/targets.json", "metadata/2.mqtt.json", "metadata/1.snapshot.json", "metadata/timestamp.json"} {
		role, _, ok := parseName(path.Base(name))
		if !ok {
			role = "targets"
		}
		var whole any
		check(t, json.Unmarshal(must[[]byte](t)(os.ReadFile(filepath.Join(g.dir, name))), &whole))
		tried := 0
		try := func() {
			tried++
			d, err := decode(role, must[[]byte](t)(json.Marshal(whole)))
			if err != nil {
				return
			}
			_, _, _ = changes(nil, d, nil), changes(d, d, nil), content(d, nil)
			_, _ = d.digest()
		}
		var walk func(v any)
		walk = func(v any) {
			switch v := v.(type) {
			case map[string]any:
				for _, k := range slices.Sorted(maps.Keys(v)) {
					old := v[k]
					for _, v[k] = range []any{nil, map[string]any{}, []any{}, []any{nil}, map[string]any{"": nil}, "", -1, 1e300} {
						try()
					}
					v[k] = old
					walk(old)
				}
			case []any:
				for i, old := range v {
					for _, v[i] = range []any{nil, map[string]any{}, "", -1} {
						try()
					}
					v[i] = old
					walk(old)
				}
			}
		}
		walk(whole)
		if tried < 50 {
			t.Errorf("%s: only %d variants", name, tried)
		}
	}
}

func FuzzDecode(f *testing.F) {
	g := newGroup(f)
	for _, name := range []string{"1.root.json", "2.targets.json", "2.mqtt.json", "1.snapshot.json", "timestamp.json"} {
		b := must[[]byte](f)(os.ReadFile(filepath.Join(g.dir, "metadata", name)))
		role, _, _ := parseName(name)
		f.Add(role, b)
	}
	f.Fuzz(func(t *testing.T, role string, b []byte) {
		d, err := decode(role, b)
		if err != nil {
			return
		}
		// All that can be read can be described, and written to be the same.
		_, _ = changes(nil, d, nil), content(d, nil)
		again, err := d.clone()
		if err != nil {
			return // indented, it may be over the limit
		}
		x, errX := d.digest()
		y, errY := again.digest()
		if errX != nil || errY != nil || x != y {
			t.Fatalf("%q became another: %v %v", b, errX, errY)
		}
		if len(difference(d, again, nil)) != 0 {
			t.Fatalf("a copy differs: %v", difference(d, again, nil))
		}
	})
}
