package inputs

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// kinds has the content of one input of each kind.
var kinds = map[string]string{
	lock.KindGoModule: "module", lock.KindHTTP: "archive", lock.KindRootfs: "root file system", lock.KindToolchain: "compiler",
}

// fullSeal returns the seal of a recipe with one input of each kind, and a store
// that has them.
func fullSeal(t *testing.T) (*Seal, *Store) {
	t.Helper()
	store := newFetcher(t).Store
	var in []lock.Input
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		content := kinds[kind]
		i := lock.Input{Kind: kind, Name: kind[:4], Size: int64(len(content)), SHA256: sumOf([]byte(content))}
		h1 := "h1:" + strings.Repeat("A", 43) + "="
		switch kind {
		case lock.KindRootfs:
			i.Arch, i.URL, i.DiffID = "x86_64", "https://example.org/v1/root.tar.gz", sumOf(nil)
		case lock.KindHTTP:
			i.URL = "https://example.org/get?file=x"
		case lock.KindToolchain:
			i.Arch, i.Module, i.Version, i.Sum = "x86_64", "golang.org/toolchain", "v0.0.1-go1.26.8.linux-amd64", h1
		case lock.KindGoModule:
			i.Module, i.Version, i.Sum = "example.org/m/v2", "v2.0.1", h1
		}
		in = append(in, i)
		file := must[*os.File](t)(store.temp())
		must[int](t)(file.WriteString(content))
		check(t, store.put(file, i.SHA256))
	}
	lk := &lock.File{Recipe: "mqtt", Output: lock.CurrentOutput(), Inputs: in}
	return &Seal{
		Recipe: "mqtt", Arch: "x86_64", Plan: digest.FromString("plan"), Lock: lk, Inputs: in,
		Files: map[string][]byte{
			"mqtt/recipe.hcl": []byte("service\n"), "mqtt/files/etc/x": []byte("x\n"),
			"base/recipe.hcl": []byte("base\n"), "tailsbuild.hcl": []byte("variable\n"),
		},
	}, store
}

var sealedImage = &ocispec.Descriptor{
	MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("image"), Size: 5,
	Annotations: map[string]string{"not": "of the subject"},
}

// writeSealed writes s into a new layout. change is applied to the manifest, and
// may add blobs.
func writeSealed(t *testing.T, s *Seal, store *Store, image *ocispec.Descriptor, change func(*oci.Writer, *ocispec.Manifest)) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "sealed")
	w := must[*oci.Writer](t)(oci.Create(dir))
	desc := must[ocispec.Descriptor](t)(s.Write(t.Context(), w, store, image))
	if change != nil {
		m, _, err := s.manifest(image)
		check(t, err)
		change(w, m)
		desc = must[ocispec.Descriptor](t)(w.AddBytes(ocispec.MediaTypeImageManifest, must[[]byte](t)(json.Marshal(m))))
	}
	check(t, w.Commit([]ocispec.Descriptor{desc}))
	return dir
}

func openSealed(t *testing.T, dir string) *Sealed {
	t.Helper()
	s := must[*Sealed](t)(OpenSealed(dir))
	t.Cleanup(func() { s.Close() })
	return s
}

