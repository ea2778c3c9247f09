package engine

import (
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// A ReferenceError reports what engines and tailsbuild could understand in
// different ways.
type ReferenceError struct{ Reference string }

func (e *ReferenceError) Error() string {
	return fmt.Sprintf("%q is not HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST", e.Reference)
}

// A reference is an image's full name.
type reference struct {
	name   string // registry and repository
	tag    string // "" for none
	digest digest.Digest
}

// The registry is one by its form alone, as engines see it: it has a dot or a
// port, or is localhost. So nobody completes the name by another one's.
var (
	hostName   = lazyregexp.New(`^(localhost|[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+|(localhost|[a-z0-9]([a-z0-9.-]*[a-z0-9])?):[0-9]{1,5})$`)
	repository = lazyregexp.New(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagName    = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
)

// maxReference bounds a name, as registries do.
const maxReference = 255

func parse(s string) (reference, error) {
	wrong := &ReferenceError{s}
	name, sum, hasDigest := strings.Cut(s, "@")
	r := reference{name: name, digest: digest.Digest(sum)}
	if hasDigest && (r.digest.Validate() != nil || r.digest.Algorithm() != digest.SHA256) {
		return reference{}, wrong
	}
	if i := strings.LastIndex(name, ":"); i > strings.LastIndex(name, "/") {
		r.name, r.tag = name[:i], name[i+1:]
		if !tagName.MatchString(r.tag) {
			return reference{}, wrong
		}
	}
	host, path, _ := strings.Cut(r.name, "/")
	if len(r.name) > maxReference || !hostName.MatchString(host) || !repository.MatchString(path) || r.tag == "" && !hasDigest {
		return reference{}, wrong
	}
	return r, nil
}
