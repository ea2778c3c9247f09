package inputs

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// folder makes a mirror folder with one file.
func folder(t *testing.T, name string, content []byte) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTamperedStore(t *testing.T) {
	const url = "https://example.com/a/file"
	in := locked(url, content)
	tamper := map[string]func(path string) error{
		"changed":   func(p string) error { return os.WriteFile(p, bytes.ToUpper(content), 0o644) },
		"shortened": func(p string) error { return os.WriteFile(p, content[1:], 0o644) },
		"a folder":  func(p string) error { return os.Mkdir(p, 0o755) },
		"a FIFO":    func(p string) error { return syscall.Mkfifo(p, 0o644) },
	}
	for name, change := range tamper {
		t.Run(name, func(t *testing.T) {
			f := newFetcher(t)
			f.Extra, f.Offline = []string{folder(t, "a/file", content)}, true
			if err := change(f.Store.Path(in.SHA256)); err != nil {
				t.Fatal(err)
			}
			if err := f.Fetch(t.Context(), []lock.Input{in}); err != nil {
				t.Fatal(err)
			}
			wantStored(t, f, content)
		})
	}
	t.Run("and nowhere else", func(t *testing.T) {
		f := newFetcher(t)
		f.Offline = true
		if err := os.WriteFile(f.Store.Path(in.SHA256), content[1:], 0o644); err != nil {
			t.Fatal(err)
		}
		wantError[*MissingError](t, f.Fetch(t.Context(), []lock.Input{in}))
		wantNotStored(t, f)
	})
}

func TestStoredIsNotFetched(t *testing.T) {
	f := newFetcher(t)
	in := locked("https://example.invalid/file", content)
	if err := os.WriteFile(f.Store.Path(in.SHA256), content, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := f.Fetch(t.Context(), []lock.Input{in}); err != nil {
		t.Fatal(err)
	}
	in.Size++
	if got := wantError[*MismatchError](t, f.Fetch(t.Context(), []lock.Input{in})); got.What != "size" {
		t.Errorf("got %v, want the lock's size to be wrong", got)
	}
}

// Several fetchers with one store, as several processes have it, ask once.
func TestFetchOnce(t *testing.T) {
	var requests atomic.Int32
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		time.Sleep(50 * time.Millisecond)
		w.Write(content)
	})
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			store, err := OpenStore(dir)
			if err != nil {
				t.Error(err)
				return
			}
			in := locked(url, content)
			if err := (&Fetcher{Store: store}).Fetch(t.Context(), []lock.Input{in, in, in}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

// TestHelperProcess is the other process of TestFetchAcrossProcesses.
func TestHelperProcess(t *testing.T) {
	dir, url := os.Getenv("TEST_STORE"), os.Getenv("TEST_URL")
	if dir == "" {
		return
	}
	store, err := OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&Fetcher{Store: store}).Fetch(t.Context(), []lock.Input{locked(url, content)}); err != nil {
		t.Fatal(err)
	}
}

func TestFetchAcrossProcesses(t *testing.T) {
	var requests atomic.Int32
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		time.Sleep(100 * time.Millisecond)
		w.Write(content)
	})
	f := newFetcher(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelperProcess$")
			cmd.Env = append(os.Environ(), "TEST_STORE="+f.Store.dir, "TEST_URL="+url)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	wg.Wait()
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	wantStored(t, f, content)
}

