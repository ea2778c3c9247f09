package evidence

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// A Resource is an image by the name that its release has and not by where it is,
// so that what is said about it holds for every copy.
type Resource struct {
	// Name is the recipe's, Tag VERSION-rN.
	Name, Tag string
	// Image is the digest of the image's manifest, sha256.
	Image digest.Digest
}

// As registries take them, which is how releases are called.
var (
	resourceName = lazyregexp.New(`^[a-z0-9]+([._-]+[a-z0-9]+)*$`)
	resourceTag  = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
)

// NewResource returns the resource that is called name, NAME:TAG.
func NewResource(name string, image digest.Digest) (Resource, error) {
	r := Resource{Image: image}
	r.Name, r.Tag, _ = strings.Cut(name, ":")
	return r, r.check()
}

func (r Resource) check() error {
	if !resourceName.MatchString(r.Name) || len(r.Name) > 255 || !resourceTag.MatchString(r.Tag) {
		return fmt.Errorf("%q is not called as an image is", r.Name+":"+r.Tag)
	}
	_, err := sha256Digest(string(r.Image))
	return err
}

// String returns the package URL of the image (purl-spec, types/oci), which has one
// form only.
func (r Resource) String() string {
	return fmt.Sprintf("pkg:oci/%s@%s?tag=%s", r.Name, url.QueryEscape(string(r.Image)), url.QueryEscape(r.Tag))
}

// ParseResource reads what [Resource.String] returns, and nothing else.
func ParseResource(s string) (Resource, error) {
	rest, ok := strings.CutPrefix(s, "pkg:oci/")
	name, rest, ok1 := strings.Cut(rest, "@")
	sum, tag, ok2 := strings.Cut(rest, "?tag=")
	image, err := url.QueryUnescape(sum)
	r := Resource{Name: name, Tag: tag, Image: digest.Digest(image)}
	if !ok || !ok1 || !ok2 || err != nil || r.check() != nil || r.String() != s {
		return Resource{}, fmt.Errorf("resourceUri %.500q is no package URL of an image", s)
	}
	return r, nil
}
