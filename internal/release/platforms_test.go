package release

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// both returns builds for two platforms, the last first, of a recipe that is for
// three.
func both(t testing.TB) (builds []Build, dist string) {
	t.Helper()
	amd, dist := pair(t, "same", "same")
	amd.Closure[0].Arch = []string{"x86_64", "riscv64", "aarch64"}
	arm := amd
	arm.Arch, arm.Plan = "aarch64", digest.FromString("plan for aarch64")
	arm.Inputs = slices.Clone(arm.Inputs)
	arm.Inputs[0].Arch = arm.Arch
	again := func(r *builder.Result, letter string) *builder.Result {
		c := *r
		c.Layout, c.Plan, c.Invocation = r.Layout+"-arm", arm.Plan, strings.Repeat(letter, 32)
		c.Image = writeImageFor(t, c.Layout, "same", "arm64")
		return &c
	}
	arm.A, arm.B = again(amd.A, "c"), again(amd.B, "d")
	arm.Tested = nil
	return []Build{arm, amd}, dist
}

// releasedIndex returns a release for both platforms, signed with key 0.
func releasedIndex(t testing.TB) (dir string, rel *Release) {
	t.Helper()
	builds, dist := both(t)
	dir = filepath.Join(dist, "mqtt")
	return dir, must[*Release](t)(CreateAll(ctx, builds, Options{Dir: dir, Key: key(t, 0)}))
}

