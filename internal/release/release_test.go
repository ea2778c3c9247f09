package release

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/internal/declared"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

var ctx = context.Background()

func TestRelease(t *testing.T) {
	b, dist := pair(t, "same", "same")
	dir := filepath.Join(dist, "mqtt")
	rel := must[*Release](t)(Create(ctx, b, Options{Dir: dir, Key: key(t, 0), Version: "0.1.0"}))
	if rel.Image.Digest != b.A.Image.Digest || !rel.Signed || rel.Dir != dir {
		t.Errorf("got %+v", rel)
	}
	wantEmpty(t, dist, "mqtt")

	v := must[*Verification](t)(Verify(ctx, dir, key(t, 0).Public()))
	if v.Image.Digest != b.A.Image.Digest || v.Name != "mqtt:2.7.9-r1" || len(v.Problems) != 0 {
		t.Errorf("got %+v", v)
	}
	if v.Compressed != rel.Compressed || v.Unpacked != rel.Unpacked || v.Unpacked != 2*2048 && v.Unpacked != 2*10240 {
		t.Errorf("sizes %d, %d, released as %d, %d", v.Compressed, v.Unpacked, rel.Compressed, rel.Unpacked)
	}
	wantVaried := []evidence.Varied{
		{Name: "hostname", Values: [2]string{"build-a", "build-b"}},
		{Name: "umask", Values: [2]string{"0022", "0077"}},
	}
	if len(v.Reproductions) != 1 {
		t.Fatalf("%d reproductions", len(v.Reproductions))
	}
	if diff := cmp.Diff(wantVaried, v.Reproductions[0].Varied); diff != "" {
		t.Errorf("varied (-want +got):\n%s", diff)
	}
	var names []string
	for _, d := range v.Dependencies {
		names = append(names, d.Name)
	}
	if got := strings.Join(names, " "); got != "mqtt/recipe.hcl alpine-3.19/recipe.hcl mqtt/files/mqtt alpine-3.19" {
		t.Errorf("dependencies %s", got)
	}
	if sum := digest.FromString("setting\n").Encoded(); v.Dependencies[2].SHA256 != sum {
		t.Errorf("files/mqtt has %s, want %s", v.Dependencies[2].SHA256, sum)
	}
	must[[]byte](t)(json.Marshal(v))
}

// TestIndex reads the layout as any OCI tool would.
func TestIndex(t *testing.T) {
	dir, b := released(t)
	l := must[*oci.Layout](t)(oci.OpenLayout(dir))
	defer l.Close()
	index := must[[]ocispec.Descriptor](t)(l.Images())
	if index[0].Digest != b.A.Image.Digest || index[0].Annotations[ocispec.AnnotationRefName] != "mqtt:2.7.9-r1" {
		t.Errorf("first is %+v", index[0])
	}
	if p := index[0].Platform; p == nil || p.Architecture != "amd64" || p.OS != "linux" {
		t.Errorf("platform %+v", p)
	}
	want := statementTypes
	referrers := must[[]ocispec.Descriptor](t)(l.Referrers(b.A.Image.Digest))
	if len(referrers) != len(want) || len(index) != 1+len(want) {
		t.Fatalf("%d referrers, %d in the index", len(referrers), len(index))
	}
	for i, r := range referrers {
		got := map[string]string{
			"org.opencontainers.image.created": "2024-05-01T00:00:00Z", "dev.sigstore.bundle.content": "dsse-envelope",
			"dev.sigstore.bundle.predicateType": want[i], "tailsbuild.signer-key": string(key(t, 0).Public().PEM()),
		}
		if diff := cmp.Diff(got, r.Annotations); diff != "" {
			t.Errorf("referrer %d (-want +got):\n%s", i, diff)
		}
		m, _, err := l.ReadManifest(r)
		check(t, err)
		if r.ArtifactType != sign.BundleMediaType || m.Config.MediaType != ocispec.MediaTypeEmptyJSON || len(m.Layers) != 1 {
			t.Errorf("referrer %d: %+v", i, m)
		}
	}
}

