package inputs

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
)

// modules are the files of each module, which is named path@version.
type modules map[string]map[string]string

// app needs Lib, which needs the go.mod of only, and nothing of stray.
func appModules() modules {
	m := modules{
		"example.com/Lib@v1.0.0": {
			"go.mod":          "module example.com/Lib\n\ngo 1.16\n\nrequire example.com/only v0.1.0\n",
			"lib.go":          "package lib\n\nfunc Name() string { return \"lib\" }\n",
			"testdata/x/y.go": "not Go",
		},
		"example.com/only@v0.1.0": {"go.mod": "module example.com/only\n", "only.go": "package only\n"},
		"example.com/app@v1.2.3": {
			"go.mod":          "module example.com/app\n\ngo 1.21\n\nrequire example.com/Lib v1.0.0\n",
			"cmd/app/main.go": "package main\n\nimport \"example.com/Lib\"\n\nfunc main() { println(lib.Name()) }\n",
		},
	}
	m["example.com/app@v1.2.3"]["go.sum"] = m.sum("example.com/Lib@v1.0.0") + m.goModSum("example.com/Lib@v1.0.0") +
		m.goModSum("example.com/only@v0.1.0")
	return m
}

func (m modules) hash(files map[string]string, prefix string) string {
	var names []string
	for name := range files {
		names = append(names, prefix+name)
	}
	sum, err := dirhash.Hash1(names, func(name string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(files[strings.TrimPrefix(name, prefix)])), nil
	})
	if err != nil {
		panic(err)
	}
	return sum
}

// sum and goModSum return lines of a go.sum file.
func (m modules) sum(name string) string {
	return fmt.Sprintf("%s %s\n", strings.Replace(name, "@", " ", 1), m.hash(m[name], name+"/"))
}

func (m modules) goModSum(name string) string {
	files := map[string]string{"go.mod": m[name]["go.mod"]}
	return fmt.Sprintf("%s/go.mod %s\n", strings.Replace(name, "@", " ", 1), m.hash(files, ""))
}

// A style is how a proxy writes what means nothing.
type style struct {
	time    time.Time
	method  uint16
	level   int
	reverse bool
	info    string
}

var plain = style{info: `{"Version":%q}`, method: zip.Deflate, level: flate.BestCompression}

// serve writes the modules as a proxy, asks the go command to use it alone and
// returns its folder.
func (m modules) serve(t *testing.T, s style) string {
	t.Helper()
	dir := t.TempDir()
	for name, files := range m {
		path, version, _ := strings.Cut(name, "@")
		escaped, err := module.EscapePath(path)
		if err != nil {
			t.Fatal(err)
		}
		base := filepath.Join(dir, escaped, "@v", version)
		write(t, filepath.Join(filepath.Dir(base), "list"), version+"\n")
		write(t, base+".info", fmt.Sprintf(s.info, version))
		write(t, base+".mod", files["go.mod"])
		write(t, base+".zip", s.zip(t, name+"/", files))
	}
	t.Setenv("GOPROXY", "file://"+dir)
	t.Setenv("GOSUMDB", "off")
	return dir
}

func (s style) zip(t *testing.T, prefix string, files map[string]string) string {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	w.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, s.level) })
	names := slices.Sorted(maps.Keys(files))
	if s.reverse {
		slices.Reverse(names)
	}
	for _, name := range names {
		entry, err := w.CreateHeader(&zip.FileHeader{Name: prefix + name, Method: s.method, Modified: s.time})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(entry, files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
