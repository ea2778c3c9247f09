package inputs

import (
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// A location is one place to ask for one file.
type location struct {
	// name is the folder or URL as it was configured, for messages.
	name string
	// path is the file, when the location is on this machine; url otherwise.
	path, url string
}

// locations returns the places to ask for rawURL, in order: below each of extra,
// below each location of the mirrors that cover it, or at the URL itself when
// none does.
func (f *Fetcher) locations(rawURL string) []location {
	var below []string // what comes after the upstream, for each that covers rawURL
	var declared []location
	for _, m := range f.Mirrors {
		prefix := strings.TrimSuffix(m.Upstream, "/") + "/"
		rest, ok := strings.CutPrefix(rawURL, prefix)
		if !ok || rest == "" {
			continue
		}
		below = append(below, rest)
		for _, l := range m.Locations {
			declared = appendLocation(declared, l, rest)
		}
	}
	if len(below) == 0 {
		declared = []location{{name: rawURL, url: rawURL}}
		if u, err := url.Parse(rawURL); err == nil {
			below = []string{strings.TrimPrefix(u.EscapedPath(), "/")}
		}
	}
	var all []location
	for _, l := range f.Extra {
		for _, rest := range below {
			all = appendLocation(all, l, rest)
		}
	}
	return append(all, declared...)
}

// appendLocation appends the file rest, escaped as in a URL, below place. A rest
// that would lead out of a folder has no location there.
func appendLocation(list []location, place, rest string) []location {
	folder := place
	if u, err := url.Parse(place); err == nil {
		switch u.Scheme {
		case "http", "https":
			return append(list, location{name: place, url: strings.TrimSuffix(place, "/") + "/" + rest})
		case "file":
			folder = u.Path
		}
	}
	file, ok := filePath(rest)
	if !ok {
		return list
	}
	return append(list, location{name: place, path: filepath.Join(folder, filepath.FromSlash(file))})
}

// filePath returns the path that rest, the end of a URL, means in a folder.
func filePath(rest string) (string, bool) {
	u, err := url.Parse("/" + rest)
	if err != nil {
		return "", false
	}
	file := strings.TrimPrefix(u.Path, "/")
	return file, fs.ValidPath(file) && file != "." && !strings.ContainsRune(file, 0) && path.Clean(file) == file
}

// folderMissing reports whether l is a file below a folder that isn't there.
func (l location) folderMissing() bool {
	folder := l.name
	if u, err := url.Parse(l.name); err == nil && u.Scheme == "file" {
		folder = u.Path
	}
	_, err := os.Stat(folder)
	return err != nil
}