func TestUnsigned(t *testing.T) {
	b, dist := pair(t, "same", "same")
	dir := filepath.Join(dist, "mqtt")
	rel := must[*Release](t)(Create(ctx, b, Options{Dir: dir}))
	if rel.Signed {
		t.Error("it says that it is signed")
	}
	var unsigned *UnsignedError
	if v, err := Verify(ctx, dir, key(t, 0).Public()); !errors.As(err, &unsigned) || v != nil {
		t.Errorf("got %v, %v", v, err)
	}
	l := must[*oci.Layout](t)(oci.OpenLayout(dir))
	defer l.Close()
	for _, r := range must[[]ocispec.Descriptor](t)(l.Referrers(rel.Image.Digest)) {
		m, _, err := l.ReadManifest(r)
		check(t, err)
		st := must[[]byte](t)(l.ReadBlob(m.Layers[0], evidence.MaxStatement))
		var all []error
		_, err = evidence.ParseBuild(st)
		all = append(all, err)
		_, err = evidence.ParseComparison(st)
		all = append(all, err)
		_, err = evidence.ParseSBOM(st)
		all = append(all, err)
		_, err = evidence.ParseDeclaration(st)
		all = append(all, err)
		_, err = evidence.ParseTests(st)
		all = append(all, err)
		if r.ArtifactType != evidence.MediaType || !slices.Contains(all, nil) {
			t.Errorf("%s: %v", r.ArtifactType, all)
		}
	}
}

func TestDifferent(t *testing.T) {
	b, dist := pair(t, "content of A", "content of B")
	b.Context = map[string][]byte{"recipes/mqtt/recipe.hcl": []byte("# a recipe\n")}
	dir := filepath.Join(dist, "mqtt")
	_, err := Create(ctx, b, Options{Dir: dir, Key: key(t, 0)})
	var different *DifferentError
	if !errors.As(err, &different) {
		t.Fatal(err)
	}
	if different.A != b.A.Image.Digest || different.B != b.B.Image.Digest || different.Comparison.Identical() || different.Previous != "" {
		t.Errorf("got %+v", different)
	}
	wantEmpty(t, dist, "mqtt.report")
	wantEmpty(t, different.Report, "SHA256SUMS", "build", "code-quality.json", "comparison.json", "diffoscope.json", "junit.xml",
		"report.html", "report.md", "report.txt")
	wantEmpty(t, filepath.Join(different.Report, "build"), "builds.json", "log-a.txt", "log-b.txt", "recipes")
	text := string(must[[]byte](t)(os.ReadFile(filepath.Join(different.Report, "report.txt"))))
	for _, want := range []string{"etc/cont", "content of A", "content of B"} {
		if !strings.Contains(text, want) {
			t.Errorf("report.txt doesn't say %q:\n%s", want, text)
		}
	}
	for name, want := range map[string]string{
		"comparison.json": `"identical":false`, "build/builds.json": `"builder": "b"`, "build/recipes/mqtt/recipe.hcl": "# a recipe",
		"report.html": b.Closure[0].Name,
	} {
		if raw := must[[]byte](t)(os.ReadFile(filepath.Join(different.Report, name))); !bytes.Contains(raw, []byte(want)) {
			t.Errorf("%s doesn't say %q: %s", name, want, raw)
		}
	}
}

// TestDifferentAfterRelease checks that a failure leaves an earlier release as it
// was, and says so, and that the next success removes the report.
func TestDifferentAfterRelease(t *testing.T) {
	good, dist := pair(t, "same", "same")
	opts := Options{Dir: filepath.Join(dist, "mqtt"), Key: key(t, 0)}
	must[*Release](t)(Create(ctx, good, opts))
	bad, _ := pair(t, "content of A", "content of B")
	for range 2 { // the second time replaces the first report
		var different *DifferentError
		if _, err := Create(ctx, bad, opts); !errors.As(err, &different) || different.Previous != opts.Dir {
			t.Fatalf("%v", err)
		}
	}
	wantEmpty(t, dist, "mqtt", "mqtt.report")
	text := string(must[[]byte](t)(os.ReadFile(filepath.Join(dist, "mqtt.report", "report.txt"))))
	if !strings.Contains(text, "still holds the release of an earlier build") {
		t.Errorf("report.txt:\n%s", text)
	}
	must[*Verification](t)(Verify(ctx, opts.Dir, key(t, 0).Public()))
	must[*Release](t)(Create(ctx, good, opts))
	wantEmpty(t, dist, "mqtt")
}

