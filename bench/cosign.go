package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
)

// A cosign is the program that signs and verifies images without a trust root.
type cosign struct{ program, version string }

// buildCosign builds the cosign that test/cosign pins, once, into the cache folder,
// where the tests have it, too.
func buildCosign(ctx context.Context, cache, repository string) (cosign, error) {
	module := filepath.Join(repository, "test", "cosign")
	mod, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return cosign{}, err
	}
	pinned := regexp.MustCompile(`(?m)^\tgithub\.com/sigstore/cosign/v3 (v[0-9.]+) `).FindSubmatch(mod)
	if pinned == nil {
		return cosign{}, fmt.Errorf("%s/go.mod doesn't pin cosign", module)
	}
	c := cosign{version: string(pinned[1])}
	c.program = filepath.Join(cache, "cosign-"+c.version+"-"+runtime.Version())
	if _, err := os.Stat(c.program); err == nil {
		return c, nil
	}
	fmt.Fprintf(os.Stderr, "bench: building cosign %s, once, into %s\n", c.version, cache)
	aside, err := os.MkdirTemp(cache, "cosign-")
	if err != nil {
		return cosign{}, err
	}
	defer os.RemoveAll(aside)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-o", filepath.Join(aside, "cosign"), "github.com/sigstore/cosign/v3/cmd/cosign")
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := start(cmd).wait(); err != nil {
		return cosign{}, err
	}
	return c, os.Rename(filepath.Join(aside, "cosign"), c.program)
}

// command runs cosign without a network but for this machine.
func (c cosign) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.program, args...)
	cmd.Env = append(os.Environ(), "COSIGN_PASSWORD=",
		"HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=127.0.0.1")
	return cmd
}

// verify verifies an image by a key: neither cosign nor we ask a transparency log.
func (c cosign) verify(ctx context.Context, key, reference string) *exec.Cmd {
	return c.command(ctx, "verify", "--key", key, "--insecure-ignore-tlog=true", reference)
}

// sign adds a signature by a key to an image, in no transparency log.
func (c cosign) sign(ctx context.Context, key, reference string) *exec.Cmd {
	return c.command(ctx, "sign", "--key", key, "--yes", "--use-signing-config=false", "--tlog-upload=false", reference)
}