func TestPlatforms(t *testing.T) {
	dir, rel := releasedIndex(t)
	v := must[*Verification](t)(Verify(ctx, dir, key(t, 0).Public()))
	if v.Image.Digest != rel.Image.Digest || v.Image.MediaType != ocispec.MediaTypeImageIndex || v.Name != "mqtt:2.7.9-r1" {
		t.Errorf("got %+v", v)
	}
	if p := v.Parameters; p.Recipe != "mqtt" || p.Arch != "" || p.Plan != "" || p.Lock == "" {
		t.Errorf("parameters %+v", p)
	}
	if !slices.Equal(v.Lacks, []string{"riscv64"}) || len(v.Problems) > 0 {
		t.Errorf("lacks %q, problems %v", v.Lacks, v.Problems)
	}
	var archs []string
	bundles := 1
	for _, one := range v.Platforms {
		archs = append(archs, one.Parameters.Arch)
		bundles += len(one.Bundles)
	}
	if !slices.Equal(archs, []string{"x86_64", "aarch64"}) || len(v.Bundles) != bundles {
		t.Errorf("for %q, %d bundles, want %d", archs, len(v.Bundles), bundles)
	}

	// The index is a function of the images: not of keys, order or run.
	builds, dist := both(t)
	slices.Reverse(builds)
	again := must[*Release](t)(CreateAll(ctx, builds, Options{Dir: filepath.Join(dist, "again"), Key: key(t, 1)}))
	unsigned := must[*Release](t)(CreateAll(ctx, builds, Options{Dir: filepath.Join(dist, "unsigned")}))
	if again.Image.Digest != rel.Image.Digest || unsigned.Image.Digest != rel.Image.Digest {
		t.Errorf("indexes %s, %s and %s", rel.Image.Digest, again.Image.Digest, unsigned.Image.Digest)
	}
	raw := string(must[[]byte](t)(os.ReadFile(blobPath(dir, rel.Image.Digest))))
	want := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[` +
		`{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + builds[0].A.Image.Digest.String() + `","size":`
	if !strings.HasPrefix(raw, want) || !strings.HasSuffix(raw, `"platform":{"architecture":"arm64","os":"linux"}}]}`) || strings.Contains(raw, "annotations") {
		t.Errorf("index %s", raw)
	}
	var none *UnsignedError
	if _, err := Verify(ctx, filepath.Join(dist, "unsigned"), key(t, 0).Public()); !errors.As(err, &none) {
		t.Errorf("unsigned: %v", err)
	}
	must[[]byte](t)(json.Marshal(v))
}

// TestPlatformsApart: what isn't one release for different platforms makes none, and
// one platform that isn't reproduced leaves no release for the others.
func TestPlatformsApart(t *testing.T) {
	for name, change := range map[string]func(arm *Build){
		"for aarch64: the builds differ": func(arm *Build) {
			check(t, os.RemoveAll(arm.B.Layout))
			arm.B.Image = writeImageFor(t, arm.B.Layout, "else", "arm64")
		},
		"for aarch64: both builds have the same invocation": func(arm *Build) { arm.B.Invocation = arm.A.Invocation },
		"not of one recipe and lock":                        func(arm *Build) { arm.Lock = digest.FromString("other") },
		`two images for the platform "linux/amd64"`: func(arm *Build) {
			for _, r := range []*builder.Result{arm.A, arm.B} {
				check(t, os.RemoveAll(r.Layout))
				r.Image = writeImage(t, r.Layout, "same")
			}
		},
	} {
		builds, dist := both(t)
		change(&builds[0])
		rel, err := CreateAll(ctx, builds, Options{Dir: filepath.Join(dist, "mqtt"), Key: key(t, 0)})
		if err == nil || !strings.Contains(err.Error(), name) || rel != nil {
			t.Errorf("%s: %v, %v", name, rel, err)
		}
		var different *DifferentError
		if errors.As(err, &different) {
			wantEmpty(t, dist, "mqtt.report")
		} else {
			wantEmpty(t, dist)
		}
	}
}

// reindex changes the layout's own index.
func reindex(t testing.TB, dir string, change func([]ocispec.Descriptor) []ocispec.Descriptor) {
	t.Helper()
	path := filepath.Join(dir, ocispec.ImageIndexFile)
	var index ocispec.Index
	check(t, json.Unmarshal(must[[]byte](t)(os.ReadFile(path)), &index))
	index.Manifests = change(index.Manifests)
	check(t, os.WriteFile(path, must[[]byte](t)(json.Marshal(index)), 0o644))
}

// TestPlatformsForged: an index that the key didn't sign is refused, whatever it signed
// of the images.
func TestPlatformsForged(t *testing.T) {
	for want, change := range map[string]func(*ocispec.Index){
		ErrNoIndexSignature.Error():       func(x *ocispec.Index) { x.Manifests = x.Manifests[:1] },
		"no signature of the index":       func(x *ocispec.Index) { slices.Reverse(x.Manifests) },
		`for "linux/arm64", which is for`: func(x *ocispec.Index) { a, b := x.Manifests[0].Platform, x.Manifests[1].Platform; *a, *b = *b, *a },
		"two images for the platform":     func(x *ocispec.Index) { x.Manifests[1] = x.Manifests[0] },
		"an index of 0 manifests":         func(x *ocispec.Index) { x.Manifests = nil },
	} {
		dir, _ := releasedIndex(t)
		reindex(t, dir, func(all []ocispec.Descriptor) []ocispec.Descriptor {
			var index ocispec.Index
			check(t, json.Unmarshal(must[[]byte](t)(os.ReadFile(blobPath(dir, all[0].Digest))), &index))
			change(&index)
			raw := must[[]byte](t)(json.Marshal(index))
			all[0].Digest, all[0].Size = digest.FromBytes(raw), int64(len(raw))
			check(t, os.WriteFile(blobPath(dir, all[0].Digest), raw, 0o644))
			return all
		})
		var refused *RefusedError
		if v, err := Verify(ctx, dir, key(t, 0).Public()); !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v", want, v, err)
		}
	}
	// The same with the evidence of a platform, or the signature of the index, gone.
	for i, want := range map[int]string{1: ErrNoIndexSignature.Error(), 2: "for linux/amd64: "} {
		dir, _ := releasedIndex(t)
		reindex(t, dir, func(index []ocispec.Descriptor) []ocispec.Descriptor { return slices.Delete(index, i, i+1) })
		if _, err := Verify(ctx, dir, key(t, 0).Public()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without %d: %v", i, err)
		}
	}
}

// TestPlatformsRead: what a policy reads of each image, and a signature of an image
// whose index the same key didn't sign.
func TestPlatformsRead(t *testing.T) {
	dir, rel := releasedIndex(t)
	keys := []*sign.PublicKey{key(t, 0).Public()}
	all := must[[]*Contents](t)(ReadAll(ctx, dir, Trusted{Keys: keys}, VerifyOptions{}))
	if len(all) != 2 || all[0].Index.Digest != rel.Image.Digest || all[0].Claimed != "mqtt:2.7.9-r1" || len(all[0].Problems) > 0 {
		t.Fatalf("got %+v", all)
	}
	for _, c := range all {
		v := must[*Verification](t)(c.By(keys[0]))
		if !c.Statements[0].Signature() || v.Name != "mqtt:2.7.9-r1" {
			t.Errorf("%+v", v)
		}
	}
	for n, i := range must[[]*Inspection](t)(Inspect(ctx, dir, "")) {
		if i.Image.Digest != all[n].Image.Digest || i.Index.Digest != rel.Image.Digest || i.Statements[0].Signature != SignatureValid || len(i.Problems) > 0 {
			t.Errorf("inspection %+v", i)
		}
	}
	var refused *RefusedError
	if _, err := Read(ctx, dir, Trusted{Keys: keys}); !errors.As(err, &refused) {
		t.Errorf("Read: %v", err)
	}
	reindex(t, dir, func(index []ocispec.Descriptor) []ocispec.Descriptor { return slices.Delete(index, 1, 2) })
	for _, c := range must[[]*Contents](t)(ReadAll(ctx, dir, Trusted{Keys: keys}, VerifyOptions{})) {
		if c.Statements[0].Signature() || len(c.Problems) != 1 {
			t.Errorf("without a signature of the index: %+v", c)
		}
	}
}

// TestAuditPlatforms: an auditor finds one image of several, with its own evidence.
func TestAuditPlatforms(t *testing.T) {
	dir, rel := releasedIndex(t)
	top, images, err := Images(dir)
	if err != nil || top.Digest != rel.Image.Digest || len(images) != 2 {
		t.Fatalf("got %v, %v, %v", top, images, err)
	}
	v := must[*Verification](t)(Verify(ctx, dir, key(t, 0).Public()))
	for i, arch := range []string{"x86_64", "aarch64"} {
		one := must[*Verification](t)(v.Of(images[i].Digest))
		if one.Parameters.Arch != arch || one.Image.Digest != images[i].Digest {
			t.Errorf("got %+v, want that for %s", one, arch)
		}
	}
	var refused *RefusedError
	for _, other := range []digest.Digest{top.Digest, digest.FromString("another")} {
		if one, err := v.Of(other); !errors.As(err, &refused) {
			t.Errorf("got %v, %v", one, err)
		}
	}
	// A key that signed the index alone is one of the release, too.
	for n, want := range []bool{true, false} {
		if got, err := IsReleaseKey(dir, key(t, n).Public()); err != nil || got != want {
			t.Errorf("key %d: got %v, %v", n, got, err)
		}
	}
}