// TestSameBuild tries to pass one build off as two.
func TestSameBuild(t *testing.T) {
	for name, c := range map[string]struct {
		what   string
		change func(t *testing.T, b *Build)
	}{
		"the same result":  {"builder", func(_ *testing.T, b *Build) { b.B = b.A }},
		"the same builder": {"builder", func(_ *testing.T, b *Build) { b.B.Builder = "a" }},
		"the same folder":  {"file", func(_ *testing.T, b *Build) { b.B.Layout = b.A.Layout }},
		"the same folder by another path": {"file", func(_ *testing.T, b *Build) {
			b.B.Layout = filepath.Dir(b.A.Layout) + "/b/../a/."
		}},
		"a symbolic link": {"file", func(t *testing.T, b *Build) {
			b.B.Layout += ".link"
			check(t, os.Symlink(b.A.Layout, b.B.Layout))
		}},
		"a symbolic link to index.json": {"file", func(t *testing.T, b *Build) {
			path := filepath.Join(b.B.Layout, "index.json")
			check(t, os.Remove(path))
			check(t, os.Symlink(filepath.Join(b.A.Layout, "index.json"), path))
		}},
		"hard links": {"file", func(t *testing.T, b *Build) {
			path := blobPath(b.B.Layout, b.B.Image.Digest)
			check(t, os.Remove(path))
			check(t, os.Link(blobPath(b.A.Layout, b.A.Image.Digest), path))
		}},
		"a copy": {"invocation", func(t *testing.T, b *Build) {
			check(t, os.RemoveAll(b.B.Layout))
			check(t, os.CopyFS(b.B.Layout, os.DirFS(b.A.Layout)))
			b.B.Invocation = b.A.Invocation
		}},
		"nothing varied": {"variation", func(_ *testing.T, b *Build) { b.B.Variation = b.A.Variation }},
	} {
		t.Run(name, func(t *testing.T) {
			b, dist := pair(t, "same", "same")
			c.change(t, &b)
			var same *SameBuildError
			_, err := Create(ctx, b, Options{Dir: filepath.Join(dist, "mqtt"), Key: key(t, 0)})
			if !errors.As(err, &same) || same.What != c.what {
				t.Errorf("got %v", err)
			}
			wantEmpty(t, dist)
		})
	}
}

func TestRefusesResults(t *testing.T) {
	other := digest.FromString("other")
	for name, change := range map[string]func(b *Build){
		"plan of a":       func(b *Build) { b.A.Plan = other },
		"plan of b":       func(b *Build) { b.B.Plan = other },
		"plan of both":    func(b *Build) { b.Plan = other },
		"no plan":         func(b *Build) { b.Plan, b.A.Plan, b.B.Plan = "", "", "" },
		"no lock":         func(b *Build) { b.Lock = "" },
		"no b":            func(b *Build) { b.B = nil },
		"no recipe":       func(b *Build) { b.Closure = nil },
		"zero result":     func(b *Build) { b.B = &builder.Result{} },
		"no invocation":   func(b *Build) { b.B.Invocation = "" },
		"short one":       func(b *Build) { b.B.Invocation = "0b" },
		"no layout":       func(b *Build) { b.B.Layout = b.B.Layout + ".gone" },
		"digest of a":     func(b *Build) { b.A.Image.Digest = other },
		"digests of both": func(b *Build) { b.A.Image.Digest, b.B.Image.Digest = other, other },
		"no digest":       func(b *Build) { b.B.Image.Digest = "" },
		"times":           func(b *Build) { b.B.Finished = b.B.Started.Add(-time.Second) },
		"name":            func(b *Build) { b.Closure[0].Version = "2/../7" },
		"no file":         func(b *Build) { b.Files = nil },
		"no base's text":  func(b *Build) { b.Closure[1].Bytes = nil },
		"input's sum":     func(b *Build) { b.Inputs[0].SHA256 = "abc" },
	} {
		t.Run(name, func(t *testing.T) {
			b, dist := pair(t, "same", "same")
			change(&b)
			if rel, err := Create(ctx, b, Options{Dir: filepath.Join(dist, "mqtt"), Key: key(t, 0)}); err == nil {
				t.Errorf("released as %+v", rel)
			}
			wantEmpty(t, dist)
		})
	}
}

