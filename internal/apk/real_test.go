package apk

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	rootfs319   = "v3.19/releases/x86_64/alpine-minirootfs-3.19.4-x86_64.tar.gz"
	alpineKey   = "alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub"
	description = "v3.19.1-643-gec825d20535"
)

func realKeys(tb testing.TB) Keys {
	tb.Helper()
	keys, err := RootfsKeys("rootfs", bytes.NewReader(readFile(tb, mirror(tb), rootfs319)), "x86_64")
	check(tb, err)
	return keys
}

func realIndex(tb testing.TB, repository string) []byte {
	tb.Helper()
	return readFile(tb, mirror(tb), "v3.19", repository, "x86_64/APKINDEX.tar.gz")
}

func TestRealKeys(t *testing.T) {
	want := []string{
		"alpine-devel@lists.alpinelinux.org-4a6a0840.rsa.pub",
		"alpine-devel@lists.alpinelinux.org-5261cecb.rsa.pub",
		alpineKey,
	}
	if diff := cmp.Diff(want, realKeys(t).Names()); diff != "" {
		t.Errorf("keys for x86_64 (-want +got):\n%s", diff)
	}
	// etc/apk/keys of this rootfs has keys of the family x86 only.
	_, err := RootfsKeys("rootfs", bytes.NewReader(readFile(t, mirror(t), rootfs319)), "aarch64")
	wantError[*KeyError](t, err)
}

func TestRealIndexes(t *testing.T) {
	keys := realKeys(t)
	for _, test := range []struct {
		repository, description string
		packages                int
		time                    int64
	}{
		{"main", description, 5443, 1718724996},
		{"community", "v3.19.1-642-g9e5b575ce97", 17587, 1718724309},
	} {
		x, err := ReadIndex(test.repository, realIndex(t, test.repository), keys)
		check(t, err)
		if len(x.Packages) != test.packages || x.Description != test.description || x.Time != test.time || x.Key != alpineKey {
			t.Errorf("%s: %d packages, %q, %d, %s", test.repository, len(x.Packages), x.Description, x.Time, x.Key)
		}
		for i := range x.Packages {
			checkRealEntry(t, &x.Packages[i])
		}
	}
}

// checkRealEntry: apk takes everything in Alpine's indexes, so this package must.
func checkRealEntry(t *testing.T, p *Package) {
	t.Helper()
	if _, err := ParseVersion(p.Version); err != nil {
		t.Errorf("%s: %v", p.Name, err)
	}
	if p.Uninstallable || p.Size == 0 || p.Checksum == (Checksum{}) || p.License == "" || p.Origin == "" || p.BuildTime == 0 || len(p.Commit) < 40 {
		t.Errorf("%+v", p)
	}
	for _, s := range slices.Concat(p.Depends, p.InstallIf) {
		c, err := ParseConstraint(s)
		if err != nil || c.String() != s {
			t.Errorf("%s: %q: %v, %v", p, s, c, err)
		}
	}
}

func TestRealEntry(t *testing.T) {
	x, err := ReadIndex("main", realIndex(t, "main"), realKeys(t))
	check(t, err)
	sum, err := parseChecksum("Q1eJ+zHwWsbDeVxbpH9kqZyxI8VPw=")
	found := x.Find("openssh-sftp-server")
	if len(found) != 1 || err != nil {
		t.Fatal(found, err)
	}
	got := *found[0]
	got.Checksum, got.Commit, got.BuildTime, got.Size, got.InstalledSize, got.Maintainer = sum, "", 0, 0, 0, ""
	want := Package{
		Name: "openssh-sftp-server", Version: "9.6_p1-r0", Arch: "x86_64", Checksum: sum,
		Description: "ssh sftp server module", URL: "https://www.openssh.com/portable.html",
		License: "SSH-OpenSSH", Origin: "openssh",
		Depends:  []string{"so:libc.musl-x86_64.so.1"},
		Provides: nil,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entry (-want +got):\n%s", diff)
	}
	if f := found[0].String() + ".apk"; f != "openssh-sftp-server-9.6_p1-r0.apk" {
		t.Error(f)
	}
}

func TestRealPackages(t *testing.T) {
	keys := realKeys(t)
	x, err := ReadIndex("main", realIndex(t, "main"), keys)
	check(t, err)
	dir := filepath.Join(mirror(t), "v3.19/main/x86_64")
	entries, err := os.ReadDir(dir)
	check(t, err)
	byFile := map[string]*Package{}
	for i := range x.Packages {
		byFile[x.Packages[i].String()+".apk"] = &x.Packages[i]
	}
	verified, withScripts := 0, 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".apk") {
			continue
		}
		p := byFile[e.Name()]
		if p == nil {
			t.Errorf("%s is in no index", e.Name())
			continue
		}
		v, err := verify(p, readFile(t, dir, e.Name()), keys)
		if err != nil {
			t.Error(err)
			continue
		}
		checkRealInfo(t, p, v)
		verified++
		if len(v.Scripts) > 0 {
			withScripts++
		}
	}
	if verified != 123 || withScripts == 0 {
		t.Errorf("%d packages verified, %d with scripts; want 123, and some", verified, withScripts)
	}
}

