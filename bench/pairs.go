package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A pair is two images that differ in a known way, made of what is on this machine:
// the Go toolchain, Python's library and files that are made anew.
type pair struct {
	name string
	// trees are the folders that make the layers, the same for both images.
	trees func(p *pairs) []string
	// change returns an entry of the second image, instead of the first's.
	change func(p *pairs, e *pairEntry)
	// prepare makes what only these images have, nil for nothing.
	prepare func(p *pairs) error
	// slow says that it takes diffoscope minutes.
	slow bool
	// order is that of the second image's entries, nil for the same.
	order func([]pairEntry)
}

// A pairEntry is one entry of a layer. Its content is a file's, or body.
type pairEntry struct {
	tar.Header
	file string
	body []byte
}

var pairDefinitions = []pair{
	{name: "identical", trees: (*pairs).small},
	{name: "one mtime", trees: (*pairs).small, change: (*pairs).oneTime},
	{name: "six files", trees: (*pairs).small, change: made(6), slow: true},
	{name: "five ELFs", trees: (*pairs).programs, change: (*pairs).otherPrograms, slow: true},
	{name: "20 of 18,000", trees: (*pairs).medium, change: made(20), slow: true},
	{name: "shuffled, all times", trees: (*pairs).medium, change: (*pairs).anyTime, order: shuffle, slow: true},
	{name: "all times", trees: (*pairs).medium, change: (*pairs).laterTime, slow: true},
	{name: "bit in 1 GB", trees: (*pairs).large, change: flipBit("data.bin"), prepare: (*pairs).makeLarge, slow: true},
	{name: "bit in a program", trees: (*pairs).large, change: flipBit("usr/bin/program"), prepare: (*pairs).makeLarge, slow: true},
}

// pairs makes the files that are in images.
type pairs struct {
	dir string
	// made has the files that are made twice, in a and b.
	made, programsAt string
	python           string // the folder of Python's library
}

func (p *pairs) goroot() string { return filepath.Join(p.dir, "goroot") }

func (p *pairs) small() []string  { return []string{filepath.Join(p.python, "json"), p.made + "/a"} }
func (p *pairs) medium() []string { return []string{p.python, p.goroot(), p.made + "/a"} }

func (p *pairs) programs() []string { return []string{p.programsAt + "/a"} }

func (p *pairs) large() []string { return append(p.medium(), p.dir+"/large") }

func (p *pairs) oneTime(e *pairEntry) {
	if strings.HasSuffix(e.Name, "json/tool.py") {
		e.ModTime = e.ModTime.Add(98 * time.Second)
	}
}

func (p *pairs) laterTime(e *pairEntry) { e.ModTime = e.ModTime.Add(98 * time.Second) }

func (p *pairs) anyTime(e *pairEntry) {
	e.ModTime = e.ModTime.Add(time.Duration(len(e.Name)*7919%86400) * time.Second)
}

func shuffle(list []pairEntry) {
	r := rand.New(rand.NewPCG(1, 2))
	r.Shuffle(len(list), func(i, k int) { list[i], list[k] = list[k], list[i] })
}

// made takes the first n of the files that were made twice from the second time.
func made(n int) func(*pairs, *pairEntry) {
	return func(p *pairs, e *pairEntry) {
		for _, name := range madeFiles[:n] {
			if e.Name == name {
				e.file = filepath.Join(p.made, "b", name)
			}
		}
		if n == 20 && strings.HasSuffix(e.Name, "json/tool.py") {
			e.ModTime = e.ModTime.Add(98 * time.Second)
		}
		if n == 20 && strings.HasSuffix(e.Name, "json/scanner.py") {
			e.Mode = 0o755
		}
	}
}

func (p *pairs) otherPrograms(e *pairEntry) {
	e.file = strings.Replace(e.file, p.programsAt+"/a", p.programsAt+"/b", 1)
}

func flipBit(name string) func(*pairs, *pairEntry) {
	return func(p *pairs, e *pairEntry) {
		if e.Name == name {
			e.file += ".flipped"
		}
	}
}

// madeFiles are made twice, by tools that leave a trace. The last are changed in their
// header alone.
var madeFiles = []string{
	"etc/build-info.txt", "usr/bin/service", "var/log.gz", "usr/lib/m0.pyc", "var/data.sqlite", "usr/share/a.jar",
	"etc/t1.txt", "etc/t2.txt", "etc/t3.txt", "etc/t4.txt", "usr/lib/libdate.so", "usr/bin/other", "usr/lib/libx.a",
	"var/1.gz", "var/2.gz", "usr/lib/m1.pyc", "usr/lib/m2.pyc", "etc/config.json", "etc/t5.txt", "etc/t6.txt",
}