func TestPlanError(t *testing.T) {
	b, dist := pair(t, "same", "same")
	b.B.Plan = digest.FromString("other")
	var plan *PlanError
	if _, err := Create(ctx, b, Options{Dir: filepath.Join(dist, "mqtt")}); !errors.As(err, &plan) || plan.Builder != "b" {
		t.Errorf("got %v", err)
	}
}

func TestSizeLimit(t *testing.T) {
	b, dist := pair(t, "same", "same")
	dir := filepath.Join(dist, "mqtt")
	rel := must[*Release](t)(Create(ctx, b, Options{Dir: dir}))
	check(t, os.RemoveAll(dir))
	// It is small enough, though the image doesn't carry the limit.
	b.Closure[0].Limits.Size = rel.Compressed
	var contradiction *declared.ContradictionError
	if _, err := Create(ctx, b, Options{Dir: dir}); !errors.As(err, &contradiction) || contradiction.Label != declared.LabelLimits {
		t.Errorf("got %v", err)
	}
	b.Closure[0].Limits.Size--
	var size *SizeError
	if _, err := Create(ctx, b, Options{Dir: dir}); !errors.As(err, &size) || size.Size != rel.Compressed {
		t.Errorf("got %v", err)
	}
	wantEmpty(t, dist)
}

// TestChangedBefore changes a layout between its build and the comparison.
func TestChangedBefore(t *testing.T) {
	for _, side := range []string{"a", "b"} {
		b, dist := pair(t, "same", "same")
		res := b.A
		if side == "b" {
			res = b.B
		}
		l := must[*oci.Layout](t)(oci.OpenLayout(res.Layout))
		m, _, err := l.ReadManifest(res.Image)
		check(t, err)
		check(t, l.Close())
		blobs := append([]ocispec.Descriptor{res.Image, m.Config}, m.Layers...)
		for _, desc := range blobs {
			path := blobPath(res.Layout, desc.Digest)
			keep := must[[]byte](t)(os.ReadFile(path))
			for name, change := range map[string]func(){
				"flipped": func() { flip(t, path) },
				"longer":  func() { check(t, os.WriteFile(path, append(keep[:len(keep):len(keep)], 0), 0o644)) },
				"shorter": func() { check(t, os.WriteFile(path, keep[:len(keep)-1], 0o644)) },
				"gone":    func() { check(t, os.Remove(path)) },
			} {
				change()
				if _, err := Create(ctx, b, Options{Dir: filepath.Join(dist, "mqtt"), Key: key(t, 0)}); err == nil {
					t.Errorf("build %s: %s %s was not noticed", side, desc.MediaType, name)
				}
				check(t, os.WriteFile(path, keep, 0o644))
				wantEmpty(t, dist)
			}
		}
	}
}

// TestChangedAfter changes each blob of build A after the comparison found the
// builds identical: copying reads it again and refuses.
func TestChangedAfter(t *testing.T) {
	for i := range 4 {
		b, dist := pair(t, "same", "same")
		r := must[*platforms](t)(compareAll(ctx, []Build{b}))
		blobs := append(r.images[0].image.blobs(), r.images[0].image.desc)
		if len(blobs) != 4 {
			t.Fatalf("%d blobs", len(blobs))
		}
		flip(t, blobPath(b.A.Layout, blobs[i].Digest))
		rel, err := r.release(ctx, Options{Dir: filepath.Join(dist, "mqtt"), Key: key(t, 0)})
		var want *oci.DigestError
		if !errors.As(err, &want) || rel != nil {
			t.Errorf("blob %d: %v", i, err)
		}
		r.close()
		wantEmpty(t, dist)
	}
}

