package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/pkg/imageverifier"
	"github.com/containerd/containerd/v2/pkg/imageverifier/bindir"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	_ "gitlab.com/tailsbuild/tailsbuild/internal/firstgc" // as the program has it
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

func TestMain(m *testing.M) {
	// containerd's verifiers are this test binary, started again.
	if os.Getenv("TAILSBUILD_TEST_MAIN") != "" {
		code := Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
		if file := os.Getenv("TAILSBUILD_TEST_PEAK"); file != "" {
			if err := writePeak(file); err != nil {
				panic(err)
			}
		}
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// writePeak writes the most memory that this process had, in KiB. Unlike
// getrusage's, it doesn't begin with what the parent had.
func writePeak(file string) error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	return os.WriteFile(file, []byte(peak), 0o644)
}

// verifiers is a bin_dir whose one script trusts key.
func verifiers(t *testing.T, key string, flags ...string) *bindir.ImageVerifier {
	t.Helper()
	return verifierOf(t, "", append([]string{"--key", key}, flags...)...)
}

// verifierOf is a bin_dir whose one script runs commands, then containerd-verify
// with flags.
func verifierOf(t *testing.T, commands string, flags ...string) *bindir.ImageVerifier {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nset -e\n%s\nTAILSBUILD_TEST_MAIN=1 exec %s containerd-verify --timeout 30s %s \"$@\"\n",
		commands, must[string](t)(os.Executable()), strings.Join(flags, " "))
	if err := os.WriteFile(filepath.Join(dir, "tailsbuild"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return bindir.NewImageVerifier(&bindir.Config{BinDir: dir, MaxVerifiers: 10, PerVerifierTimeout: 60e9})
}

func described(t *testing.T, ref string) ocispec.Descriptor {
	t.Helper()
	d := must[*remote.Descriptor](t)(remote.Get(must[name.Reference](t)(name.ParseReference(ref))))
	return ocispec.Descriptor{MediaType: string(d.MediaType), Digest: digest.Digest(d.Digest.String()), Size: d.Size}
}

// TestContainerd asks as containerd does, by its own library.
func TestContainerd(t *testing.T) {
	p := publish(t)
	good, unsigned := described(t, p.tag), described(t, p.unsigned)
	ask := func(v *bindir.ImageVerifier, name string, desc ocispec.Descriptor) *imageverifier.Judgement {
		t.Helper()
		return must[*imageverifier.Judgement](t)(v.VerifyImage(context.Background(), name, desc))
	}
	trusting := verifiers(t, p.key)
	for _, name := range []string{p.tag, p.digest} {
		if j := ask(trusting, name, good); !j.OK || !strings.Contains(j.Reason, "mqtt:2.7.9-r1") {
			t.Errorf("%s: %+v", name, j)
		}
	}
	longer, index, gone := good, good, good
	longer.Size++
	index.MediaType = ocispec.MediaTypeImageIndex
	gone.Digest = digest.FromString("gone")
	writable := filepath.Join(t.TempDir(), "my.pub")
	if err := os.WriteFile(writable, must[[]byte](t)(os.ReadFile(p.key)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(writable, 0o666); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		v    *bindir.ImageVerifier
		name string
		desc ocispec.Descriptor
		want string
	}{
		"unsigned":          {trusting, p.unsigned, unsigned, "is not signed"},
		"another key":       {verifiers(t, p.other), p.tag, good, "no signature of the image by this key"},
		"no key":            {verifiers(t, p.key+".none"), p.tag, good, "no such file"},
		"writable key":      {verifiers(t, writable), p.tag, good, "others may write to it"},
		"re-tagged":         {trusting, p.tag, unsigned, "is not signed"},
		"another size":      {trusting, p.tag, longer, "the descriptor has"},
		"another type":      {trusting, p.tag, index, "the descriptor has"},
		"not there":         {trusting, p.tag, gone, "404 Not Found"},
		"another digest":    {trusting, p.digest, unsigned, "-name says sha256:"},
		"another registry":  {trusting, "127.0.0.1:1/tails/mqtt:1", good, "127.0.0.1:1"},
		"bad name":          {trusting, "127.0.0.1:1/tails/mqtt:\x1b[2J", good, `\x1b`},
		"no time":           {verifiers(t, p.key, "--timeout 1ns"), p.tag, good, "refused: "},
		"wrong flag":        {verifiers(t, p.key, "--nonsense"), p.tag, good, "refused: unknown flag: --nonsense"},
		"argument":          {verifiers(t, p.key, "more"), p.tag, good, "takes flags alone, and got \"more\""},
		"key that is none":  {verifiers(t, "/etc/hostname"), p.tag, good, "key"},
		"digest of nothing": {trusting, p.tag, ocispec.Descriptor{MediaType: good.MediaType, Digest: "sha512:x"}, "not a sha256 digest"},
	} {
		j, err := c.v.VerifyImage(context.Background(), c.name, c.desc)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if j.OK || !strings.Contains(j.Reason, c.want) || strings.Contains(j.Reason, "\x1b") {
			t.Errorf("%s: %+v", name, j)
		}
	}
	// No answer is a refusal.
	p.before = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusTeapot); return true }
	if j := ask(trusting, p.tag, good); j.OK {
		t.Errorf("%+v", j)
	}
}

// TestContainerdIndex: an index is as good as its worst image.
func TestContainerdIndex(t *testing.T) {
	p := publish(t)
	put := func(tag string, images ...ocispec.Descriptor) ocispec.Descriptor {
		t.Helper()
		return putIndex(t, p.repo+":"+tag, images...)
	}
	v := verifiers(t, p.key)
	good, bad := described(t, p.tag), described(t, p.unsigned)
	for name, c := range map[string]struct {
		desc ocispec.Descriptor
		ok   bool
	}{
		"one good":     {put("one", good), true},
		"good and bad": {put("mixed", good, bad), false},
		"none":         {put("none"), false},
		"many":         {put("many", good, good, good, good, good, good, good, good, good, good, good, good, good, good, good, good, good), false},
	} {
		j, err := v.VerifyImage(context.Background(), p.tag, c.desc)
		if err != nil || j.OK != c.ok {
			t.Errorf("%s: %+v, %v", name, j, err)
		}
	}
}

type rawIndex []byte

func (r rawIndex) RawManifest() ([]byte, error)      { return r, nil }
func (rawIndex) MediaType() (types.MediaType, error) { return types.OCIImageIndex, nil }

// TestContainerdStdin: what is on stdin is as strict as the flags.
func TestContainerdStdin(t *testing.T) {
	p := publish(t)
	good := described(t, p.tag)
	body := string(must[[]byte](t)(json.Marshal(good)))
	for name, c := range map[string]struct {
		stdin, mediaType string
		ok               bool
	}{
		"good":          {body, ocispec.MediaTypeDescriptor, true},
		"nothing":       {"", ocispec.MediaTypeDescriptor, false},
		"trailing":      {body + body, ocispec.MediaTypeDescriptor, false},
		"duplicate key": {strings.Replace(body, "{", `{"digest":"x",`, 1), ocispec.MediaTypeDescriptor, false},
		"other digest":  {strings.ReplaceAll(body, good.Digest.String(), digest.FromString("x").String()), ocispec.MediaTypeDescriptor, false},
		"endless":       {strings.Repeat(" ", descriptorLimit) + body, ocispec.MediaTypeDescriptor, false},
		"other type":    {body, "application/json", false},
		"no type":       {body, "", false},
	} {
		path := filepath.Join(t.TempDir(), "stdin")
		if err := os.WriteFile(path, []byte(c.stdin), 0o600); err != nil {
			t.Fatal(err)
		}
		f := must[*os.File](t)(os.Open(path))
		var stdout, stderr bytes.Buffer
		code := Main([]string{
			"containerd-verify", "--key", p.key, "-name", p.tag, "-digest", good.Digest.String(), "-stdin-media-type", c.mediaType,
		}, f, &stdout, &stderr)
		if (code == exitOK) != c.ok || strings.HasPrefix(stdout.String(), "refused: ") == c.ok || strings.Count(stdout.String(), "\n") != 1 {
			t.Errorf("%s: %d, %s%s", name, code, stdout.String(), stderr.String())
		}
		f.Close()
	}
}

// TestContainerdNoDescriptor: containerd is told what didn't come.
func TestContainerdNoDescriptor(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	key := filepath.Join(t.TempDir(), "my.pub")
	_, public, err := sign.GenerateKey(nil)
	if err == nil {
		err = os.WriteFile(key, public, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := Main([]string{"containerd-verify", "--key", key, "--timeout", "100ms", "-name", "registry.example/x:1",
		"-digest", digest.FromString("x").String(), "-stdin-media-type", ocispec.MediaTypeDescriptor}, r, &stdout, &stderr)
	if want := "refused: no descriptor came within 100ms\n"; code == exitOK || stdout.String() != want {
		t.Errorf("exit %d, stdout %q, want %q\n%s", code, stdout.String(), want, stderr.String())
	}
}
