package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// A world is what there is to verify: releases in folders and in a registry, and a
// trust root that lists them, with a policy by it.
type world struct {
	ours     ours
	cosign   cosign
	registry *server
	dir      string
	// folders and references are 100 of each, of ten images.
	folders, references []string
}

const (
	worldBase = "alpine-3.19"

	images = 10 // releases of their own
	places = 10 // copies of each, under names of their own
	tag    = "1.0.0-r0"
	// The repositories below these have junk attached to an image.
	hugeJunk, manyJunk = "junk-huge", "junk-many"
	hugeSize           = 300 << 20
	manyCount          = 1000
)

func (w *world) policy() string    { return filepath.Join(w.dir, "policy.hcl") }
func (w *world) publicKey() string { return filepath.Join(w.ours.dir, "bench.pub") }

func imageName(i int) string { return fmt.Sprintf("hello-%d", i) }

func (w *world) reference(place, name string) string {
	return w.registry.address + "/" + place + "/" + name + ":" + tag
}

// openWorld makes a world, once for all cases.
func (b *bench) openWorld(ctx context.Context) (*world, error) {
	if b.world != nil {
		return b.world, nil
	}
	w := &world{ours: b.ours, dir: filepath.Join(b.dir, "world")}
	var err error
	if w.cosign, err = buildCosign(ctx, b.cache, b.repository); err != nil {
		return nil, err
	}
	blobs := filepath.Join(w.dir, "registry")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return nil, err
	}
	if w.registry, err = startServer(googles, blobs); err != nil {
		return nil, err
	}
	b.world = w // to be ended
	for _, step := range []func(context.Context) error{b.buildReleases, w.makeTrustRoot, w.publish, w.addJunk} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// helloProject makes a project of small recipes in the folder recipes, each with another
// file, and locks them. It returns their names.
func (b *bench) helloProject(ctx context.Context, recipes string, count int) ([]string, error) {
	if err := copyProject(b.recipes(), recipes, worldBase); err != nil {
		return nil, err
	}
	inputs, err := b.ours.inputs(ctx, b.recipes(), worldBase)
	if err != nil {
		return nil, err
	}
	mirror := recipes + ".mirror"
	if err := b.mirror(inputs, mirror); err != nil {
		return nil, err
	}
	var names []string
	for i := range count {
		name := imageName(i)
		names = append(names, name)
		recipe := fmt.Sprintf("service %q {\n  version = \"1.0.0\"\n  epoch = 1735689600\n  summary = \"Says hello\"\n  license = \"Apache-2.0\"\n"+
			"  arch = [\"x86_64\"]\n  base = %q\n  file \"/etc/hello\" {\n    content = \"hello %d\\n\"\n  }\n}\n", name, worldBase, i)
		dir := filepath.Join(recipes, name)
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "recipe.hcl"), []byte(recipe), 0o644)); err != nil {
			return nil, err
		}
	}
	lock := append([]string{"lock", "--recipes", recipes, "--store", b.ours.store, "--mirror", mirror, "--offline", "--progress", "quiet"}, names...)
	return names, start(b.ours.command(ctx, lock...)).wait()
}

// buildReleases builds and signs the images.
func (b *bench) buildReleases(ctx context.Context) error {
	w := b.world
	recipes := filepath.Join(w.dir, "recipes")
	names, err := b.helloProject(ctx, recipes, images)
	if err != nil {
		return err
	}
	if err := b.ours.build(ctx, recipes, names...); err != nil {
		return err
	}
	for place := range places {
		for _, name := range names {
			folder := filepath.Join(w.dir, "releases", fmt.Sprint(place), name)
			if err := os.CopyFS(folder, os.DirFS(filepath.Join(b.ours.dir, "dist", name))); err != nil {
				return err
			}
			w.folders = append(w.folders, folder)
			w.references = append(w.references, w.reference(fmt.Sprint("place", place), name))
		}
	}
	return nil
}