// TestSwappedAfter puts another valid layout in the place of build A's after the
// comparison: what was compared is what is released.
func TestSwappedAfter(t *testing.T) {
	b, dist := pair(t, "same", "same")
	r := must[*platforms](t)(compareAll(ctx, []Build{b}))
	defer r.close()
	check(t, os.Rename(b.A.Layout, b.A.Layout+".old"))
	writeImage(t, b.A.Layout, "evil")
	dir := filepath.Join(dist, "mqtt")
	must[*Release](t)(r.release(ctx, Options{Dir: dir, Key: key(t, 0)}))
	v := must[*Verification](t)(Verify(ctx, dir, key(t, 0).Public()))
	if v.Image.Digest != b.B.Image.Digest {
		t.Errorf("released %s, compared %s", v.Image.Digest, b.B.Image.Digest)
	}
}

// TestForgedReport edits a report to say "identical", and sets all that a careless
// program might read, and gets nothing by it.
func TestForgedReport(t *testing.T) {
	b, dist := pair(t, "content of A", "content of B")
	opts := Options{Dir: filepath.Join(dist, "mqtt"), Key: key(t, 0)}
	good, _ := pair(t, "same", "same")
	check(t, os.Mkdir(opts.Dir+".report", 0o755))
	r := must[*reproduced](t)(compare(ctx, good))
	r.close()
	forged := must[[]byte](t)(r.comparison().Statement())
	for _, path := range []string{
		filepath.Join(opts.Dir+".report", "comparison.json"),
		filepath.Join(b.A.Layout, "comparison.json"), filepath.Join(b.B.Layout, "comparison.json"),
	} {
		check(t, os.WriteFile(path, forged, 0o644))
	}
	for _, name := range []string{"IDENTICAL", "FORCE", "SKIP_COMPARE", "SIGN", "UNSAFE", "PASSWORD", "RELEASE"} {
		t.Setenv("TAILSBUILD_"+name, "1")
	}
	var different *DifferentError
	if _, err := Create(ctx, b, opts); !errors.As(err, &different) {
		t.Fatalf("got %v", err)
	}
	wantEmpty(t, dist, "mqtt.report")
}

// TestJudge gives the judge comparisons that Compare didn't make of these builds.
func TestJudge(t *testing.T) {
	b, _ := pair(t, "same", "same")
	other, _ := pair(t, "else", "else")
	open := func(r *builder.Result) *diffoscope.Image {
		img := must[*diffoscope.Image](t)(diffoscope.Open(r.Layout, diffoscope.Limits{}))
		t.Cleanup(func() { img.Close() })
		return img
	}
	foreign := must[*diffoscope.Comparison](t)(diffoscope.Compare(ctx, open(other.A), open(other.B)))
	self := must[*diffoscope.Comparison](t)(diffoscope.Compare(ctx, open(b.A), open(b.A)))
	good := must[*diffoscope.Comparison](t)(diffoscope.Compare(ctx, open(b.A), open(b.B)))
	for name, cmp := range map[string]*diffoscope.Comparison{
		"nil": nil, "zero": {}, "of other builds": foreign, "of one build with itself": self,
	} {
		if err := judge(cmp, b.A, b.B); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := judge(&diffoscope.Comparison{}, &builder.Result{}, &builder.Result{}); err == nil {
		t.Error("zero values: accepted")
	}
	check(t, judge(good, b.A, b.B))
}

func TestCancelled(t *testing.T) {
	b, dist := pair(t, "same", "same")
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	opts := Options{Dir: filepath.Join(dist, "mqtt"), Key: key(t, 0)}
	if _, err := Create(cancelled, b, opts); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	r := must[*platforms](t)(compareAll(ctx, []Build{b}))
	defer r.close()
	if _, err := r.release(cancelled, opts); !errors.Is(err, context.Canceled) {
		t.Errorf("after the comparison: %v", err)
	}
	wantEmpty(t, dist)
}
