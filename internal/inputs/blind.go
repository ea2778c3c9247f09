package inputs

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// Blind returns s as it is while nobody has to know which image comes out: its lock
// records none.
func (s *Seal) Blind() *Seal {
	b, locked := *s, *s.Lock
	locked.Images = nil
	b.Lock = &locked
	return &b
}

// Blind returns the descriptor of the manifest that the same inputs have while nobody
// has to know which image comes out, see [Seal.Blind]: it has no subject, and the lock
// in it records no image. It is a's own when a is that.
func (a *Artifact) Blind() (ocispec.Descriptor, error) {
	lk, err := a.Lock()
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	lk.Images = nil
	name, b := path.Join(recipesFolder, a.Recipe, lock.FileName), lk.Encode()
	m := *a.manifest
	m.Subject, m.Layers = nil, slices.Clone(m.Layers)
	for i, desc := range m.Layers {
		if desc.MediaType == sealedFile && desc.Annotations[ocispec.AnnotationTitle] == name {
			m.Layers[i] = layer(sealedFile, digest.FromBytes(b), int64(len(b)), name)
		}
	}
	raw, err := json.Marshal(m)
	return ocispec.Descriptor{MediaType: m.MediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}, err
}

// A NotBlindError reports sealed inputs that say which image comes out of them.
type NotBlindError struct{ Manifest digest.Digest }

func (e *NotBlindError) Error() string {
	return fmt.Sprintf("the sealed inputs %s say which image comes out of them", e.Manifest)
}

// CheckBlind returns the descriptor of a's manifest, or a *[NotBlindError].
func (a *Artifact) CheckBlind() (ocispec.Descriptor, error) {
	blind, err := a.Blind()
	if err == nil && blind.Digest != a.Digest {
		err = &NotBlindError{Manifest: a.Digest}
	}
	return blind, err
}
