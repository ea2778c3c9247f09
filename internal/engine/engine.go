// Package engine has podman or docker pull images that were verified before.
//
// An engine is told the digest that was verified and nothing else: what a tag
// means at that moment is not asked again. There is no function here that pulls
// without verifying.
package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"
)

// The engines.
const (
	Podman = "podman"
	Docker = "docker"
)

// Names returns the names of the engines, in the order in which they are looked
// for.
func Names() []string { return []string{Podman, Docker} }

// An Engine is a program that has images.
type Engine struct {
	Name string // Podman or Docker
	Path string // absolute
	Env  []string
}

// An UnavailableError reports that no engine is there.
type UnavailableError struct{ Wanted []string }

func (e *UnavailableError) Error() string {
	return strings.Join(e.Wanted, " or ") + ": not found in PATH"
}

// Find looks for the engine called name, or for any when name is "".
//
// Errors are *[UnavailableError].
func Find(name string) (*Engine, error) {
	wanted := Names()
	if name != "" {
		wanted = []string{name}
	}
	for _, name := range wanted {
		// LookPath refuses what is found in the current folder.
		path, err := exec.LookPath(name)
		if err != nil || !filepath.IsAbs(path) {
			continue
		}
		if name == Docker && isPodman(path) {
			continue // podman-docker: it is podman that would be meant
		}
		return &Engine{Name: name, Path: path, Env: os.Environ()}, nil
	}
	return nil, &UnavailableError{wanted}
}

// isPodman reports whether docker is podman's script by that name.
func isPodman(path string) bool {
	resolved, err := filepath.EvalSymlinks(path)
	return err == nil && filepath.Base(resolved) == Podman
}

// A Verify says which manifest or index a reference means, once it is trusted. Any
// error means that nothing is pulled.
type Verify func(ctx context.Context, reference string) (digest.Digest, error)

// Pulled is an image that the engine has now.
type Pulled struct {
	// Image is the repository with the digest that was verified.
	Image string `json:"image"`
	// Tag is the name by which the engine knows the image as well, or "".
	Tag    string        `json:"tag,omitempty"`
	Digest digest.Digest `json:"digest"`
	// ID is the engine's own name for the image.
	ID     string `json:"id"`
	Engine string `json:"engine"`
}

// A DigestError reports that what was verified is not what the reference names.
type DigestError struct {
	Reference string
	Got       digest.Digest
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("%q: %q was verified, which is not its digest", e.Reference, e.Got)
}

// Pull verifies the image that reference names, pulls it by digest, and gives it
// the reference's tag in the engine, if it has one. The tag is only given to what
// the engine has by the digest.
//
// Errors are *[ReferenceError], *[DigestError], *[CommandError], and what verify
// returns. Until verify has returned, the engine isn't run.
func (e *Engine) Pull(ctx context.Context, reference string, verify Verify) (*Pulled, error) {
	ref, err := parse(reference)
	if err != nil {
		return nil, err
	}
	d, err := verify(ctx, reference)
	if err != nil {
		return nil, err
	}
	if d.Validate() != nil || d.Algorithm() != digest.SHA256 || ref.digest != "" && ref.digest != d {
		return nil, &DigestError{reference, d}
	}
	p := &Pulled{Image: ref.name + "@" + d.String(), Digest: d, Engine: e.Name}
	if _, err := e.run(ctx, e.pullArgs(ref, d)...); err != nil {
		return nil, err
	}
	if p.ID, err = e.id(ctx, p.Image); err != nil {
		return nil, err
	}
	if ref.tag == "" {
		return p, nil
	}
	p.Tag = ref.name + ":" + ref.tag
	if _, err := e.run(ctx, "tag", p.Image, p.Tag); err != nil {
		return nil, err
	}
	switch id, err := e.id(ctx, p.Tag); {
	case err != nil:
		return nil, err
	case id != p.ID:
		return nil, &CommandError{Args: []string{e.Name, "tag", p.Image, p.Tag}, Err: errors.New("the tag is another image's")}
	}
	return p, nil
}

// pullArgs are the exact arguments. Podman uses no encryption with registries of
// this machine, which docker does by itself.
func (e *Engine) pullArgs(ref reference, d digest.Digest) []string {
	args := []string{"pull", "--quiet"}
	if e.Name == Podman && ref.loopback() {
		args = append(args, "--tls-verify=false")
	}
	return append(args, ref.name+"@"+d.String())
}

// id returns the engine's ID of an image that it has.
func (e *Engine) id(ctx context.Context, image string) (string, error) {
	args := []string{"image", "inspect", "--format", "{{.Id}}", image}
	out, err := e.run(ctx, args...)
	if err != nil {
		return "", err
	}
	id := digest.Digest("sha256:" + strings.TrimPrefix(strings.TrimSpace(string(out)), "sha256:"))
	if id.Validate() != nil {
		return "", &CommandError{Args: append([]string{e.Name}, args...), Log: out, Err: errors.New("it printed no ID")}
	}
	return id.String(), nil
}

// A CommandError reports an engine's command that went wrong.
type CommandError struct {
	Args []string
	Log  []byte // the end of what it said
	Err  error
}

func (e *CommandError) Error() string { return strings.Join(e.Args, " ") + ": " + e.Err.Error() }
func (e *CommandError) Unwrap() error { return e.Err }

// maxOutput is how many bytes of an engine's output are kept.
const maxOutput = 64 << 10

func (e *Engine) run(ctx context.Context, args ...string) ([]byte, error) {
	var stdout, stderr tail
	cmd := exec.CommandContext(ctx, e.Path, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = e.Env, &stdout, &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, &CommandError{append([]string{e.Name}, args...), stderr.Bytes(), err}
	}
	return stdout.Bytes(), nil
}

// A tail keeps the end of what is written.
type tail struct{ bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	if n > maxOutput {
		p = p[n-maxOutput:]
	}
	if over := t.Len() + len(p) - maxOutput; over > 0 {
		t.Next(over)
	}
	t.Buffer.Write(p) // which has no errors
	return n, nil
}

// loopback reports whether the registry is on this machine.
func (r reference) loopback() bool {
	host, _, _ := strings.Cut(r.name, "/")
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
