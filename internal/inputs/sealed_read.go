package inputs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// Limits on the files of recipes in sealed inputs, in bytes.
const (
	maxSealedFile  = 16 << 20
	maxSealedFiles = 128 << 20 // all of one recipe's closure
)

// Sealed is an OCI layout with sealed inputs: those of one or more recipes alone,
// or a release that has its own.
type Sealed struct {
	dir       string
	layout    *oci.Layout
	artifacts []*Artifact
}

// OpenSealed opens the layout in the folder dir and reads the manifests of the
// sealed inputs in it. What the manifests name is not read yet.
//
// It returns a *[SealedError] when dir is no such layout, has no sealed inputs, or
// has some that refer to another image than the one beside them.
func OpenSealed(dir string) (*Sealed, error) {
	return openWanted(dir, func(ocispec.Descriptor) bool { return true })
}

// OpenSealedManifest is [OpenSealed] of one manifest with sealed inputs, and the
// image, whatever else the layout has.
func OpenSealedManifest(dir string, manifest digest.Digest) (*Sealed, error) {
	return openWanted(dir, func(desc ocispec.Descriptor) bool { return desc.Digest == manifest })
}

// openWanted opens the layout in dir, with the sealed inputs that wanted names.
func openWanted(dir string, wanted func(ocispec.Descriptor) bool) (*Sealed, error) {
	layout, err := oci.OpenLayout(dir)
	if err != nil {
		return nil, &SealedError{Dir: dir, Err: err}
	}
	s := &Sealed{dir: dir, layout: layout}
	if err := s.read(wanted); err != nil {
		layout.Close()
		return nil, err
	}
	return s, nil
}

// Dir returns the layout's folder, as it was given.
func (s *Sealed) Dir() string { return s.dir }

// Close releases the layout.
func (s *Sealed) Close() error { return s.layout.Close() }

func (s *Sealed) read(wanted func(ocispec.Descriptor) bool) error {
	index, err := s.layout.Images()
	if err != nil {
		return &SealedError{Dir: s.dir, Err: err}
	}
	images := map[digest.Digest]int64{} // sizes
	for _, desc := range index {
		if desc.MediaType == ocispec.MediaTypeImageIndex {
			nested, _, err := s.layout.ReadIndex(desc)
			if err != nil {
				return &SealedError{Dir: s.dir, Blob: "index " + desc.Digest.String(), Err: err}
			}
			for _, image := range nested.Manifests {
				images[image.Digest] = image.Size
			}
			continue
		}
		m, raw, err := s.layout.ReadManifest(desc)
		if err != nil {
			return &SealedError{Dir: s.dir, Blob: "manifest " + desc.Digest.String(), Err: err}
		}
		if m.ArtifactType == SealedType && wanted(desc) {
			s.artifacts = append(s.artifacts, newArtifact(s.dir, s.layout, desc.Digest, m, raw))
		} else if oci.IsImage(m) {
			images[desc.Digest] = desc.Size
		}
	}
	if len(s.artifacts) == 0 {
		return &SealedError{Dir: s.dir, Err: ErrNotSealed}
	}
	for _, a := range s.artifacts {
		if len(images) == 0 {
			continue
		}
		if size, ok := images[subjectOf(a)]; !ok || size != a.Image.Size {
			return &SealedError{Dir: s.dir, Blob: "manifest " + a.Digest.String(), Err: errors.New("its subject is not the image beside it")}
		}
	}
	return nil
}

// subjectOf returns the digest of the image that a is about, "" if it is about none.
func subjectOf(a *Artifact) digest.Digest {
	if a.Image == nil {
		return ""
	}
	return a.Image.Digest
}

