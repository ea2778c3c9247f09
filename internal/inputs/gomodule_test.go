package inputs

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

var app = lock.Input{Kind: lock.KindGoModule, Name: "app", Module: "example.com/app", Version: "v1.2.3"}

// listing returns "mode size name" of each entry, and the content of small files.
func listing(t *testing.T, path string) (lines []string, content map[string]string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content = map[string]string{}
	archive := tar.NewReader(file)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return lines, content
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.ModTime.Unix() != 0 || h.Format != tar.FormatUSTAR {
			t.Errorf("%s: owner %d:%d %q, time %v, format %v", h.Name, h.Uid, h.Gid, h.Uname, h.ModTime, h.Format)
		}
		b, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		content[h.Name] = string(b)
		lines = append(lines, fmt.Sprintf("%o %s", h.Mode, h.Name))
	}
}

func TestModuleArchive(t *testing.T) {
	m := appModules()
	m.serve(t, plain)
	f := newFetcher(t)
	got, err := f.Resolve(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	want := app
	want.Sum = strings.Fields(m.sum("example.com/app@v1.2.3"))[2]
	want.Modules = []lock.Module{
		{
			Path: "example.com/Lib", Version: "v1.0.0",
			Sum:      strings.Fields(m.sum("example.com/Lib@v1.0.0"))[2],
			GoModSum: strings.Fields(m.goModSum("example.com/Lib@v1.0.0"))[2],
		},
		{
			Path: "example.com/only", Version: "v0.1.0",
			GoModSum: strings.Fields(m.goModSum("example.com/only@v0.1.0"))[2],
		},
	}
	// A change of these bytes changes what every lock says: raise
	// lock.CurrentOutput's compatibility if it can't be avoided.
	want.Size, want.SHA256 = 14336, "46eeb8a02d7390ba087918b1175ec5c41328f620a06bdb1c78def1e881673070"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Resolve (-want +got):\n%s", diff)
	}
	lines, files := listing(t, f.Store.Path(got.SHA256))
	if diff := cmp.Diff([]string{
		"755 proxy/",
		"755 proxy/example.com/",
		"755 proxy/example.com/!lib/",
		"755 proxy/example.com/!lib/@v/",
		"644 proxy/example.com/!lib/@v/v1.0.0.info",
		"644 proxy/example.com/!lib/@v/v1.0.0.mod",
		"644 proxy/example.com/!lib/@v/v1.0.0.zip",
		"755 proxy/example.com/only/",
		"755 proxy/example.com/only/@v/",
		"644 proxy/example.com/only/@v/v0.1.0.info",
		"644 proxy/example.com/only/@v/v0.1.0.mod",
		"755 src/",
		"755 src/cmd/",
		"755 src/cmd/app/",
		"644 src/cmd/app/main.go",
		"644 src/go.mod",
		"644 src/go.sum",
	}, lines); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if got := files["proxy/example.com/only/@v/v0.1.0.info"]; got != `{"Version":"v0.1.0"}` {
		t.Errorf("info %s", got)
	}
	wantClean(t, f)
}

// The same modules give the same file, whoever serves them and however.
func TestModuleArchiveIsIndependentOfProxy(t *testing.T) {
	m := appModules()
	m.serve(t, plain)
	want, err := newFetcher(t).Resolve(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	styles := map[string]style{
		"times":    {time: time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC), method: zip.Deflate, level: 9, info: plain.info},
		"stored":   {method: zip.Store, info: plain.info},
		"fastest":  {method: zip.Deflate, level: 1, info: plain.info},
		"reversed": {method: zip.Deflate, level: 9, reverse: true, info: plain.info},
		"info":     {method: zip.Deflate, level: 9, info: `{"Version":%q,"Time":"2024-05-01T00:00:00Z","Origin":{"VCS":"git"}}`},
	}
	for name, s := range styles {
		t.Run(name, func(t *testing.T) {
			m.serve(t, s)
			got, err := newFetcher(t).Resolve(t.Context(), app)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-plain +%s):\n%s", name, diff)
			}
			f := newFetcher(t)
			if err := f.Fetch(t.Context(), []lock.Input{want}); err != nil {
				t.Error(err)
			}
			wantClean(t, f)
		})
	}
}

