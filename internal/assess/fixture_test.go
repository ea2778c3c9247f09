package assess_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/assess"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust/trusttest"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

var (
	ctx = context.Background()
	now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var keys [2]*sign.Key

// key returns the key number n, always the same: scrypt takes its time.
func key(t testing.TB, n int) *sign.Key {
	t.Helper()
	if keys[n] == nil {
		private, _, err := sign.GenerateKey(nil)
		check(t, err)
		keys[n] = must[*sign.Key](t)(sign.OpenKey(private, nil))
	}
	return keys[n]
}

// writeImage writes a layout with one image, whose only layer has content.
func writeImage(t testing.TB, dir, content string, labels map[string]string) ocispec.Descriptor {
	t.Helper()
	return writeAnnotated(t, dir, content, labels, nil)
}

func writeAnnotated(t testing.TB, dir, content string, labels, annotations map[string]string) ocispec.Descriptor {
	t.Helper()
	w := must[*oci.Writer](t)(oci.Create(dir))
	var layer bytes.Buffer
	tw := tar.NewWriter(&layer)
	check(t, tw.WriteHeader(&tar.Header{Name: "etc/file", Size: int64(len(content)), Mode: 0o644, ModTime: time.Unix(1, 0)}))
	must[int](t)(tw.Write([]byte(content)))
	check(t, tw.Close())
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Annotations: annotations}
	m.Layers = []ocispec.Descriptor{must[ocispec.Descriptor](t)(w.AddBytes(ocispec.MediaTypeImageLayer, layer.Bytes()))}
	m.Config = must[ocispec.Descriptor](t)(w.AddBytes(ocispec.MediaTypeImageConfig, must[[]byte](t)(json.Marshal(ocispec.Image{
		Platform: ocispec.Platform{Architecture: "amd64", OS: "linux"}, Config: ocispec.ImageConfig{Labels: labels},
		RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromBytes(layer.Bytes())}},
	}))))
	desc := must[ocispec.Descriptor](t)(w.AddBytes(ocispec.MediaTypeImageManifest, must[[]byte](t)(json.Marshal(m))))
	check(t, w.Commit([]ocispec.Descriptor{desc}))
	return desc
}

// A made is a release in a folder.
type made struct {
	dir   string
	ref   trust.Ref
	image ocispec.Descriptor
}

var none = map[string]string{"tailsbuild.privileges": "[]"}

// makeImage makes what is no release: an image with these labels.
func makeImage(t testing.TB, version string, labels map[string]string) made {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "dist")
	return made{dir: dir, ref: trust.Ref{Name: "mqtt", Version: version}, image: writeImage(t, dir, version, labels)}
}

// makeRelease makes a release of mqtt, through the gate; unsigned when by is nil.
func makeRelease(t testing.TB, version string, by *sign.Key, labels map[string]string) made {
	t.Helper()
	return makeReleaseOn(t, version, by, labels, "2027-05-01")
}

// makeReleaseOn makes one on a base whose support ends on that day.
func makeReleaseOn(t testing.TB, version string, by *sign.Key, labels map[string]string, end string) made {
	t.Helper()
	dir := t.TempDir()
	b := release.Build{
		Closure: []*recipe.Recipe{
			{Kind: recipe.Service, Name: "mqtt", Version: version, Bytes: []byte("service\n")},
			{Kind: recipe.Base, Name: "alpine", Version: "3.19.4", EndOfSupport: end, Bytes: []byte("base\n")},
		},
		Arch: "x86_64", Plan: digest.FromString("plan"), Lock: digest.FromString("lock"),
		Output: lock.Output{Compatibility: 1, BuildKit: "v0.34.2", BuildKitCompatibility: 30, Compression: "gzip"},
		A:      &builder.Result{Builder: "a", Layout: filepath.Join(dir, "a"), Invocation: strings.Repeat("0a", 16)},
		B:      &builder.Result{Builder: "b", Layout: filepath.Join(dir, "b"), Invocation: strings.Repeat("0b", 16)},
	}
	for _, r := range []*builder.Result{b.A, b.B} {
		r.Plan, r.Started, r.Finished = b.Plan, now, now.Add(time.Second)
		r.Variation = map[string]string{"hostname": r.Builder}
		r.Image = writeImage(t, r.Layout, version, labels)
	}
	out := filepath.Join(dir, "dist")
	made := made{dir: out, ref: trust.Ref{Name: "mqtt", Version: version}}
	made.image = must[*release.Release](t)(release.Create(ctx, b, release.Options{Dir: out, Key: by})).Image
	return made
}

