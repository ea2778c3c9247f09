package apk

import (
	"archive/tar"
	"fmt"
	"strings"
)

const (
	maxPath = 4095
	// impliedDir is the type of a folder that has no entry of its own yet.
	impliedDir = 'd'
)

// A tree is what a package's entries, up to here, make of an empty folder.
type tree struct {
	pkg   string
	types map[string]byte
}

func newTree(pkg string) *tree {
	return &tree{pkg, map[string]byte{}}
}

// add refuses an entry that could write or point outside of the tree, whatever
// unpacks it, or that apk would take for one of its own files.
func (t *tree) add(h *tar.Header) error {
	refuse := func(problem string) error { return &PathError{t.pkg, h.Name, h.Linkname, problem} }
	name := strings.TrimSuffix(h.Name, "/")
	if problem := badPath(name); problem != "" {
		return refuse(problem)
	}
	if h.Typeflag != tar.TypeDir && name != h.Name {
		return refuse("a slash ends the name of what is no folder")
	}
	if name[0] == '.' && !strings.Contains(name, "/") && name != ".dummy" {
		return refuse("the name is one of apk's own")
	}
	if parent := t.addParents(name); parent != "" {
		return refuse(fmt.Sprintf("%q, which it is below, is no folder", clip(parent)))
	}
	if before, has := t.types[name]; has && (before != impliedDir || h.Typeflag != tar.TypeDir) {
		return refuse("there twice")
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeDir:
	case tar.TypeSymlink:
		if problem := badTarget(name, h.Linkname); problem != "" {
			return refuse(problem)
		}
	case tar.TypeLink:
		if t.types[h.Linkname] != tar.TypeReg {
			return refuse("a hard link to what is no earlier file of the package")
		}
	default:
		return refuse("neither file, folder nor link")
	}
	t.types[name] = h.Typeflag
	if h.Typeflag == tar.TypeLink {
		t.types[name] = tar.TypeReg
	}
	return nil
}

// addParents adds the folders that name is in, and returns the first that is
// something else, or "".
func (t *tree) addParents(name string) string {
	for i, c := range name {
		if c != '/' {
			continue
		}
		switch t.types[name[:i]] {
		case tar.TypeDir, impliedDir:
		case 0:
			t.types[name[:i]] = impliedDir
		default:
			return name[:i]
		}
	}
	return ""
}

// badPath says what is wrong with the name of an entry, or "".
func badPath(name string) string {
	switch {
	case name == "" || len(name) > maxPath:
		return "no path, or too long"
	case name[0] == '/':
		return "an absolute path"
	case hasControl(name):
		return "a control character"
	}
	for element := range strings.SplitSeq(name, "/") {
		switch element {
		case "", ".", "..":
			return fmt.Sprintf("a path with %q in it", element)
		}
	}
	return ""
}

// badTarget says what is wrong with where a symbolic link points, or "". Absolute
// targets are seen from the image's root and so can't leave it.
func badTarget(name, target string) string {
	switch {
	case target == "" || len(target) > maxPath:
		return "points to no path, or one that is too long"
	case hasControl(target):
		return "points to a control character"
	case target[0] == '/':
		return ""
	}
	depth := strings.Count(name, "/")
	for element := range strings.SplitSeq(target, "/") {
		switch element {
		case "", ".":
		case "..":
			depth--
		default:
			depth++
		}
		if depth < 0 {
			return "points out of the package"
		}
	}
	return ""
}
