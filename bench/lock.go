package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// apkByHand does what locking sftp does, as people do it: Alpine's own apk chooses
// the packages and downloads them, checking index and packages, and sha256sum says
// what came.
const apkByHand = `
add="-X /mirror/alpine/v3.19/main -X /mirror/alpine/v3.19/community --repositories-file /dev/null"
apk $add --no-cache --no-network --simulate add openssh-server openssh-sftp-server >/out/said
chosen=$(sed -n 's/^([0-9/]*) Installing \([^ ]*\) (\(.*\))$/\1/p' /out/said)
apk $add --no-cache --no-network -o /out fetch $chosen
sha256sum /out/*.apk /mirror/alpine/v3.19/*/x86_64/APKINDEX.tar.gz
[ "$(ls /out/*.apk | wc -l)" = 4 ]`

// openLock has tailsbuild lock sftp from a mirror on this machine, with a store
// that has everything and with one that is empty, beside apk by hand. Everything
// that is fetched is on the same file system for all.
func (b *bench) openLock(ctx context.Context) (*benchCase, error) {
	inputs, err := b.ours.inputs(ctx, b.recipes(), "sftp")
	if err != nil {
		return nil, err
	}
	rootfs, err := the("rootfs", inputs)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(b.dir, "lock")
	root, mirror := filepath.Join(dir, "root"), filepath.Join(dir, "root", "mirror")
	if err := b.unpack(ctx, rootfs, root); err != nil {
		return nil, err
	}
	if err := b.mirror(inputs, mirror); err != nil {
		return nil, err
	}
	recipes := filepath.Join(dir, "recipes")
	if err := copyProject(b.recipes(), recipes, "alpine-3.19", "sftp"); err != nil {
		return nil, err
	}
	// Which base it is on, is the project's.
	const project = "variable \"alpine\" {\n  default = \"3.19\"\n}\n"
	if err := os.WriteFile(filepath.Join(recipes, "tailsbuild.hcl"), []byte(project), 0o644); err != nil {
		return nil, err
	}
	if err := withoutTests(filepath.Join(recipes, "sftp", "recipe.hcl")); err != nil {
		return nil, err
	}
	file := filepath.Join(recipes, "sftp", "recipe.lock.hcl")
	if err := os.Remove(file); err != nil {
		return nil, err
	}
	lock := func(store string) func(context.Context) error {
		return func(ctx context.Context) error {
			return start(b.ours.command(ctx, "lock", "sftp", "--recipes", recipes, "--progress", "quiet",
				"--store", store, "--mirror", mirror, "--offline")).wait()
		}
	}
	cold, out := filepath.Join(dir, "store"), filepath.Join(root, "out")
	return &benchCase{name: "lock sftp", contenders: []*contender{
		{name: "tailsbuild lock, warm store", run: lock(b.ours.store), after: func() error { return os.Remove(file) }},
		{name: "tailsbuild lock, empty store", rows: ratio("with an empty store"), run: lock(cold), after: func() error {
			if err := os.Remove(file); err != nil {
				return err
			}
			return os.RemoveAll(cold)
		}},
		{name: "(c) apk by hand", rows: ratio("(c)"), run: func(ctx context.Context) error {
			cmd := exec.CommandContext(ctx, "/bin/sh", "-euc", "mkdir /out\n"+apkByHand)
			cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
			cmd.Dir = "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Chroot: root, Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL,
			}
			return start(cmd).wait()
		}, after: func() error { return os.RemoveAll(out) }},
	}}, nil
}

// withoutTests takes the tests out of a recipe, which come last: their packages are
// locked too, and apk by hand isn't asked for those.
func withoutTests(file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, _, found := bytes.Cut(b, []byte("\n  test \""))
	if !found {
		return fmt.Errorf("%s has no tests", file)
	}
	return os.WriteFile(file, append(before, "\n}\n"...), 0o644)
}
