package inputs

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// content is larger than any buffer on the way.
var content = bytes.Repeat([]byte("0123456789abcdef"), 1<<16)

func TestFetchHTTP(t *testing.T) {
	f := newFetcher(t)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("User-Agent"); got != "tailsbuild/1" {
			t.Errorf("user agent %q", got)
		}
		w.Write(content)
	})
	var last Transfer
	f.Report = func(tr Transfer) { last = tr }
	if err := f.Fetch(t.Context(), []lock.Input{locked(url+"/file", content)}); err != nil {
		t.Fatal(err)
	}
	wantStored(t, f, content)
	want := Transfer{
		Name: `http "test"`, From: url + "/file",
		Current: int64(len(content)), Total: int64(len(content)), Done: true,
	}
	if last != want {
		t.Errorf("last report %+v, want %+v", last, want)
	}
}

// cut serves ranges of content, but never more than half of it in one response.
func cut(content []byte, ranges *[]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		*ranges = append(*ranges, r.Header.Get("Range"))
		start := 0
		if s, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
			start, _ = strconv.Atoi(strings.TrimSuffix(s, "-"))
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, len(content)-1, len(content)))
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(content)-start))
		if start > 0 {
			w.WriteHeader(http.StatusPartialContent)
		}
		w.Write(content[start:min(len(content), start+len(content)/2)])
		if start+len(content)/2 < len(content) {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
	}
}

func TestResumeAfterCutConnection(t *testing.T) {
	f := newFetcher(t)
	var ranges []string
	url := serve(t, cut(content, &ranges))
	if err := f.Fetch(t.Context(), []lock.Input{locked(url, content)}); err != nil {
		t.Fatal(err)
	}
	wantStored(t, f, content)
	if len(ranges) != 2 || ranges[0] != "" || ranges[1] != fmt.Sprintf("bytes=%d-", len(content)/2) {
		t.Errorf("requests for %q, want the whole and then the second half", ranges)
	}
}

func TestResumeInAnotherProcess(t *testing.T) {
	f := newFetcher(t)
	var ranges []string
	url := serve(t, cut(content, &ranges))
	in := locked(url, content)
	if err := os.WriteFile(f.Store.partial(in.SHA256), content[:len(content)*3/4], 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.Fetch(t.Context(), []lock.Input{in}); err != nil {
		t.Fatal(err)
	}
	wantStored(t, f, content)
	if len(ranges) != 1 || ranges[0] != fmt.Sprintf("bytes=%d-", len(content)*3/4) {
		t.Errorf("requests for %q, want the last quarter", ranges)
	}
}

// What an earlier, wrong mirror left must not make a right one look wrong.
func TestResumeOfWrongBytesStartsOver(t *testing.T) {
	for _, size := range []int{1000, len(content), len(content) + 1} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			f := newFetcher(t)
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
			})
			in := locked(url, content)
			if err := os.WriteFile(f.Store.partial(in.SHA256), bytes.Repeat([]byte("x"), size), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := f.Fetch(t.Context(), []lock.Input{in}); err != nil {
				t.Fatal(err)
			}
			wantStored(t, f, content)
		})
	}
}

// A file that changes on the server while it is fetched is not put together from
// two versions.
func TestResolveDoesNotMixVersions(t *testing.T) {
	f := newFetcher(t)
	versions := [][]byte{bytes.Repeat([]byte("a"), 1<<18), bytes.Repeat([]byte("b"), 1<<18)}
	var n atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		i := n.Add(1) - 1
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, i))
		if i == 0 {
			w.Header().Set("Content-Length", fmt.Sprint(1<<18))
			w.Write(versions[0][:1<<17])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		if r.Header.Get("If-Range") != `"0"` {
			t.Errorf("If-Range %q", r.Header.Get("If-Range"))
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(versions[1]))
	})
	got, err := f.Resolve(t.Context(), lock.Input{Kind: lock.KindHTTP, Name: "test", URL: url})
	if err != nil {
		t.Fatal(err)
	}
	if want := sumOf(versions[1]); got.SHA256 != want || got.Size != 1<<18 {
		t.Errorf("got %d bytes, sha256 %s; want the second version, %s", got.Size, got.SHA256, want)
	}
	wantStored(t, f, versions[1])
}

func TestWrongByteOnFirstMirror(t *testing.T) {
	wrong := bytes.Clone(content)
	wrong[len(wrong)/2] ^= 1
	f := newFetcher(t)
	bad := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(wrong) })
	good := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/mirror/v3/file" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.Write(content)
	})
	f.Mirrors = []Mirror{{Upstream: "https://example.com/alpine/", Locations: []string{bad, good + "/mirror"}}}
	if err := f.Fetch(t.Context(), []lock.Input{locked("https://example.com/alpine/v3/file", content)}); err != nil {
		t.Fatal(err)
	}
	wantStored(t, f, content)
}

