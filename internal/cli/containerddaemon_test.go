package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"

	"gitlab.com/tailsbuild/tailsbuild/internal/failopen"
	"gitlab.com/tailsbuild/tailsbuild/internal/programtest"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// A daemon is a real containerd with what policy export wrote for it.
type daemon struct {
	t *testing.T
	*programtest.Daemon
	dir, ctr, program string
	prefix            string // where the export is
}

// containerdProgram builds a program of containerd, without what isn't asked here.
func containerdProgram(t *testing.T, name string) string {
	t.Helper()
	path, err := programtest.Program{
		Folder: "../../test/containerd", Module: "github.com/containerd/containerd/v2", Package: "cmd/" + name,
		Tags: []string{"no_btrfs", "no_zfs", "no_devmapper", "no_tracing"},
	}.Build(context.Background())
	if err != nil {
		notHere(t, "%v", err)
	}
	return path
}

// notHere skips the test, or fails it where nothing may be skipped.
func notHere(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("TAILSBUILD_REQUIRE_ALL") != "" || os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// newDaemon exports the machine's policy for a containerd, and starts it. The policy's
// own files are where they are meant to be.
func newDaemon(t *testing.T, m *service) *daemon {
	t.Helper()
	if os.Geteuid() != 0 {
		notHere(t, "containerd needs root")
	}
	d := &daemon{t: t, dir: t.TempDir(), prefix: t.TempDir()}
	d.program, d.ctr = containerdProgram(t, "containerd"), containerdProgram(t, "ctr")
	out := filepath.Join(d.prefix, "machine")
	if code, _, stderr := run("policy", "export", m.policy, "--for", "containerd", "--prefix", out, "--output", out); code != exitOK {
		t.Fatal(stderr)
	}
	d.prefix = out
	d.write("usr/bin/tailsbuild", 0o755, fmt.Sprintf("#!/bin/sh\nTAILSBUILD_TEST_MAIN=1 exec %s \"$@\"\n", must[string](t)(os.Executable())))
	d.write("etc/tailsbuild/root.json", 0o644, string(m.repo.File("1.root.json")))
	d.write("etc/containerd/config.toml", 0o644, fmt.Sprintf(`version = 3
root = "%[1]s/root"
state = "%[1]s/state"
imports = ["conf.d/*.toml"]

[grpc]
  address = "%[1]s/grpc.sock"
[ttrpc]
  address = "%[1]s/ttrpc.sock"
[[plugins."io.containerd.transfer.v1.local".unpack_config]]
  platform = "linux/amd64"
  snapshotter = "native"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "native"
`, d.dir))
	d.start()
	return d
}

func (d *daemon) write(file string, mode os.FileMode, content string) {
	d.t.Helper()
	path := filepath.Join(d.prefix, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		d.t.Fatal(err)
	}
}

func (d *daemon) start() {
	d.t.Helper()
	var err error
	ready := func(ctx context.Context) error { return d.command(ctx, "version").Run() }
	d.Daemon, err = programtest.Start(context.Background(), ready, d.program, "--config", filepath.Join(d.prefix, "etc/containerd/config.toml"))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(d.Stop)
}

func (d *daemon) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, d.ctr, append([]string{"--address", d.dir + "/grpc.sock", "--namespace", "test"}, args...)...)
}

// pull pulls an image as ctr does, and wants it to be there afterwards if ok, and
// otherwise wants to be told.
func (d *daemon) pull(ref string, ok bool, want string, flags ...string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	args := append([]string{"images", "pull", "--plain-http", "--snapshotter", "native"}, flags...)
	out, err := d.command(ctx, append(args, ref)...).CombinedOutput()
	if (err == nil) != ok || !strings.Contains(string(out), want) {
		d.t.Errorf("pull %s: %v, want %q\n%s", ref, err, want, out)
	}
	images := must[[]byte](d.t)(d.command(ctx, "images", "ls", "-q").Output())
	if has := strings.Contains(string(images), ref); has != ok {
		d.t.Errorf("pull %s: containerd has\n%s", ref, images)
	}
	if ok {
		if out, err := d.command(ctx, "images", "rm", "--sync", ref).CombinedOutput(); err != nil {
			d.t.Fatalf("%v\n%s", err, out)
		}
	}
}

