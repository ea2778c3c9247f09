package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
)

// A finding is what doctor says about one thing that builds need, or about one
// place where a policy is enforced.
type finding struct {
	Need string `json:"need"`
	OK   bool   `json:"ok"`
	Says string `json:"says"`
	// Optional is what builds for this machine itself don't need.
	Optional bool `json:"optional,omitempty"`
	// Open is whether something is allowed that nobody checks, and Means why that
	// matters.
	Open  bool   `json:"open,omitempty"`
	Means string `json:"means,omitempty"`
	Fix   string `json:"fix,omitempty"`
}

func (f finding) kind() string { return "finding" }

func (f finding) text(w io.Writer) {
	mark := "ok  "
	switch {
	case f.Open:
		mark = "OPEN"
	case !f.OK && f.Optional:
		mark = "none"
	case !f.OK:
		mark = "MISS"
	}
	fmt.Fprintf(w, "%s  %-12s %s\n", mark, f.Need, progress.Line(f.Says))
	if f.Means != "" {
		fmt.Fprintf(w, "      %-12s %s\n", "", progress.Line(f.Means))
	}
	if f.Fix != "" {
		fmt.Fprintf(w, "      %-12s fix: %s\n", "", progress.Line(f.Fix))
	}
}

// An unfitError reports what a machine lacks to build.
type unfitError struct{ Needs []string }

func (e *unfitError) Error() string {
	return "this machine can't build: " + strings.Join(e.Needs, ", ")
}

func (a *app) doctorCommand() *cobra.Command {
	var (
		from       inputFlags
		policyFile string
	)
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say whether this machine can build, and where it fails open",
		Long: `Checks what builds need on this machine, and says how to get what is missing.
Exits with 5 when something is, but for what only builds for other machines need.

Then looks at the places where a policy is enforced: tailsbuild's own files, podman,
containerd and docker, as far as they are there. OPEN is what lets images run that
nobody has checked, with what it means and what to do. On a machine with a policy,
that is an error, too.`,
		Example: `  tailsbuild doctor
  sudo tailsbuild doctor --store /srv/tailsbuild
  tailsbuild doctor --policy policy.hcl --format json`,
	}
	cmd.Flags().StringVar(&policyFile, "policy", "", "`FILE` with the policy (default "+systemPolicy+", then the user's)")
	cmd.Flags().StringVar(&from.store, "store", "", "`DIR` that keeps inputs (default tailsbuild in the cache folder)")
	return leaf(cmd, cobra.NoArgs, func(ctx context.Context, _ []string) error {
		store, err := from.storeDir()
		if err != nil {
			return err
		}
		var missing []string
		for _, f := range examine(ctx, store) {
			if !f.OK && !f.Optional {
				missing = append(missing, f.Need)
			}
			if err := a.out.print(f); err != nil {
				return err
			}
		}
		open, err := a.examineOpen(policyFile)
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			return &unfitError{missing}
		}
		return open
	})
}

func examine(ctx context.Context, store string) []finding {
	found := []finding{
		rights(),
		program(ctx, "runc", "apt-get install runc"),
		program(ctx, "crun", "apt-get install crun"),
		program(ctx, "go", "install Go from go.dev/dl or your distribution"),
		overlay(),
		space(store),
	}
	return append(found, architectures()...)
}

// architectures says for which others than this machine's images can be built.
func architectures() []finding {
	machine, err := machineArch()
	if err != nil {
		return []finding{{Need: "machine", Says: err.Error()}}
	}
	var all []finding
	for _, arch := range builder.Arches {
		if arch == machine {
			continue
		}
		f := finding{Need: arch, OK: true, Optional: true, Says: "programs for it run here, emulated"}
		if err := builder.CheckArch(arch); err != nil {
			f.OK, f.Says = false, fmt.Sprintf("no steps or tests for it can be run here: %v", errors.Unwrap(err))
			f.Fix = "to build for it, apt-get install qemu-user-static, and where that doesn't register it, see docs/multiarch.md"
		}
		all = append(all, f)
	}
	return all
}

// rights asks whether the builders can have namespaces and mounts of their own.
func rights() finding {
	f := finding{Need: "rights", OK: true, Says: fmt.Sprintf("running as user %d", os.Geteuid())}
	if err := builder.CheckMachine(); err != nil {
		f.OK, f.Says = false, err.Error()
		f.Fix = "run tailsbuild build with sudo, or apt-get install uidmap and give this user a range in /etc/subuid and /etc/subgid"
	}
	return f
}

// program looks for a program that is run by name.
func program(ctx context.Context, name, fix string) finding {
	path, err := exec.LookPath(name)
	if err != nil {
		return finding{Need: name, Says: "not found in PATH", Fix: fix}
	}
	arg := "--version"
	if name == "go" {
		arg = "version"
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, arg).Output()
	if err != nil {
		return finding{Need: name, Says: fmt.Sprintf("%s %s: %v", path, arg, err), Fix: fix}
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return finding{Need: name, OK: true, Says: fmt.Sprintf("%s (%s)", line, path)}
}

func overlay() finding {
	b, err := os.ReadFile("/proc/filesystems")
	if err == nil && bytes.Contains(b, []byte("\toverlay\n")) {
		return finding{Need: "overlayfs", OK: true, Says: "the kernel has it"}
	}
	return finding{Need: "overlayfs", Says: "not in /proc/filesystems", Fix: "modprobe overlay"}
}

// wantSpace is what the builders of a service that compiles with Go use at most,
// with the inputs.
const wantSpace = 4 << 30

// space looks at the disk that the store is on, or will be.
func space(store string) finding {
	dir := store
	var st unix.Statfs_t
	for unix.Statfs(dir, &st) != nil && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
	}
	free := int64(st.Bavail) * st.Bsize
	f := finding{Need: "disk", OK: free >= wantSpace, Says: fmt.Sprintf("%s free at %s", size(free), store)}
	if !f.OK {
		f.Fix = fmt.Sprintf("builds of Go services use up to %s; use another disk with --store DIR", size(wantSpace))
	}
	return f
}
