package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust/trusttest"
)

// verified returns what the release's own key says of it.
func (p *published) verified(t *testing.T) *release.Verification {
	t.Helper()
	key := must[*sign.PublicKey](t)(sign.OpenPublicKey(must[[]byte](t)(os.ReadFile(p.key))))
	return must[*release.Verification](t)(release.Verify(context.Background(), p.dir, key))
}

// listedPolicy writes a policy by which both p's key has to sign, and a trust root has
// to list what is in p's registry. It lists p's release with those bundles.
func listedPolicy(t *testing.T, p *published, bundles []digest.Digest) string {
	t.Helper()
	v := p.verified(t)
	now := time.Now()
	repo := trusttest.New(t, now)
	repo.Delegate("mqtt", "mqtt/*")
	repo.Set("mqtt", trust.Ref{Name: "mqtt", Version: "2.7.9", Release: 1}, v.Image.Size, v.Image.Digest, &trust.Target{
		Version: trust.TargetVersion, Platforms: map[string]digest.Digest{"linux/amd64": v.Image.Digest},
		Bundles: bundles, Released: now.UTC().Truncate(time.Second), Sequence: 1,
	})
	repo.Publish()
	file := policyOf(t, p.repo, p.key)
	src := strings.Replace(string(must[[]byte](t)(os.ReadFile(file))), "  signers = [\"us\"]\n", "  signers = [\"us\"]\n  trust_root = \"us\"\n", 1)
	src += fmt.Sprintf("trust_root \"us\" {\n  organisation = \"us\"\n  root = %q\n  sources = [%q]\n}\n", filepath.Join(repo.Dir, "1.root.json"), repo.Dir)
	if err := os.WriteFile(file, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// A flood is junk in front of what really refers to an image: what a registry sends
// whose owner, or anybody who may push, wants a release not to be found.
type flood struct {
	list      []byte
	manifests map[string][]byte
	blobs     map[string][]byte
	huge      map[string]bool // blobs that don't end
	asked     atomic.Int64    // manifests of the junk
	sent      atomic.Int64    // bytes of blobs of the junk
}

// newFlood makes a list of 1,000 bundles of the image that are none. Some say that
// they have 300 MB, and some say that they are small and then have 300 MB.
func newFlood(t *testing.T, image ocispec.Descriptor) *flood {
	t.Helper()
	f := &flood{manifests: map[string][]byte{}, blobs: map[string][]byte{}, huge: map[string]bool{}}
	var all []ocispec.Descriptor
	for i := range 1000 {
		blob := ocispec.Descriptor{MediaType: sign.BundleMediaType, Digest: digest.FromString(fmt.Sprint("junk ", i)), Size: 300 << 20}
		if i%50 == 0 {
			blob.Size = 3000
			f.huge[blob.Digest.String()] = true
		}
		all = append(all, f.attach(t, image, nil, blob))
	}
	f.list = index(t, all)
	return f
}

// bundles returns a list of bundles that are there, and about image.
func (f *flood) bundles(t *testing.T, image ocispec.Descriptor, annotations map[string]string, bundles []string) []byte {
	t.Helper()
	var all []ocispec.Descriptor
	for i, b := range bundles {
		d := digest.FromString(b)
		f.blobs[d.String()] = []byte(b)
		annotations["n"] = fmt.Sprint(i)
		all = append(all, f.attach(t, image, annotations, ocispec.Descriptor{MediaType: sign.BundleMediaType, Digest: d, Size: int64(len(b))}))
	}
	return index(t, all)
}

// attach adds the manifest of a bundle about image.
func (f *flood) attach(t *testing.T, image ocispec.Descriptor, annotations map[string]string, blob ocispec.Descriptor) ocispec.Descriptor {
	t.Helper()
	empty := ocispec.DescriptorEmptyJSON
	empty.Data = nil
	body := must[[]byte](t)(json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		ArtifactType: sign.BundleMediaType, Config: empty, Layers: []ocispec.Descriptor{blob}, Annotations: annotations,
		Subject: &ocispec.Descriptor{MediaType: image.MediaType, Digest: image.Digest, Size: image.Size},
	}))
	d := digest.FromBytes(body)
	f.manifests[d.String()] = body
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: d, Size: int64(len(body)), ArtifactType: sign.BundleMediaType}
}

