package policy

import (
	"fmt"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// A NameError reports that Reference names no image.
type NameError struct{ Reference string }

func (e *NameError) Error() string { return fmt.Sprintf("%q names no image", e.Reference) }

var (
	hostName    = lazyregexp.New(`^[a-z0-9]+([.-][a-z0-9-]+)*(:[0-9]{1,5})?$`)
	elementName = lazyregexp.New(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$`)
	tagName     = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
	digestName  = lazyregexp.New(`^sha256:[0-9a-f]{64}$`)
)

// maxName bounds names of images, as registries do.
const maxName = 255

// ImageName returns the name that scopes match, for a reference to an image: host
// and repository, without tag and digest (distribution/reference). The host is in
// lower case and without the port 443, so that nobody gets another scope by
// writing the same place in another way. Nothing is put in front of a name without
// a host: that of a release in a folder is its recipe's.
//
// What names no image gives a *[NameError].
func ImageName(reference string) (string, error) {
	name, digest, hasDigest := strings.Cut(reference, "@")
	if hasDigest && !digestName.MatchString(digest) {
		return "", &NameError{reference}
	}
	last := strings.LastIndex(name, "/")
	if i := strings.LastIndex(name, ":"); i > last {
		if !tagName.MatchString(name[i+1:]) {
			return "", &NameError{reference}
		}
		name = name[:i]
	}
	elements := strings.Split(name, "/")
	if len(elements) > 1 {
		host := strings.TrimSuffix(strings.ToLower(elements[0]), ":443")
		if !hostName.MatchString(host) {
			return "", &NameError{reference}
		}
		elements[0] = host
	}
	for i, element := range elements {
		if (i > 0 || len(elements) == 1) && !elementName.MatchString(element) {
			return "", &NameError{reference}
		}
	}
	name = strings.Join(elements, "/")
	if len(name) > maxName {
		return "", &NameError{reference}
	}
	return name, nil
}
