package release

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// A forgery is a release in the making, by somebody who has keys but not the gate.
type forgery struct {
	t     *testing.T
	r     *reproduced
	deps  []evidence.Dependency
	items []item
}

// An item is a statement and who signs it; nobody when key is nil.
type item struct {
	statement
	key *sign.Key
}

func newForgery(t *testing.T) *forgery {
	b, _ := pair(t, "same", "same")
	r := must[*reproduced](t)(compare(ctx, b))
	t.Cleanup(r.close)
	return &forgery{t: t, r: r, deps: must[[]evidence.Dependency](t)(r.build.Dependencies())}
}

func (f *forgery) add(key *sign.Key, predicateType string, body []byte) {
	f.items = append(f.items, item{statement{predicateType, body}, key})
}

func (f *forgery) signature(key *sign.Key) {
	f.t.Helper()
	f.add(key, evidence.SignatureType, must[[]byte](f.t)(evidence.Signature(f.r.image.desc.Digest)))
}

func (f *forgery) comparison(key *sign.Key, change func(*evidence.Comparison)) {
	f.t.Helper()
	c := f.r.comparison()
	change(c)
	f.add(key, evidence.ComparisonType, must[[]byte](f.t)(c.Statement()))
}

func (f *forgery) provenance(key *sign.Key, builder string, change func(*evidence.Build)) {
	f.t.Helper()
	res := f.r.build.A
	if builder == "b" {
		res = f.r.build.B
	}
	b := f.r.provenance(res, f.deps, "0.1.0")
	change(b)
	f.add(key, evidence.ProvenanceType, must[[]byte](f.t)(b.Statement()))
}

func asIs[T any](*T) {}

// all adds what a release has, by key 0.
func (f *forgery) all() {
	f.t.Helper()
	k := key(f.t, 0)
	f.signature(k)
	f.comparison(k, asIs)
	f.provenance(k, "a", asIs)
	f.provenance(k, "b", asIs)
}

// write writes the layout and returns its folder.
func (f *forgery) write() string {
	f.t.Helper()
	dir := filepath.Join(f.t.TempDir(), "mqtt")
	w := must[*oci.Writer](f.t)(oci.Create(dir))
	for _, d := range append(f.r.image.blobs(), f.r.image.desc) {
		check(f.t, f.r.copy(ctx, w, d))
	}
	index := []ocispec.Descriptor{f.r.image.desc}
	for _, i := range f.items {
		bundles := must[[][]byte](f.t)(f.r.signAll(ctx, i.key, []statement{i.statement}))
		index = append(index, must[ocispec.Descriptor](f.t)(f.r.attach(w, i.statement, i.key, bundles[0])))
	}
	check(f.t, w.Commit(index))
	return dir
}

// TestNewestFirst: of several pairs of builds, of two locks, a release shows the newest,
// in whatever order they come.
func TestNewestFirst(t *testing.T) {
	later := digest.FromString("a later lock")
	again := strings.NewReplacer("0a", "1a", "0b", "1b")
	for _, first := range []bool{false, true} {
		f := newForgery(t)
		f.all()
		k := key(t, 0)
		for _, builder := range []string{"a", "b"} {
			f.provenance(k, builder, func(b *evidence.Build) {
				b.Parameters.Lock, b.Run.Invocation = later, again.Replace(b.Run.Invocation)
				b.Run.Finished = b.Run.Finished.Add(time.Hour)
				b.Dependencies = b.Dependencies[:1]
			})
		}
		f.comparison(k, func(c *evidence.Comparison) {
			c.Lock = later
			for i := range c.Builds {
				c.Builds[i].Invocation = again.Replace(c.Builds[i].Invocation)
			}
		})
		if first {
			slices.Reverse(f.items)
		}
		v, err := Verify(ctx, f.write(), k.Public())
		if err != nil {
			t.Fatal(err)
		}
		if len(v.Reproductions) != 2 || len(v.Problems) != 0 || v.Parameters.Lock != later || len(v.Dependencies) != 1 ||
			v.Reproductions[1].Parameters.Lock == later || len(v.Reproductions[1].Dependencies) != len(f.deps) {
			t.Errorf("reversed %t: %+v", first, v)
		}
	}
}