func index(t *testing.T, all []ocispec.Descriptor) []byte {
	t.Helper()
	return must[[]byte](t)(json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: all,
	}))
}

// serve answers for what the flood has; it doesn't say what really refers to the
// image.
func (f *flood) serve(w http.ResponseWriter, r *http.Request) bool {
	name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	switch {
	case strings.Contains(r.URL.Path, "/referrers/"):
		w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
		_, _ = w.Write(f.list)
	case f.manifests[name] != nil:
		f.asked.Add(1)
		w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
		_, _ = w.Write(f.manifests[name])
	case f.blobs[name] != nil:
		_, _ = w.Write(f.blobs[name])
	case f.huge[name]:
		zeros := make([]byte, 32<<10)
		for sent := 0; sent < 300<<20; sent += len(zeros) {
			n, err := w.Write(zeros)
			if f.sent.Add(int64(n)); err != nil {
				break
			}
		}
	default:
		return false
	}
	return true
}

// peakOf runs a command in a process of its own, and returns how much memory it
// took at most, in KiB, beside its exit code and output.
func peakOf(t *testing.T, args ...string) (kib, code int, output string) {
	t.Helper()
	return peakWith(t, "", args...)
}

// peakWith is peakOf a command that is given a text on stdin.
func peakWith(t *testing.T, stdin string, args ...string) (kib, code int, output string) {
	t.Helper()
	peak := filepath.Join(t.TempDir(), "peak")
	cmd := exec.CommandContext(t.Context(), must[string](t)(os.Executable()), args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "TAILSBUILD_TEST_MAIN=1", "TAILSBUILD_TEST_PEAK="+peak)
	out, _ := cmd.CombinedOutput() // the exit code says it
	if _, err := fmt.Sscan(string(must[[]byte](t)(os.ReadFile(peak))), &kib); err != nil {
		t.Fatal(err)
	}
	return kib, cmd.ProcessState.ExitCode(), string(out)
}

// maxPeak is how much memory may be taken, in KiB, whatever a registry sends.
const maxPeak = 60 << 10

