package trustroot

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// A Release is one release of an image as a delegated role lists it.
type Release struct {
	Ref trust.Ref `json:"ref"`
	// Image and Size are those of the image's manifest or index.
	Image digest.Digest `json:"image"`
	Size  int64         `json:"size"`
	trust.Target
}

// newRelease reads a target.
func newRelease(path string, file *metadata.TargetFiles) (*Release, error) {
	ref, err := trust.ParsePath(path)
	if err != nil {
		return nil, err
	}
	if file == nil || file.Custom == nil {
		return nil, fmt.Errorf("%s has no description", path)
	}
	if err := known(file.UnrecognizedFields); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	sum := file.Hashes["sha256"]
	if file.Length < 1 || len(file.Hashes) != 1 || len(sum) != 32 {
		return nil, fmt.Errorf("%s has no length and sha256", path)
	}
	t, err := trust.DecodeTarget(*file.Custom)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Release{Ref: ref, Image: digest.NewDigestFromEncoded(digest.SHA256, sum.String()), Size: file.Length, Target: *t}, nil
}

// target returns r as a target.
func (r *Release) target() (*metadata.TargetFiles, error) {
	if err := r.Ref.Check(); err != nil {
		return nil, err
	}
	if err := r.Image.Validate(); err != nil || r.Image.Algorithm() != digest.SHA256 {
		return nil, fmt.Errorf("%s: %q is no sha256 digest", r.Ref, r.Image)
	}
	b, err := r.Encode()
	if err != nil {
		return nil, err
	}
	file := metadata.TargetFile()
	custom := json.RawMessage(b)
	file.Length, file.Custom = r.Size, &custom
	var sum metadata.HexBytes
	if err := json.Unmarshal([]byte(`"`+r.Image.Encoded()+`"`), &sum); err != nil {
		return nil, err
	}
	file.Hashes = metadata.Hashes{"sha256": sum}
	return file, nil
}

// releases returns those that the delegated role d lists, by name and sequence.
func releases(d *document) []*Release {
	if d == nil {
		return nil
	}
	var all []*Release
	for _, p := range slices.Sorted(maps.Keys(d.targets.Signed.Targets)) {
		r, err := newRelease(p, d.targets.Signed.Targets[p])
		if err != nil {
			continue // check has refused it
		}
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b *Release) int {
		if a.Ref.Name != b.Ref.Name {
			return slices.Compare([]string{a.Ref.Name}, []string{b.Ref.Name})
		}
		return int(max(-1, min(1, a.Sequence-b.Sequence)))
	})
	return all
}

// owner returns the delegation whose patterns fit name, nil if none does. As they
// have no name in common there is only one.
func owner(targets *document, name string) *metadata.DelegatedRole {
	roles := delegations(targets)
	for i, role := range roles {
		if owns(&role, name) {
			return &roles[i]
		}
	}
	return nil
}

func owns(role *metadata.DelegatedRole, name string) bool {
	return slices.ContainsFunc(role.Paths, func(pattern string) bool {
		ok, err := path.Match(pattern, name+"/x")
		return err == nil && ok
	})
}
