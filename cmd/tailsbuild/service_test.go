package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/rogpeppe/go-internal/testscript"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// service runs the image of a release, unpacked into a folder: service DIR RELEASE
// [NAME=VALUE]. The variables are added to those of the image, and @ in their values is
// an address on this machine, which is $SERVICE then, and has to be listened at.
func service(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: service DIR RELEASE [NAME=VALUE]...")
	}
	root := ts.MkAbs(args[0])
	config := unpack(ts, ts.MkAbs(args[1]), root)
	address := freeAddress(ts)
	ts.Setenv("SERVICE", address)
	uid := userOf(ts, root, config.Config.User)
	var said bytes.Buffer
	cmd := &exec.Cmd{
		Path: config.Config.Entrypoint[0], Args: config.Config.Entrypoint, Dir: "/", Stdout: &said, Stderr: &said,
		Env: config.Config.Env,
		SysProcAttr: &syscall.SysProcAttr{
			Chroot: root, Pdeathsig: syscall.SIGKILL,
			Credential: &syscall.Credential{Uid: uid, Gid: uid, NoSetGroups: false},
		},
	}
	for _, v := range args[2:] {
		cmd.Env = append(cmd.Env, strings.Replace(v, "@", address, 1))
	}
	ts.Check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	for end := time.Now().Add(30 * time.Second); ; {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			ts.Fatalf("the service ended: %v\n%s", err, said.Bytes())
		case <-time.After(50 * time.Millisecond):
			if time.Now().After(end) {
				ts.Fatalf("nothing listens at %s", address)
			}
		}
	}
}

// unpack unpacks the image of a release, and returns its config.
func unpack(ts *testscript.TestScript, release, root string) *ocispec.Image {
	l, err := oci.OpenLayout(release)
	ts.Check(err)
	defer l.Close()
	index, err := l.Images()
	ts.Check(err)
	m, _, err := l.ReadManifest(index[0])
	ts.Check(err)
	b, err := l.ReadBlob(m.Config, oci.MaxDocument)
	ts.Check(err)
	var config ocispec.Image
	ts.Check(json.Unmarshal(b, &config))
	ts.Check(os.Mkdir(root, 0o755))
	for _, layer := range m.Layers {
		blob, err := l.Blob(layer)
		ts.Check(err)
		// Neither layer of the images that this is for takes anything away.
		cmd := exec.Command("tar", "-xz", "-p", "--numeric-owner", "-C", root)
		cmd.Stdin = blob
		if out, err := cmd.CombinedOutput(); err != nil {
			ts.Fatalf("tar: %v\n%s", err, out)
		}
		ts.Check(blob.Close())
	}
	return &config
}

// freeAddress returns an address on this machine at which nothing listens.
func freeAddress(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	return l.Addr().String()
}

// userOf returns the number of a user in an unpacked image.
func userOf(ts *testscript.TestScript, root, name string) uint32 {
	name, _, _ = strings.Cut(name, ":")
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(n)
	}
	b, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	ts.Check(err)
	for line := range strings.Lines(string(b)) {
		if fields := strings.Split(line, ":"); fields[0] == name && len(fields) > 2 {
			n, err := strconv.ParseUint(fields[2], 10, 32)
			ts.Check(err)
			return uint32(n)
		}
	}
	ts.Fatalf("%s", fmt.Sprintf("there is no user %q", name))
	return 0
}