// TestCallsItself: what an image says of itself is no other than its provenance says.
func TestCallsItself(t *testing.T) {
	p := evidence.Parameters{Recipe: "sftp", Version: "9.6", Release: 2, Epoch: 1714521600}
	right := map[string]string{
		ocispec.AnnotationTitle: "sftp", ocispec.AnnotationVersion: "9.6-r2", ocispec.AnnotationCreated: "2024-05-01T00:00:00Z",
	}
	for _, i := range []*image{{}, {annotations: right}} {
		if err := i.callsItself(p); err != nil {
			t.Error(err)
		}
	}
	for name := range right {
		other := maps.Clone(right)
		other[name] += "1"
		if err := (&image{annotations: other}).callsItself(p); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	mine, other := key(t, 0), key(t, 1)
	elsewhere := digest.FromString("elsewhere")
	for name, c := range map[string]struct {
		reason error
		forge  func(f *forgery)
	}{
		"another key": {ErrNoSignature, func(f *forgery) {
			f.signature(other)
			f.comparison(other, asIs)
			f.provenance(other, "a", asIs)
			f.provenance(other, "b", asIs)
		}},
		"no signature": {ErrNoSignature, func(f *forgery) {
			f.comparison(mine, asIs)
			f.provenance(mine, "a", asIs)
			f.provenance(mine, "b", asIs)
		}},
		"signature by another": {ErrNoSignature, func(f *forgery) {
			f.all()
			f.items = f.items[1:]
			f.signature(other)
		}},
		"signature of another image": {ErrNoSignature, func(f *forgery) {
			f.all()
			f.items[0].body = must[[]byte](t)(evidence.Signature(elsewhere))
		}},
		"signature that says FAILED": {ErrNoSignature, func(f *forgery) {
			f.all()
			f.items[0].body = []byte(strings.Replace(string(f.items[0].body), `"predicate":{}`, `"predicate":{"result":"FAILED"}`, 1))
		}},
		"only a signature":       {ErrNoComparison, func(f *forgery) { f.signature(mine) }},
		"no comparison":          {ErrNoComparison, func(f *forgery) { f.all(); f.items = append(f.items[:1], f.items[2:]...) }},
		"no provenance of a":     {ErrNoComparison, func(f *forgery) { f.all(); f.items = append(f.items[:2], f.items[3:]...) }},
		"no provenance of b":     {ErrNoComparison, func(f *forgery) { f.all(); f.items = f.items[:3] }},
		"comparison by another":  {ErrNoComparison, func(f *forgery) { f.all(); f.items[1].key = other }},
		"provenance by another":  {ErrNoComparison, func(f *forgery) { f.all(); f.items[3].key = other }},
		"comparison not signed":  {ErrNoComparison, func(f *forgery) { f.all(); f.items[1].key = nil }},
		"provenance of a twice":  {ErrNoComparison, func(f *forgery) { f.all(); f.items[3] = f.items[2] }},
		"comparison's size":      with(func(c *evidence.Comparison) { c.Compressed++ }, nil),
		"comparison's unpacked":  with(func(c *evidence.Comparison) { c.Unpacked-- }, nil),
		"comparison's plan":      with(func(c *evidence.Comparison) { c.Plan = elsewhere }, nil),
		"comparison's lock":      with(func(c *evidence.Comparison) { c.Lock = elsewhere }, nil),
		"comparison's recipe":    with(func(c *evidence.Comparison) { c.Recipe = "sftp" }, nil),
		"comparison's output":    with(func(c *evidence.Comparison) { c.Output.BuildKit = "v0.1.0" }, nil),
		"comparison's builder":   with(func(c *evidence.Comparison) { c.Builds[1].Builder += "x" }, nil),
		"comparison's run":       with(func(c *evidence.Comparison) { c.Builds[1].Invocation = strings.Repeat("0c", 16) }, nil),
		"comparison's variation": with(func(c *evidence.Comparison) { c.Varied = c.Varied[:1] }, nil),
		"comparison invents a variation": with(func(c *evidence.Comparison) {
			c.Varied = append(c.Varied, evidence.Varied{Name: "zone", Values: [2]string{"x", "y"}})
		}, nil),
		"nothing varied": with(
			func(c *evidence.Comparison) { c.Varied = nil },
			func(b *evidence.Build) { b.Run.Variation = map[string]string{"hostname": "build-a", "umask": "0022"} }),
		"provenance's plan":    with(nil, func(b *evidence.Build) { b.Parameters.Plan = elsewhere }),
		"provenance's lock":    with(nil, func(b *evidence.Build) { b.Parameters.Lock = elsewhere }),
		"provenance's version": with(nil, func(b *evidence.Build) { b.Parameters.Version = "2.7.8" }),
		"provenance's epoch":   with(nil, func(b *evidence.Build) { b.Parameters.Epoch++ }),
		"provenance's recipe":  with(nil, func(b *evidence.Build) { b.Parameters.Recipe = "sftp" }),
		"provenance's inputs":  with(nil, func(b *evidence.Build) { b.Dependencies = b.Dependencies[1:] }),
		"provenance's output":  with(nil, func(b *evidence.Build) { b.Output.Compression = "zstd" }),
		"provenance's builder": with(nil, func(b *evidence.Build) { b.Run.Builder += "x" }),
		"provenance's image":   with(nil, func(b *evidence.Build) { b.Image = elsewhere }),
	} {
		t.Run(name, func(t *testing.T) {
			f := newForgery(t)
			c.forge(f)
			v, err := Verify(ctx, f.write(), mine.Public())
			var refused *RefusedError
			if !errors.As(err, &refused) || !errors.Is(err, c.reason) || v != nil {
				t.Errorf("got %v, %v", v, err)
			}
		})
	}
}

// with is a case of TestVerifyRefuses: a whole release where one thing was changed
// in the comparison, or in the provenance of build B, and all signed by one key.
func with(comparison func(*evidence.Comparison), provenance func(*evidence.Build)) (c struct {
	reason error
	forge  func(f *forgery)
},
) {
	c.reason = ErrNoComparison
	c.forge = func(f *forgery) {
		k := key(f.t, 0)
		if comparison == nil {
			comparison = asIs
		}
		if provenance == nil {
			provenance = asIs
		}
		f.signature(k)
		f.comparison(k, comparison)
		f.provenance(k, "a", asIs)
		f.provenance(k, "b", provenance)
	}
	return c
}

// TestVerifyOthers adds what doesn't count to a good release: it is reported and
// does no harm.
func TestVerifyOthers(t *testing.T) {
	mine, other := key(t, 0), key(t, 1)
	f := newForgery(t)
	f.provenance(other, "a", asIs)
	f.all()
	f.comparison(nil, asIs)
	f.comparison(mine, func(c *evidence.Comparison) { c.Plan = digest.FromString("elsewhere") })
	sbom := strings.Replace(string(f.items[1].body), evidence.SignatureType, "https://spdx.dev/Document", 1)
	f.add(mine, "https://spdx.dev/Document", []byte(sbom))
	v := must[*Verification](t)(Verify(ctx, f.write(), mine.Public()))
	if len(v.Reproductions) != 1 || len(v.Problems) != 4 {
		t.Errorf("%d reproductions, problems %v", len(v.Reproductions), v.Problems)
	}
	raw := must[[]byte](t)(json.Marshal(v))
	if !strings.Contains(string(raw), `"problems":["sha256:`) {
		t.Errorf("as JSON: %s", raw)
	}
}

// TestVerifyTwoPairs verifies an image that was built and released twice.
func TestVerifyTwoPairs(t *testing.T) {
	mine := key(t, 0)
	f := newForgery(t)
	f.all()
	f.r.build.A.Invocation, f.r.build.B.Invocation = strings.Repeat("1a", 16), strings.Repeat("1b", 16)
	f.comparison(mine, asIs)
	f.provenance(mine, "a", asIs)
	f.provenance(mine, "b", asIs)
	v := must[*Verification](t)(Verify(ctx, f.write(), mine.Public()))
	if len(v.Reproductions) != 2 || len(v.Problems) != 0 {
		t.Errorf("%d reproductions, problems %v", len(v.Reproductions), v.Problems)
	}
}

// TestVerifyTampered changes each file of a release in turn.
func TestVerifyTampered(t *testing.T) {
	dir, _ := released(t)
	pub := key(t, 0).Public()
	blobs := filepath.Join(dir, "blobs", "sha256")
	paths := []string{filepath.Join(dir, "index.json"), filepath.Join(dir, "oci-layout")}
	for _, e := range must[[]os.DirEntry](t)(os.ReadDir(blobs)) {
		paths = append(paths, filepath.Join(blobs, e.Name()))
	}
	if len(paths) != 2+4+len(statementTypes)*2+1 {
		t.Fatalf("%d files", len(paths))
	}
	for _, path := range paths {
		keep := must[[]byte](t)(os.ReadFile(path))
		for name, change := range map[string]func(){
			"flipped": func() { flip(t, path) },
			"shorter": func() { check(t, os.WriteFile(path, keep[:len(keep)-1], 0o644)) },
			"gone":    func() { check(t, os.Remove(path)) },
		} {
			if name == "flipped" && filepath.Base(path) == "index.json" {
				continue // it may hit a name, which nothing signs: see TestVerifyIndex
			}
			change()
			if v, err := Verify(ctx, dir, pub); err == nil {
				t.Errorf("%s %s: verified as %+v", filepath.Base(path), name, v)
			}
			check(t, os.WriteFile(path, keep, 0o644))
		}
	}
	must[*Verification](t)(Verify(ctx, dir, pub))
}

// index rewrites a release's index.json.
func index(t *testing.T, dir string, change func([]ocispec.Descriptor) []ocispec.Descriptor) {
	t.Helper()
	path := filepath.Join(dir, "index.json")
	var idx ocispec.Index
	check(t, json.Unmarshal(must[[]byte](t)(os.ReadFile(path)), &idx))
	idx.Manifests = change(idx.Manifests)
	check(t, os.WriteFile(path, must[[]byte](t)(json.Marshal(idx)), 0o644))
}

func TestVerifyIndex(t *testing.T) {
	pub := key(t, 0).Public()
	var refused *RefusedError
	for name, c := range map[string]struct {
		as     any
		change func([]ocispec.Descriptor) []ocispec.Descriptor
	}{
		"empty":       {&refused, func(d []ocispec.Descriptor) []ocispec.Descriptor { return nil }},
		"no image":    {&refused, func(d []ocispec.Descriptor) []ocispec.Descriptor { return d[1:] }},
		"image twice": {&refused, func(d []ocispec.Descriptor) []ocispec.Descriptor { return append(d, d[0]) }},
		"image alone": {new(*UnsignedError), func(d []ocispec.Descriptor) []ocispec.Descriptor { return d[:1] }},
		"too many":    {new(*oci.LimitError), func(d []ocispec.Descriptor) []ocispec.Descriptor { return append(d, make257(d[1])...) }},
		"type of image": {new(*oci.FormatError), func(d []ocispec.Descriptor) []ocispec.Descriptor {
			d[0].MediaType = ocispec.MediaTypeImageIndex
			return d
		}},
		"size of image":  {new(*oci.SizeError), func(d []ocispec.Descriptor) []ocispec.Descriptor { d[0].Size++; return d }},
		"size of bundle": {new(*oci.SizeError), func(d []ocispec.Descriptor) []ocispec.Descriptor { d[1].Size++; return d }},
	} {
		dir, _ := released(t)
		index(t, dir, c.change)
		if v, err := Verify(ctx, dir, pub); err == nil || !errors.As(err, c.as) {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
	// What the index calls its manifests doesn't matter: what they hold counts.
	dir, _ := released(t)
	index(t, dir, func(d []ocispec.Descriptor) []ocispec.Descriptor {
		for i := range d {
			d[i].ArtifactType, d[i].Platform = "text/plain", nil
			d[i].Annotations = map[string]string{ocispec.AnnotationRefName: "sftp:1.0"}
		}
		return d
	})
	if v := must[*Verification](t)(Verify(ctx, dir, pub)); v.Name != "mqtt:2.7.9-r1" {
		t.Errorf("name %s", v.Name)
	}
}

func make257(d ocispec.Descriptor) []ocispec.Descriptor {
	out := make([]ocispec.Descriptor, 257)
	for i := range out {
		out[i] = d
	}
	return out
}

// TestVerifyOtherImage puts the evidence of one image beside another.
func TestVerifyOtherImage(t *testing.T) {
	evil, dist := pair(t, "evil", "evil")
	dir := filepath.Join(dist, "mqtt")
	must[*Release](t)(Create(ctx, evil, Options{Dir: dir, Key: key(t, 1)}))
	good, _ := released(t)
	check(t, os.CopyFS(dir+".good", os.DirFS(good)))
	var bundles []ocispec.Descriptor
	index(t, good, func(d []ocispec.Descriptor) []ocispec.Descriptor { bundles = d[1:]; return d })
	for _, e := range must[[]os.DirEntry](t)(os.ReadDir(filepath.Join(good, "blobs", "sha256"))) {
		raw := must[[]byte](t)(os.ReadFile(filepath.Join(good, "blobs", "sha256", e.Name())))
		check(t, os.WriteFile(filepath.Join(dir, "blobs", "sha256", e.Name()), raw, 0o644))
	}
	index(t, dir, func(d []ocispec.Descriptor) []ocispec.Descriptor { return append(d[:1], bundles...) })
	var refused *RefusedError
	v, err := Verify(ctx, dir, key(t, 0).Public())
	if !errors.As(err, &refused) || len(refused.Problems) != len(bundles) {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestVerifyShape(t *testing.T) {
	dir, b := released(t)
	pub := key(t, 0).Public()
	if _, err := Verify(ctx, dir, nil); err == nil {
		t.Error("no key: accepted")
	}
	if _, err := Verify(ctx, b.A.Layout+".gone", pub); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	// A manifest with two bundles, and one without a subject.
	l := must[*oci.Layout](t)(oci.OpenLayout(dir))
	defer l.Close()
	refs := must[[]ocispec.Descriptor](t)(l.Referrers(b.A.Image.Digest))
	m, _, err := l.ReadManifest(refs[0])
	check(t, err)
	two, none := *m, *m
	two.Layers = append(two.Layers, two.Layers[0])
	none.Subject = nil
	for name, bad := range map[string]ocispec.Manifest{"two bundles": two, "no subject": none} {
		bad.Versioned = specs.Versioned{SchemaVersion: 2}
		raw := must[[]byte](t)(json.Marshal(bad))
		d := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
		check(t, os.WriteFile(blobPath(dir, d.Digest), raw, 0o644))
		index(t, dir, func(ds []ocispec.Descriptor) []ocispec.Descriptor { ds[1] = d; return ds })
		if _, err := Verify(ctx, dir, pub); !errors.Is(err, ErrNoSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestVerifyWithoutLayers: somebody who has the image from elsewhere verifies the
// rest, which has to be whole.
func TestVerifyWithoutLayers(t *testing.T) {
	dir, _ := released(t)
	pub := key(t, 0).Public()
	whole := must[*Verification](t)(Verify(ctx, dir, pub))
	l := must[*oci.Layout](t)(oci.OpenLayout(dir))
	defer l.Close()
	m, _, err := l.ReadManifest(whole.Image)
	check(t, err)
	for _, layer := range m.Layers {
		check(t, os.Remove(blobPath(dir, layer.Digest)))
	}
	if _, err := Verify(ctx, dir, pub); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("layers are missing: %v", err)
	}
	opts := VerifyOptions{Called: "registry.example/mqtt:1", WithoutLayers: true}
	v := must[*Verification](t)(VerifyWith(ctx, dir, pub, opts))
	if v.Dir != opts.Called || v.Unpacked != whole.Unpacked || v.Compressed != whole.Compressed || v.Name != whole.Name {
		t.Errorf("got %+v, want %+v", v, whole)
	}
	var refused *RefusedError
	if _, err := VerifyWith(ctx, dir, key(t, 1).Public(), opts); !errors.As(err, &refused) || refused.Dir != opts.Called {
		t.Errorf("another key: %v", err)
	}
	flip(t, blobPath(dir, m.Config.Digest))
	var wrong *oci.DigestError
	if _, err := VerifyWith(ctx, dir, pub, opts); !errors.As(err, &wrong) || !strings.Contains(err.Error(), opts.Called) {
		t.Errorf("another config: %v", err)
	}
	if _, err := VerifyWith(ctx, dir, nil, opts); err == nil {
		t.Error("no key: accepted")
	}
	// A comparison by the key that gives the image another size is none.
	f := newForgery(t)
	f.signature(key(t, 0))
	f.comparison(key(t, 0), func(c *evidence.Comparison) { c.Compressed++ })
	f.provenance(key(t, 0), "a", asIs)
	f.provenance(key(t, 0), "b", asIs)
	if _, err := VerifyWith(ctx, f.write(), pub, opts); !errors.Is(err, ErrNoComparison) {
		t.Errorf("another size: %v", err)
	}
}