// What the lock names is fetched, not what the module's files say now.
func TestFetchRefusesOtherModules(t *testing.T) {
	m := appModules()
	m.serve(t, plain)
	want, err := newFetcher(t).Resolve(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	changes := map[string]struct {
		change func(m modules)
		file   string
	}{
		"a module's file":       {func(m modules) { m["example.com/Lib@v1.0.0"]["lib.go"] += "\n" }, "example.com/Lib@v1.0.0"},
		"an added file":         {func(m modules) { m["example.com/Lib@v1.0.0"]["a"] = "" }, "example.com/Lib@v1.0.0"},
		"a go.mod":              {func(m modules) { m["example.com/only@v0.1.0"]["go.mod"] += "\n" }, "example.com/only@v0.1.0/go.mod"},
		"the module itself":     {func(m modules) { m["example.com/app@v1.2.3"]["x"] = "x" }, "example.com/app@v1.2.3"},
		"the module's go.mod":   {func(m modules) { m["example.com/app@v1.2.3"]["go.mod"] += "\n" }, "example.com/app@v1.2.3"},
		"a module's own go.mod": {func(m modules) { m["example.com/Lib@v1.0.0"]["go.mod"] += "\n" }, "example.com/Lib@v1.0.0/go.mod"},
	}
	for name, c := range changes {
		t.Run(name, func(t *testing.T) {
			changed := appModules()
			c.change(changed)
			changed.serve(t, plain)
			f := newFetcher(t)
			got := wantError[*MismatchError](t, f.Fetch(t.Context(), []lock.Input{want}))
			if got.What != "h1" || got.File != c.file {
				t.Errorf("got %v, want the h1 of %s to be wrong", got, c.file)
			}
			wantNotStored(t, f)
			wantClean(t, f)
		})
	}
	t.Run("another archive", func(t *testing.T) {
		m.serve(t, plain)
		other := want
		other.SHA256 = sumOf(nil)
		f := newFetcher(t)
		if got := wantError[*MismatchError](t, f.Fetch(t.Context(), []lock.Input{other})); got.What != "sha256" {
			t.Errorf("got %v, want the sha256 to be wrong", got)
		}
		other = want
		other.Size++
		if got := wantError[*MismatchError](t, f.Fetch(t.Context(), []lock.Input{other})); got.What != "size" {
			t.Errorf("got %v, want the size to be wrong", got)
		}
		wantNotStored(t, f)
		wantClean(t, f)
	})
}

func TestResolveRefuses(t *testing.T) {
	cases := map[string]struct {
		change func(m modules)
		want   error
	}{
		"a module that go.sum has another sum for": {
			func(m modules) { m["example.com/Lib@v1.0.0"]["lib.go"] += "\n" }, &MissingError{},
		},
		"a go.mod that go.sum has another sum for": {
			func(m modules) { m["example.com/only@v0.1.0"]["go.mod"] += "\n" }, &MissingError{},
		},
		"a go.sum without a go.mod": {func(m modules) {
			m["example.com/app@v1.2.3"]["go.sum"] = m.sum("example.com/Lib@v1.0.0") + m.goModSum("example.com/Lib@v1.0.0")
		}, &UnsummedError{}},
		"a go.sum with two sums": {func(m modules) {
			m["example.com/app@v1.2.3"]["go.sum"] += "example.com/Lib v1.0.0 h1:AAAA=\n"
		}, &FormatError{}},
		"no go.sum":               {func(m modules) { delete(m["example.com/app@v1.2.3"], "go.sum") }, &UnsummedError{}},
		"no go.mod":               {func(m modules) { delete(m["example.com/app@v1.2.3"], "go.mod") }, &FormatError{}},
		"a needed module is gone": {func(m modules) { delete(m, "example.com/Lib@v1.0.0") }, &MissingError{}},
		"the module is gone":      {func(m modules) { delete(m, "example.com/app@v1.2.3") }, &MissingError{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := appModules()
			c.change(m)
			m.serve(t, plain)
			f := newFetcher(t)
			in, err := f.Resolve(t.Context(), app)
			if fmt.Sprintf("%T", err) != fmt.Sprintf("%T", c.want) {
				t.Errorf("got a %T, want a %T: %v", err, c.want, err)
			}
			if in.SHA256 != "" {
				t.Errorf("resolved to %v", in)
			}
			wantNotStored(t, f)
			wantClean(t, f)
		})
	}
}

// With packages, only the modules that these need are there, on any architecture.
func TestModulePackages(t *testing.T) {
	m := appModules()
	for _, name := range []string{"arm", "big", "cgo"} {
		m["example.com/"+name+"@v1.0.0"] = map[string]string{
			"go.mod": "module example.com/" + name + "\n\ngo 1.21\n",
			"x.go":   "package " + name + "\n",
		}
	}
	files := m["example.com/app@v1.2.3"]
	files["go.mod"] += "\nrequire (\n\texample.com/arm v1.0.0\n\texample.com/big v1.0.0\n\texample.com/cgo v1.0.0\n)\n"
	files["cmd/app/x_arm64.go"] = "package main\n\nimport _ \"example.com/arm\"\n"
	files["cmd/app/x_cgo.go"] = "//go:build cgo\n\npackage main\n\nimport _ \"example.com/cgo\"\n"
	files["cmd/app/x_test.go"] = "package main\n\nimport _ \"example.com/big\"\n"
	files["cmd/other/main.go"] = "package main\n\nimport _ \"example.com/big\"\n\nfunc main() {}\n"
	for _, name := range []string{"arm", "big", "cgo"} {
		files["go.sum"] += m.sum("example.com/"+name+"@v1.0.0") + m.goModSum("example.com/"+name+"@v1.0.0")
	}
	m.serve(t, plain)
	cases := map[string][]string{
		"":            {"Lib", "arm", "big", "cgo"},
		"./cmd/app":   {"Lib", "arm", "cgo"},
		"./cmd/other": {"big"},
		"./...":       {"Lib", "arm", "big", "cgo"},
	}
	for packages, want := range cases {
		t.Run(packages, func(t *testing.T) {
			in := app
			in.Packages = strings.Fields(packages)
			f := newFetcher(t)
			got, err := f.Resolve(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			var whole []string
			for _, m := range got.Modules {
				if m.Sum != "" {
					whole = append(whole, strings.TrimPrefix(m.Path, "example.com/"))
				}
			}
			if diff := cmp.Diff(want, whole); diff != "" {
				t.Errorf("modules (-want +got):\n%s", diff)
			}
			if err := newFetcher(t).Fetch(t.Context(), []lock.Input{got}); err != nil {
				t.Error(err)
			}
			wantClean(t, f)
		})
	}
	in := app
	in.Packages = []string{"./cmd/none"}
	_, err := newFetcher(t).Resolve(t.Context(), in)
	wantError[*CommandError](t, err)
}

// A module that could have an imported package, going by its path, is looked into by
// every build, though another module has the package, and its go.mod is not read.
func TestModuleThatOnlyCouldHaveThePackage(t *testing.T) {
	m := appModules()
	m["example.com/api@v1.0.0"] = map[string]string{"go.mod": "module example.com/api\n\ngo 1.21\n", "x.go": "package api\n"}
	m["example.com/api/sub@v1.0.0"] = map[string]string{"go.mod": "module example.com/api/sub\n\ngo 1.21\n", "x.go": "package sub\n"}
	files := m["example.com/app@v1.2.3"]
	files["go.mod"] += "\nrequire (\n\texample.com/api v1.0.0\n\texample.com/api/sub v1.0.0\n)\n"
	files["cmd/app/sub.go"] = "package main\n\nimport _ \"example.com/api/sub\"\n"
	for _, name := range []string{"example.com/api@v1.0.0", "example.com/api/sub@v1.0.0"} {
		files["go.sum"] += m.sum(name) + m.goModSum(name)
	}
	m.serve(t, plain)
	in := app
	in.Packages = []string{"./cmd/app"}
	f := newFetcher(t)
	in, err := f.Resolve(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	_, content := listing(t, f.Store.Path(in.SHA256))
	for _, name := range []string{"proxy/example.com/api/@v/v1.0.0.mod", "proxy/example.com/api/@v/v1.0.0.zip"} {
		if content[name] == "" {
			t.Errorf("%s is not packed", name)
		}
	}
	if err := newFetcher(t).Fetch(t.Context(), []lock.Input{in}); err != nil {
		t.Error(err)
	}
	wantClean(t, f)
}

// A module whose content go.sum doesn't have can't be read by a build: only its
// go.mod is packed.
func TestModuleWithoutContentSum(t *testing.T) {
	m := appModules()
	m["example.com/app@v1.2.3"]["go.sum"] = m.goModSum("example.com/Lib@v1.0.0") + m.goModSum("example.com/only@v0.1.0")
	m.serve(t, plain)
	f := newFetcher(t)
	in, err := f.Resolve(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	lines, _ := listing(t, f.Store.Path(in.SHA256))
	if strings.Contains(strings.Join(lines, "\n"), ".zip") {
		t.Errorf("packed a module without a sum:\n%s", strings.Join(lines, "\n"))
	}
	if err := newFetcher(t).Fetch(t.Context(), []lock.Input{in}); err != nil {
		t.Error(err)
	}
}

func TestNoGoCommand(t *testing.T) {
	f := newFetcher(t)
	f.Go = filepath.Join(t.TempDir(), "go")
	_, err := f.Resolve(t.Context(), app)
	wantError[*ToolError](t, err)
	wantClean(t, f)
}

func TestModuleOffline(t *testing.T) {
	f := newFetcher(t)
	f.Offline, f.Go = true, "/bin/false"
	_, err := f.Resolve(t.Context(), app)
	wantError[*OfflineError](t, err)
}

// A proxy that never answers is left when the caller wants to stop.
func TestModuleCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	t.Setenv("GOPROXY", url)
	t.Setenv("GOSUMDB", "off")
	f := newFetcher(t)
	start := time.Now()
	if _, err := f.Resolve(ctx, app); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("took %v to stop", d)
	}
	wantClean(t, f)
}

func TestRepack(t *testing.T) {
	files := appModules()["example.com/Lib@v1.0.0"]
	path := filepath.Join(t.TempDir(), "m.zip")
	write(t, path, plain.zip(t, "example.com/Lib@v1.0.0/", files))
	z, err := openZip(path, "example.com/Lib", "v1.0.0", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer z.close()
	var buf bytes.Buffer
	if _, err := z.repack(&buf); err != nil {
		t.Fatal(err)
	}
	if int64(buf.Len()) != z.repackedSize() {
		t.Errorf("repack wrote %d bytes, repackedSize is %d", buf.Len(), z.repackedSize())
	}
	r, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"go.mod", "lib.go", "testdata/x/y.go"} {
		h := r.File[i].FileHeader
		if h.Name != z.prefix+name || h.Method != zip.Store || h.ExternalAttrs != 0 || len(h.Extra) > 0 || h.Flags != 0 {
			t.Errorf("entry %d: %+v", i, h)
		}
		if b, err := readZip(r.File[i]); err != nil || b != files[name] {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

func readZip(f *zip.File) (string, error) {
	r, err := f.Open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

// The record of how many entries there are has another form from 65,535 on.
func TestRepackedSizeOfManyFiles(t *testing.T) {
	files := map[string]string{}
	for i := range 65_536 {
		files[fmt.Sprint(i)] = ""
	}
	path := filepath.Join(t.TempDir(), "m.zip")
	for range 2 {
		write(t, path, style{method: zip.Store}.zip(t, "m@v1.0.0/", files))
		z, err := openZip(path, "m", "v1.0.0", 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		if _, err := z.repack(&buf); err != nil || int64(buf.Len()) != z.repackedSize() {
			t.Errorf("%d files: repack wrote %d bytes, repackedSize is %d: %v", len(files), buf.Len(), z.repackedSize(), err)
		}
		z.close()
		delete(files, "0")
		delete(files, "1")
	}
}

func TestHostileZips(t *testing.T) {
	twice := func() string {
		var buf bytes.Buffer
		w := zip.NewWriter(&buf)
		for range 2 {
			if _, err := w.Create("m@v1.0.0/a"); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return buf.String()
	}
	cases := map[string]string{
		"another prefix": plain.zip(t, "n@v1.0.0/", map[string]string{"a": ""}),
		"parent":         plain.zip(t, "m@v1.0.0/", map[string]string{"../a": ""}),
		"absolute":       plain.zip(t, "m@v1.0.0/", map[string]string{"/a": ""}),
		"folder":         plain.zip(t, "m@v1.0.0/", map[string]string{"a/": ""}),
		"twice":          twice(),
		"not a zip":      "PK",
	}
	for name, content := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "m.zip")
			write(t, path, content)
			_, err := openZip(path, "m", "v1.0.0", 1<<20)
			wantError[*FormatError](t, err)
		})
	}
	t.Run("large", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "m.zip")
		write(t, path, plain.zip(t, "m@v1.0.0/", map[string]string{"a": strings.Repeat("a", 600), "b": strings.Repeat("b", 600)}))
		_, err := openZip(path, "m", "v1.0.0", 1000)
		wantError[*LimitError](t, err)
	})
}

func FuzzParseGoSum(f *testing.F) {
	f.Add([]byte(appModules()["example.com/app@v1.2.3"]["go.sum"]))
	f.Add([]byte("a v1 h2:x\n\na v1 h1:x\n a v1 h1:x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		sums, err := parseGoSum(b, "go.sum")
		for v, sum := range sums {
			if err == nil && (v.Path == "" || v.Version == "" || !strings.HasPrefix(sum, "h1:")) {
				t.Errorf("%q: %q %q", b, v, sum)
			}
		}
	})
}
