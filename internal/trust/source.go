package trust

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
)

// A Source has the files of a published trust root: timestamp.json, N.root.json,
// N.snapshot.json, N.targets.json and N.ROLE.json.
type Source interface {
	// Read returns the content of file, at most limit bytes. It is a
	// *[MissingError] when the source is there and the file isn't, and a
	// *[LimitError] when the file is larger.
	Read(ctx context.Context, file string, limit int64) ([]byte, error)
	// Remote reports whether reading needs a network.
	Remote() bool
	// String says where the files are.
	String() string
}

// IsURL reports whether a location is meant as an address, not a folder.
func IsURL(location string) bool {
	return strings.HasPrefix(location, "https://") || strings.HasPrefix(location, "http://")
}

// At returns the source at a location: a URL, see [HTTP], or a folder with the files
// or an OCI image layout of them.
func At(location string, opts HTTPOptions) (Source, error) {
	if IsURL(location) {
		return HTTP(location, opts)
	}
	if _, err := os.Lstat(filepath.Join(location, ocispec.ImageLayoutFile)); err == nil {
		return Layout(location), nil
	}
	return Folder(location), nil
}

// What a trust root is as an OCI artifact: one manifest, with one layer for each
// file, which has its name as ocispec.AnnotationTitle.
const (
	MetadataMediaType = "application/vnd.tuf.metadata+json"
	ArtifactType      = "application/vnd.tuf.repository.v1"
)

type folder struct{ dir string }

// Folder returns the source of the files in the folder dir.
func Folder(dir string) Source { return folder{dir} }

func (f folder) String() string { return f.dir }
func (f folder) Remote() bool   { return false }

func (f folder) Read(ctx context.Context, file string, limit int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return nil, &SourceError{f.dir, err}
	}
	defer root.Close()
	b, err := readFile(root, file, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &MissingError{File: file, Location: f.dir}
	}
	var tooLarge *LimitError
	if err != nil && !errors.As(err, &tooLarge) {
		return nil, &SourceError{f.dir, err}
	}
	return b, err
}

// readFile reads a regular file below root.
func readFile(root *os.Root, name string, limit int64) ([]byte, error) {
	b, err := regular.ReadIn(root, name, limit)
	var tooLarge *regular.LimitError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &LimitError{What: name, Limit: limit}
	case errors.Is(err, regular.ErrKind):
		return nil, &FormatError{What: name, Problem: regular.ErrKind.Error()}
	}
	return b, err
}

func readLimited(r io.Reader, name string, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, &LimitError{What: name, Limit: limit}
	}
	return b, nil
}

type layoutSource struct{ dir string }

// Layout returns the source of the files in the one trust root that the OCI image
// layout dir has. The layout is read anew for each file; TUF's own checks refuse a
// mixture of two.
func Layout(dir string) Source { return layoutSource{dir} }

func (s layoutSource) String() string { return s.dir }
func (s layoutSource) Remote() bool   { return false }

func (s layoutSource) Read(ctx context.Context, file string, limit int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l, err := oci.OpenLayout(s.dir)
	if err != nil {
		return nil, &SourceError{s.dir, err}
	}
	defer l.Close()
	files, err := artifactFiles(l)
	if err != nil {
		return nil, &SourceError{s.dir, err}
	}
	desc, ok := files[file]
	if !ok {
		return nil, &MissingError{File: file, Location: s.dir}
	}
	if desc.Size > limit {
		return nil, &LimitError{What: file, Limit: limit}
	}
	b, err := l.ReadBlob(desc, limit)
	if err != nil {
		return nil, &SourceError{s.dir, err}
	}
	return b, nil
}

// artifactFiles returns the layers of the one manifest whose artifactType is
// ArtifactType, by title.
func artifactFiles(l *oci.Layout) (map[string]ocispec.Descriptor, error) {
	all, err := l.Images()
	if err != nil {
		return nil, err
	}
	var found *ocispec.Manifest
	for _, desc := range all {
		if desc.MediaType != ocispec.MediaTypeImageManifest {
			continue
		}
		m, _, err := l.ReadManifest(desc)
		if err != nil {
			return nil, err
		}
		if m.ArtifactType != ArtifactType {
			continue
		}
		if found != nil {
			return nil, &FormatError{What: "index.json", Problem: "more than one trust root"}
		}
		found = m
	}
	if found == nil {
		return nil, &FormatError{What: "index.json", Problem: "no trust root"}
	}
	files := make(map[string]ocispec.Descriptor, len(found.Layers))
	for _, layer := range found.Layers {
		title := layer.Annotations[ocispec.AnnotationTitle]
		if layer.MediaType != MetadataMediaType || title == "" {
			continue
		}
		if _, ok := files[title]; ok {
			return nil, &FormatError{What: "trust root", Problem: "has two files of one name"}
		}
		files[title] = layer
	}
	return files, nil
}
