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

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// sealable returns two equal builds and what seals their inputs.
func sealable(t *testing.T) (b Build, dist string, opts Options) {
	t.Helper()
	b, dist = pair(t, "same", "same")
	in := &b.Inputs[0]
	in.Size, in.DiffID = int64(len("rootfs")), in.SHA256
	lk := &lock.File{Recipe: "mqtt", Output: b.Output, Inputs: b.Inputs}
	b.Lock = lk.Digest()
	store := must[*inputs.Store](t)(inputs.OpenStore(t.TempDir()))
	check(t, os.WriteFile(store.Path(in.SHA256), []byte("rootfs"), 0o444))
	b.Seal = &inputs.Seal{
		Recipe: "mqtt", Arch: b.Arch, Plan: b.Plan, Lock: lk, Inputs: slices.Clone(b.Inputs),
		Files: map[string][]byte{
			"mqtt/recipe.hcl": b.Closure[0].Bytes, "mqtt/files/mqtt": b.Files["/etc/mqtt"],
			"alpine-3.19/recipe.hcl": b.Closure[1].Bytes, "tailsbuild.hcl": []byte("variable\n"),
		},
	}
	return b, dist, Options{Dir: filepath.Join(dist, "mqtt"), Key: key(t, 0), Store: store}
}

// sealed returns a release with sealed inputs, and their manifest.
func sealed(t *testing.T) (string, ocispec.Descriptor, Options) {
	t.Helper()
	b, _, opts := sealable(t)
	rel := must[*Release](t)(Create(ctx, b, opts))
	return opts.Dir, *rel.Sealed, opts
}

func TestSealed(t *testing.T) {
	dir, desc, _ := sealed(t)
	v := must[*Verification](t)(Verify(ctx, dir, key(t, 0).Public()))
	if v.Sealed == nil || v.Sealed.Manifest != desc.Digest || v.Sealed.Inputs != 1 || v.Sealed.Size != 6 || len(v.Problems) > 0 {
		t.Fatalf("sealed %+v, problems %v", v.Sealed, v.Problems)
	}
	l := must[*oci.Layout](t)(oci.OpenLayout(dir))
	defer l.Close()
	referrers := must[[]ocispec.Descriptor](t)(l.Referrers(v.Image.Digest))
	if last := referrers[len(referrers)-1]; last.Digest != desc.Digest || last.ArtifactType != inputs.SealedType {
		t.Errorf("the last referrer is %+v", last)
	}
	// Another release of the same image has the same sealed inputs.
	b, _, again := sealable(t)
	b.Seal.Lock.SetImage(lock.Image{Arch: "x86_64", Plan: b.Plan.String(), Digest: v.Image.Digest.String(), Size: v.Image.Size})
	if rel := must[*Release](t)(Create(ctx, b, again)); rel.Sealed.Digest != desc.Digest {
		t.Errorf("sealed inputs %s and %s", rel.Sealed.Digest, desc.Digest)
	}
	check(t, must[*inputs.Artifact](t)(inputs.ReadArtifact(dir, l, desc)).Check(b.Seal))
}

// TestSealOther: a seal of something else makes no release.
func TestSealOther(t *testing.T) {
	for name, change := range map[string]func(s *inputs.Seal){
		"recipe":  func(s *inputs.Seal) { s.Recipe = "other" },
		"plan":    func(s *inputs.Seal) { s.Plan = digest.FromString("other") },
		"lock":    func(s *inputs.Seal) { s.Lock = &lock.File{Recipe: "mqtt"} },
		"missing": func(s *inputs.Seal) { s.Inputs[0].SHA256 = strings.Repeat("0", 64) },
	} {
		b, dist, opts := sealable(t)
		b.Inputs = slices.Clone(b.Inputs)
		change(b.Seal)
		if rel, err := Create(ctx, b, opts); err == nil {
			t.Errorf("%s: released %+v", name, rel)
		}
		wantEmpty(t, dist)
	}
}

