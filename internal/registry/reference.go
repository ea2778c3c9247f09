package registry

import (
	"errors"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// scheme may begin a reference, to tell it from a folder.
const scheme = "oci:"

// validRepository is the grammar of <name> (distribution-spec, pulling manifests).
// Names that it doesn't have could become another path.
var validRepository = lazyregexp.New(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)

// A Reference names an image in a registry, by tag or digest.
type Reference struct{ ref name.Reference }

// ParseReference parses HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST, with or
// without "oci:" before it. Where there is a digest, a tag beside it is not looked
// at. Neither the host nor the tag has a default, so that nothing is fetched from
// where nobody said. Errors are *[ReferenceError].
func ParseReference(s string) (Reference, error) {
	if strings.Contains(s, "://") {
		return Reference{}, &ReferenceError{Reference: s, Err: errors.New("it has a scheme; whether HTTPS is used isn't for it to say")}
	}
	ref, err := name.ParseReference(strings.TrimPrefix(s, scheme), name.StrictValidation)
	if err != nil {
		return Reference{}, &ReferenceError{Reference: s, Err: err}
	}
	if !validRepository.MatchString(ref.Context().RepositoryStr()) {
		return Reference{}, &ReferenceError{Reference: s, Err: errors.New("not the name of a repository")}
	}
	if d, ok := ref.(name.Digest); ok {
		if err := digest.Digest(d.DigestStr()).Validate(); err != nil || !strings.HasPrefix(d.DigestStr(), "sha256:") {
			return Reference{}, &ReferenceError{Reference: s, Err: errors.New("not a sha256 digest")}
		}
	}
	return Reference{ref}, nil
}

// LooksLike reports whether s is meant as a reference: it begins with "oci:", or
// with a host that has a dot or a port, or is localhost.
func LooksLike(s string) bool {
	if strings.HasPrefix(s, scheme) {
		return true
	}
	host, _, ok := strings.Cut(s, "/")
	return ok && !strings.HasPrefix(host, ".") && (strings.ContainsAny(host, ".:") || host == "localhost")
}

func (r Reference) String() string { return r.ref.Name() }

// Repository returns HOST/REPOSITORY.
func (r Reference) Repository() string { return r.ref.Context().Name() }

// Host returns the registry's host, with its port if it has one.
func (r Reference) Host() string { return r.ref.Context().RegistryStr() }

// Path returns the repository's name in the registry.
func (r Reference) Path() string { return r.ref.Context().RepositoryStr() }

// Name returns the last part of the repository's name, and the tag, as name:tag. It
// is "" for a reference by digest.
func (r Reference) Name() string {
	if r.Tag() == "" {
		return ""
	}
	return path.Base(r.Path()) + ":" + r.Tag()
}

// Tag returns the tag, "" for a reference by digest.
func (r Reference) Tag() string {
	if t, ok := r.ref.(name.Tag); ok {
		return t.TagStr()
	}
	return ""
}

// Digest returns the digest, "" for a reference by tag.
func (r Reference) Digest() digest.Digest {
	if d, ok := r.ref.(name.Digest); ok {
		return digest.Digest(d.DigestStr())
	}
	return ""
}

// WithDigest returns the reference to d in the same repository.
func (r Reference) WithDigest(d digest.Digest) Reference {
	return Reference{r.ref.Context().Digest(d.String())}
}