// A world is a published trust root that lists releases of mqtt, and a machine.
type world struct {
	t      testing.TB
	repo   *trusttest.Repo
	folder string // of the policy
	cache  string
	policy string
	now    time.Time
}

func newWorld(t testing.TB, policy string) *world {
	t.Helper()
	w := &world{t: t, repo: trusttest.New(t, now), folder: t.TempDir(), now: now}
	w.cache = filepath.Join(w.folder, "cache")
	w.repo.Delegate("mqtt", "mqtt/*")
	w.policy = policy
	check(t, os.WriteFile(filepath.Join(w.folder, "root.json"), w.repo.File("1.root.json"), 0o644))
	check(t, os.Symlink(w.repo.Dir, filepath.Join(w.folder, "metadata")))
	w.repo.Publish()
	return w
}

// list adds a release to the trust root.
func (w *world) list(m made, sequence int64, change func(*trust.Target)) {
	w.t.Helper()
	target := &trust.Target{
		Version: trust.TargetVersion, Platforms: map[string]digest.Digest{"linux/amd64": m.image.Digest},
		Released: now, Sequence: sequence,
	}
	if change != nil {
		change(target)
	}
	w.repo.Set("mqtt", m.ref, m.image.Size, m.image.Digest, target)
	w.publish()
}

func (w *world) publish() {
	w.t.Helper()
	w.repo.Bump()
	w.repo.Publish()
}

func (w *world) assessor() *assess.Assessor {
	w.t.Helper()
	p, diags := policy.Decode("policy.hcl", []byte(w.policy))
	if diags.HasErrors() {
		w.t.Fatal(diags)
	}
	return must[*assess.Assessor](w.t)(assess.New(assess.Options{Policy: p, Folder: w.folder, Cache: w.cache, Now: w.now}))
}

func (w *world) assess(dir, reference string) *assess.Assessment {
	w.t.Helper()
	return must[*assess.Assessment](w.t)(w.assessor().Release(ctx, dir, reference))
}

// want checks a verdict, and that a code is among its reasons.
func (w *world) want(m made, reference string, kind verdict.Kind, code verdict.Code) *assess.Assessment {
	w.t.Helper()
	s := w.assess(m.dir, reference)
	if s.Verdict.Kind != kind || !s.Verdict.Has(code) {
		w.t.Fatalf("%s is %s, want %s with %s:\n%+v", reference, s.Verdict.Kind, kind, code, s.Verdict)
	}
	return s
}

const rootPolicy = `
trust_root "tails" {
  organisation = "tails"
  root         = "root.json"
  sources      = ["metadata"]
}
`

const rules = `
  transparency_log = "optional"
  timestamp        = "optional"
  end_of_support   = "warn"
  privileges {
    highest_tier = 1
  }
}
`

const (
	strict = rootPolicy + `scope "**" {` + "\n  trust_root = \"tails\"" + rules
	open   = rootPolicy + `scope "**" {` + "\n  trust_root = \"tails\"\n  foreign = \"warn\"\n  unsigned = \"ask\"" + rules
)

// signerPolicy trusts what key signs.
func signerPolicy(key *sign.PublicKey) string {
	return fmt.Sprintf("signer \"me\" {\n organisation = \"me\"\n key \"one\" {\n public = <<-EOT\n%sEOT\n}\n}\n", key.PEM()) +
		`scope "**" {` + "\n  signers = [\"me\"]\n  foreign = \"warn\"\n  unsigned = \"ask\"" + rules
}

func rawJSON(t testing.TB, b []byte) any {
	t.Helper()
	var v any
	check(t, json.Unmarshal(b, &v))
	return v
}
