package evidence

import (
	"net/url"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// alpine is the namespace of the package URLs of what Alpine has signed.
const alpine = "alpine"

// modulePURL returns the package URL of a Go module (purl-spec, types/golang):
// lower-case, each element and the version escaped. A version of "" is left out.
func modulePURL(path, version string) string {
	parts := strings.Split(strings.ToLower(path), "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return "pkg:golang/" + strings.Join(parts, "/") + purlVersion(version)
}

// apkPURL returns the package URL of an apk package (purl-spec, types/apk). The
// namespace says who published it. A distro of "" is left out.
func apkPURL(namespace, name, version, arch, distro string) string {
	purl := "pkg:apk/" + url.PathEscape(strings.ToLower(namespace)) + "/" + url.PathEscape(strings.ToLower(name)) +
		purlVersion(version) + "?arch=" + url.QueryEscape(arch)
	if distro != "" {
		purl += "&distro=" + url.QueryEscape(distro)
	}
	return purl
}

func purlVersion(version string) string {
	if version == "" {
		return ""
	}
	return "@" + url.QueryEscape(version)
}

// apkVendor returns the namespace of the packages of a locked repository: Alpine's,
// unless the recipe gives the repository a key of its own. Then its name is all that
// is known of who publishes there.
func apkVendor(in []lock.Input, repository, arch string) string {
	for _, i := range in {
		if i.Kind == lock.KindIndex && i.Name == repository && i.Arch == arch && i.KeySHA256 != "" {
			return repository
		}
	}
	return alpine
}