// use does with the sealed inputs in dir what a build does, with the given store.
func use(t *testing.T, dir string, want *Seal, store *Store) error {
	t.Helper()
	s, err := OpenSealed(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	a, err := s.Artifact("mqtt", "x86_64")
	if err != nil {
		return err
	}
	if err := a.Extract(t.TempDir()); err != nil {
		return err
	}
	if err := a.Check(want); err != nil {
		return err
	}
	if err := s.CheckBlobs(); err != nil {
		return err
	}
	f := &Fetcher{Store: store, Offline: true, Sealed: s, Go: "/nowhere/go"}
	return f.Fetch(t.Context(), want.Inputs)
}

// TestSealedManifest holds the manifest to its one form.
func TestSealedManifest(t *testing.T) {
	s, store := fullSeal(t)
	l := must[*oci.Layout](t)(oci.OpenLayout(writeSealed(t, s, store, sealedImage, nil)))
	defer l.Close()
	desc := must[[]ocispec.Descriptor](t)(l.Images())[0]
	m, _, err := l.ReadManifest(desc)
	check(t, err)
	if desc.ArtifactType != SealedType || m.ArtifactType != SealedType || m.Config.MediaType != ocispec.MediaTypeEmptyJSON {
		t.Errorf("%+v", m)
	}
	if diff := cmp.Diff(&ocispec.Descriptor{MediaType: sealedImage.MediaType, Digest: sealedImage.Digest, Size: 5}, m.Subject); diff != "" {
		t.Errorf("subject (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"tailsbuild.recipe": "mqtt", "tailsbuild.arch": "x86_64"}, m.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	var got []string
	for _, d := range m.Layers {
		got = append(got, strings.TrimSpace(strings.Join([]string{d.MediaType, d.Annotations[ocispec.AnnotationTitle], d.Annotations["tailsbuild.input"]}, " ")))
	}
	const file, input = "application/vnd.tailsbuild.recipe.v1 recipes/", "application/vnd.tailsbuild.input."
	if diff := cmp.Diff([]string{
		file + "base/recipe.hcl", file + "mqtt/files/etc/x", file + "mqtt/recipe.hcl", file + "mqtt/recipe.lock.hcl", file + "tailsbuild.hcl",
		input + "go_module.v1 inputs/go_module/go_m/v2.0.1.tar go_module go_m",
		input + "http.v1 inputs/http/http/get http http",
		input + "rootfs.v1 inputs/rootfs/root/x86_64/root.tar.gz rootfs root x86_64",
		input + "toolchain.v1 inputs/toolchain/tool/x86_64/v0.0.1-go1.26.8.linux-amd64.tar toolchain tool x86_64",
	}, got); diff != "" {
		t.Errorf("layers (-want +got):\n%s", diff)
	}
	for i, in := range s.Inputs {
		if d := m.Layers[5+i]; d.Digest.Encoded() != in.SHA256 || d.Size != in.Size {
			t.Errorf("%s: %+v", in, d)
		}
	}
}

// TestSealedIsDeterministic: who has the same lock writes the same bytes, also
// where the lock doesn't record the image yet.
func TestSealedIsDeterministic(t *testing.T) {
	s, store := fullSeal(t)
	first := writeSealed(t, s, store, sealedImage, nil)
	recorded, other := fullSeal(t)
	image := lock.Image{Arch: "x86_64", Plan: recorded.Plan.String(), Digest: sealedImage.Digest.String(), Size: sealedImage.Size}
	recorded.Lock.SetImage(image)
	second := writeSealed(t, recorded, other, sealedImage, nil)
	if len(s.Lock.Images) != 0 {
		t.Error("writing changed the lock")
	}
	for _, name := range []string{"index.json", "oci-layout"} {
		a, b := must[[]byte](t)(os.ReadFile(filepath.Join(first, name))), must[[]byte](t)(os.ReadFile(filepath.Join(second, name)))
		if string(a) != string(b) {
			t.Errorf("%s differs:\n%s\n%s", name, a, b)
		}
	}
	if a, b := blobs(t, first), blobs(t, second); !slices.Equal(a, b) || len(a) != 11 {
		t.Errorf("blobs differ:\n%q\n%q", a, b)
	}
	// A lock that records the image without its size is sealed as it is.
	image.Size = 0
	recorded.Lock.SetImage(image)
	old := must[*Sealed](t)(OpenSealed(writeSealed(t, recorded, other, sealedImage, nil)))
	a := must[*Artifact](t)(old.Artifact(s.Recipe, s.Arch))
	if im, _ := must[*lock.File](t)(a.Lock()).Image("x86_64"); im != image {
		t.Errorf("sealed with %+v, want %+v", im, image)
	}
}

// blobs returns the names of the layout's blobs.
func blobs(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	for _, e := range must[[]os.DirEntry](t)(os.ReadDir(filepath.Join(dir, "blobs/sha256"))) {
		names = append(names, e.Name())
	}
	return names
}

// TestSealedIsEnough: an empty store is filled, and neither a mirror nor the go
// command is asked.
func TestSealedIsEnough(t *testing.T) {
	s, store := fullSeal(t)
	dir := writeSealed(t, s, store, sealedImage, nil)
	var asked atomic.Int32
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { asked.Add(1); w.WriteHeader(404) })
	fresh := newFetcher(t)
	fresh.Sealed = openSealed(t, dir)
	fresh.Mirrors = []Mirror{{Upstream: "https://example.org", Locations: []string{url}}}
	fresh.Extra, fresh.Go = []string{url}, "/nowhere/go"
	for range 2 { // the second time, the store has everything
		check(t, fresh.Fetch(t.Context(), s.Inputs))
		for _, content := range kinds {
			wantStored(t, fresh, []byte(content))
		}
	}
	_, err := fresh.Resolve(t.Context(), s.Inputs[0])
	wantError[*SealedError](t, err)
	other := s.Inputs[0]
	other.SHA256 = sumOf([]byte("other"))
	e := wantError[*SealedError](t, fresh.Fetch(t.Context(), []lock.Input{other}))
	if !errors.Is(e, ErrMissing) || !strings.Contains(e.Error(), "inputs/go_module/go_m/v2.0.1.tar (sha256:"+other.SHA256) {
		t.Errorf("got %v", e)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("a mirror was asked %d times", n)
	}
}

// TestSealedFiles: what is extracted is what was sealed, and the lock with it.
func TestSealedFiles(t *testing.T) {
	s, store := fullSeal(t)
	sealed := openSealed(t, writeSealed(t, s, store, sealedImage, nil))
	if got := sealed.Recipes("x86_64"); !slices.Equal(got, []string{"mqtt"}) || sealed.Recipes("aarch64") != nil {
		t.Errorf("recipes %q", got)
	}
	a := must[*Artifact](t)(sealed.Artifact("mqtt", "x86_64"))
	check(t, a.Check(s))
	check(t, a.Verify(t.Context()))
	dir := t.TempDir()
	check(t, a.Extract(dir))
	for name, want := range s.Files {
		if got := must[[]byte](t)(os.ReadFile(filepath.Join(dir, name))); string(got) != string(want) {
			t.Errorf("%s is %q", name, got)
		}
	}
	lk := must[*lock.File](t)(a.Lock())
	if im, _ := lk.Image("x86_64"); lk.Digest() != s.Lock.Digest() || im.Digest != sealedImage.Digest.String() || im.Plan != s.Plan.String() {
		t.Errorf("lock %s with %+v", lk.Digest(), im)
	}
	for _, name := range [][2]string{{"mqtt", "aarch64"}, {"other", "x86_64"}} {
		_, err := sealed.Artifact(name[0], name[1])
		if e := wantError[*SealedError](t, err); !strings.Contains(e.Error(), "0 sealed inputs of recipe") {
			t.Errorf("%v", e)
		}
	}
}

// TestSealedRefuses changes one thing at a time: nothing is used, the error names
// it, and the store has nothing that is wrong.
func TestSealedRefuses(t *testing.T) {
	file := func(dir string, content string) string {
		return filepath.Join(dir, "blobs/sha256", sumOf([]byte(content)))
	}
	title := func(m *ocispec.Manifest, i int, name string) {
		m.Layers[i].Annotations = map[string]string{ocispec.AnnotationTitle: name}
	}
	for name, test := range map[string]struct {
		want   string // a part of the error
		change func(*oci.Writer, *ocispec.Manifest)
		damage func(dir string) error
	}{
		"input missing": {want: "inputs/http/http/get (sha256:" + sumOf([]byte("archive")) + "): it is missing", damage: func(dir string) error {
			return os.Remove(file(dir, "archive"))
		}},
		"input changed": {want: "inputs/toolchain/tool/x86_64/v0.0.1-go1.26.8.linux-amd64.tar (sha256:", damage: func(dir string) error {
			return os.WriteFile(file(dir, "compiler"), []byte("campiler"), 0o644)
		}},
		"input longer": {want: "expected 8 bytes, got 9", damage: func(dir string) error {
			return os.WriteFile(file(dir, "compiler"), []byte("compiler."), 0o644)
		}},
		"input shorter": {want: "expected 8 bytes, got 7", damage: func(dir string) error {
			return os.WriteFile(file(dir, "compiler"), []byte("compile"), 0o644)
		}},
		"input is a folder": {want: "not a regular file", damage: func(dir string) error {
			return errors.Join(os.Remove(file(dir, "compiler")), os.Mkdir(file(dir, "compiler"), 0o755))
		}},
		"blob added": {want: "blobs/sha256/" + sumOf([]byte("other")) + ": no manifest names it", damage: func(dir string) error {
			return os.WriteFile(file(dir, "other"), []byte("other"), 0o644)
		}},
		"recipe changed": {want: "recipes/mqtt/recipe.hcl (sha256:", damage: func(dir string) error {
			return os.WriteFile(file(dir, "service\n"), []byte("servixe\n"), 0o644)
		}},
		"recipe missing": {want: "recipes/mqtt/recipe.hcl (sha256:", damage: func(dir string) error {
			return os.Remove(file(dir, "service\n"))
		}},
		"layer of an input missing": {want: "inputs/http/http/get (sha256:" + sumOf([]byte("archive")) + "): it is missing", change: func(_ *oci.Writer, m *ocispec.Manifest) {
			m.Layers = slices.Delete(m.Layers, 6, 7)
		}},
		"layer of another input": {want: "inputs/http/http/get (sha256:" + sumOf([]byte("archive")) + "): it is another file, sha256:" + sumOf([]byte("other")), change: func(w *oci.Writer, m *ocispec.Manifest) {
			d, _ := w.AddBytes("x", []byte("other"))
			m.Layers[6].Digest, m.Layers[6].Size = d.Digest, d.Size
		}},
		"layer added": {want: "inputs/http/more/x (sha256:" + sumOf([]byte("other")) + "): it does not belong there", change: func(w *oci.Writer, m *ocispec.Manifest) {
			d, _ := w.AddBytes("application/vnd.tailsbuild.input.http.v1", []byte("other"))
			d.Annotations = map[string]string{ocispec.AnnotationTitle: "inputs/http/more/x"}
			m.Layers = append(m.Layers, d)
		}},
		"layer twice": {want: "it does not belong there", change: func(_ *oci.Writer, m *ocispec.Manifest) {
			m.Layers = append(m.Layers, m.Layers[6])
		}},
		"file added": {want: "recipes/mqtt/more (sha256:" + sumOf([]byte("other")) + "): it does not belong there", change: func(w *oci.Writer, m *ocispec.Manifest) {
			d, _ := w.AddBytes(sealedFile, []byte("other"))
			d.Annotations = map[string]string{ocispec.AnnotationTitle: "recipes/mqtt/more"}
			m.Layers = append(m.Layers, d)
		}},
		"file twice": {want: "there twice", change: func(_ *oci.Writer, m *ocispec.Manifest) {
			m.Layers = append(m.Layers, m.Layers[0])
		}},
		"lock missing": {want: "recipes/mqtt/recipe.lock.hcl (sha256:", change: func(_ *oci.Writer, m *ocispec.Manifest) {
			m.Layers = slices.Delete(m.Layers, 3, 4)
		}},
		"order":               {want: "it is not what is written for these inputs", change: func(_ *oci.Writer, m *ocispec.Manifest) { slices.Reverse(m.Layers) }},
		"annotation":          {want: "it is not what is written for these inputs", change: func(_ *oci.Writer, m *ocispec.Manifest) { m.Annotations["created"] = "now" }},
		"path above":          {want: "not a path of a recipe's file", change: func(_ *oci.Writer, m *ocispec.Manifest) { title(m, 0, "recipes/../x") }},
		"absolute path":       {want: "not a path of a recipe's file", change: func(_ *oci.Writer, m *ocispec.Manifest) { title(m, 0, "recipes//etc/x") }},
		"path elsewhere":      {want: "not a path of a recipe's file", change: func(_ *oci.Writer, m *ocispec.Manifest) { title(m, 0, "inputs/x") }},
		"path through a file": {want: "recipes/base/recipe.hcl", change: func(_ *oci.Writer, m *ocispec.Manifest) { title(m, 1, "recipes/base/recipe.hcl/x") }},
		"other recipe":        {want: "there are those of other", change: func(_ *oci.Writer, m *ocispec.Manifest) { m.Annotations[annotationRecipe] = "other" }},
		"not of this type":    {want: "it has no sealed inputs", change: func(_ *oci.Writer, m *ocispec.Manifest) { m.ArtifactType = "application/x" }},
		"image not recorded":  {want: "recipes/mqtt/recipe.lock.hcl", change: func(_ *oci.Writer, m *ocispec.Manifest) { m.Subject.Digest = digest.FromString("other") }},
	} {
		t.Run(name, func(t *testing.T) {
			s, full := fullSeal(t)
			dir := writeSealed(t, s, full, sealedImage, test.change)
			if test.damage != nil {
				check(t, test.damage(dir))
			}
			empty := newFetcher(t).Store
			for _, store := range []*Store{empty, full} { // a full store hides nothing
				e := wantError[*SealedError](t, use(t, dir, s, store))
				if e.Dir != dir || !strings.Contains(e.Error(), test.want) {
					t.Errorf("got %v, want %q in it", e, test.want)
				}
				wantHonest(t, store)
			}
		})
	}
}

// wantHonest checks that the store has nothing under a wrong name, nor half-done.
func wantHonest(t *testing.T, s *Store) {
	t.Helper()
	wantClean(t, &Fetcher{Store: s})
	for _, e := range must[[]os.DirEntry](t)(os.ReadDir(filepath.Join(s.dir, "sha256"))) {
		if got := sumOf(must[[]byte](t)(os.ReadFile(s.Path(e.Name())))); got != e.Name() {
			t.Errorf("the store has %s under the name of %s", got, e.Name())
		}
	}
}

// TestSealedLayouts: several recipes in one layout share what is the same; two of
// one recipe, or none, are refused, and so is an artifact beside a foreign image.
func TestSealedLayouts(t *testing.T) {
	s, store := fullSeal(t)
	other, _ := fullSeal(t)
	other.Recipe = "other"
	lk := *s.Lock
	lk.Recipe = "other"
	other.Lock = &lk
	dir := filepath.Join(t.TempDir(), "sealed")
	w := must[*oci.Writer](t)(oci.Create(dir))
	first := must[ocispec.Descriptor](t)(s.Write(t.Context(), w, store, nil))
	second := must[ocispec.Descriptor](t)(other.Write(t.Context(), w, store, nil))
	check(t, w.Commit([]ocispec.Descriptor{first, second}))
	// 4 inputs, 4 files, 2 locks, 2 manifests, the empty config.
	if n := len(blobs(t, dir)); n != 13 {
		t.Errorf("%d blobs, want 13", n)
	}
	sealed := openSealed(t, dir)
	if got := sealed.Recipes("x86_64"); !slices.Equal(got, []string{"mqtt", "other"}) {
		t.Errorf("recipes %q", got)
	}
	a := must[*Artifact](t)(sealed.Artifact("other", "x86_64"))
	check(t, a.Check(other))
	if a.Image != nil {
		t.Errorf("subject %+v", a.Image)
	}
	wantError[*SealedError](t, a.Check(s))

	w = must[*oci.Writer](t)(oci.Create(dir))
	first = must[ocispec.Descriptor](t)(s.Write(t.Context(), w, store, nil))
	second = must[ocispec.Descriptor](t)(s.Write(t.Context(), w, store, sealedImage))
	check(t, w.Commit([]ocispec.Descriptor{first, second}))
	if e := wantError[*SealedError](t, use(t, dir, s, store)); !strings.Contains(e.Error(), `2 sealed inputs of recipe "mqtt"`) {
		t.Errorf("%v", e)
	}

	w = must[*oci.Writer](t)(oci.Create(dir))
	first = must[ocispec.Descriptor](t)(s.Write(t.Context(), w, store, sealedImage))
	foreign := must[ocispec.Descriptor](t)(w.AddBytes(ocispec.MediaTypeImageManifest, must[[]byte](t)(json.Marshal(ocispec.Manifest{
		Versioned: must[*ocispec.Manifest](t)(func() (*ocispec.Manifest, error) { m, _, err := s.manifest(nil); return m, err }()).Versioned,
		Config:    ocispec.Descriptor{MediaType: ocispec.MediaTypeEmptyJSON, Digest: ocispec.DescriptorEmptyJSON.Digest, Size: 2},
		Layers:    []ocispec.Descriptor{},
	}))))
	check(t, w.Commit([]ocispec.Descriptor{foreign, first}))
	if e := wantError[*SealedError](t, use(t, dir, s, store)); !strings.Contains(e.Error(), "its subject is not the image beside it") {
		t.Errorf("%v", e)
	}
	_, err := OpenSealed(t.TempDir())
	wantError[*SealedError](t, err)
}

// TestSealDamagedStore: a store that was changed is not sealed.
func TestSealDamagedStore(t *testing.T) {
	s, store := fullSeal(t)
	path := store.Path(s.Inputs[2].SHA256)
	check(t, os.Remove(path))
	check(t, os.WriteFile(path, []byte("r00t file system"), 0o644))
	dir := filepath.Join(t.TempDir(), "sealed")
	w := must[*oci.Writer](t)(oci.Create(dir))
	_, err := s.Write(context.Background(), w, store, nil)
	wantError[*oci.DigestError](t, err)
	if !strings.Contains(err.Error(), s.Inputs[2].String()) {
		t.Errorf("%v does not name the input", err)
	}
	check(t, w.Abort())
}

// FuzzSealedManifest: a manifest from anywhere is refused or read, within limits.
func FuzzSealedManifest(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"artifactType":"application/vnd.tailsbuild.inputs.v1","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[{"mediaType":"application/vnd.tailsbuild.recipe.v1","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2,"annotations":{"org.opencontainers.image.title":"recipes/a/b"}}],"annotations":{"tailsbuild.recipe":"mqtt","tailsbuild.arch":"x86_64"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		dir := t.TempDir()
		layout, out := filepath.Join(dir, "layout"), filepath.Join(dir, "out")
		check(t, os.MkdirAll(filepath.Join(layout, "blobs/sha256"), 0o755))
		check(t, os.Mkdir(out, 0o755))
		check(t, os.WriteFile(filepath.Join(layout, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644))
		for _, b := range [][]byte{raw, []byte("{}")} {
			check(t, os.WriteFile(filepath.Join(layout, "blobs/sha256", sumOf(b)), b, 0o644))
		}
		index := must[[]byte](t)(json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []ocispec.Descriptor{{
			MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw)),
		}}}))
		check(t, os.WriteFile(filepath.Join(layout, "index.json"), index, 0o644))
		s, err := OpenSealed(layout)
		if err != nil {
			wantError[*SealedError](t, err)
			return
		}
		defer s.Close()
		a, err := s.Artifact("mqtt", "x86_64")
		if err == nil {
			err = a.Extract(out)
		}
		if err != nil {
			wantError[*SealedError](t, err)
		}
		for _, e := range must[[]os.DirEntry](t)(os.ReadDir(dir)) {
			if e.Name() != "layout" && e.Name() != "out" {
				t.Errorf("%s was made outside the folder", e.Name())
			}
		}
	})
}

