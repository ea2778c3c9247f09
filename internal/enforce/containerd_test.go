package enforce

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/pkg/imageverifier/bindir"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pelletier/go-toml/v2"
)

// TestContainerd has containerd's own verifier run what was exported. What stands
// in for tailsbuild writes down how it was called.
func TestContainerd(t *testing.T) {
	dir := t.TempDir()
	if resolved, err := filepath.EvalSymlinks(dir); err != nil || resolved != dir || !plainPath.MatchString(dir) {
		t.Fatalf("%s is no plain path: %v", dir, err)
	}
	p, src := decode(t, example)
	e, err := Write(p, src, Containerd, Options{Prefix: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range e.Files {
		write(t, filepath.Join(dir, f.Path), f.Content, f.Mode)
	}
	var config struct {
		Version int
		Plugins map[string]bindir.Config
	}
	b, err := os.ReadFile(filepath.Join(dir, containerdConfig))
	if err != nil {
		t.Fatal(err)
	}
	if err := toml.NewDecoder(strings.NewReader(string(b))).DisallowUnknownFields().Decode(&config); err != nil {
		t.Fatal(err)
	}
	c := config.Plugins["io.containerd.image-verifier.v1.bindir"]
	if config.Version != 3 || c.MaxVerifiers != -1 || time.Duration(c.PerVerifierTimeout) != 10*time.Second {
		t.Fatalf("config: %+v", config)
	}

	const name = "registry.example/tails/mqtt:1 $(touch x)"
	verify := func() (bool, error) {
		v := bindir.NewImageVerifier(&c)
		j, err := v.VerifyImage(context.Background(), name, ocispec.Descriptor{
			MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("x"), Size: 1,
		})
		return err == nil && j.OK, err
	}
	if ok, err := verify(); ok {
		t.Errorf("without tailsbuild, the image is allowed: %v", err)
	}
	stand := filepath.Join(dir, program)
	write(t, stand, []byte("#!/bin/sh\nprintf '%s\\n' \"$@\" >"+dir+"/called\nexit 4\n"), 0o755)
	if ok, err := verify(); ok || err != nil {
		t.Errorf("refused by tailsbuild, the image is allowed: %v, %v", ok, err)
	}
	write(t, stand, []byte("#!/bin/sh\nprintf '%s\\n' \"$@\" >"+dir+"/called\n"), 0o755)
	if ok, err := verify(); !ok || err != nil {
		t.Errorf("allowed by tailsbuild, the image is refused: %v", err)
	}
	called, err := os.ReadFile(filepath.Join(dir, "called"))
	want := strings.Join([]string{
		"containerd-verify", "--policy", dir + "/" + policyFile, "--cache", dir + "/" + stateFolder, "-name", name,
		"-digest", digest.FromString("x").String(), "-stdin-media-type", "application/vnd.oci.descriptor.v1+json", "",
	}, "\n")
	if err != nil || string(called) != want {
		t.Errorf("called with %q, want %q: %v", called, want, err)
	}
}

func write(t *testing.T, path string, content []byte, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		t.Fatal(err)
	}
}