// TestSealedDamaged: the sealed inputs are part of the release, to the last byte.
func TestSealedDamaged(t *testing.T) {
	for _, content := range []string{"rootfs", "setting\n", "variable\n"} {
		dir, _, _ := sealed(t)
		path := blobPath(dir, digest.FromString(content))
		flip(t, path)
		_, err := Verify(ctx, dir, key(t, 0).Public())
		var wrong *oci.DigestError
		if !errors.As(err, &wrong) {
			t.Errorf("%q changed: %v", content, err)
		}
		check(t, os.Remove(path))
		_, err = Verify(ctx, dir, key(t, 0).Public())
		var missing *inputs.SealedError
		if !errors.As(err, &missing) || !strings.Contains(missing.Blob, digest.FromString(content).String()) {
			t.Errorf("%q missing: %v", content, err)
		}
	}
}

// TestSealedDeviates: sealed inputs that are whole, but are not what the signed
// provenance names, don't count, and the release says so.
func TestSealedDeviates(t *testing.T) {
	add := func(w *oci.Writer, m *ocispec.Manifest, mediaType, title string) {
		d, _ := w.AddBytes(mediaType, []byte("more"))
		d.Annotations = map[string]string{ocispec.AnnotationTitle: title}
		m.Layers = append(m.Layers, d)
	}
	for name, test := range map[string]struct {
		want   string
		change func(*oci.Writer, *ocispec.Manifest)
	}{
		"input added": {"which neither the builds read", func(w *oci.Writer, m *ocispec.Manifest) {
			add(w, m, "application/vnd.tailsbuild.input.http.v1", "inputs/x")
		}},
		"input twice": {"which neither the builds read", func(_ *oci.Writer, m *ocispec.Manifest) {
			m.Layers = append(m.Layers, m.Layers[len(m.Layers)-1])
		}},
		"input missing": {`lack rootfs "alpine-3.19", sha256:`, func(_ *oci.Writer, m *ocispec.Manifest) {
			m.Layers = m.Layers[:len(m.Layers)-1]
		}},
		"file added": {"have mqtt/more, which", func(w *oci.Writer, m *ocispec.Manifest) {
			add(w, m, "application/vnd.tailsbuild.recipe.v1", "recipes/mqtt/more")
		}},
		"file missing":    {"lack alpine-3.19/recipe.hcl", func(_ *oci.Writer, m *ocispec.Manifest) { m.Layers = m.Layers[1:] }},
		"lock missing":    {"recipes/mqtt/recipe.lock.hcl", func(_ *oci.Writer, m *ocispec.Manifest) { m.Layers = slices.Delete(m.Layers, 3, 4) }},
		"another recipe":  {`of recipe "other"`, func(_ *oci.Writer, m *ocispec.Manifest) { m.Annotations["tailsbuild.recipe"] = "other" }},
		"no subject":      {"subject of the sealed inputs is not the image", func(_ *oci.Writer, m *ocispec.Manifest) { m.Subject = nil }},
		"another subject": {"subject of the sealed inputs is not the image", func(_ *oci.Writer, m *ocispec.Manifest) { m.Subject.Size++ }},
		"another record": {"the sealed lock is not that of the builds", func(w *oci.Writer, m *ocispec.Manifest) {
			lk := lock.File{Recipe: "mqtt", Output: lock.CurrentOutput()}
			d, _ := w.AddBytes(m.Layers[3].MediaType, lk.Encode())
			m.Layers[3].Digest, m.Layers[3].Size = d.Digest, d.Size
		}},
	} {
		dir, desc, _ := sealed(t)
		changeSealed(t, dir, desc, test.change)
		v, err := Verify(ctx, dir, key(t, 0).Public())
		if err != nil || v.Sealed != nil || len(v.Problems) != 1 {
			t.Errorf("%s: %+v, %v", name, v, err)
			continue
		}
		if got := v.Problems[0].Err.Error(); !strings.Contains(got, test.want) {
			t.Errorf("%s: %s, want %q in it", name, got, test.want)
		}
	}
}

