// Package ownership says whether others than the owners of a file could have
// changed it, or put another in its place.
package ownership

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const maxLinks = 40

// An UnsafeError reports that Path, or what it leads to, could have been changed by
// others, or isn't what it has to be.
type UnsafeError struct{ Path, Problem string }

func (e *UnsafeError) Error() string { return fmt.Sprintf("%s: %s", e.Path, e.Problem) }

// File returns the path of the regular file that path leads to, over no folder,
// link or file that anyone but root and the owners, by user number, could have put
// there: each is owned by one of them, and nobody else may write to it or, but for
// folders like /tmp, into it.
//
// It returns an *[UnsafeError], or the error of the first file that is missing.
func File(path string, owners ...uint32) (string, error) { return FileIn("/", path, owners...) }

// FileIn is [File] on a machine whose root folder is root. Its result and its errors
// are as seen from there, but for the path of a missing file.
func FileIn(root, path string, owners ...uint32) (string, error) {
	resolved, info, err := walk{root, owners}.to(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", &UnsafeError{Path: resolved, Problem: "it is not a regular file"}
	}
	return resolved, nil
}

// FolderIn is [FileIn] for a folder. When it is missing, nobody but root and the
// owners can make it.
func FolderIn(root, path string, owners ...uint32) (string, error) {
	resolved, info, err := walk{root, owners}.to(path)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", &UnsafeError{Path: resolved, Problem: "it is not a folder"}
	}
	return resolved, nil
}

// A walk goes along paths, from a folder that stands for /.
type walk struct {
	root   string
	owners []uint32
}

// to returns where path leads, and what is there.
func (w walk) to(path string) (string, fs.FileInfo, error) {
	if !filepath.IsAbs(path) {
		return "", nil, &UnsafeError{Path: path, Problem: "it is not an absolute path"}
	}
	current, rest, links := "/", strings.Split(path, "/"), 0
	for {
		info, err := os.Lstat(filepath.Join(w.root, current))
		if err != nil {
			return "", nil, err
		}
		if problem := w.unsafe(info); problem != "" {
			return "", nil, &UnsafeError{Path: current, Problem: problem}
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(filepath.Join(w.root, current))
			if err != nil {
				return "", nil, err
			}
			if links++; links > maxLinks {
				return "", nil, &UnsafeError{Path: path, Problem: "too many symbolic links"}
			}
			current = filepath.Dir(current)
			if filepath.IsAbs(target) {
				current = "/"
			}
			rest = append(strings.Split(target, "/"), rest...)
			continue
		}
		for len(rest) > 0 && (rest[0] == "" || rest[0] == ".") {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return current, info, nil
		}
		// There is no link in current, so that Join resolves ".." as the kernel does.
		current, rest = filepath.Join(current, rest[0]), rest[1:]
	}
}

// unsafe says why others could change what info is of.
func (w walk) unsafe(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "its owner is not known"
	}
	if stat.Uid != 0 && !slices.Contains(w.owners, stat.Uid) {
		return fmt.Sprintf("it belongs to user %d", stat.Uid)
	}
	mode := info.Mode()
	if mode&fs.ModeSymlink != 0 || mode.Perm()&0o022 == 0 {
		return ""
	}
	if mode.IsDir() && mode&fs.ModeSticky != 0 {
		return "" // only the owner of an entry, which is checked next, can replace it
	}
	return fmt.Sprintf("others may write to it (%s); chmod go-w", mode)
}