func TestLocations(t *testing.T) {
	f := newFetcher(t)
	f.Extra = []string{"/extra", "https://extra.example.com/x/"}
	f.Mirrors = []Mirror{
		{Upstream: "https://cdn.example.com/alpine", Locations: []string{"../mirror", "file:///srv/m", "https://cdn.example.com/alpine"}},
		{Upstream: "https://cdn.example.com/other/", Locations: []string{"/other"}},
	}
	cases := map[string]string{
		"https://cdn.example.com/alpine/v3/a%20b": "/extra/v3/a b https://extra.example.com/x/v3/a%20b ../mirror/v3/a b " +
			"/srv/m/v3/a b https://cdn.example.com/alpine/v3/a%20b",
		"https://cdn.example.com/alpinex/v3":   "/extra/alpinex/v3 https://extra.example.com/x/alpinex/v3 https://cdn.example.com/alpinex/v3",
		"https://cdn.example.com/other/a?b=c":  "/extra/a https://extra.example.com/x/a?b=c /other/a",
		"https://cdn.example.com/other/../etc": "https://extra.example.com/x/../etc",
		"https://cdn.example.com/other/%2e%2e": "https://extra.example.com/x/%2e%2e",
	}
	for url, want := range cases {
		var got []string
		for _, l := range f.locations(url) {
			got = append(got, l.path+l.url)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s:\n got %s\nwant %s", url, strings.Join(got, " "), want)
		}
	}
}

func TestMissing(t *testing.T) {
	f := newFetcher(t)
	f.Offline = true
	empty := t.TempDir()
	f.Mirrors = []Mirror{{Upstream: "https://example.com/", Locations: []string{"/does/not/exist", empty, "https://example.com/"}}}
	in := locked("https://example.com/file", content)
	got := wantError[*MissingError](t, f.Fetch(t.Context(), []lock.Input{in}))
	if len(got.Tried) != 3 {
		t.Fatalf("tried %v, want three locations", got.Tried)
	}
	wantError[*FolderError](t, got.Tried[0].Err)
	if !errors.Is(got.Tried[1].Err, fs.ErrNotExist) {
		t.Errorf("%s: %v, want fs.ErrNotExist", empty, got.Tried[1].Err)
	}
	wantError[*OfflineError](t, got.Tried[2].Err)
	wantClean(t, f)
}

// One input that is missing doesn't keep the others from being fetched.
func TestFetchAllThatCanBe(t *testing.T) {
	f := newFetcher(t)
	f.Offline, f.Extra = true, []string{folder(t, "b", content)}
	err := f.Fetch(t.Context(), []lock.Input{
		locked("https://example.com/a", []byte("a")),
		locked("https://example.com/b", content),
		{Kind: "apk", Name: "x", SHA256: sumOf(nil)},
		{Kind: lock.KindHTTP, Name: "x"},
		{Kind: lock.KindGoModule, Name: "x", SHA256: sumOf(nil)},
	})
	wantError[*MissingError](t, err)
	wantError[*KindError](t, err)
	wantStored(t, f, content)
}

func TestFolderWithOtherThings(t *testing.T) {
	f := newFetcher(t)
	f.Offline = true
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	f.Extra = []string{dir}
	wantError[*FormatError](t, f.Fetch(t.Context(), []lock.Input{locked("https://example.com/fifo", content)}))
}

func TestUnwritableStore(t *testing.T) {
	f := newFetcher(t)
	f.Extra = []string{folder(t, "file", content)}
	if err := os.RemoveAll(filepath.Join(f.Store.dir, "partial")); err != nil {
		t.Fatal(err)
	}
	err := f.Fetch(t.Context(), []lock.Input{locked("https://example.com/file", content)})
	wantError[*StoreError](t, err)
}

// A full disk is the store's fault, not the mirror's: no other one is asked.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		unavailable(t, "no /dev/full: %v", err)
	}
	defer full.Close()
	f := newFetcher(t)
	n, err := copyBytes(full, bytes.NewReader(content), 1<<30, f.transfer(lock.Input{}))
	if wantError[*StoreError](t, err); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("after %d bytes: %v, want ENOSPC", n, err)
	}
}

func TestSweep(t *testing.T) {
	f := newFetcher(t)
	tmp := filepath.Join(f.Store.dir, "tmp")
	old := filepath.Join(tmp, "go-old")
	if err := os.MkdirAll(filepath.Join(old, "mod"), 0o755); err != nil {
		t.Fatal(err)
	}
	when := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(old, when, when); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(tmp, "go-new"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStore(f.Store.dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(tmp)
	if err != nil || len(entries) != 1 || entries[0].Name() != "go-new" {
		t.Errorf("left %v, %v; want go-new only", entries, err)
	}
}