// makeFiles makes them in dir, as the nth time.
const makeFiles = `
mkdir -p etc usr/bin usr/lib usr/share var work && cd work
n=$1
for f in build-info t1 t2 t3 t4 t5 t6; do { seq 1 200; echo "built on host-$n at 2026-01-0$n"; seq 1 200; } > ../etc/$f.txt; done
cat > m.py <<'P'
def f(x):
    return [i * x for i in range(10)]
P
seq 1 20000 > text; touch -d "2026-01-0$n" text; gzip -c text > ../var/log.gz
for i in 1 2; do seq $i 5000 > text$i; touch -d "2026-01-0$n" text$i; gzip -c text$i > ../var/$i.gz; done
for i in 0 1 2; do sed "s/10/1$i/" m.py > m$i.py; touch -d "2026-01-0$n" m$i.py; python3 -c "import py_compile; py_compile.compile('m$i.py', '../usr/lib/m$i.pyc')"; done
python3 - $n <<'P'
import sqlite3, sys, json, random
n = int(sys.argv[1])
db = sqlite3.connect('../var/data.sqlite')
db.execute('create table t (id integer primary key, name text)')
db.executemany('insert into t values (?, ?)', [(i, f'row {i}' if i != 777 else f'built by {n}') for i in range(2000)])
db.commit()
keys = [f'key{i}' for i in range(50)]
random.Random(n).shuffle(keys)
json.dump({k: len(k) for k in keys}, open('../etc/config.json', 'w'))
P
touch -d "2026-01-0$n" m0.py m1.py && python3 -m zipfile -c ../usr/share/a.jar m0.py m1.py text1
cat > d.c <<C
const char *built(void) { return "Jan 0$n 2026 0$n:0$n:0$n"; }
C
gcc -shared -fPIC -g -o ../usr/lib/libdate.so d.c
gcc -c -o d.o d.c && touch -d "2026-01-0$n" d.o && ar crU ../usr/lib/libx.a d.o
cd .. && rm -r work`

// prepare makes all files. The programs are Go's own.
func (p *pairs) prepare(ctx context.Context) error {
	p.made, p.programsAt = filepath.Join(p.dir, "made"), filepath.Join(p.dir, "programs")
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	if err := os.Symlink(strings.TrimSpace(string(root)), p.goroot()); err != nil {
		return err
	}
	python, err := exec.CommandContext(ctx, "python3", "-c", "import sysconfig; print(sysconfig.get_paths()['stdlib'])").Output()
	if err != nil {
		return err
	}
	p.python = strings.TrimSpace(string(python))
	for i, side := range []string{"a", "b"} {
		dir := filepath.Join(p.made, side)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, "/bin/sh", "-euc", makeFiles, "sh", fmt.Sprint(i+1))
		cmd.Dir = dir
		if err := start(cmd).wait(); err != nil {
			return err
		}
		if err := p.compile(ctx, side); err != nil {
			return err
		}
	}
	return nil
}

// compile makes the programs, which differ as those do that -trimpath and -buildid
// were forgotten for.
func (p *pairs) compile(ctx context.Context, side string) error {
	flags := map[string][]string{"a": {"-trimpath"}, "b": nil}
	build := func(out, pkg string, args ...string) error {
		args = append([]string{"build", "-o", out}, append(args, pkg)...)
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOTOOLCHAIN=local")
		cmd.Dir = filepath.Join(p.goroot(), "src")
		return start(cmd).wait()
	}
	if err := build(filepath.Join(p.made, side, "usr/bin/service"), "cmd/go", flags[side]...); err != nil {
		return err
	}
	if err := build(filepath.Join(p.made, side, "usr/bin/other"), "cmd/gofmt", "-trimpath", "-ldflags=-buildid="+side); err != nil {
		return err
	}
	for _, name := range []string{"vet", "pprof", "cgo", "nm", "objdump"} {
		if err := build(filepath.Join(p.programsAt, side, name), "cmd/"+name, flags[side]...); err != nil {
			return err
		}
	}
	return nil
}

