package builder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/internal/sandbox"
)

// trialName is argv[0] of tailsbuild as the process that runs one test: the first of
// its own PID namespace, so that the containers end with it, with mount, network, IPC
// and UTS namespaces of its own.
const trialName = "tailsbuild-test"

// asMapped is the last argument of that process when it has to become root first.
const asMapped = "mapped"

// runTrialChild is that process's main. Its first argument is the folder to work in.
func runTrialChild(args []string) error {
	if len(args) < 2 {
		return errors.New("want a folder")
	}
	if len(args) > 2 {
		if _, err := becomeRoot(args); err != nil {
			return err
		}
	}
	conn, err := net.FileConn(os.NewFile(connFD, "control"))
	if err != nil {
		return err
	}
	var c trialConfig
	if err := json.NewDecoder(conn).Decode(&c); err != nil {
		return err
	}
	var reply trialReply
	t := &trial{config: c, dir: args[1]}
	reply.Tested, err = t.run()
	if err != nil && !errors.As(err, &reply.Unavailable) {
		reply.Error = err.Error()
	}
	return json.NewEncoder(conn).Encode(reply)
}

// A trial is one test as it runs.
type trial struct {
	config  trialConfig
	dir     string
	machine sandbox.Machine
	// declared is the service, and folders are its volumes and mounts.
	declared sandbox.Declaration
	folders  map[string]string
	devices  map[string]specs.LinuxDevice

	client, service *tail
}

func (t *trial) run() (*Tested, error) {
	unix.Umask(0)
	if err := errors.Join(t.mounts(), loopback()); err != nil {
		return nil, err
	}
	if err := t.prepare(); err != nil {
		return nil, err
	}
	test := t.config.Test
	t.client, t.service = &tail{max: 40}, &tail{max: 40}
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(test.Timeout)*time.Second)
	defer cancel()
	failed, code, err := t.parts(ctx)
	if err != nil {
		return nil, err
	}
	return &Tested{
		Name: test.Name, Passed: failed == "", Failed: failed, ExitCode: code,
		Seconds: time.Since(start).Seconds(), Limited: t.config.Cgroup != "", Timeout: test.Timeout,
		Client: clipped(t.client.last()), Service: clipped(t.service.last()), Range: test.Range,
	}, nil
}

// clipped shortens lines that nobody would read to their end.
func clipped(lines []string) []string {
	const most = 2000
	for i, line := range lines {
		lines[i] = line[:min(len(line), most)]
	}
	return lines
}

func (t *trial) mounts() error {
	if err := privateMounts(); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	// runc's state and the containers' trees end with this mount namespace.
	for _, dir := range []string{"/run", t.dir} {
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NODEV, "mode=0755"); err != nil {
			return fmt.Errorf("mount %s: %w", dir, err)
		}
	}
	return nil
}

// loopback brings up the one interface of this network namespace (netdevice(7)).
func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		return fmt.Errorf("bring up lo: %w", err)
	}
	return nil
}