func TestOnlyWrongBytes(t *testing.T) {
	wrong := bytes.Clone(content)
	wrong[0] ^= 1
	f := newFetcher(t)
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(wrong) })
	in := locked(url+"/file", content)
	err := f.Fetch(t.Context(), []lock.Input{in})
	got := wantError[*MismatchError](t, err)
	want := MismatchError{Input: `http "test"`, File: url + "/file", What: "sha256", Want: in.SHA256, Got: sumOf(wrong)}
	if *got != want {
		t.Errorf("got %+v, want %+v", *got, want)
	}
	wantNotStored(t, f)
	wantClean(t, f)
}

func TestWrongSizes(t *testing.T) {
	chunked := func(b []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			w.Write(b)
		}
	}
	handlers := map[string]http.HandlerFunc{
		"one more": func(w http.ResponseWriter, _ *http.Request) {
			w.Write(append(content[:len(content):len(content)], 'x'))
		},
		"one more, chunked": chunked(append(content[:len(content):len(content)], 'x')),
		"one less":          func(w http.ResponseWriter, _ *http.Request) { w.Write(content[1:]) },
		"one less, chunked": chunked(content[1:]),
		"nothing":           func(http.ResponseWriter, *http.Request) {},
	}
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			f := newFetcher(t)
			err := f.Fetch(t.Context(), []lock.Input{locked(serve(t, h), content)})
			if got := wantError[*MismatchError](t, err); got.What != "size" || got.Want != fmt.Sprint(len(content)) {
				t.Errorf("got %v, want the size to be wrong", got)
			}
			wantNotStored(t, f)
			wantClean(t, f)
		})
	}
}

func TestEndlessBody(t *testing.T) {
	f := newFetcher(t)
	var sent atomic.Int64
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			n, err := w.Write(content)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	err := f.Fetch(t.Context(), []lock.Input{locked(url, content[:1000])})
	wantError[*MismatchError](t, err)
	if n := sent.Load(); n > 64<<20 {
		t.Errorf("the server could send %d bytes of a file of 1000", n)
	}
	wantNotStored(t, f)
	wantClean(t, f)
}

func TestRedirects(t *testing.T) {
	t.Run("loop", func(t *testing.T) {
		f := newFetcher(t)
		n := 0
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			n++
			http.Redirect(w, r, fmt.Sprintf("/%d", n), http.StatusFound)
		})
		err := f.Fetch(t.Context(), []lock.Input{locked(url, content)})
		wantError[*RedirectError](t, err)
		if n != maxRedirects+1 {
			t.Errorf("%d requests, want %d and no second try", n, maxRedirects+1)
		}
	})
	t.Run("out of HTTPS", func(t *testing.T) {
		f := newFetcher(t)
		plain := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			t.Error("the redirection was followed")
			w.Write(content)
		})
		server := httptest.NewTLSServer(http.RedirectHandler(plain, http.StatusFound))
		defer server.Close()
		client := f.httpClient()
		client.Transport = server.Client().Transport
		err := f.Fetch(t.Context(), []lock.Input{locked(server.URL, content)})
		wantError[*RedirectError](t, err)
	})
	t.Run("once", func(t *testing.T) {
		f := newFetcher(t)
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				http.Redirect(w, r, "/there", http.StatusMovedPermanently)
				return
			}
			w.Write(content)
		})
		if err := f.Fetch(t.Context(), []lock.Input{locked(url, content)}); err != nil {
			t.Fatal(err)
		}
		wantStored(t, f, content)
	})
}

func TestRetries(t *testing.T) {
	f := newFetcher(t)
	n := 0
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if n++; n < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Write(content)
	})
	if err := f.Fetch(t.Context(), []lock.Input{locked(url, content)}); err != nil {
		t.Fatal(err)
	}
	wantStored(t, f, content)
}

func TestGivesUp(t *testing.T) {
	for code, want := range map[int]int{http.StatusNotFound: 1, http.StatusForbidden: 1, http.StatusBadGateway: maxIdleTries} {
		f := newFetcher(t)
		n := 0
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			n++
			w.WriteHeader(code)
		})
		err := f.Fetch(t.Context(), []lock.Input{locked(url, content)})
		if got := wantError[*StatusError](t, err); got.Code != code || n != want {
			t.Errorf("status %d: %d requests and %v, want %d", code, n, got, want)
		}
		wantError[*MissingError](t, err)
		wantClean(t, f)
	}
}

func TestCancelKeepsPartial(t *testing.T) {
	f := newFetcher(t)
	ctx, cancel := context.WithCancel(t.Context())
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		w.Write(content[:1<<19])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	in := locked(url, content)
	f.Report = func(tr Transfer) {
		if tr.Current > 0 {
			cancel()
		}
	}
	if err := f.Fetch(ctx, []lock.Input{in}); err != context.Canceled {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	info, err := os.Stat(f.Store.partial(in.SHA256))
	if err != nil || info.Size() == 0 {
		t.Errorf("nothing is left to go on with: %v", err)
	}
	wantNotStored(t, f)
}
