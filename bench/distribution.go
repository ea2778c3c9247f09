package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
)

// distributionName is argv[0] of this program as the CNCF's registry, which is a
// process of its own, so that what it takes isn't counted.
const distributionName = "bench-distribution"

// A distribution is the CNCF's registry on this machine.
type distribution struct {
	address string
	cmd     *exec.Cmd
}

// startDistribution starts a registry, which ends with this process, and which keeps
// what it has in dir. It logs every request, to nowhere.
func startDistribution(dir string) (*distribution, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	d := &distribution{cmd: exec.Command(self)}
	d.cmd.Args = []string{distributionName, dir}
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("registry: %w", err), d.stop())
	}
	d.address = strings.TrimSpace(line)
	return d, nil
}

func (d *distribution) stop() error {
	err := d.cmd.Process.Kill()
	_ = d.cmd.Wait() // it was killed
	return err
}

// serveDistribution is the registry's process. It says first where it listens.
func serveDistribution(dir string) error {
	config := &configuration.Configuration{Storage: configuration.Storage{
		"filesystem": {"rootdirectory": dir}, "delete": {"enabled": true},
	}}
	config.Log.Level, config.Log.AccessLog.Disabled = "panic", true
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	s := &http.Server{Handler: handlers.NewApp(context.Background(), config), ReadHeaderTimeout: time.Minute}
	return s.Serve(listener)
}