// prepare unpacks the images and makes what the containers share.
func (t *trial) prepare() (err error) {
	ctx := context.Background()
	if t.machine, err = sandbox.ThisMachine(); err != nil {
		return err
	}
	image, err := t.config.Service.unpack(ctx, t.path("service"))
	if err != nil {
		return err
	}
	if t.config.Test.Client != "" {
		if _, err := t.config.Client.unpack(ctx, t.path("client")); err != nil {
			return err
		}
	}
	t.declared = sandbox.Declaration{
		Name: t.config.Recipe, Image: *image, Privileges: t.config.Privileges, Limits: t.config.Limits,
	}
	t.folders, t.devices = map[string]string{}, map[string]specs.LinuxDevice{}
	for path := range image.Volumes {
		if err := t.folder(path); err != nil {
			return err
		}
	}
	for _, p := range t.config.Privileges {
		switch p.Kind {
		case "mount": // nothing of this machine's, but something that a setup can fill
			err = t.folder(p.Name[:len(p.Name)-3])
		case "device":
			d, missing := sandbox.FindDevice(p.Name)
			if missing == nil {
				t.devices[p.Name] = d
			}
		case "namespace":
			err = &sandbox.UnavailableError{Kind: p.Kind, Name: p.Name, Reason: "a test shares no namespace with this machine"}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) path(name string) string { return filepath.Join(t.dir, name) }

// folder makes a new folder for the path of a volume or mount, with the owner that
// the service runs as and the mode that the folder has in the image.
func (t *trial) folder(path string) error {
	u, err := t.declared.User()
	if err != nil {
		return err
	}
	mode := os.FileMode(0o755)
	if st, err := statIn(t.path("service"), path); err == nil && st.IsDir() {
		mode = st.Mode().Perm()
	}
	dir := t.path(fmt.Sprintf("folder-%d", len(t.folders)))
	t.folders[path] = dir
	return errors.Join(os.Mkdir(dir, mode), os.Chown(dir, int(u.UID), int(u.GID)))
}

// statIn describes what is at path in the tree at dir, and follows no link out of it.
func statIn(dir, path string) (os.FileInfo, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.Stat(strings.TrimPrefix(path, "/"))
}

// place is where one of the containers runs.
func (t *trial) place(root string, args ...string) sandbox.Place {
	at := sandbox.Place{
		Root: t.path(root), Args: args, Folders: t.folders, Devices: t.devices, Machine: t.machine,
	}
	if t.config.Cgroup != "" {
		at.Cgroup = filepath.Join(t.config.Cgroup, root)
	}
	return at
}

// parts runs the test's programs. It returns the part that failed, "" if none did,
// and its exit code.
func (t *trial) parts(ctx context.Context) (Part, int, error) {
	test := t.config.Test
	if len(test.Run) > 0 {
		spec, err := sandbox.Service(t.declared, t.place("service", test.Run...))
		if err != nil {
			return "", 0, err
		}
		return t.alone(ctx, PartCommand, spec)
	}
	// What the service declares is checked before anything runs.
	spec, err := sandbox.Service(t.declared, t.place("service"))
	if err != nil {
		return "", 0, err
	}
	if test.Setup != "" {
		if failed, code, err := t.script(ctx, PartSetup, test.Setup); failed != "" || err != nil {
			return failed, code, err
		}
	}
	service, err := t.start(PartService, spec, t.service)
	if err != nil {
		return "", 0, err
	}
	defer service.stop()
	return t.beside(ctx, service)
}

// beside runs the client once the service's ports are open, and fails when the
// service ends.
func (t *trial) beside(ctx context.Context, service *container) (Part, int, error) {
	for !listening(t.config.Ports) {
		select {
		case <-service.ended:
			return PartService, service.exitCode(), nil
		case <-ctx.Done():
			return PartService, -1, nil
		case <-time.After(10 * time.Millisecond):
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-service.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	failed, code, err := t.script(ctx, PartClient, t.config.Test.Client)
	if err != nil || failed != "" && code >= 0 {
		return failed, code, err
	}
	select {
	case <-service.ended:
		return PartService, service.exitCode(), nil
	default:
		return failed, code, nil
	}
}

// script runs a script in the client's container.
func (t *trial) script(ctx context.Context, part Part, script string) (Part, int, error) {
	spec, err := sandbox.Client(t.declared, t.path("service"), t.place("client", "/bin/sh", "-euc", script))
	if err != nil {
		return "", 0, err
	}
	return t.alone(ctx, part, spec)
}

// alone runs a container to its end.
func (t *trial) alone(ctx context.Context, part Part, spec *specs.Spec) (Part, int, error) {
	c, err := t.start(part, spec, t.client)
	if err != nil {
		return "", 0, err
	}
	defer c.stop()
	select {
	case <-c.ended:
	case <-ctx.Done():
		return part, -1, nil
	}
	if code := c.exitCode(); code != 0 {
		return part, code, nil
	}
	return "", 0, nil
}

// listening reports whether every one of ports has a TCP socket that listens in this
// network namespace (proc(5), /proc/net/tcp). Nothing connects to find that out: a
// service may serve but one client.
func listening(ports []uint16) bool {
	var open strings.Builder
	for _, file := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		if b, err := os.ReadFile(file); err == nil {
			open.Write(b)
		}
	}
	for _, port := range ports {
		found := false
		for line := range strings.Lines(open.String()) {
			f := strings.Fields(line)
			found = found || len(f) > 3 && f[3] == "0A" && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port))
		}
		if !found {
			return false
		}
	}
	return true
}