// Recipes returns the names of the recipes whose inputs for arch are sealed,
// sorted.
func (s *Sealed) Recipes(arch string) []string {
	var names []string
	for _, a := range s.artifacts {
		if a.Arch == arch {
			names = append(names, a.Recipe)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Archs returns the architectures for which the inputs of a recipe are sealed, sorted.
func (s *Sealed) Archs(recipe string) []string {
	var archs []string
	for _, a := range s.artifacts {
		if a.Recipe == recipe {
			archs = append(archs, a.Arch)
		}
	}
	slices.Sort(archs)
	return slices.Compact(archs)
}

// Artifact returns the sealed inputs of a recipe for arch. It is a *[SealedError]
// when there are none, or two.
func (s *Sealed) Artifact(recipe, arch string) (*Artifact, error) {
	var found []*Artifact
	for _, a := range s.artifacts {
		if a.Recipe == recipe && a.Arch == arch {
			found = append(found, a)
		}
	}
	if len(found) != 1 {
		return nil, &SealedError{Dir: s.dir, Err: fmt.Errorf("%d sealed inputs of recipe %q for %s, want one; there are those of %s",
			len(found), recipe, arch, strings.Join(s.Recipes(arch), ", "))}
	}
	return found[0], nil
}

// An Artifact is the manifest of one recipe's sealed inputs. It is only what it
// says until Check has compared it with what it should be.
type Artifact struct {
	Recipe, Arch string
	Digest       digest.Digest
	// Image is the subject, nil if there is none.
	Image *ocispec.Descriptor

	dir      string
	layout   *oci.Layout
	manifest *ocispec.Manifest
	raw      []byte
}

// ReadArtifact reads the manifest of sealed inputs that desc names. dir is what
// errors call the layout.
func ReadArtifact(dir string, layout *oci.Layout, desc ocispec.Descriptor) (*Artifact, error) {
	m, raw, err := layout.ReadManifest(desc)
	if err != nil {
		return nil, err
	}
	if m.ArtifactType != SealedType {
		return nil, &SealedError{Dir: dir, Blob: "manifest " + desc.Digest.String(), Err: ErrNotSealed}
	}
	return newArtifact(dir, layout, desc.Digest, m, raw), nil
}

func newArtifact(dir string, layout *oci.Layout, sum digest.Digest, m *ocispec.Manifest, raw []byte) *Artifact {
	return &Artifact{
		Recipe: m.Annotations[annotationRecipe], Arch: m.Annotations[annotationArch], Digest: sum, Image: m.Subject,
		dir: dir, layout: layout, manifest: m, raw: raw,
	}
}

// Layers returns the descriptors of the recipes' files, by their path below the
// folder of recipes, and of the inputs.
func (a *Artifact) Layers() (files map[string]ocispec.Descriptor, inputs []ocispec.Descriptor, err error) {
	files = map[string]ocispec.Descriptor{}
	for _, desc := range a.manifest.Layers {
		if desc.MediaType != sealedFile {
			inputs = append(inputs, desc)
			continue
		}
		title := desc.Annotations[ocispec.AnnotationTitle]
		name, ok := strings.CutPrefix(title, recipesFolder+"/")
		if !ok || !fs.ValidPath(name) || strings.ContainsAny(name, "\\\x00") {
			return nil, nil, a.wrong(desc, errors.New("not a path of a recipe's file"))
		}
		if _, again := files[name]; again {
			return nil, nil, a.wrong(desc, errors.New("there twice"))
		}
		files[name] = desc
	}
	return files, inputs, nil
}

// Lock reads the lock.
func (a *Artifact) Lock() (*lock.File, error) {
	files, _, err := a.Layers()
	if err != nil {
		return nil, err
	}
	name := path.Join(a.Recipe, lock.FileName)
	desc, ok := files[name]
	if !ok {
		return nil, &SealedError{Dir: a.dir, Blob: path.Join(recipesFolder, name), Err: ErrMissing}
	}
	b, err := a.layout.ReadBlob(desc, maxSealedFile)
	if err != nil {
		return nil, a.wrong(desc, err)
	}
	f, diags := lock.Decode(name, b)
	if diags.HasErrors() {
		return nil, a.wrong(desc, diags)
	}
	return f, nil
}

// Extract writes the files of the recipes, which include the lock, below the
// folder dir. Nothing but regular files and folders is made there.
func (a *Artifact) Extract(dir string) error {
	files, _, err := a.Layers()
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	rest := int64(maxSealedFiles)
	for name, desc := range files {
		b, err := a.layout.ReadBlob(desc, min(maxSealedFile, rest))
		if err != nil {
			return a.wrong(desc, err)
		}
		rest -= int64(len(b))
		if err := root.MkdirAll(filepath.Dir(filepath.FromSlash(name)), 0o755); err != nil {
			return a.wrong(desc, err)
		}
		f, err := root.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return a.wrong(desc, err)
		}
		_, err = f.Write(b)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Check compares the manifest with the one that want is sealed in: it has to name
// exactly those files and inputs, be about the image that the lock records if it
// is about one, and be the same in all else. It returns, joined, a *[SealedError]
// for each layer that is missing, too many, or another.
func (a *Artifact) Check(want *Seal) error {
	m, _, err := want.manifest(a.Image)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if bytes.Equal(raw, a.raw) {
		return nil
	}
	var errs []error
	rest := slices.Clone(a.manifest.Layers)
	for _, desc := range m.Layers {
		title := desc.Annotations[ocispec.AnnotationTitle]
		i := slices.IndexFunc(rest, func(d ocispec.Descriptor) bool { return d.Annotations[ocispec.AnnotationTitle] == title })
		if i < 0 {
			errs = append(errs, a.wrong(desc, ErrMissing))
			continue
		}
		if got := rest[i]; got.Digest != desc.Digest || got.Size != desc.Size {
			errs = append(errs, a.wrong(desc, fmt.Errorf("it is another file, %s", got.Digest)))
		}
		rest = slices.Delete(rest, i, i+1)
	}
	for _, desc := range rest {
		errs = append(errs, a.wrong(desc, ErrAdded))
	}
	if len(errs) == 0 {
		errs = append(errs, &SealedError{Dir: a.dir, Blob: "manifest " + a.Digest.String(), Err: errors.New("it is not what is written for these inputs")})
	}
	return errors.Join(errs...)
}

// Verify reads every blob that the manifest names to its end.
func (a *Artifact) Verify(ctx context.Context) error {
	for _, desc := range append([]ocispec.Descriptor{a.manifest.Config}, a.manifest.Layers...) {
		if err := a.verify(ctx, desc); err != nil {
			return a.wrong(desc, err)
		}
	}
	return nil
}

func (a *Artifact) verify(ctx context.Context, desc ocispec.Descriptor) error {
	blob, err := a.layout.Blob(desc)
	if err != nil {
		return err
	}
	defer blob.Close()
	_, err = io.Copy(io.Discard, &contextReader{ctx, blob})
	return err
}

func (a *Artifact) wrong(desc ocispec.Descriptor, err error) error {
	return &SealedError{Dir: a.dir, Blob: blobName(desc), Err: err}
}

// blobName says which blob desc means.
func blobName(desc ocispec.Descriptor) string {
	if title := desc.Annotations[ocispec.AnnotationTitle]; title != "" {
		return fmt.Sprintf("%s (%s)", title, desc.Digest)
	}
	return desc.Digest.String()
}

// What can be wrong with sealed inputs.
var (
	ErrNotSealed = errors.New("it has no sealed inputs")
	ErrMissing   = errors.New("it is missing")
	ErrAdded     = errors.New("it does not belong there")
)

// A SealedError reports sealed inputs that are not what they have to be. Nothing
// of them was used.
type SealedError struct {
	// Dir is the layout.
	Dir string
	// Blob is the path and digest of what is wrong, "" when it is the whole.
	Blob string
	Err  error
}

func (e *SealedError) Error() string {
	if e.Blob == "" {
		return fmt.Sprintf("sealed inputs %s: %v", e.Dir, e.Err)
	}
	return fmt.Sprintf("sealed inputs %s: %s: %v", e.Dir, e.Blob, e.Err)
}

func (e *SealedError) Unwrap() error { return e.Err }

// unseal brings an input into the store from the sealed inputs, the only place
// that is asked. They are read even when the store has the input: a build from
// sealed inputs proves that they are whole. The caller holds the input's lock.
func (f *Fetcher) unseal(ctx context.Context, in lock.Input, have bool, t *transfer) error {
	desc := inputLayer(in)
	t.from(f.Sealed.dir, 0)
	err := f.copySealed(ctx, in, desc, have, t)
	var local *StoreError
	if err == nil || ctx.Err() != nil || errors.As(err, &local) {
		return err
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrMissing
	}
	return &SealedError{Dir: f.Sealed.dir, Blob: blobName(desc), Err: err}
}

func (f *Fetcher) copySealed(ctx context.Context, in lock.Input, desc ocispec.Descriptor, have bool, t *transfer) error {
	blob, err := f.Sealed.layout.Blob(desc)
	if err != nil {
		return err
	}
	defer blob.Close()
	if have {
		_, err := io.Copy(t, &contextReader{ctx, blob})
		return err
	}
	file, err := f.Store.temp()
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	// Past its size or with another digest, the blob's reader ends in an error.
	if _, err := copyBytes(file, &contextReader{ctx, blob}, in.Size, t); err != nil {
		return err
	}
	return f.Store.put(file, in.SHA256)
}
