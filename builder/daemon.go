package builder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/defaults"
	"github.com/containerd/containerd/v2/plugins/snapshots/native"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/cmd/buildkitd/config"
	"github.com/moby/buildkit/control"
	"github.com/moby/buildkit/executor/oci"
	"github.com/moby/buildkit/frontend"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/bboltcachestorage"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/apicaps"
	"github.com/moby/buildkit/util/archutil"
	"github.com/moby/buildkit/util/db/boltutil"
	"github.com/moby/buildkit/util/grpcerrors"
	_ "github.com/moby/buildkit/util/grpcutil/encoding/proto" // gRPC's codec for BuildKit's messages
	"github.com/moby/buildkit/util/network/netproviders"
	"github.com/moby/buildkit/util/resolver"
	"github.com/moby/buildkit/version"
	"github.com/moby/buildkit/worker"
	"github.com/moby/buildkit/worker/base"
	"github.com/moby/buildkit/worker/runc"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	bolt "go.etcd.io/bbolt"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
)

// A daemonConfig is what a builder's daemon is told, as JSON in its one argument.
type daemonConfig struct {
	// Root is where the daemon keeps everything.
	Root        string
	Snapshotter string
	// Memory mounts a tmpfs on Root, which ends with the daemon.
	Memory bool
	// Rootless says that this process is root in a user namespace only.
	Rootless bool
	// OCIRuntime is the name of the runtime that Wrapper, a path, stands for.
	OCIRuntime string
	Wrapper    string
	// Cgroup is the parent of the steps' control groups.
	Cgroup string
	// Trees are the files that have the plan's trees, each named by its sha256.
	Trees []string
}

// connFD is the daemon's end of the socket that it serves.
const connFD = 3

// runDaemon serves BuildKit's control API on one connection until it ends. This
// process is the first of its own PID namespace and has its own mount, network,
// IPC and UTS namespaces: whatever ends it ends every step and mount with it.
func runDaemon(args []string) error {
	if len(args) < 2 {
		return errors.New("want an argument")
	}
	var c daemonConfig
	if err := json.Unmarshal([]byte(args[1]), &c); err != nil {
		return err
	}
	if c.Rootless {
		if _, err := becomeRoot(args); err != nil {
			return err
		}
	}
	unix.Umask(0)
	if err := c.mounts(); err != nil {
		return err
	}
	conn, err := net.FileConn(os.NewFile(connFD, "control"))
	if err != nil {
		return err
	}
	// The first step waits for this, which starts a program for each machine that may
	// be emulated here.
	go archutil.SupportedPlatforms(false)
	controller, err := c.controller(context.Background())
	if err != nil {
		return err
	}
	defer controller.Close()
	srv := grpc.NewServer(
		grpc.ChainUnaryInterceptor(grpcerrors.UnaryServerInterceptor),
		grpc.StreamInterceptor(grpcerrors.StreamServerInterceptor),
		grpc.MaxRecvMsgSize(defaults.DefaultMaxRecvMsgSize),
		grpc.MaxSendMsgSize(defaults.DefaultMaxSendMsgSize))
	controller.Register(srv)
	return srv.Serve(&oneConn{conn: conn, closed: make(chan struct{})})
}

func (c daemonConfig) mounts() error {
	if err := privateMounts(); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	// The runtimes' state ends with this mount namespace.
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	if c.Memory {
		if err := unix.Mount("tmpfs", c.Root, "tmpfs", unix.MS_NODEV, "mode=0711"); err != nil {
			return fmt.Errorf("mount %s: %w", c.Root, err)
		}
	}
	if c.OCIRuntime == "crun" {
		return c.crunMounts()
	}
	return nil
}

