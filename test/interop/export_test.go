//go:build containers_image_openpgp

package interop

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
)

// A world is a registry, two keys, and the configuration made from a policy.
type world struct {
	t        *testing.T
	host     string
	us, them *ecdsa.PrivateKey
	config   string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	w := &world{t: t, host: strings.TrimPrefix(server.URL, "http://"), config: t.TempDir()}
	for _, key := range []**ecdsa.PrivateKey{&w.us, &w.them} {
		var err error
		if *key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// in returns w for a test within its own.
func (w world) in(t *testing.T) *world {
	w.t = t
	return &w
}

// export writes the configuration with which podman enforces the scopes.
func (w *world) export(scopes string, flags ...string) {
	w.t.Helper()
	var policy strings.Builder
	for name, key := range map[string]*ecdsa.PrivateKey{"us": w.us, "them": w.them} {
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		check(w.t, err)
		public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		fmt.Fprintf(&policy, "signer %q {\n  organisation = %q\n  key \"2026\" {\n    public = <<-EOT\n%s    EOT\n  }\n}\n", name, name, public)
	}
	policy.WriteString(strings.ReplaceAll(scopes, "HOST", w.host))
	file := filepath.Join(w.t.TempDir(), "policy.hcl")
	check(w.t, os.WriteFile(file, []byte(policy.String()), 0o644))
	w.config = filepath.Join(w.t.TempDir(), "out")
	args := append([]string{"policy", "export", file, "--for", "podman", "--output", w.config, "--prefix", w.config}, flags...)
	tailsbuild(w.t, 0, args...)
}

// push puts an image with random content where tag says.
func (w *world) push(tags ...string) v1.Hash {
	w.t.Helper()
	img, err := random.Image(64, 1)
	check(w.t, err)
	for _, tag := range tags {
		check(w.t, remote.Write(w.ref(tag), img))
	}
	digest, err := img.Digest()
	check(w.t, err)
	return digest
}

func (w *world) ref(s string) name.Reference {
	w.t.Helper()
	ref, err := name.ParseReference(w.host + "/" + s)
	check(w.t, err)
	return ref
}

// sign puts the legacy form of a signature beside an image of repository: it says
// that the image is called identity.
func (w *world) sign(key *ecdsa.PrivateKey, repository string, digest v1.Hash, identities ...string) {
	w.t.Helper()
	img := v1.Image(empty.Image)
	for _, identity := range identities {
		payload := []byte(fmt.Sprintf(`{"critical":{"identity":{"docker-reference":%q},"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"},"optional":null}`, w.host+"/"+identity, digest))
		sum := sha256.Sum256(payload)
		sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		check(w.t, err)
		img, err = mutate.Append(img, mutate.Addendum{
			Layer:       static.NewLayer(payload, "application/vnd.dev.cosign.simplesigning.v1+json"),
			Annotations: map[string]string{"dev.cosignproject.cosign/signature": base64.StdEncoding.EncodeToString(sig)},
		})
		check(w.t, err)
	}
	img = mutate.MediaType(img, "application/vnd.oci.image.manifest.v1+json")
	img = mutate.ConfigMediaType(img, "application/vnd.oci.image.config.v1+json")
	check(w.t, remote.Write(w.ref(repository+":"+digest.Algorithm+"-"+digest.Hex+".sig"), img))
}

// allowed asks what podman asks before it pulls.
func (w *world) allowed(reference string) error {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	policy, err := signature.NewPolicyFromFile(filepath.Join(w.config, "etc/containers/policy.json"))
	check(w.t, err)
	pc, err := signature.NewPolicyContext(policy)
	check(w.t, err)
	defer func() { check(w.t, pc.Destroy()) }()
	ref, err := docker.ParseReference("//" + w.host + "/" + reference)
	check(w.t, err)
	source, err := ref.NewImageSource(ctx, &types.SystemContext{
		RegistriesDirPath:           filepath.Join(w.config, "etc/containers/registries.d"),
		SystemRegistriesConfPath:    os.DevNull,
		DockerInsecureSkipTLSVerify: types.OptionalBoolTrue,
	})
	check(w.t, err)
	defer source.Close()
	ok, err := pc.IsRunningImageAllowed(ctx, image.UnparsedInstance(source, nil))
	if ok != (err == nil) {
		w.t.Fatalf("%s: allowed: %v, but %v", reference, ok, err)
	}
	return err
}

func (w *world) want(allowed bool, references ...string) {
	w.t.Helper()
	for _, ref := range references {
		switch err := w.allowed(ref); {
		case allowed && err != nil:
			w.t.Errorf("%s is refused: %v", ref, err)
		case !allowed && err == nil:
			w.t.Errorf("%s is allowed", ref)
		case !allowed:
			w.t.Logf("%s: %v", ref, err)
		}
	}
}

const exact = "scope \"HOST/tails/mqtt\" {\n  signers = [\"us\"]\n}\n"

func TestExportGood(t *testing.T) {
	w := newWorld(t)
	w.export(exact)
	digest := w.push("tails/mqtt:1", "tails/mqtt:latest")
	w.sign(w.us, "tails/mqtt", digest, "tails/mqtt:1", "tails/mqtt:latest")
	w.want(true, "tails/mqtt:1", "tails/mqtt:latest", "tails/mqtt@"+digest.String())
}

func TestExportBad(t *testing.T) {
	w := newWorld(t)
	w.export(exact)
	good := w.push("tails/mqtt:1", "tails/mqtt:2", "tails/mqtt/below:1", "tails/other:1", "tails/mqtt-2:1", "other/tails/mqtt:1")
	for _, repository := range []string{"tails/mqtt", "tails/mqtt/below", "tails/other", "tails/mqtt-2", "other/tails/mqtt"} {
		w.sign(w.us, repository, good, "tails/mqtt:1")
	}
	w.want(true, "tails/mqtt:1")
	t.Run("tag moved", func(t *testing.T) { w.in(t).want(false, "tails/mqtt:2") })
	t.Run("other name", func(t *testing.T) {
		w := w.in(t)
		w.want(false, "tails/mqtt/below:1", "tails/other:1", "tails/mqtt-2:1", "other/tails/mqtt:1")
	})
	t.Run("unsigned", func(t *testing.T) {
		w := w.in(t)
		w.push("tails/mqtt:3")
		w.want(false, "tails/mqtt:3")
	})
	t.Run("other signer", func(t *testing.T) {
		w := w.in(t)
		w.sign(w.them, "tails/mqtt", w.push("tails/mqtt:4"), "tails/mqtt:4")
		w.want(false, "tails/mqtt:4")
	})
	t.Run("signature of another image", func(t *testing.T) {
		w := w.in(t)
		digest := w.push("tails/mqtt:5")
		sig, err := remote.Image(w.ref("tails/mqtt:" + good.Algorithm + "-" + good.Hex + ".sig"))
		check(t, err)
		check(t, remote.Write(w.ref("tails/mqtt:"+digest.Algorithm+"-"+digest.Hex+".sig"), sig))
		w.want(false, "tails/mqtt:5")
	})
	t.Run("below, signed as such", func(t *testing.T) {
		w := w.in(t)
		w.sign(w.us, "tails/mqtt/below", w.push("tails/mqtt/below:2"), "tails/mqtt/below:2")
		w.want(false, "tails/mqtt/below:2")
	})
	t.Run("no registries.d", func(t *testing.T) {
		w := w.in(t)
		check(t, os.RemoveAll(filepath.Join(w.config, "etc/containers/registries.d")))
		w.want(false, "tails/mqtt:1")
	})
}

// TestExportSigners: a scope may have several, any of whom will do.
func TestExportSigners(t *testing.T) {
	w := newWorld(t)
	w.export("scope \"HOST/a\" {\n  signers = [\"us\", \"them\"]\n}\nscope \"HOST/b\" {\n  signers = [\"them\"]\n}\n" +
		"scope \"HOST/b/**\" {\n  signers = [\"them\"]\n}\n")
	for _, repository := range []string{"a", "b", "b/c", "b/c/d"} {
		w.sign(w.us, repository, w.push(repository+":us"), repository+":us")
		w.sign(w.them, repository, w.push(repository+":them"), repository+":them")
	}
	w.want(true, "a:us", "a:them", "b:them", "b/c:them", "b/c/d:them")
	w.want(false, "b:us", "b/c:us", "b/c/d:us")
	t.Run("no keys", func(t *testing.T) {
		w := w.in(t)
		check(t, os.RemoveAll(filepath.Join(w.config, "etc/containers/tailsbuild")))
		w.want(false, "a:us", "a:them", "b:them")
	})
}

// TestExportImages: a pattern that podman doesn't have, for images that are named.
func TestExportImages(t *testing.T) {
	w := newWorld(t)
	w.export("scope \"HOST/tails/*\" {\n  signers = [\"us\"]\n}\n", "--image", w.host+"/tails/mqtt")
	for _, repository := range []string{"tails/mqtt", "tails/sftp", "tails"} {
		w.sign(w.us, repository, w.push(repository+":1"), repository+":1")
	}
	w.want(true, "tails/mqtt:1")
	w.want(false, "tails/sftp:1", "tails:1")
}

func TestExportWholeRegistry(t *testing.T) {
	w := newWorld(t)
	w.export("scope \"**\" {\n  signers = [\"us\"]\n}\n")
	w.sign(w.us, "x/y", w.push("x/y:1"), "x/y:1")
	w.push("x/y:2")
	w.want(true, "x/y:1")
	w.want(false, "x/y:2")
}
