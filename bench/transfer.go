package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	// A release of 300 MB: layers, and evidence beside the image.
	movedLayers, movedLayerSize = 3, 100 << 20
	movedBundles                = 4
	movedName                   = "bench:1.0.0-r0"
)

// skopeo is what Debian has of it.
func (b *bench) skopeo(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "skopeo", append([]string{"--insecure-policy", "copy", "--quiet", "--preserve-digests"}, args...)...)
}

// moving is the two cases that move a release of 300 MB between a folder and a
// registry on this machine.
type moving struct {
	*bench
	registry *server
	dir      string
}

// openMoving makes the release and starts the registry.
func (b *bench) openMoving() (*moving, error) {
	if _, err := exec.LookPath("skopeo"); err != nil {
		return nil, errors.New("skopeo is missing: apt-get install skopeo")
	}
	m := &moving{bench: b, dir: filepath.Join(b.dir, "moving")}
	if err := writeRelease(m.release()); err != nil {
		return nil, err
	}
	return m, m.renew()
}

// renew starts a registry that has nothing, on a port of its own: so that nobody
// remembers what others had.
func (m *moving) renew() error {
	if err := m.close(); err != nil {
		return err
	}
	blobs := filepath.Join(m.dir, "registry")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	var err error
	m.registry, err = startServer(cncfs, blobs)
	return err
}

func (m *moving) release() string { return filepath.Join(m.dir, "release") }

func (m *moving) reference() string { return m.registry.address + "/bench/" + movedName }

// close ends the registry, and removes what it has.
func (m *moving) close() error {
	var err error
	if m.registry != nil {
		err = m.registry.stop()
	}
	m.registry = nil
	return errors.Join(err, os.RemoveAll(filepath.Join(m.dir, "registry")))
}

// tailsbuild is ours, with what it remembers in a folder of the run's own.
func (m *moving) tailsbuild(ctx context.Context, args ...string) *exec.Cmd {
	cmd := m.ours.command(ctx, append(args, "--progress", "quiet")...)
	cmd.Env = append(cmd.Env, "XDG_STATE_HOME="+filepath.Join(m.dir, "state"))
	return cmd
}

// openPush has both push the release to registries that have nothing.
func (b *bench) openPush(context.Context) (*benchCase, error) {
	m, err := b.openMoving()
	if err != nil {
		return nil, err
	}
	skopeo := &contender{name: "skopeo copy, the image alone", rows: ratio("skopeo"), after: m.renew, run: func(ctx context.Context) error {
		return start(m.skopeo(ctx, "--dest-tls-verify=false", "oci:"+m.release()+":"+movedName, "docker://"+m.reference())).wait()
	}}
	ours := &contender{name: "tailsbuild push", after: m.renew, run: func(ctx context.Context) error {
		return start(m.tailsbuild(ctx, "push", m.release(), m.reference())).wait()
	}}
	return &benchCase{name: "push 300 MB", contenders: []*contender{ours, skopeo}, end: m.close}, nil
}

// openPull has both take the release from there into a folder.
func (b *bench) openPull(ctx context.Context) (*benchCase, error) {
	m, err := b.openMoving()
	if err != nil {
		return nil, err
	}
	ref, to := m.reference(), filepath.Join(m.dir, "pulled")
	if err := start(m.tailsbuild(ctx, "push", m.release(), ref)).wait(); err != nil {
		return nil, errors.Join(err, m.close())
	}
	remove := func() error { return os.RemoveAll(to) }
	skopeo := &contender{name: "skopeo copy, the image alone", rows: ratio("skopeo"), after: remove, run: func(ctx context.Context) error {
		return start(m.skopeo(ctx, "--src-tls-verify=false", "docker://"+ref, "oci:"+to+":"+movedName)).wait()
	}}
	ours := &contender{name: "tailsbuild copy", after: remove, run: func(ctx context.Context) error {
		return start(m.tailsbuild(ctx, "copy", ref, to)).wait()
	}}
	return &benchCase{name: "pull 300 MB", contenders: []*contender{ours, skopeo}, end: m.close}, nil
}

// A movedDescriptor names a blob or manifest (image-spec, descriptor.md).
type movedDescriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// A movedManifest is an image's, or an artifact's (image-spec, manifest.md).
type movedManifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        movedDescriptor   `json:"config"`
	Layers        []movedDescriptor `json:"layers"`
	Subject       *movedDescriptor  `json:"subject,omitempty"`
}

// writeRelease writes a layout with an image whose layers are noise, and evidence.
func writeRelease(dir string) error {
	const oci, bundle = "application/vnd.oci.image.", "application/vnd.dev.sigstore.bundle.v0.3+json"
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	var err error
	blob := func(mediaType string, content []byte) movedDescriptor {
		sum := fmt.Sprintf("%x", sha256.Sum256(content))
		err = errors.Join(err, os.WriteFile(filepath.Join(blobs, sum), content, 0o644))
		return movedDescriptor{MediaType: mediaType, Digest: "sha256:" + sum, Size: len(content)}
	}
	manifest := func(m movedManifest) movedDescriptor {
		m.SchemaVersion, m.MediaType = 2, oci+"manifest.v1+json"
		b, _ := json.Marshal(m) // it has strings and numbers alone
		return blob(m.MediaType, b)
	}
	noise := make([]byte, movedLayerSize)
	image := movedManifest{}
	var diffIDs []string
	for range movedLayers {
		_, _ = rand.Read(noise) // never fails
		layer := blob(oci+"layer.v1.tar", noise)
		image.Layers, diffIDs = append(image.Layers, layer), append(diffIDs, layer.Digest)
	}
	config, _ := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs},
	})
	image.Config = blob(oci+"config.v1+json", config)
	subject := manifest(image)
	named := subject
	named.Annotations = map[string]string{"org.opencontainers.image.ref.name": movedName}
	index := []movedDescriptor{named}
	for range movedBundles {
		content := make([]byte, 3000)
		_, _ = rand.Read(content)
		index = append(index, manifest(movedManifest{
			ArtifactType: bundle, Subject: &subject, Config: blob("application/vnd.oci.empty.v1+json", []byte("{}")),
			Layers: []movedDescriptor{blob(bundle, content)},
		}))
	}
	body, _ := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": index})
	return errors.Join(err, os.WriteFile(filepath.Join(dir, "index.json"), body, 0o644),
		os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644))
}
