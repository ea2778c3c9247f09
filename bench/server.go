package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
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
	"github.com/google/go-containerregistry/pkg/registry"
)

// The registries, by what argv[0] of this program is when it is one of them: they are
// processes of their own, so that what they take isn't counted. Both keep their blobs
// in a folder and log nothing.
const (
	googles = "bench-registry"     // go-containerregistry's, with the referrers API
	cncfs   = "bench-distribution" // distribution, without it
)

var registries = map[string]func(dir string) http.Handler{
	googles: func(dir string) http.Handler {
		return registry.New(registry.WithReferrersSupport(true), registry.WithBlobHandler(registry.NewDiskBlobHandler(dir)),
			registry.Logger(log.New(io.Discard, "", 0)))
	},
	cncfs: func(dir string) http.Handler {
		config := &configuration.Configuration{Storage: configuration.Storage{
			"filesystem": {"rootdirectory": dir}, "delete": {"enabled": true},
		}}
		config.Log.Level, config.Log.AccessLog.Disabled = "panic", true
		return handlers.NewApp(context.Background(), config)
	},
}

// A server is a registry on this machine.
type server struct {
	address string
	cmd     *exec.Cmd
}

// startServer starts one of the registries, which ends with this process, and which
// keeps what it has in dir.
func startServer(name, dir string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{cmd: exec.Command(self)}
	s.cmd.Args = []string{name, dir}
	s.cmd.Stderr = os.Stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("registry: %w", err), s.stop())
	}
	s.address = strings.TrimSpace(line)
	return s, nil
}

func (s *server) stop() error {
	err := s.cmd.Process.Kill()
	_ = s.cmd.Wait() // it was killed
	return err
}

// serve is the process of a registry. It says first where it listens.
func serve(handler http.Handler) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	s := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	return s.Serve(listener)
}