// TestLockedProvenance: both builds' provenance, changed alike, doesn't get past the lock.
func TestLockedProvenance(t *testing.T) {
	const alpine = "https://dl-cdn.alpinelinux.org/alpine/v3.19/"
	apk := func(name string) lock.Input {
		return lock.Input{
			Kind: lock.KindPackage, Name: name, Arch: "x86_64", Repository: "main", Version: "1-r0",
			URL: alpine + "main/x86_64/" + name + "-1-r0.apk", Size: 7, SHA256: strings.Repeat("ab", 32),
		}
	}
	lk := &lock.File{
		Recipe: "mqtt",
		Inputs: []lock.Input{
			apk("grep"), apk("zlib"),
			{Kind: lock.KindIndex, Name: "main", Arch: "x86_64", URL: alpine + "main/x86_64/APKINDEX.tar.gz", Size: 8, SHA256: strings.Repeat("cd", 32)},
			{Kind: lock.KindIndex, Name: "own", Arch: "x86_64", URL: alpine + "own/x86_64/APKINDEX.tar.gz", Size: 8, SHA256: strings.Repeat("cd", 32)},
			{Kind: lock.KindRootfs, Name: "alpine-3.18", Arch: "x86_64", URL: alpine + "y.tar.gz", Size: 9, SHA256: strings.Repeat("12", 32)},
			{Kind: lock.KindRootfs, Name: "alpine-3.19", Arch: "x86_64", URL: alpine + "x.tar.gz", Size: 9, SHA256: strings.Repeat("ef", 32)},
		},
		Worlds: []lock.World{
			{Arch: "x86_64", Use: lock.UseImage, Packages: []string{"zlib"}, Installs: []string{"zlib"}},
			{Arch: "x86_64", Use: lock.UseTest, Packages: []string{"grep"}, Installs: []string{"grep"}},
		},
	}
	// Neither what is for tests, nor another base's, nor the index of what isn't there.
	inputs := []lock.Input{lk.Inputs[1], lk.Inputs[2], lk.Inputs[5]}
	for name, test := range map[string]struct {
		want   string
		change func([]evidence.Dependency) []evidence.Dependency
	}{
		"right": {"", func(d []evidence.Dependency) []evidence.Dependency { return d }},
		"name": {`names apk "innocent"`, func(d []evidence.Dependency) []evidence.Dependency {
			d[0].Name = "innocent"
			return d
		}},
		"version": {`names apk "zlib", pkg:apk/alpine/zlib@2-r0`, func(d []evidence.Dependency) []evidence.Dependency {
			d[0].URI = "pkg:apk/alpine/zlib@2-r0?arch=x86_64"
			return d
		}},
		"location": {`names apk "zlib"`, func(d []evidence.Dependency) []evidence.Dependency {
			d[0].Location = "https://example.org/zlib-1-r0.apk"
			return d
		}},
		"package missing": {`lacks apk "zlib"`, func(d []evidence.Dependency) []evidence.Dependency { return d[1:] }},
		"index missing":   {`lacks apk_index "main"`, func(d []evidence.Dependency) []evidence.Dependency { return d[:1] }},
	} {
		v := &Verification{Parameters: evidence.Parameters{Arch: "x86_64"}}
		v.Dependencies = test.change(must[[]evidence.Dependency](t)(evidence.Dependencies(inputs)))
		err := v.checkLocked(lk)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// changeSealed writes the release in dir again, with other sealed inputs.
func changeSealed(t *testing.T, dir string, old ocispec.Descriptor, change func(*oci.Writer, *ocispec.Manifest)) {
	t.Helper()
	l := must[*oci.Layout](t)(oci.OpenLayout(dir))
	defer l.Close()
	w := must[*oci.Writer](t)(oci.Create(dir))
	index := must[[]ocispec.Descriptor](t)(l.Images())
	for i, desc := range index {
		m, raw, err := l.ReadManifest(desc)
		check(t, err)
		for _, d := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
			blob := must[[]byte](t)(l.ReadBlob(d, 1<<20))
			must[ocispec.Descriptor](t)(w.AddBytes(d.MediaType, blob))
		}
		if desc.Digest == old.Digest {
			change(w, m)
			raw = must[[]byte](t)(json.Marshal(m))
		}
		got := must[ocispec.Descriptor](t)(w.AddBytes(desc.MediaType, raw))
		index[i].Digest, index[i].Size = got.Digest, got.Size
	}
	check(t, w.Commit(index))
}