// kubernetes pulls an image as a kubelet does (cri-api v1, ImageService), and wants
// it to be refused with an error, or not for "".
func (d *daemon) kubernetes(ref, want string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn := must[*grpc.ClientConn](d.t)(grpc.NewClient("unix://"+d.dir+"/grpc.sock", grpc.WithTransportCredentials(insecure.NewCredentials())))
	defer conn.Close()
	// PullImageRequest{Image: &ImageSpec{Image: ref}}
	spec := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), ref)
	request, response := wire(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), spec)), wire(nil)
	err := conn.Invoke(ctx, "/runtime.v1.ImageService/PullImage", &request, &response, grpc.ForceCodec(wireCodec{}))
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		d.t.Errorf("pull %s for Kubernetes: %v, want %q", ref, err, want)
	}
}

// wire is a message of protobuf, encoded.
type wire []byte

type wireCodec struct{}

func (wireCodec) Marshal(v any) ([]byte, error)   { return *v.(*wire), nil }
func (wireCodec) Unmarshal(b []byte, v any) error { *v.(*wire) = b; return nil }
func (wireCodec) Name() string                    { return "proto" }

// retag gives an image the tag of another, as who may push can.
func retag(t *testing.T, from, to string) {
	t.Helper()
	desc := must[*remote.Descriptor](t)(remote.Get(must[name.Reference](t)(name.ParseReference(from))))
	if err := remote.Tag(must[name.Tag](t)(name.NewTag(to)), desc); err != nil {
		t.Fatal(err)
	}
}

// TestContainerdDaemon pulls with the real containerd, which asks tailsbuild by the
// policy, as policy export set it up.
func TestContainerdDaemon(t *testing.T) {
	m := newService(t)
	d := newDaemon(t, m)
	repo := m.published.repo
	host, _, _ := strings.Cut(repo, "/")

	d.pull(m.tag, true, "")
	d.pull(m.digest, true, "")
	d.pull(m.unsigned, false, "blocked pull of "+m.unsigned)
	push(t, m.dir, host+"/other/mqtt:2.7.9-r1")
	d.pull(host+"/other/mqtt:2.7.9-r1", false, "has no scope for images of this name")
	push(t, m.dir, host+"/open:foreign")
	d.pull(host+"/open:foreign", false, "is foreign: ")

	t.Run("moved tags", func(t *testing.T) {
		d := d.in(t)
		retag(t, m.tag, repo+":2.8.0-r1")
		d.pull(repo+":2.8.0-r1", false, "it was asked for as")
		retag(t, m.unsigned, repo+":2.7.9-r1")
		d.pull(m.tag, false, "blocked pull")
		retag(t, m.digest, repo+":2.7.9-r1")
		d.pull(m.tag, true, "")
	})
	t.Run("kubernetes", func(t *testing.T) {
		d := d.in(t)
		d.kubernetes(m.tag, "")
		d.kubernetes(m.unsigned, "blocked pull of "+m.unsigned)
	})
	t.Run("rollback", func(t *testing.T) {
		d := d.in(t)
		tag, _ := m.newer()
		d.pull(m.tag, true, "")
		d.pull(tag, true, "")
		d.pull(m.tag, false, "A newer release than this one was seen already.")
		m.repo.Revoke("mqtt", trust.Ref{Name: "mqtt", Version: "2.8.0", Release: 1}, "it has a hole")
		m.publish()
		d.pull(tag, false, "it has a hole")
	})
	t.Run("files", func(t *testing.T) {
		d := d.in(t)
		policy := filepath.Join(d.prefix, "etc/tailsbuild/policy.hcl")
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		check(os.Chmod(policy, 0o666))
		d.pull(m.tag, false, "others may write to it")
		check(os.Rename(policy, policy+".away"))
		d.pull(m.tag, false, "no such file")
		check(os.Rename(policy+".away", policy))
	})
}

// in returns d for a test within its own.
func (d daemon) in(t *testing.T) *daemon {
	d.t = t
	return &d
}