// checkRealInfo: an index is made of the packages' own words.
func checkRealInfo(t *testing.T, p *Package, v *Verified) {
	t.Helper()
	if v.Key != alpineKey {
		t.Errorf("%s: signed with %s", p, v.Key)
	}
	if v.Info.Arch != "x86_64" && v.Info.Arch != "noarch" {
		t.Errorf("%s is for %s", p, v.Info.Arch)
	}
	got := Package{
		Name: v.Info.Name, Version: v.Info.Version, Arch: p.Arch, Size: p.Size, InstalledSize: v.Info.InstalledSize,
		Checksum: p.Checksum, Description: v.Info.Description, URL: v.Info.URL, License: v.Info.License,
		Origin: v.Info.Origin, Maintainer: v.Info.Maintainer, BuildTime: v.Info.BuildTime, Commit: v.Info.Commit,
		Depends: v.Info.Depends, Provides: v.Info.Provides, InstallIf: v.Info.InstallIf, ProviderPriority: v.Info.ProviderPriority,
	}
	if diff := cmp.Diff(*p, got); diff != "" {
		t.Errorf("%s (-index +.PKGINFO):\n%s", p, diff)
	}
}

// A flipped bit anywhere in a real index or package is refused.
func TestRealFlipped(t *testing.T) {
	keys := realKeys(t)
	b := realIndex(t, "main")
	x, err := ReadIndex("main", b, keys)
	check(t, err)
	for i := 0; i < len(b); i += 1 + min(i, len(b)/50) {
		if _, err := ReadIndex("main", flip(b, i), keys); err == nil {
			t.Errorf("index with byte %d flipped was read", i)
		}
	}
	p := x.Find("zlib")[0]
	apk := readFile(t, mirror(t), "v3.19/main/x86_64", p.String()+".apk")
	for i := 0; i < len(apk); i += 1 + i/700*100 {
		if _, err := verify(p, flip(apk, i), keys); err == nil {
			t.Errorf("package with byte %d of %d flipped was taken", i, len(apk))
		}
	}
	for _, n := range []int{0, 1, 10, 500, 666, 1500, len(apk) / 2, len(apk) - 1} {
		cut := *p
		cut.Size = int64(n)
		if _, err := verify(&cut, apk[:n], keys); err == nil {
			t.Errorf("%d of %d bytes were taken for the package", n, len(apk))
		}
	}
}

// realApk returns a function that runs Alpine's apk from the real rootfs, with its
// own C library, and returns what it prints.
func realApk(t *testing.T) func(args ...string) (string, error) {
	t.Helper()
	need(t, runtime.GOOS == "linux" && runtime.GOARCH == "amd64", "Linux on amd64")
	dir := t.TempDir()
	for name, content := range rootfsFiles(t, "lib/ld-musl-x86_64.so.1", "sbin/apk", "lib/libapk.so.2.14.0", "lib/libcrypto.so.3", "lib/libssl.so.3", "lib/libz.so.1.3.1") {
		name = path.Base(name)
		if name == "libz.so.1.3.1" {
			name = "libz.so.1"
		}
		check(t, os.WriteFile(filepath.Join(dir, name), content, 0o755))
	}
	return func(args ...string) (string, error) {
		args = append([]string{"--library-path", dir, filepath.Join(dir, "apk")}, args...)
		out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "ld-musl-x86_64.so.1"), args...).Output()
		return strings.TrimSpace(string(out)), err
	}
}

// rootfsFiles returns the content of some files of the real rootfs.
func rootfsFiles(t *testing.T, names ...string) map[string][]byte {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(readFile(t, mirror(t), rootfs319)))
	check(t, err)
	archive, found := tar.NewReader(gz), map[string][]byte{}
	for {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		check(t, err)
		name := path.Clean(h.Name)
		if slices.Contains(names, name) && h.Typeflag == tar.TypeReg {
			found[name], err = io.ReadAll(archive)
			check(t, err)
		}
	}
	for _, name := range names {
		if found[name] == nil {
			t.Fatalf("the rootfs has no file %s", name)
		}
	}
	return found
}

func BenchmarkReadIndex(b *testing.B) {
	keys := realKeys(b)
	for _, repository := range []string{"main", "community"} {
		content := realIndex(b, repository)
		b.Run(repository, func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ReadIndex(repository, content, keys); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	keys := realKeys(b)
	x, err := ReadIndex("main", realIndex(b, "main"), keys)
	check(b, err)
	p := x.Find("coreutils")[0]
	content := readFile(b, mirror(b), "v3.19/main/x86_64", p.String()+".apk")
	b.SetBytes(p.Size)
	for b.Loop() {
		if _, err := verify(p, content, keys); err != nil {
			b.Fatal(err)
		}
	}
}