// makeTrustRoot makes a trust root that lists the releases, and a policy that asks
// for it.
func (w *world) makeTrustRoot(ctx context.Context) error {
	for _, name := range []string{"root", "tags", "online"} {
		if err := start(w.ours.command(ctx, "key", "new", "--out", filepath.Join(w.dir, name))).wait(); err != nil {
			return err
		}
	}
	root, tags, online := filepath.Join(w.dir, "root"), filepath.Join(w.dir, "tags"), filepath.Join(w.dir, "online")
	steps := [][]string{
		{"init", "--threshold", "1", "--root-key", root + ".pub", "--snapshot-key", online + ".pub", "--timestamp-key", online + ".pub"},
		{"sign", "--all", "--key", root + ".key"},
		{"delegate", "hello-*", "--name", "hello", "--key", tags + ".pub"},
		{"sign", "--all", "--key", root + ".key"},
		{"sign", "--all", "--key", tags + ".key"},
	}
	for _, folder := range w.folders[:images] {
		steps = append(steps, []string{"add", folder, "--key", w.publicKey()})
	}
	steps = append(steps, []string{"sign", "hello", "--key", tags + ".key"},
		[]string{"snapshot", "--key", online + ".key"}, []string{"timestamp", "--key", online + ".key"})
	for _, args := range steps {
		if err := w.trust(ctx, args...); err != nil {
			return err
		}
	}
	metadata := filepath.Join(w.dir, "trust", "metadata")
	policy := fmt.Sprintf("trust_root \"bench\" {\n  organisation = \"bench\"\n  root = %q\n  sources = [%q]\n}\n", filepath.Join(metadata, "1.root.json"), metadata)
	for _, pattern := range []string{"hello-*", w.registry.address + "/**"} {
		policy += fmt.Sprintf("scope %q {\n  trust_root = \"bench\"\n  transparency_log = \"optional\"\n  timestamp = \"optional\"\n  end_of_support = \"warn\"\n}\n", pattern)
	}
	return os.WriteFile(w.policy(), []byte(policy), 0o644)
}

// unconfirmed is how trust sign asks a person who isn't there.
var unconfirmed = regexp.MustCompile(`nobody has confirmed ([0-9a-f]+)`)

// trust changes the trust root. All that is to be signed is confirmed: this program
// has staged it.
func (w *world) trust(ctx context.Context, args ...string) error {
	args = append([]string{"trust"}, append(args, "--dir", filepath.Join(w.dir, "trust"))...)
	for {
		err := start(w.ours.command(ctx, args...)).wait()
		if err == nil {
			return nil
		}
		asked := unconfirmed.FindStringSubmatch(err.Error())
		if asked == nil {
			return err
		}
		args = append(args, "--confirm", asked[1])
	}
}

// publish pushes every release to every place.
func (w *world) publish(ctx context.Context) error {
	for i, ref := range w.references {
		if err := w.push(ctx, w.folders[i], ref).wait(); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) push(ctx context.Context, folder, ref string, flags ...string) *running {
	return start(w.ours.command(ctx, append([]string{"push", folder, ref}, flags...)...))
}

// addJunk pushes a release to where there is junk, and the junk.
func (w *world) addJunk(ctx context.Context) error {
	name := imageName(0)
	for _, place := range []string{hugeJunk, manyJunk} {
		if err := w.push(ctx, w.folders[0], w.reference(place, name)).wait(); err != nil {
			return err
		}
	}
	if err := w.registry.attach(ctx, hugeJunk+"/"+name, tag, zeros(hugeSize)); err != nil {
		return err
	}
	for i := range manyCount {
		if err := w.registry.attach(ctx, manyJunk+"/"+name, tag, strings.NewReader(fmt.Sprintf(`{"junk":%d}`, i))); err != nil {
			return err
		}
	}
	return nil
}

// verify verifies releases by the policy.
func (w *world) verify(ctx context.Context, releases ...string) *exec.Cmd {
	return w.ours.command(ctx, append([]string{"verify", "--policy", w.policy(), "--cache", filepath.Join(w.dir, "cache")}, releases...)...)
}

// verifyByKey verifies a release by the key that signed it.
func (w *world) verifyByKey(ctx context.Context, release string) *exec.Cmd {
	return w.ours.command(ctx, "verify", "--key", w.publicKey(), release)
}
