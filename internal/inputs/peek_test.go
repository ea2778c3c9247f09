package inputs

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// accept returns a check that wants content, and the places whose files it saw.
func accept(content string) (Check, *[]string) {
	var seen []string
	return func(from string, file io.ReaderAt, size int64) error {
		seen = append(seen, from)
		b := make([]byte, size)
		if _, err := file.ReadAt(b, 0); err != nil && err != io.EOF {
			return err
		}
		if string(b) != content {
			return errors.New("not signed")
		}
		return nil
	}, &seen
}

// TestResolveChecked: what the check refuses is not stored, and ends it.
func TestResolveChecked(t *testing.T) {
	bad, good := t.TempDir(), t.TempDir()
	write(t, filepath.Join(bad, "x"), "bad")
	write(t, filepath.Join(good, "x"), "good")
	f := newFetcher(t)
	f.Extra, f.Offline = []string{t.TempDir(), good, bad}, true
	check, seen := accept("good")
	want := lock.Input{Kind: lock.KindIndex, Name: "main", Arch: "x86_64", URL: "https://example.org/x"}
	got, err := f.ResolveChecked(t.Context(), want, check)
	if err != nil || got.SHA256 != sumOf([]byte("good")) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if !slices.Equal(*seen, []string{filepath.Join(good, "x")}) {
		t.Errorf("checked %q", *seen)
	}
	wantStored(t, f, []byte("good"))

	f = newFetcher(t)
	f.Extra, f.Offline = []string{bad, good}, true
	_, err = f.ResolveChecked(t.Context(), want, check)
	if refused := wantError[*RefusedError](t, err); refused.Error() != "not signed" {
		t.Errorf("%v", err)
	}
	wantNotStored(t, f)
	wantClean(t, f)
}

// TestResolveCheckedPinned: what the store has is checked as well.
func TestResolveCheckedPinned(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "x"), "content")
	f := newFetcher(t)
	f.Extra = []string{dir}
	want := locked("https://example.org/x", []byte("content"))
	want.Kind = lock.KindPackage
	if _, err := f.Resolve(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	check, seen := accept("content")
	if _, err := f.ResolveChecked(t.Context(), want, check); err != nil || !slices.Equal(*seen, []string{"the store"}) {
		t.Errorf("%v, checked %q", err, *seen)
	}
	refuse, _ := accept("other")
	if _, err := f.ResolveChecked(t.Context(), want, refuse); err == nil || err.Error() != "not signed" {
		t.Errorf("got %v", err)
	}
	wantStored(t, f, []byte("content"))
}

func TestPeek(t *testing.T) {
	f := newFetcher(t)
	f.Extra = []string{t.TempDir()}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/endless") {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		}
		io.WriteString(w, "now")
	})
	now, seen := accept("now")
	if err := f.Peek(t.Context(), "releases", url+"/x", 3, now); err != nil || len(*seen) != 1 {
		t.Errorf("%v, checked %q", err, *seen)
	}
	err := f.Peek(t.Context(), "releases", url+"/x", 2, now)
	if limit := wantError[*LimitError](t, err); limit.Limit != 2 {
		t.Errorf("%v", err)
	}
	err = f.Peek(t.Context(), "releases", url+"/endless", 1<<20, now)
	wantError[*LimitError](t, err)
	refuse, _ := accept("other")
	err = f.Peek(t.Context(), "releases", url+"/x", 3, refuse)
	wantError[*RefusedError](t, err)
	f.Offline = true
	err = f.Peek(t.Context(), "releases", url+"/x", 3, now)
	wantError[*OfflineError](t, err)
	wantNotStored(t, f)
	wantClean(t, f)
}

func TestVersions(t *testing.T) {
	m := modules{}
	for _, v := range []string{"v1.2.0", "v1.10.0", "v1.9.0", "v1.11.0-rc.1"} {
		m["example.com/app@"+v] = map[string]string{"go.mod": "module example.com/app\n\ngo 1.21\n", "app.go": "package app\n"}
	}
	dir := m.serve(t, plain)
	write(t, filepath.Join(dir, "example.com/app/@v/list"), "v1.2.0\nv1.10.0\nv1.9.0\nv1.11.0-rc.1\n")
	f := newFetcher(t)
	versions, latest, err := f.Versions(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"v1.2.0", "v1.9.0", "v1.10.0", "v1.11.0-rc.1"}; !slices.Equal(versions, want) || latest != "v1.10.0" {
		t.Errorf("versions %q, latest %s", versions, latest)
	}
	_, _, err = f.Versions(t.Context(), lock.Input{Kind: lock.KindGoModule, Name: "x", Module: "example.com/nothing"})
	if missing := wantError[*MissingError](t, err); missing.Tried[0].Location != "go list" {
		t.Errorf("%v", err)
	}
	f.Offline = true
	_, _, err = f.Versions(t.Context(), app)
	wantError[*OfflineError](t, err)
	if entries, err := os.ReadDir(filepath.Join(f.Store.dir, "tmp")); err != nil || len(entries) > 0 {
		t.Errorf("left in tmp: %v, %v", entries, err)
	}
}
