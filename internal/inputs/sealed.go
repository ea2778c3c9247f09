package inputs

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

const (
	// SealedType is the artifactType of sealed inputs.
	SealedType = "application/vnd.tailsbuild.inputs.v1"
	// sealedFile is the media type of what a packager wrote, and of the lock.
	sealedFile = "application/vnd.tailsbuild.recipe.v1"
	// sealedInput and the kind and ".v1" are the media type of an input.
	sealedInput = "application/vnd.tailsbuild.input."
)

// The annotations of sealed inputs: of the manifest, and of each input's layer.
const (
	annotationRecipe = "tailsbuild.recipe"
	annotationArch   = "tailsbuild.arch"
	annotationInput  = "tailsbuild.input"
)

// The folders of the layers' titles, which are paths.
const (
	recipesFolder = "recipes"
	inputsFolder  = "inputs"
)

// A Seal is everything that the image of one recipe is built from, for one
// architecture. Written into an OCI layout it is the sealed inputs: one artifact
// manifest (image-spec v1.1, manifest.md, artifact usage), whose layers are the
// recipes' files and then the files of the inputs, as the store has them. The
// same Seal always gives the same manifest.
type Seal struct {
	Recipe, Arch string
	// Plan is the digest of the plan, under which the lock records an image.
	Plan digest.Digest
	Lock *lock.File
	// Inputs are those that the plan and the recipe's tests read.
	Inputs []lock.Input
	// Files has the recipes of the closure and the files that they take, by their
	// path below the folder of recipes, but not the lock.
	Files map[string][]byte
}

// LockPath returns the path of the recipe's lock below the folder of recipes.
func (s *Seal) LockPath() string { return path.Join(s.Recipe, lock.FileName) }

// Size returns how many bytes the inputs have together.
func (s *Seal) Size() int64 {
	var total int64
	for _, in := range s.Inputs {
		total += in.Size
	}
	return total
}

// Write adds the sealed inputs to w, with the inputs' files from store, and
// returns the descriptor of their manifest for w's index.
//
// The manifest's subject is image, if that is not nil; then the lock in it records
// image, whether s.Lock does already or not.
func (s *Seal) Write(ctx context.Context, w *oci.Writer, store *Store, image *ocispec.Descriptor) (ocispec.Descriptor, error) {
	manifest, blobs, err := s.manifest(image)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	for _, b := range blobs {
		if _, err := w.AddBytes(sealedFile, b); err != nil {
			return ocispec.Descriptor{}, err
		}
	}
	for _, in := range s.Inputs {
		if err := addInput(ctx, w, store, in); err != nil {
			return ocispec.Descriptor{}, fmt.Errorf("%s: %w", in, err)
		}
	}
	if _, err := w.AddBytes(ocispec.MediaTypeEmptyJSON, ocispec.DescriptorEmptyJSON.Data); err != nil {
		return ocispec.Descriptor{}, err
	}
	raw, err := json.Marshal(manifest)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc, err := w.AddBytes(ocispec.MediaTypeImageManifest, raw)
	desc.ArtifactType, desc.Annotations = SealedType, manifest.Annotations
	return desc, err
}

func addInput(ctx context.Context, w *oci.Writer, store *Store, in lock.Input) error {
	file, err := openRegular(store.Path(in.SHA256))
	if err != nil {
		return err
	}
	defer file.Close()
	return w.Add(inputLayer(in), &contextReader{ctx, file})
}

// manifest returns the manifest, and the blobs of it that are not inputs.
func (s *Seal) manifest(image *ocispec.Descriptor) (*ocispec.Manifest, [][]byte, error) {
	m := &ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		ArtifactType: SealedType,
		Config: ocispec.Descriptor{
			MediaType: ocispec.MediaTypeEmptyJSON, Digest: ocispec.DescriptorEmptyJSON.Digest, Size: ocispec.DescriptorEmptyJSON.Size,
		},
		Annotations: map[string]string{annotationRecipe: s.Recipe, annotationArch: s.Arch},
	}
	locked := *s.Lock
	if image != nil {
		m.Subject = &ocispec.Descriptor{MediaType: image.MediaType, Digest: image.Digest, Size: image.Size}
		s.record(&locked, image)
	}
	files := maps.Clone(s.Files)
	if files == nil {
		files = map[string][]byte{}
	}
	files[s.LockPath()] = locked.Encode()
	var blobs [][]byte
	for _, name := range slices.Sorted(maps.Keys(files)) {
		m.Layers = append(m.Layers, layer(sealedFile, digest.FromBytes(files[name]), int64(len(files[name])), path.Join(recipesFolder, name)))
		blobs = append(blobs, files[name])
	}
	for _, in := range s.Inputs {
		m.Layers = append(m.Layers, inputLayer(in))
	}
	if n := len(m.Layers); n > oci.MaxLayers {
		return nil, nil, &LimitError{What: fmt.Sprintf("number of sealed inputs of %s, %d,", s.Recipe, n), Limit: oci.MaxLayers}
	}
	return m, blobs, nil
}

// record has locked record image, as a build that records it would. A lock that
// records it without its size stays as it is: so it was sealed before.
func (s *Seal) record(locked *lock.File, image *ocispec.Descriptor) {
	im := lock.Image{Arch: s.Arch, Plan: s.Plan.String(), Digest: image.Digest.String()}
	if had, ok := locked.Image(s.Arch); ok && had == im {
		return
	}
	im.Size = image.Size
	locked.SetImage(im)
}

func layer(mediaType string, sum digest.Digest, size int64, title string) ocispec.Descriptor {
	return ocispec.Descriptor{
		MediaType: mediaType, Digest: sum, Size: size,
		Annotations: map[string]string{ocispec.AnnotationTitle: title},
	}
}

// inputLayer returns the layer that is the input's file.
func inputLayer(in lock.Input) ocispec.Descriptor {
	id := in.Kind + " " + in.Name
	if in.Arch != "" {
		id += " " + in.Arch
	}
	desc := layer(sealedInput+in.Kind+".v1", digest.NewDigestFromEncoded(digest.SHA256, in.SHA256), in.Size,
		path.Join(inputsFolder, in.Kind, in.Name, in.Arch, fileName(in)))
	desc.Annotations[annotationInput] = id
	return desc
}

var plainName = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9._+~-]*$`)

// fileName returns what to call the file of an input: the last element of its
// URL, or a module's version.
func fileName(in lock.Input) string {
	name := ""
	if in.Module != "" {
		name = in.Version + ".tar"
	} else if u, err := url.Parse(in.URL); err == nil {
		name = path.Base(u.Path)
	}
	if !plainName.MatchString(name) {
		return in.SHA256
	}
	return name
}
