package recipe

import (
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"strings"
)

func checkURL(s string) *problem {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "":
		return &problem{"Not a URL", quote(s) + ` is no address of the web. Write it in full, as in "https://example.org/".`}
	case u.User != nil:
		return &problem{"URL has a password", "A recipe is public, and so is every word of it. Remove what stands before the @."}
	}
	return nil
}

// checkInputURL judges a URL that is fetched, or looked up below a mirror's
// folder: its path must not lead out of there.
func checkInputURL(s string) *problem {
	if p := checkURL(s); p != nil {
		return p
	}
	u, err := url.Parse(s)
	if err != nil {
		return &problem{"Not a URL", err.Error()}
	}
	clean := path.Clean("/"+u.Path) == strings.TrimSuffix("/"+strings.TrimPrefix(u.Path, "/"), "/") || u.Path == "" || u.Path == "/"
	if !clean || u.RawPath != "" || strings.Contains(u.Path, `\`) || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return &problem{"URL is not plain", quote(s) + " can't be looked up on a mirror. Write it without a query, a fragment, backslashes, encoded slashes, and elements that are empty, . or .."}
	}
	return nil
}

var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// checkLocation judges a place of a mirror: a URL or a folder.
func checkLocation(s string) *problem {
	if s == "" {
		return &problem{"Location is empty", "Write a folder, or a URL that starts with https://."}
	}
	if scheme.MatchString(s) {
		return checkInputURL(s)
	}
	return nil
}

// checkPath judges a path in the image.
func checkPath(s string) *problem {
	if !strings.HasPrefix(s, "/") || path.Clean(s) != s {
		return &problem{"Path is not absolute and clean", fmt.Sprintf("%s must start with / and have no element that is empty, . or .., and no / at its end, so that it names one place.%s", quote(s), instead(s))}
	}
	return nil
}

func instead(s string) string {
	if s == "" {
		return ""
	}
	return " Write " + quote(path.Clean("/"+s)) + "."
}

// checkFilePath judges where a file of the image is.
func checkFilePath(s string) *problem {
	if p := checkPath(s); p != nil {
		return p
	}
	if s == "/" {
		return &problem{"Path is a folder", "A file can't be at /. Write where it goes, as in \"/etc/app.conf\"."}
	}
	return checkMounted(s)
}

func checkVolumePath(s string) *problem {
	if p := checkPath(s); p != nil {
		return p
	}
	if s == "/" {
		return &problem{"Volume is the whole image", "The root of a service is read-only. Name the folder that it writes to, as in \"/var/lib/app\"."}
	}
	return checkMounted(s)
}

// checkMounted refuses what the engine mounts over when the service runs.
func checkMounted(s string) *problem {
	for _, top := range []string{"/dev", "/proc", "/sys"} {
		if s == top || strings.HasPrefix(s, top+"/") {
			return &problem{"Path is not part of an image", fmt.Sprintf("%s is below %s, which the kernel provides when the service runs.", quote(s), top)}
		}
	}
	return nil
}

// checkRelative judges a file below the recipe's folder.
func checkRelative(s string) *problem {
	if !fs.ValidPath(s) || s == "." || strings.Contains(s, `\`) {
		return &problem{"Path leads out of the recipe", quote(s) + ` must name a file below the recipe's folder, with no element that is empty, . or .., as in "files/app.conf".`}
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

var labelKey = matches(`[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?`, 255, "Key is not allowed",
	`is no key of a label: use letters, digits, dots, slashes, underscores and dashes, as in "org.example.team".`)

func checkLabelKey(s string) *problem {
	if strings.HasPrefix(s, "tailsbuild.") {
		return &problem{"Key is reserved", "Keys that start with tailsbuild. say what was declared and built. Choose another."}
	}
	if from, ok := reservedKeys[s]; ok {
		return &problem{"Key is reserved", fmt.Sprintf("%s follows from %s. Remove it here.", s, from)}
	}
	return labelKey(s)
}