// write makes both images in dir, as layouts a and b, and their layers as a.0.tar.gz
// and so on. It returns how many bytes the layers of one have, uncompressed.
func (p *pairs) write(ctx context.Context, d pair, dir string) (int64, error) {
	size := int64(0)
	if d.prepare != nil {
		if err := d.prepare(p); err != nil {
			return 0, err
		}
	}
	for _, side := range []string{"a", "b"} {
		var layers []string
		for n, from := range d.trees(p) {
			entries, err := p.entries(from)
			if err != nil {
				return 0, err
			}
			if side == "b" && d.change != nil {
				for i := range entries {
					d.change(p, &entries[i])
				}
			}
			if side == "b" && d.order != nil {
				d.order(entries)
			}
			file := filepath.Join(dir, fmt.Sprintf("%s.%d.tar.gz", side, n))
			written, err := writeLayer(ctx, file, entries)
			if err != nil {
				return 0, err
			}
			if layers = append(layers, file); side == "a" {
				size += written
			}
		}
		if err := writeImage(filepath.Join(dir, side), layers); err != nil {
			return 0, err
		}
	}
	return size, nil
}

// entries returns what is in a folder, by name, with times that are always the same.
func (p *pairs) entries(from string) ([]pairEntry, error) {
	from, err := filepath.EvalSymlinks(from)
	if err != nil {
		return nil, err
	}
	prefix := ""
	if !strings.HasPrefix(from, p.dir) {
		prefix = strings.TrimPrefix(from, "/") + "/"
	}
	var list []pairEntry
	err = filepath.WalkDir(from, func(name string, e fs.DirEntry, err error) error {
		if err != nil || name == from || strings.HasSuffix(name, ".flipped") {
			return err
		}
		if e.IsDir() && e.Name() == "site-packages" {
			return fs.SkipDir // which may hold anything
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() && !info.IsDir() {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		entry := pairEntry{file: name}
		entry.Name, entry.Mode, entry.ModTime = prefix+rel, int64(info.Mode().Perm()), time.Unix(1735689600, 0)
		entry.Typeflag = tar.TypeReg
		if info.IsDir() {
			entry.Typeflag, entry.file, entry.Name = tar.TypeDir, "", entry.Name+"/"
		}
		list = append(list, entry)
		return nil
	})
	return list, err
}

func writeLayer(ctx context.Context, file string, entries []pairEntry) (size int64, err error) {
	f, err := os.Create(file)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		return 0, err
	}
	count := &countingWriter{Writer: z}
	w := tar.NewWriter(count)
	for _, e := range entries {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if err := writeEntry(w, e); err != nil {
			return 0, err
		}
	}
	return count.n, errors.Join(w.Close(), z.Close())
}

func writeEntry(w *tar.Writer, e pairEntry) error {
	content := io.Reader(bytes.NewReader(e.body))
	e.Size = int64(len(e.body))
	if e.file != "" {
		f, err := os.Open(e.file)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		content, e.Size = f, info.Size()
	}
	if err := w.WriteHeader(&e.Header); err != nil {
		return err
	}
	_, err := io.Copy(w, content)
	return err
}

type countingWriter struct {
	io.Writer
	n int64
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.n += int64(n)
	return n, err
}

// writeImage makes a layout of layers that are files, with links to them.
func writeImage(dir string, layers []string) error {
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	type descriptor map[string]any
	var diffIDs []string
	descs := []descriptor{}
	for _, file := range layers {
		blob, diffID, size, err := digests(file)
		if err != nil {
			return err
		}
		if err := os.Link(file, filepath.Join(blobs, blob)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		diffIDs = append(diffIDs, "sha256:"+diffID)
		descs = append(descs, descriptor{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha256:" + blob, "size": size})
	}
	add := func(mediaType string, v any) (descriptor, error) {
		b, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		sum := sha256Hex(b)
		return descriptor{"mediaType": mediaType, "digest": "sha256:" + sum, "size": len(b)}, os.WriteFile(filepath.Join(blobs, sum), b, 0o644)
	}
	config, err := add("application/vnd.oci.image.config.v1+json", map[string]any{
		"architecture": "amd64", "os": "linux", "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs},
	})
	if err != nil {
		return err
	}
	const manifestType = "application/vnd.oci.image.manifest.v1+json"
	manifest, err := add(manifestType, map[string]any{
		"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": descs,
	})
	if err != nil {
		return err
	}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []descriptor{manifest}})
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "index.json"), index, 0o644),
		os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644))
}
