// Package failopen looks for the places of a machine where a policy is meant to be
// enforced and isn't: where a program allows what nobody has checked, or where
// others than the administrator decide what is checked.
//
// It reads, and changes nothing. What can't be read is a finding, too.
package failopen

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"gitlab.com/tailsbuild/tailsbuild/internal/ownership"
	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
)

// A Machine is what is looked at.
type Machine struct {
	// Root is the folder that stands for /.
	Root string
	// Config is the folder of the user's configuration, and State tailsbuild's of the
	// user's state, as seen from Root, or "".
	Config, State string
	// User is the number of the user, who may own what isn't root's.
	User uint32
	// Env is the environment, as NAME=VALUE.
	Env []string
	// PolicyFile is the policy's path, as seen from Root, or "" for none. Policy is
	// what is in it, or nil when that can't be read.
	PolicyFile string
	Policy     *policy.Policy
	// AcceptedProblem is why tailsbuild takes nothing from the file of accepted images,
	// "" when there is no such reason.
	AcceptedProblem string
}

// A Finding is what was seen at one place.
type Finding struct {
	// Place is podman, containerd, docker, policy, accepted or cache.
	Place string
	// Open is whether something is allowed there that nobody has checked.
	Open bool
	// Says is what is there; Means and Fix are why that matters and what to do,
	// when it is open.
	Says, Means, Fix string
}

// Examine returns what it sees, in an order that is always the same. Programs that
// aren't on the machine aren't mentioned.
func Examine(m Machine) []Finding {
	var all []Finding
	for _, look := range []func(*Machine) []Finding{own, containerd, podman, docker} {
		all = append(all, look(&m)...)
	}
	return all
}

// path returns where an absolute path of the machine is.
func (m *Machine) path(file string) string { return filepath.Join(m.Root, file) }

func (m *Machine) exists(file string) bool {
	_, err := os.Lstat(m.path(file))
	return err == nil
}

// any reports whether one of files is there.
func (m *Machine) any(files ...string) bool {
	for _, f := range files {
		if m.exists(f) {
			return true
		}
	}
	return false
}

// maxFile is the size, in bytes, of the largest file that is read.
const maxFile = 1 << 20

func (m *Machine) read(file string) ([]byte, error) {
	f, err := os.OpenFile(m.path(file), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	switch info, err := f.Stat(); {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("no regular file")
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("more than %d bytes", maxFile)
	}
	return b, err
}

// others returns "", or how others than root and the owners may change the file.
func (m *Machine) others(file string, owners ...uint32) string {
	_, err := ownership.FileIn(m.Root, file, owners...)
	return unsafe(file, err)
}

// othersIn is others for a folder.
func (m *Machine) othersIn(folder string, owners ...uint32) string {
	_, err := ownership.FolderIn(m.Root, folder, owners...)
	return unsafe(folder, err)
}

func unsafe(path string, err error) string {
	var u *ownership.UnsafeError
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &u):
		return reason(err)
	case u.Path == path:
		return u.Problem
	}
	return u.Error()
}

// reason leaves out where Root is.
func reason(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}
