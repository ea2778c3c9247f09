package recipe

import (
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

func checkURL(s string) *hclschema.Problem {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "":
		return hclschema.Wrong("Not a URL", hclschema.Quote(s)+` is no address of the web. Write it in full, as in "https://example.org/".`)
	case u.User != nil:
		return hclschema.Wrong("URL has a password", "A recipe is public, and so is every word of it. Remove what stands before the @.")
	}
	return nil
}

// checkInputURL judges a URL that is fetched, or looked up below a mirror's
// folder: its path must not lead out of there.
func checkInputURL(s string) *hclschema.Problem {
	if p := checkURL(s); p != nil {
		return p
	}
	u, err := url.Parse(s)
	if err != nil {
		return hclschema.Wrong("Not a URL", err.Error())
	}
	clean := path.Clean("/"+u.Path) == strings.TrimSuffix("/"+strings.TrimPrefix(u.Path, "/"), "/") || u.Path == "" || u.Path == "/"
	if !clean || u.RawPath != "" || strings.Contains(u.Path, `\`) || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return hclschema.Wrong("URL is not plain", hclschema.Quote(s)+" can't be looked up on a mirror. Write it without a query, a fragment, backslashes, encoded slashes, and elements that are empty, . or ..")
	}
	return nil
}

var scheme = lazyregexp.New(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// checkLocation judges a place of a mirror: a URL or a folder.
func checkLocation(s string) *hclschema.Problem {
	if s == "" {
		return hclschema.Wrong("Location is empty", "Write a folder, or a URL that starts with https://.")
	}
	if scheme.MatchString(s) {
		return checkInputURL(s)
	}
	return nil
}

// checkPath judges a path in the image.
func checkPath(s string) *hclschema.Problem {
	if !strings.HasPrefix(s, "/") || path.Clean(s) != s {
		return hclschema.Wrong("Path is not absolute and clean", fmt.Sprintf("%s must start with / and have no element that is empty, . or .., and no / at its end, so that it names one place.%s", hclschema.Quote(s), instead(s)))
	}
	return nil
}

func instead(s string) string {
	if s == "" {
		return ""
	}
	return " Write " + hclschema.Quote(path.Clean("/"+s)) + "."
}

// checkFilePath judges where a file of the image is.
func checkFilePath(s string) *hclschema.Problem {
	if p := checkPath(s); p != nil {
		return p
	}
	if s == "/" {
		return hclschema.Wrong("Path is a folder", "A file can't be at /. Write where it goes, as in \"/etc/app.conf\".")
	}
	return checkMounted(s)
}

func checkVolumePath(s string) *hclschema.Problem {
	if p := checkPath(s); p != nil {
		return p
	}
	if s == "/" {
		return hclschema.Wrong("Volume is the whole image", "The root of a service is read-only. Name the folder that it writes to, as in \"/var/lib/app\".")
	}
	return checkMounted(s)
}

// checkMounted refuses what the engine mounts over when the service runs.
func checkMounted(s string) *hclschema.Problem {
	for _, top := range []string{"/dev", "/proc", "/sys"} {
		if s == top || strings.HasPrefix(s, top+"/") {
			return hclschema.Wrong("Path is not part of an image", fmt.Sprintf("%s is below %s, which the kernel provides when the service runs.", hclschema.Quote(s), top))
		}
	}
	return nil
}

// checkRelative judges a file below the recipe's folder.
func checkRelative(s string) *hclschema.Problem {
	if !fs.ValidPath(s) || s == "." || strings.Contains(s, `\`) {
		return hclschema.Wrong("Path leads out of the recipe", hclschema.Quote(s)+` must name a file below the recipe's folder, with no element that is empty, . or .., as in "files/app.conf".`)
	}
	return nil
}

// reservedKeys are set from the recipe's attributes.
var reservedKeys = map[string]string{
	"org.opencontainers.image.created":       "epoch",
	"org.opencontainers.image.title":         "the recipe's name",
	"org.opencontainers.image.version":       "version",
	"org.opencontainers.image.description":   "summary",
	"org.opencontainers.image.url":           "homepage",
	"org.opencontainers.image.documentation": "documentation",
	"org.opencontainers.image.licenses":      "license",
	"org.opencontainers.image.base.name":     "base",
	"org.opencontainers.image.base.digest":   "base",
}

var labelKey = hclschema.Matches(`[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?`, 255, "Key is not allowed",
	`is no key of a label: use letters, digits, dots, slashes, underscores and dashes, as in "org.example.team".`)

func checkLabelKey(s string) *hclschema.Problem {
	if strings.HasPrefix(s, "tailsbuild.") {
		return hclschema.Wrong("Key is reserved", "Keys that start with tailsbuild. say what was declared and built. Choose another.")
	}
	if from, ok := reservedKeys[s]; ok {
		return hclschema.Wrong("Key is reserved", fmt.Sprintf("%s follows from %s. Remove it here.", s, from))
	}
	return labelKey(s)
}
