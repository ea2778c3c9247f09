package programtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
)

// A Docker is Docker's own daemon.
type Docker struct {
	*Daemon
	// Host is its address, for DOCKER_HOST.
	Host string
}

// StartDocker starts the machine's dockerd, which keeps all it has in the folder
// dir, has nothing in common with one of the machine's, and gives containers no
// network.
func StartDocker(ctx context.Context, dir string) (*Docker, error) {
	config, socket := filepath.Join(dir, "daemon.json"), filepath.Join(dir, "docker.sock")
	if err := os.WriteFile(config, []byte("{}"), 0o600); err != nil { // not the machine's
		return nil, err
	}
	host := "unix://" + socket
	ready := func(ctx context.Context) error {
		return exec.CommandContext(ctx, "docker", "--host", host, "version").Run()
	}
	d, err := Start(ctx, ready, "dockerd",
		"--host", host, "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "--config-file", config,
		"--storage-driver", "vfs", "--bridge", "none", "--iptables=false", "--ip6tables=false")
	if err != nil {
		return nil, err
	}
	return &Docker{d, host}, nil
}