// privateMounts keeps this mount namespace's mounts to itself.
func privateMounts() error {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err != unix.EINVAL {
		return err
	}
	// In a chroot, / is no mount point, so it can't be made private, and the
	// runtimes can't pivot from it. Make it one: on /proc, since whatever holds
	// the chroot may be shared with the host, and /proc is a mount of its own.
	const root = "/proc"
	return errors.Join(
		unix.Mount("", root, "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("/", root, "", unix.MS_BIND|unix.MS_REC, ""),
		unix.Chroot(root),
		unix.Chdir("/"),
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
	)
}

// crunMounts hides the control groups that crun can't live with: a version 2
// hierarchy beside version 1, and without root those that it can't write. runc
// leaves alone what it can't write.
func (c daemonConfig) crunMounts() error {
	if c.Rootless {
		if err := unix.Mount("tmpfs", "/sys/fs/cgroup", "tmpfs", 0, ""); err != nil {
			return fmt.Errorf("mount /sys/fs/cgroup: %w", err)
		}
		return nil
	}
	if err := unix.Unmount("/sys/fs/cgroup/unified", unix.MNT_DETACH); err != nil && err != unix.EINVAL && err != unix.ENOENT {
		return fmt.Errorf("unmount /sys/fs/cgroup/unified: %w", err)
	}
	return nil
}

func (c daemonConfig) controller(ctx context.Context) (*control.Controller, error) {
	apicaps.ExportedProduct = "buildkit"
	w, err := c.worker(ctx)
	if err != nil {
		return nil, err
	}
	workers := &worker.Controller{}
	if err := workers.Add(w); err != nil {
		return nil, err
	}
	sessions, err := session.NewManager()
	if err != nil {
		return nil, err
	}
	cache, err := bboltcachestorage.NewStore(filepath.Join(c.Root, "cache.db"))
	if err != nil {
		return nil, err
	}
	history, err := boltutil.Open(filepath.Join(c.Root, "history.db"), 0o600, &bolt.Options{NoSync: true, NoFreelistSync: true})
	if err != nil {
		return nil, err
	}
	return control.NewController(control.Opt{
		SessionManager:   sessions,
		WorkerController: workers,
		Frontends:        map[string]frontend.Frontend{},
		CacheManager:     solver.NewCacheManager(ctx, "local", cache, worker.NewCacheResultStorage(workers)),
		MeterProvider:    sdkmetric.NewMeterProvider(),
		HistoryDB:        history,
		CacheStore:       cache,
		LeaseManager:     w.LeaseManager(),
		ContentStore:     w.ContentStore(),
		HistoryConfig:    &config.HistoryConfig{},
		GarbageCollect:   w.GarbageCollect,
		GracefulStop:     ctx.Done(),
	})
}

func (c daemonConfig) worker(ctx context.Context) (*base.Worker, error) {
	snapshotter := runc.SnapshotterFactory{Name: c.Snapshotter}
	switch c.Snapshotter {
	case "overlayfs":
		snapshotter.New = func(root string) (snapshots.Snapshotter, error) { return overlay.NewSnapshotter(root) }
	case "native":
		snapshotter.New = native.NewSnapshotter
	default:
		return nil, fmt.Errorf("snapshotter %q is not known", c.Snapshotter)
	}
	dns := &oci.DNSConfig{Nameservers: []string{"127.0.0.1"}}
	opt, err := runc.NewWorkerOpt(c.Root, snapshotter, c.Rootless, oci.ProcessSandbox, nil, nil,
		netproviders.Opt{Mode: "host"}, dns, c.Wrapper, "", false, nil, "", c.Cgroup, nil)
	if err != nil {
		return nil, err
	}
	// The executor holds this very map: no step can have a network, whatever
	// the definition asks for. (A solve could ask for BuildKit's proxy, but the
	// daemon has an empty network namespace itself.)
	opt.NetworkProviders[pb.NetMode_UNSET] = opt.NetworkProviders[pb.NetMode_NONE]
	delete(opt.NetworkProviders, pb.NetMode_HOST)
	if err := c.load(ctx, opt.ContentStore, opt.LeaseManager); err != nil {
		return nil, err
	}
	opt.RegistryHosts = resolver.NewRegistryConfig(nil)
	opt.BuildkitVersion = client.BuildkitVersion{Package: version.Package, Version: version.Version, Revision: version.Revision}
	return base.NewWorker(ctx, opt)
}

// load copies the trees to where BuildKit keeps what it has pulled, so that it doesn't
// ask for them over the session: that takes six times as long. What can't be loaded,
// since the file hasn't the digest in its name for one, BuildKit asks for, checks, and
// has an error that says which step needs it.
func (c daemonConfig) load(ctx context.Context, store content.Store, manager leases.Manager) error {
	lease, err := manager.Create(ctx, leases.WithID("trees"))
	if err != nil {
		return err
	}
	ctx = leases.WithLease(ctx, lease.ID)
	var group sync.WaitGroup
	for _, path := range c.Trees {
		group.Go(func() {
			if err := loadTree(ctx, store, path); err != nil {
				fmt.Fprintf(os.Stderr, "%s isn't loaded: %v\n", path, err)
			}
		})
	}
	group.Wait()
	return nil
}

func loadTree(ctx context.Context, store content.Store, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	desc := ocispec.Descriptor{Digest: digest.NewDigestFromEncoded(digest.SHA256, filepath.Base(path))}
	return content.WriteBlob(ctx, store, desc.Digest.String(), f, desc)
}

// oneConn is a listener that accepts the connection it was made with, and ends
// when that connection does.
type oneConn struct {
	conn   net.Conn
	taken  bool
	closed chan struct{}
	once   sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	if !l.taken {
		l.taken = true
		return watchedConn{l.conn, l}, nil
	}
	<-l.closed
	return nil, io.EOF
}

func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{Net: "unix"} }

type watchedConn struct {
	net.Conn
	listener *oneConn
}

func (c watchedConn) Close() error {
	c.listener.Close()
	return c.Conn.Close()
}
