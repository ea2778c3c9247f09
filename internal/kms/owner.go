package kms

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const maxLinks = 40

// resolve returns the path of the regular file that path leads to, over no
// directory, link or file that anyone but root and the user could have put there:
// each is owned by one of the two, and nobody else may write to it or, but for
// directories like /tmp, into it. It returns an *[UnsafeError], or the error of the
// file that is missing.
func resolve(path string, uid int) (string, error) {
	if !filepath.IsAbs(path) {
		return "", &UnsafeError{Path: path, Problem: "it is not an absolute path"}
	}
	current, rest, links := "/", strings.Split(path, "/"), 0
	info, err := os.Lstat(current)
	for err == nil {
		if problem := unsafe(info, uid); problem != "" {
			return "", &UnsafeError{Path: current, Problem: problem}
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(current)
			if err != nil {
				return "", err
			}
			if links++; links > maxLinks {
				return "", &UnsafeError{Path: path, Problem: "too many symbolic links"}
			}
			current = filepath.Dir(current)
			if filepath.IsAbs(target) {
				current = "/"
			}
			rest = append(strings.Split(target, "/"), rest...)
		}
		var next string
		if next, rest = step(current, rest); next == "" {
			break
		}
		current = next
		info, err = os.Lstat(current)
	}
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", &UnsafeError{Path: current, Problem: "it is not a regular file"}
	}
	return current, nil
}

// step returns the path after dir on the way to rest, and what follows it. The path
// is "" at the end.
func step(dir string, rest []string) (string, []string) {
	for i, name := range rest {
		switch name {
		case "", ".":
		case "..":
			dir = filepath.Dir(dir)
		default:
			return filepath.Join(dir, name), rest[i+1:]
		}
	}
	return "", nil
}

// unsafe says why others than root and the user could change what info is of.
func unsafe(info fs.FileInfo, uid int) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "its owner is not known"
	}
	if stat.Uid != 0 && int(stat.Uid) != uid {
		return fmt.Sprintf("its owner is user %d, neither root nor you", stat.Uid)
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
