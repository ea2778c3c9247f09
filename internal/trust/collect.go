package trust

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// A File is one of a published trust root.
type File struct {
	Name string // as in a [Source]
	Body []byte
}

// Collect reads all files that a client could ask a source for: every root from the
// first on, then what the newest timestamp names, in an order in which none comes
// before what it relies on.
//
// Files that don't belong together are an error, as for [Open]. Signatures are not
// looked at: who opens the copy verifies them, from a pinned root on.
func Collect(ctx context.Context, source Source) ([]File, error) {
	const timestamp, snapshot = metadata.TIMESTAMP + ".json", metadata.SNAPSHOT + ".json"
	last, err := source.Read(ctx, timestamp, maxTimestamp)
	if err != nil {
		return nil, err
	}
	t, err := decode[metadata.TimestampType](timestamp, last)
	if err != nil {
		return nil, err
	}
	listed, err := named(ctx, source, "timestamp", snapshot, t.Signed.Meta, maxSnapshot)
	if err != nil {
		return nil, err
	}
	s, err := decode[metadata.SnapshotType](listed.Name, listed.Body)
	if err != nil {
		return nil, err
	}
	if err := checkSnapshot(&s.Signed); err != nil {
		return nil, err
	}
	files, err := roots(ctx, source)
	if err != nil {
		return nil, err
	}
	roles := slices.Sorted(maps.Keys(s.Signed.Meta))
	const targets = metadata.TARGETS + ".json"
	roles = append([]string{targets}, slices.DeleteFunc(roles, func(f string) bool { return f == targets })...)
	for _, role := range roles {
		f, err := named(ctx, source, "snapshot", role, s.Signed.Meta, maxTargets)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return append(files, listed, File{timestamp, last}), nil
}

func decode[T metadata.Roles](file string, src []byte) (*metadata.Metadata[T], error) {
	if err := checkJSON(file, src, oci.UnmarshalLongJSON); err != nil {
		return nil, err
	}
	return parse[T](file, src)
}

// roots reads the chain of roots.
func roots(ctx context.Context, source Source) ([]File, error) {
	var files []File
	for version := int64(1); ; version++ {
		if version > maxRootUpdates {
			return nil, &LimitError{What: "roots", Limit: maxRootUpdates}
		}
		b, err := source.Read(ctx, rootFile(version), maxRoot)
		var missing *MissingError
		if errors.As(err, &missing) && version > 1 {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		files = append(files, File{rootFile(version), b})
	}
}

// named reads the file that in's meta names, which has to be exactly that.
func named(ctx context.Context, source Source, in, file string, meta map[string]*metadata.MetaFiles, limit int64) (File, error) {
	m, err := checkMeta(in, file, meta)
	if err != nil {
		return File{}, err
	}
	name := strconv.FormatInt(m.Version, 10) + "." + file
	if m.Length > limit {
		return File{}, &LimitError{What: name, Limit: limit}
	}
	b, err := source.Read(ctx, name, m.Length)
	if err != nil {
		return File{}, err
	}
	want := digest.NewDigestFromBytes(digest.SHA256, m.Hashes["sha256"])
	if got := digest.FromBytes(b); got != want {
		return File{}, &ChangedError{File: name, Want: want, Got: got}
	}
	return File{name, b}, nil
}

// WriteArtifact adds files to a layout as one artifact, which [Layout] reads, and
// returns its descriptor for the index. The same files in the same order always give
// the same bytes.
func WriteArtifact(w *oci.Writer, files []File) (ocispec.Descriptor, error) {
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: ArtifactType,
	}
	for _, f := range files {
		layer, err := w.AddBytes(MetadataMediaType, f.Body)
		if err != nil {
			return ocispec.Descriptor{}, err
		}
		layer.Annotations = map[string]string{ocispec.AnnotationTitle: f.Name}
		m.Layers = append(m.Layers, layer)
	}
	if n := len(m.Layers); n > oci.MaxLayers {
		return ocispec.Descriptor{}, &LimitError{What: "the number of files", Limit: oci.MaxLayers}
	}
	var err error
	if m.Config, err = w.AddBytes(ocispec.MediaTypeEmptyJSON, ocispec.DescriptorEmptyJSON.Data); err != nil {
		return ocispec.Descriptor{}, err
	}
	b, err := json.Marshal(m)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc, err := w.AddBytes(ocispec.MediaTypeImageManifest, b)
	desc.ArtifactType = ArtifactType
	return desc, err
}
