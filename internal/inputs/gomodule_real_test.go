package inputs

import (
	"archive/tar"
	"archive/zip"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// mochi is the input of the mqtt recipe.
var mochi = lock.Input{
	Kind: lock.KindGoModule, Name: "mochi",
	Module: "github.com/mochi-mqtt/server/v2", Version: "v2.7.9", Packages: []string{"./cmd"},
}

// extract unpacks a tar file that this package wrote.
func extract(t *testing.T, file, dir string) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	r, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeDir {
			err = root.Mkdir(h.Name, 0o755) // which fails if it comes after its content
		} else {
			err = extractFile(root, h, archive)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func extractFile(root *os.Root, h *tar.Header, r io.Reader) error {
	w, err := root.OpenFile(h.Name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, h.FileInfo().Mode().Perm())
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		w.Close()
		return err
	}
	return w.Close()
}

// build compiles ./cmd in src with nothing but the proxy folder beside it.
func build(t *testing.T, goCmd, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), goCmd, "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(dir, "mqtt"), "./cmd")
	cmd.Dir = filepath.Join(dir, "src")
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GOROOT=", "GOENV=off",
		"GOCACHE=" + filepath.Join(dir, "cache"), "GOMODCACHE=" + filepath.Join(dir, "mod"),
		"GOPROXY=file://" + filepath.Join(dir, "proxy"), "GOSUMDB=off", "GOTOOLCHAIN=local",
		"GOFLAGS=-mod=readonly -modcacherw", "CGO_ENABLED=0",
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "mqtt")); err != nil {
		t.Fatal(err)
	}
}

// The archives of a real module and toolchain are enough to compile it.
func TestBuildsOffline(t *testing.T) {
	requireProxy(t)
	if runtime.GOOS != "linux" {
		unavailable(t, "toolchains are for Linux")
	}
	f := newFetcher(t)
	tools, err := f.Resolve(t.Context(), toolchain)
	if err != nil {
		t.Fatal(err)
	}
	in, err := f.Resolve(t.Context(), mochi)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d modules, %d bytes; toolchain of %d bytes", len(in.Modules), in.Size, tools.Size)
	if in.Sum != "h1:y0g4vrSLAag7T07l2oCzOa/+nKVLoazKEWAArwqBNYI=" {
		t.Errorf("sum %s", in.Sum)
	}
	wantClean(t, f)
	wantLockable(t, []lock.Input{in, tools})
	dir := t.TempDir()
	extract(t, f.Store.Path(tools.SHA256), dir)
	extract(t, f.Store.Path(in.SHA256), dir)
	goCmd := filepath.Join(dir, "go", "bin", "go")
	build(t, goCmd, dir)
	wantStandardLibrary(t, goCmd, dir)

	// The archive's own proxy, completed with the module itself, is another proxy
	// than the first: stored zips without times, other .info files, no lists. It
	// gives the same file.
	completeProxy(t, dir)
	t.Setenv("GOPROXY", "file://"+filepath.Join(dir, "proxy"))
	other := newFetcher(t)
	if err := other.Fetch(t.Context(), []lock.Input{in}); err != nil {
		t.Fatal(err)
	}
	wantClean(t, other)
	t.Setenv("GOSUMDB", "off")
	again, err := newFetcher(t).Resolve(t.Context(), mochi)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, again); diff != "" {
		t.Errorf("resolved with the other proxy (-first +other):\n%s", diff)
	}
}

// completeProxy adds mochi, from dir/src, to the proxy in dir.
func completeProxy(t *testing.T, dir string) {
	t.Helper()
	files := map[string]string{}
	src := os.DirFS(filepath.Join(dir, "src"))
	err := fs.WalkDir(src, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(src, name)
		files[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(dir, "proxy", mochi.Module, "@v", mochi.Version)
	write(t, base+".info", `{"Version":"v2.7.9","Time":"2020-01-01T00:00:00Z"}`)
	write(t, base+".mod", files["go.mod"])
	write(t, base+".zip", style{method: zip.Store, reverse: true}.zip(t, mochi.Module+"@"+mochi.Version+"/", files))
}

// wantLockable fails the test unless a lock with these inputs is read back as it was.
func wantLockable(t *testing.T, in []lock.Input) {
	t.Helper()
	f := &lock.File{Recipe: "mqtt", Output: lock.CurrentOutput(), Inputs: in}
	got, diags := lock.Decode(lock.FileName, f.Encode())
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if diff := cmp.Diff(in, got.Inputs); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
}

// wantStandardLibrary fails the test unless every package of the toolchain can be
// loaded, with the files it embeds.
func wantStandardLibrary(t *testing.T, goCmd, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), goCmd, "list", "-deps", "std")
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GOENV=off", "GOCACHE=" + filepath.Join(dir, "cache"),
		"GOPROXY=off", "GOTOOLCHAIN=local", "CGO_ENABLED=0",
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
}
