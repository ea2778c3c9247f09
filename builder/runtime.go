package builder

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A wrapper is what the OCI runtime wrapper of one builder is told: it is started in
// place of runc or crun to run a step, applies the variation to the bundle's
// config.json, and becomes the real runtime.
type wrapper struct {
	Runtime   string // absolute path
	Variation variation
	// Rootless says that this process is root in a user namespace only.
	Rootless bool
	// Hosts and ResolvConf are files with the same content for both builders,
	// so that nothing of this machine's network shows in a step.
	Hosts      string
	ResolvConf string
	// Start is a file that is made when A's step, the recipe's own, has started, and
	// that B's wrapper waits for. It is "" when only one of the two builds.
	Start string
}

// The wrapper's name and the file that configures it, side by side.
const (
	wrapperName   = "tailsbuild-runtime"
	wrapperConfig = "runtime.json"
)

// runWrapper applies the variation and executes the real runtime. It only
// returns when it could not.
func runWrapper(args []string) error {
	b, err := os.ReadFile(filepath.Join(filepath.Dir(args[0]), wrapperConfig))
	if err != nil {
		return err
	}
	var w wrapper
	if err := json.Unmarshal(b, &w); err != nil {
		return fmt.Errorf("%s: %w", wrapperConfig, err)
	}
	bundle := ""
	if i := slices.Index(args, "--bundle"); i >= 0 && i+1 < len(args) {
		bundle = args[i+1]
	}
	if err := w.prepare(bundle); err != nil {
		return fmt.Errorf("vary %s: %w", bundle, err)
	}
	if w.Variation.Runtime == "crun" {
		// crun before 1.9 doesn't know it, and forgets the container at its end.
		args = slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "--keep" })
	}
	args[0] = w.Variation.Runtime
	return unix.Exec(w.Runtime, args, os.Environ())
}

// prepare edits the bundle's config.json and sets what the container inherits
// from this process.
func (w wrapper) prepare(bundle string) error {
	file := filepath.Join(bundle, "config.json")
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var spec specs.Spec
	if err := json.Unmarshal(b, &spec); err != nil {
		return err
	}
	w.edit(&spec)
	staggers := w.Start != "" && slices.Contains(spec.Process.Env, stepName+"="+stepBuild)
	if staggers && w.Variation.Delay == 0 {
		// Once the step runs: a runtime's own start takes longer on some machines than
		// the delay is for.
		spec.Hooks = &specs.Hooks{Poststart: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", `: >"$0"`, w.Start}}}}
	}
	if b, err = json.Marshal(spec); err != nil {
		return err
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		return err
	}
	if staggers && w.Variation.Delay > 0 {
		if err := w.await(); err != nil {
			return err
		}
	}
	return w.Variation.inherit()
}

// await lets B's step start the variation's delay after A's. When A fails before, this
// builder is killed as it waits.
func (w wrapper) await() error {
	for {
		st, err := os.Stat(w.Start)
		if err == nil {
			delay := time.Duration(w.Variation.Delay) * time.Millisecond
			// The clock may have been set back since.
			time.Sleep(min(delay, time.Until(st.ModTime().Add(delay))))
			return nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// edit applies the variation to spec (runtime-spec, config.md).
func (w wrapper) edit(spec *specs.Spec) {
	v := w.Variation
	spec.Version = "1.0.2" // what crun 1.8 knows; nothing newer is used
	// The container gets this process's own UTS namespace, see inherit: the
	// runtimes can't set a domain name without root.
	spec.Hostname = ""
	spec.Linux.Namespaces = slices.DeleteFunc(spec.Linux.Namespaces, func(n specs.LinuxNamespace) bool {
		return n.Type == specs.UTSNamespace
	})
	spec.Process.User.Umask = &v.Umask
	spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: v.NoFile, Soft: v.NoFile}}
	for _, e := range append([]string{"HOME=" + v.Home}, v.Env...) {
		if name, _, _ := cutEnv(e); !slices.ContainsFunc(spec.Process.Env, func(have string) bool {
			return strings.HasPrefix(have, name+"=")
		}) {
			spec.Process.Env = append(spec.Process.Env, e)
		}
	}
	if !w.Rootless { // without root there are no control groups
		if spec.Linux.Resources == nil {
			spec.Linux.Resources = &specs.LinuxResources{}
		}
		spec.Linux.Resources.CPU = &specs.LinuxCPU{Shares: &v.Shares}
	}
	for i, m := range spec.Mounts {
		switch m.Destination {
		case "/etc/hosts":
			spec.Mounts[i].Source = w.Hosts
		case "/etc/resolv.conf":
			spec.Mounts[i].Source = w.ResolvConf
		}
	}
	spec.Mounts = append(spec.Mounts, specs.Mount{
		Destination: v.Home,
		Type:        "tmpfs",
		Source:      "tmpfs",
		Options:     []string{"nosuid", "nodev", "mode=0700"},
	})
}

// inherit sets what runc and crun pass on to the container: names, CPU affinity,
// personality and the time namespace. The caller is on the main thread, which
// is the one that execs.
func (v variation) inherit() error {
	if err := errors.Join(unix.Unshare(unix.CLONE_NEWUTS), unix.Sethostname([]byte(v.Hostname)), unix.Setdomainname([]byte(v.Domain))); err != nil {
		return fmt.Errorf("host name: %w", err)
	}
	if v.HalfCPUs {
		if err := pin(v.cpus()); err != nil {
			return fmt.Errorf("cpu affinity: %w", err)
		}
	}
	if v.Uptime != 0 {
		if err := unix.Unshare(unix.CLONE_NEWTIME); err != nil {
			return fmt.Errorf("time namespace: %w", err)
		}
		offsets := fmt.Sprintf("boottime %d 0\nmonotonic %d 0\n", v.Uptime, v.Uptime)
		if err := os.WriteFile("/proc/self/timens_offsets", []byte(offsets), 0); err != nil {
			return err
		}
	}
	if v.Persona != 0 {
		if _, _, errno := unix.Syscall(unix.SYS_PERSONALITY, v.Persona, 0, 0); errno != 0 {
			return fmt.Errorf("personality: %w", errno)
		}
	}
	return nil
}

// pin leaves this process the first n of the CPUs that it may run on.
func pin(n int) error {
	var have, want unix.CPUSet
	if err := unix.SchedGetaffinity(0, &have); err != nil {
		return err
	}
	for cpu := 0; want.Count() < min(n, have.Count()); cpu++ {
		if have.IsSet(cpu) {
			want.Set(cpu)
		}
	}
	return unix.SchedSetaffinity(0, &want)
}

func cutEnv(e string) (name, value string, ok bool) { return strings.Cut(e, "=") }