// TestBlind: sealed inputs that say which image comes out, and how, are the same as
// those that don't, but for that.
func TestBlind(t *testing.T) {
	s, store := fullSeal(t)
	blind := func(s *Seal, image *ocispec.Descriptor) (*Artifact, ocispec.Descriptor) {
		t.Helper()
		a := must[*Artifact](t)(openSealed(t, writeSealed(t, s, store, image, nil)).Artifact("mqtt", "x86_64"))
		return a, must[ocispec.Descriptor](t)(a.Blind())
	}
	a, want := blind(s.Blind(), nil)
	if a.Digest != want.Digest || want.Size != int64(len(a.raw)) || want.MediaType != ocispec.MediaTypeImageManifest {
		t.Errorf("those that are blind are %s, not %+v", a.Digest, want)
	}
	recorded := *s
	locked := *s.Lock
	locked.SetImage(lock.Image{Arch: "aarch64", Plan: s.Plan.String(), Digest: sealedImage.Digest.String()})
	recorded.Lock = &locked
	for name, test := range map[string]struct {
		seal  *Seal
		image *ocispec.Descriptor
	}{
		"of an image":           {s, sealedImage},
		"with a recorded image": {&recorded, nil},
		"with both":             {&recorded, sealedImage},
	} {
		a, got := blind(test.seal, test.image)
		if a.Digest == want.Digest || got.Digest != want.Digest || got.Size != want.Size {
			t.Errorf("%s: %s, blind %+v, want %+v", name, a.Digest, got, want)
		}
	}
	other := *s
	other.Files = maps.Clone(s.Files)
	other.Files["mqtt/files/etc/x"] = []byte("y\n")
	if _, got := blind(&other, sealedImage); got.Digest == want.Digest {
		t.Error("other inputs are the same")
	}
	if len(s.Blind().Lock.Images) > 0 || len(recorded.Lock.Images) != 1 {
		t.Error("blinding changes the lock that it is of")
	}
}