// TestFloodHidesNothingListed: what a trust root lists is found behind any amount of
// junk, with as little work and memory as any other release.
func TestFloodHidesNothingListed(t *testing.T) {
	p := publish(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	v := p.verified(t)
	f := newFlood(t, v.Image)
	p.before = f.serve
	kib, code, output := peakOf(t, "verify", p.tag, "--policy", listedPolicy(t, p, v.Bundles))
	if code != exitOK || !strings.Contains(output, p.tag+" is trusted") || !strings.Contains(output, "- signed: ") {
		t.Errorf("exit %d\n%s", code, output)
	}
	if kib > maxPeak || f.asked.Load() > 256 || f.sent.Load() > 128<<20 {
		t.Errorf("%d KiB of memory, %d manifests and %d bytes of junk", kib, f.asked.Load(), f.sent.Load())
	}
	t.Logf("%d KiB of memory, %d manifests and %d bytes of junk", kib, f.asked.Load(), f.sent.Load())

	// So it is for pull.
	calls := standIn(t)
	if code, _, stderr := run("pull", p.tag, "--policy", listedPolicy(t, p, v.Bundles)); code != exitOK || !strings.Contains(calls(), "pull") {
		t.Errorf("pull: exit %d\n%s", code, stderr)
	}
	dir := filepath.Join(t.TempDir(), "mqtt")
	if code, _, stderr := run("pull", p.tag, "--policy", listedPolicy(t, p, v.Bundles), "--output", dir); code != exitOK {
		t.Errorf("pull --output: exit %d\n%s", code, stderr)
	}
	if code, stdout, stderr := run("verify", dir, "--key", p.key); code != exitOK {
		t.Errorf("verify what was pulled: exit %d\n%s%s", code, stdout, stderr)
	}
}

// TestFloodAndContainerd: nor does junk keep containerd from an image that is listed.
func TestFloodAndContainerd(t *testing.T) {
	p := publish(t)
	v := p.verified(t)
	f := newFlood(t, v.Image)
	p.before = f.serve
	stdin := string(must[[]byte](t)(json.Marshal(ocispec.Descriptor{MediaType: v.Image.MediaType, Digest: v.Image.Digest, Size: v.Image.Size})))
	for want, bundles := range map[int][]digest.Digest{exitOK: v.Bundles, exitRefused: nil} {
		f.asked.Store(0)
		kib, code, output := peakWith(t, stdin, "containerd-verify", "--policy", listedPolicy(t, p, bundles), "--cache", filepath.Join(t.TempDir(), "cache"),
			"--timeout", "60s", "-name", p.tag, "-digest", v.Image.Digest.String(), "-stdin-media-type", ocispec.MediaTypeDescriptor)
		if code != want || kib > maxPeak || f.asked.Load() > 256 {
			t.Errorf("%d bundles are listed: exit %d, want %d; %d KiB of memory, %d manifests of junk\n%s", len(bundles), code, want, kib, f.asked.Load(), output)
		}
	}
}

// TestFloodHidesTheRest: what nobody lists can be hidden, which makes nothing trusted
// and takes no more work and memory than there is a limit for.
func TestFloodHidesTheRest(t *testing.T) {
	p := publish(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	f := newFlood(t, p.verified(t).Image)
	p.before = f.serve
	for name, policy := range map[string]string{"listed without bundles": listedPolicy(t, p, nil), "by key": policyOf(t, p.repo, p.key)} {
		f.asked.Store(0)
		f.sent.Store(0)
		kib, code, output := peakOf(t, "verify", p.tag, "--policy", policy)
		if code != exitRefused || !strings.Contains(output, "- not-signed: ") || !strings.Contains(output, "Nobody has signed it, as far as could be read") || !strings.Contains(output, "over the limit of 256") {
			t.Errorf("%s: exit %d\n%s", name, code, output)
		}
		if kib > maxPeak || f.asked.Load() > 256 || f.sent.Load() > 128<<20 {
			t.Errorf("%s: %d KiB of memory, %d manifests and %d bytes of junk", name, kib, f.asked.Load(), f.sent.Load())
		}
	}
}

// TestMemory: what is small, and would be large once it is decoded, takes little
// memory, too.
func TestMemory(t *testing.T) {
	p := publish(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	policy := policyOf(t, p.repo, p.key)
	image := p.verified(t).Image
	stranger := must[*sign.Key](t)(releasetest.Key())
	many := func(item string, n int) string { return strings.Repeat(item+",", n/(len(item)+1)) + item }
	// What a stranger signs is read as far as that it isn't known who that is.
	signed := must[[]byte](t)(stranger.Sign(t.Context(), fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":%q}}],`+
		`"predicateType":"https://example.org/x","predicate":{"a":[%s]}}`, image.Digest.Encoded(), many("0", 79_000))))
	for name, bundles := range map[string][]string{
		"log entries": {`{"mediaType":"` + sign.BundleMediaType + `","verificationMaterial":{"tlogEntries":[` + many("{}", sign.MaxBundle-1000) + `]}}`},
		"signatures":  {`{"dsseEnvelope":{"signatures":[` + many("{}", sign.MaxBundle-1000) + `]}}`},
		"brackets":    {strings.Repeat("[", sign.MaxBundle)},
		"statements":  slices.Repeat([]string{string(signed)}, 20),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFlood(t, image)
			f.list = f.bundles(t, image, map[string]string{"org.example": "x", "tailsbuild.signer-key": string(stranger.Public().PEM())}, bundles)
			p.before = f.serve
			kib, code, output := peakOf(t, "verify", p.tag, "--policy", policy)
			if code != exitRefused || kib > maxPeak || len(f.blobs) == 0 || f.asked.Load() == 0 {
				t.Errorf("exit %d, %d KiB\n%s", code, kib, output)
			}
			t.Logf("%d KiB", kib)
		})
	}
	t.Run("config", func(t *testing.T) {
		f := newFlood(t, image)
		config := []byte(`{"architecture":"amd64","os":"linux","history":[` + many("{}", 1<<20-1000) + `]}`)
		body := must[[]byte](t)(json.Marshal(ocispec.Manifest{
			Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
			Config: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.FromBytes(config), Size: int64(len(config))},
			Layers: []ocispec.Descriptor{},
		}))
		f.blobs[digest.FromBytes(config).String()] = config
		f.manifests["evil"] = body
		p.before = f.serve
		kib, code, output := peakOf(t, "verify", p.repo+":evil", "--policy", policy)
		if code != exitRefused || kib > maxPeak || !strings.Contains(output, "values in config") {
			t.Errorf("exit %d, %d KiB\n%s", code, kib, output)
		}
	})
}
