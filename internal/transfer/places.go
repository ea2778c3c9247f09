package transfer

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
)

const (
	// maxPlaces is how many blobs are remembered, the last ones, and maxPerBlob in how
	// many repositories each.
	maxPlaces     = 4096
	maxPerBlob    = 2
	maxPlacesFile = 4 << 20
	// minPlaced is how many bytes a blob has that is worth remembering.
	minPlaced = 64 << 10
)

// Places remembers which repositories have which blobs, so that a registry can take
// a layer that images share from one for another. They are hints: a registry that
// doesn't have a blob there any more, or shows it to somebody else only, is sent it.
type Places struct {
	file string
	mu   sync.Mutex
	all  []place
}

// A place is a blob of a registry, and the repositories that have it.
type place struct {
	Host         string        `json:"host"`
	Digest       digest.Digest `json:"digest"`
	Repositories []string      `json:"repositories"`
}

// OpenPlaces reads the file that remembers places, if it is there and makes sense.
func OpenPlaces(file string) *Places {
	p := &Places{file: file}
	f, err := os.Open(file)
	if err != nil {
		return p
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPlacesFile))
	if err != nil || json.Unmarshal(b, &p.all) != nil {
		p.all = nil
	}
	return p
}

func (p *Places) find(host string, d digest.Digest) []string {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.all {
		if e.Host == host && e.Digest == d {
			return slices.Clone(e.Repositories)
		}
	}
	return nil
}

// add remembers that blobs are in ref's repository.
func (p *Places) add(ref registry.Reference, blobs []ocispec.Descriptor) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, desc := range blobs {
		if desc.Size < minPlaced {
			continue
		}
		e := place{Host: ref.Host(), Digest: desc.Digest, Repositories: []string{ref.Path()}}
		p.all = slices.DeleteFunc(p.all, func(old place) bool {
			if old.Host != e.Host || old.Digest != e.Digest {
				return false
			}
			for _, name := range old.Repositories {
				if name != ref.Path() && len(e.Repositories) < maxPerBlob {
					e.Repositories = append(e.Repositories, name)
				}
			}
			return true
		})
		p.all = append(p.all, e)
	}
	p.all = p.all[max(0, len(p.all)-maxPlaces):]
}

// Save writes the file, in one step.
func (p *Places) Save() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, err := json.Marshal(p.all)
	if err != nil {
		return err
	}
	dir := filepath.Dir(p.file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(p.file)+".")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), p.file); err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(f.Name())))
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// inRepository reports whether reference, as HOST/REPOSITORY with or without a tag
// or digest, is in repository.
func inRepository(reference, repository string) bool {
	rest, ok := strings.CutPrefix(reference, repository)
	return ok && (rest == "" || rest[0] == ':' || rest[0] == '@')
}
