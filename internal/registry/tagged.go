package registry

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// Registries have no way to change a tag only if it is still what was read, so
// writers that add to one overwrite each other. Each reads what is there, adds to
// it, and looks again until what it added has stayed for longer than reading and
// writing takes: a writer that read before ours was there has written by then, and
// one that reads later keeps it. Who sees that others write, too, waits longer: some
// of them may be slower.
const (
	// maxRounds is how often what others overwrote, or a registry lost, is written
	// again.
	maxRounds = 10
	// settleTimes is for how many times as long as reading and writing took, and at
	// least the first pause, what was written has to stay; and busyTimes how many
	// times longer when others write.
	settleTimes = 5
	busyTimes   = 4
	maxBackoff  = 8 * time.Second
)

// An OverwrittenError reports that What was written, and is not there.
type OverwrittenError struct{ What string }

func (e *OverwrittenError) Error() string {
	return e.What + ": written, but not there; somebody else writes at the same time, or the registry loses it"
}

// update writes what add makes of the tag's document, nil when there is none, until
// that is there and stays. add returns nil when nothing is to be added.
func (r *Repository) update(ctx context.Context, tag string, add func(*document) (*document, error)) error {
	u := &tagUpdate{Repository: r, tag: tag, add: add}
	for round := range maxRounds {
		if err := u.write(ctx); err != nil || u.took == 0 {
			return err
		}
		if stayed, err := u.stays(ctx); err != nil || stayed {
			return err
		}
		// Others that lost theirs, too, don't come back at the same moment.
		if err := sleep(ctx, rand.N(min(r.opts.pause<<round, maxBackoff))); err != nil {
			return err
		}
	}
	return &OverwrittenError{What: "tag " + tag}
}

// A tagUpdate is one writer of a tag.
type tagUpdate struct {
	*Repository
	tag  string
	add  func(*document) (*document, error)
	took time.Duration // the longest write, 0 before there was one
	busy bool          // others write as well
	last digest.Digest // of the document, "" when there is none
}

// pending returns what is to be written, nil when everything is there.
func (u *tagUpdate) pending(ctx context.Context) (*document, error) {
	was, err := u.lookup(ctx, u.tag)
	if err != nil {
		return nil, err
	}
	now := digest.Digest("")
	if was != nil {
		now = was.desc.Digest
	}
	u.busy = u.busy || u.took > 0 && now != u.last
	u.last = now
	return u.add(was)
}

// write adds what isn't there.
func (u *tagUpdate) write(ctx context.Context) error {
	start := time.Now()
	next, err := u.pending(ctx)
	if err != nil || next == nil {
		return err
	}
	if _, err := u.put(ctx, u.tag, next); err != nil {
		return err
	}
	u.last, u.took = next.desc.Digest, max(u.took, time.Since(start))
	return nil
}

// stays reports whether nothing of what was added is missing for as long as that may
// happen.
func (u *tagUpdate) stays(ctx context.Context) (bool, error) {
	wait := max(u.opts.pause, settleTimes*u.took)
	for n := 0; n < 1 || n < busyTimes && u.busy; n++ {
		if err := sleep(ctx, wait); err != nil {
			return false, err
		}
		if next, err := u.pending(ctx); err != nil || next != nil {
			return false, err
		}
	}
	return true, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// tag adds manifests to the tag that lists what refers to subject (distribution-
// spec, referrers tag schema), and takes nothing from it.
func (r *Repository) tag(ctx context.Context, subject ocispec.Descriptor, manifests []*Manifest) error {
	tag := tagFor(subject.Digest)
	return r.update(ctx, tag, func(was *document) (*document, error) {
		index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
		if was != nil {
			if was.index == nil {
				return nil, &oci.FormatError{What: "tag " + tag, Detail: "not an index"}
			}
			index = *was.index
		}
		left := unlisted(manifests, index.Manifests)
		if len(left) == 0 {
			return nil, nil
		}
		for _, m := range left {
			index.Manifests = append(index.Manifests, m.listed())
		}
		return encode(ocispec.MediaTypeImageIndex, index, len(index.Manifests), oci.MaxManifests, "manifests in "+tag)
	})
}

// listed describes m as a list of referrers does.
func (m *Manifest) listed() ocispec.Descriptor {
	desc := m.Descriptor
	desc.ArtifactType, desc.Annotations = m.Content.ArtifactType, m.Content.Annotations
	if desc.ArtifactType == "" {
		desc.ArtifactType = m.Content.Config.MediaType
	}
	return desc
}

// encode makes a document of v, which has n parts of at most limit.
func encode(mediaType string, v any, n int, limit int64, what string) (*document, error) {
	if int64(n) > limit {
		return nil, &oci.LimitError{What: what, Size: int64(n), Limit: limit}
	}
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if len(body) > maxManifest {
		return nil, &oci.LimitError{What: what, Size: int64(len(body)), Limit: maxManifest}
	}
	return &document{desc: sum(mediaType, body), body: body}, nil
}

// sum describes b.
func sum(mediaType string, b []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
}
