package builder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// cgroupPrefix begins the name of the control group of one build's steps; this
// process's number and something random follow. Both builders' steps are siblings
// in it, so that their shares of a CPU can be set.
const cgroupPrefix = "tailsbuild-"

func newCgroup() string {
	return fmt.Sprintf("/%s%d-%s", cgroupPrefix, os.Getpid(), invocation()[:8])
}

// removeCgroups removes the empty control groups below parent in every
// hierarchy.
func removeCgroups(parent string) error {
	dirs, err := filepath.Glob("/sys/fs/cgroup/*" + parent)
	if err != nil {
		return err
	}
	dirs = append(dirs, "/sys/fs/cgroup"+parent)
	var errs []error
	for _, dir := range dirs {
		errs = append(errs, removeEmptyDirs(dir))
	}
	return errors.Join(errs...)
}

// removeEmptyDirs removes dir and the folders below it, deepest first. Files in
// a control group go with it.
func removeEmptyDirs(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			dirs = append(dirs, p)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, d := range slices.Backward(dirs) {
		if e := syscall.Rmdir(d); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, &fs.PathError{Op: "rmdir", Path: d, Err: e})
		}
	}
	return err
}

// removeStaleCgroups removes what builders left whose process was killed. A
// group whose last task is just ending is left for the next time, and one of
// somebody else for them.
func removeStaleCgroups() error {
	var errs []error
	for _, pattern := range []string{"/sys/fs/cgroup/" + cgroupPrefix + "*", "/sys/fs/cgroup/*/" + cgroupPrefix + "*"} {
		dirs, err := filepath.Glob(pattern)
		errs = append(errs, err)
		for _, dir := range dirs {
			pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), cgroupPrefix), "-")
			if n, err := strconv.Atoi(pid); err != nil || alive(n) {
				continue
			}
			if err := removeEmptyDirs(dir); !errors.Is(err, syscall.EBUSY) && !errors.Is(err, fs.ErrPermission) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

func alive(pid int) bool {
	_, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid)))
	return err == nil
}