// TestContainerdDaemonOpen: where containerd allows everything, doctor says so.
func TestContainerdDaemonOpen(t *testing.T) {
	m := newService(t)
	d := newDaemon(t, m)
	verifiers := filepath.Join(d.prefix, "usr/lib/tailsbuild/containerd")
	script := string(must[[]byte](t)(os.ReadFile(filepath.Join(verifiers, "tailsbuild"))))
	config := filepath.Join(d.prefix, "etc/containerd/conf.d/tailsbuild.toml")

	// What takes too long, and what can't be run, refuses.
	export := string(must[[]byte](t)(os.ReadFile(config)))
	d.write("usr/lib/tailsbuild/containerd/tailsbuild", 0o755, "#!/bin/sh\nexec sleep 60\n")
	if err := os.WriteFile(config, []byte(strings.Replace(export, `"10s"`, `"500ms"`, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	d.Stop()
	d.start()
	d.pull(m.tag, false, "image verifier bindir returned error")
	d.write("usr/lib/tailsbuild/containerd/tailsbuild", 0o755, "#!/nonexistent\n")
	d.pull(m.tag, false, "image verifier bindir returned error")

	// Only the transfer service asks.
	d.write("usr/lib/tailsbuild/containerd/tailsbuild", 0o755, "#!/bin/sh\nexit 4\n")
	d.pull(m.unsigned, false, "blocked pull")
	d.pull(m.unsigned, true, "", "--local")

	// Kubernetes' older way of pulling doesn't, with any setting that needs it.
	d.kubernetes(m.unsigned, "blocked pull")
	const images = "\n[plugins.\"io.containerd.cri.v1.images\"]\n  max_concurrent_downloads = 4\n"
	if err := os.WriteFile(config, []byte(export+images), 0o644); err != nil {
		t.Fatal(err)
	}
	d.open("because of max_concurrent_downloads")
	d.Stop()
	d.start()
	d.pull(m.unsigned, false, "blocked pull")
	d.kubernetes(m.unsigned, "")

	// More verifiers than are asked.
	d.write("usr/lib/tailsbuild/containerd/tailsbuild", 0o755, script)
	d.write("usr/lib/tailsbuild/containerd/a", 0o755, "#!/bin/sh\n")
	if err := os.WriteFile(config, []byte(strings.Replace(export, "= -1", "= 1", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	d.open("has 2 verifiers, and max_verifiers is 1")
	d.Stop()
	d.start()
	d.pull(m.unsigned, true, "")

	if err := os.Remove(filepath.Join(verifiers, "a")); err != nil {
		t.Fatal(err)
	}
	d.open("")
	d.pull(m.unsigned, false, "blocked pull")
	for _, empty := range []bool{true, false} {
		if err := os.RemoveAll(verifiers); err != nil {
			t.Fatal(err)
		}
		want := "is missing"
		if empty {
			want = "is empty"
			if err := os.Mkdir(verifiers, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		d.open(want)
		d.pull(m.unsigned, true, "")
	}
}

// open wants doctor to say that containerd fails open, or that it doesn't for "".
func (d *daemon) open(want string) {
	d.t.Helper()
	// doctor sees the machine from its root.
	root := filepath.Join(d.t.TempDir(), "root")
	if err := os.CopyFS(root, os.DirFS(d.prefix)); err != nil {
		d.t.Fatal(err)
	}
	config := filepath.Join(root, "etc/containerd/conf.d/tailsbuild.toml")
	b := must[[]byte](d.t)(os.ReadFile(config))
	if err := os.WriteFile(config, []byte(strings.ReplaceAll(string(b), d.prefix, "")), 0o644); err != nil {
		d.t.Fatal(err)
	}
	var open []string
	for _, f := range failopen.Examine(failopen.Machine{Root: root}) {
		if f.Place == "containerd" && f.Open {
			open = append(open, f.Says)
		}
	}
	if got := strings.Join(open, "; "); (got == "") != (want == "") || !strings.Contains(got, want) {
		d.t.Errorf("doctor says %q, want %q", got, want)
	}
}
