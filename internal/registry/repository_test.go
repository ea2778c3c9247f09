package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

func openRepository(t *testing.T, ref Reference, from ...string) *Repository {
	t.Helper()
	r := must[*Repository](t)(OpenRepository(ctx, ref, true, from, options()))
	t.Cleanup(r.Close)
	return r
}

// noise is n bytes that nobody has.
func noise(n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{byte(n)})
	_, _ = src.Read(b)
	return b
}

// reading opens b, and counts how often that is done.
func reading(b []byte, opened *atomic.Int32) func(int64) (io.ReadCloser, error) {
	return func(offset int64) (io.ReadCloser, error) {
		opened.Add(1)
		return io.NopCloser(bytes.NewReader(b[offset:])), nil
	}
}

// sessions is a registry's side of uploads that breaks off.
type sessions struct {
	mu    sync.Mutex
	bytes map[string][]byte // by session
	// cut is after how many bytes each PATCH breaks off, until it is used up.
	cut []int
	// forget makes a session unknown once it broke off.
	forget bool
	log    []string
}

func (s *sessions) serve(w http.ResponseWriter, r *http.Request) bool {
	if !strings.Contains(r.URL.Path, "/blobs/uploads") {
		return false
	}
	id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, r.Method+" "+r.Header.Get("Content-Range"))
	switch r.Method {
	case http.MethodPost:
		id = fmt.Sprint(len(s.bytes))
		s.bytes[id] = []byte{}
		w.Header().Set("Location", "/v2/tails/mqtt/blobs/uploads/"+id+"?state=x")
		w.WriteHeader(http.StatusAccepted)
	case http.MethodGet:
		if _, ok := s.bytes[id]; !ok {
			http.NotFound(w, r)
			return true
		}
		w.Header().Set("Location", "/v2/tails/mqtt/blobs/uploads/"+id+"?state=y")
		w.Header().Set("Range", fmt.Sprintf("0-%d", max(0, len(s.bytes[id])-1)))
		w.WriteHeader(http.StatusNoContent)
	case http.MethodPatch:
		limit := int64(1 << 40)
		if len(s.cut) > 0 {
			limit = int64(s.cut[0])
		}
		b, _ := io.ReadAll(io.LimitReader(r.Body, limit))
		s.bytes[id] = append(s.bytes[id], b...)
		if len(s.cut) > 0 {
			s.cut = s.cut[1:]
			if s.forget {
				delete(s.bytes, id)
			}
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Location", "/v2/tails/mqtt/blobs/uploads/"+id+"?state=z")
		w.WriteHeader(http.StatusAccepted)
	case http.MethodPut:
		b, _ := io.ReadAll(r.Body)
		if got := digest.FromBytes(append(s.bytes[id], b...)); got.String() != r.URL.Query().Get("digest") || r.URL.Query().Get("state") == "" {
			w.WriteHeader(http.StatusBadRequest)
			return true
		}
		w.WriteHeader(http.StatusCreated)
	}
	return true
}

// TestUploadResumes: what a registry has of a blob isn't sent again.
func TestUploadResumes(t *testing.T) {
	content := noise(3 << 20)
	desc := ocispec.Descriptor{MediaType: "x/y", Digest: digest.FromBytes(content), Size: int64(len(content))}
	rest := func(from int) string { return fmt.Sprintf("PATCH %d-%d", from, len(content)-1) }
	for name, c := range map[string]struct {
		s    *sessions
		want []string
	}{
		"in one go": {&sessions{}, []string{"POST ", "PATCH ", "PUT "}},
		"cut off": {
			&sessions{cut: []int{1 << 20, 1 << 20}},
			[]string{"POST ", "PATCH ", "GET ", rest(1 << 20), "GET ", rest(2 << 20), "PUT "},
		},
		// More often than a request is tried, but each time a little further.
		"cut off often": {&sessions{cut: slices.Repeat([]int{100 << 10}, 10)}, nil},
		"forgotten":     {&sessions{cut: []int{1 << 20}, forget: true}, []string{"POST ", "PATCH ", "GET ", "POST ", "PATCH ", "PUT "}},
	} {
		t.Run(name, func(t *testing.T) {
			c.s.bytes = map[string][]byte{}
			f := newFake(t)
			f.Config.ErrorLog = nil
			f.before = c.s.serve
			var opened atomic.Int32
			var sent atomic.Int64
			r := openRepository(t, f.ref(":1"))
			mounted, err := r.Put(ctx, desc, nil, reading(content, &opened), func(n int64) { sent.Store(n) })
			check(t, err)
			if mounted || sent.Load() != desc.Size || c.want != nil && !slices.Equal(c.s.log, c.want) {
				t.Errorf("mounted %t, %d bytes, %q", mounted, sent.Load(), c.s.log)
			}
		})
	}
	// In vain, it ends.
	f := newFake(t)
	s := &sessions{bytes: map[string][]byte{}, cut: slices.Repeat([]int{0}, 100)}
	f.before = s.serve
	var transfer *TransferError
	_, err := openRepository(t, f.ref(":1")).Put(ctx, desc, nil, reading(content, new(atomic.Int32)), nil)
	if !errors.As(err, &transfer) {
		t.Errorf("got %v", err)
	}
	if n := strings.Count(strings.Join(s.log, "\n"), "PATCH"); n != maxTries {
		t.Errorf("tried %d times", n)
	}
}

// TestUploadReads: what reading the blob gave is the error, whatever came of the
// transfer, and it isn't tried again.
func TestUploadReads(t *testing.T) {
	for _, size := range []int{10, 3 << 20} {
		content := noise(size)
		desc := ocispec.Descriptor{MediaType: "x/y", Digest: digest.FromBytes(content), Size: int64(size)}
		content[size/2]++
		repo := realRegistry(t, nil)
		var opened atomic.Int32
		open := func(offset int64) (io.ReadCloser, error) {
			opened.Add(1)
			return io.NopCloser(oci.Verified(bytes.NewReader(content), desc)), nil
		}
		r := openRepository(t, must[Reference](t)(ParseReference(repo+":1")))
		var wrong *oci.DigestError
		if _, err := r.Put(ctx, desc, nil, open, nil); !errors.As(err, &wrong) || opened.Load() != 1 {
			t.Errorf("%d: %v, opened %d times", size, err, opened.Load())
		}
		if has := must[bool](t)(r.Has(ctx, desc)); has {
			t.Errorf("%d: it is there", size)
		}
	}
}

// TestSlowUpload: a transfer may take longer than silence may, while it goes on.
func TestSlowUpload(t *testing.T) {
	f := newFake(t)
	content := noise(2 << 20)
	desc := ocispec.Descriptor{MediaType: "x/y", Digest: digest.FromBytes(content), Size: int64(len(content))}
	s := &sessions{bytes: map[string][]byte{}}
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			b := make([]byte, 128<<10)
			var all []byte
			for {
				n, err := io.ReadFull(r.Body, b)
				all = append(all, b[:n]...)
				if err != nil {
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
			r.Body = io.NopCloser(bytes.NewReader(all))
		}
		return s.serve(w, r)
	}
	opts := options()
	opts.idle = 200 * time.Millisecond
	r := must[*Repository](t)(OpenRepository(ctx, f.ref(":1"), true, nil, opts))
	t.Cleanup(r.Close)
	_, err := r.Put(ctx, desc, nil, reading(content, new(atomic.Int32)), nil)
	check(t, err)
	// But not one that stands still, with more to send than a connection buffers.
	content = noise(32 << 20)
	desc = ocispec.Descriptor{MediaType: "x/y", Digest: digest.FromBytes(content), Size: int64(len(content))}
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			time.Sleep(700 * time.Millisecond)
			return true
		}
		return s.serve(w, r)
	}
	if _, err := r.Put(ctx, desc, nil, reading(content, new(atomic.Int32)), nil); !errors.Is(err, errIdle) {
		t.Errorf("got %v", err)
	}
}

// TestDownloadResumes: what is there of a blob isn't asked for again.
func TestDownloadResumes(t *testing.T) {
	content := noise(3 << 20)
	for name, ranges := range map[string]bool{"with ranges": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			desc := f.blob("x/y", string(content))
			var asked []string
			cuts := 2
			f.before = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/blobs/") {
					return false
				}
				asked = append(asked, r.Header.Get("Range"))
				rest, status := content, http.StatusOK
				if from := 0; ranges && r.Header.Get("Range") != "" {
					_, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
					check(t, err)
					rest, status = content[from:], http.StatusPartialContent
					w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
				}
				w.Header().Set("Content-Length", fmt.Sprint(len(rest)))
				w.WriteHeader(status)
				if cuts > 0 {
					cuts--
					_, _ = w.Write(rest[:len(rest)/2])
					_ = http.NewResponseController(w).Flush()
					panic(http.ErrAbortHandler)
				}
				_, _ = w.Write(rest)
				return true
			}
			w := must[*oci.Writer](t)(oci.Create(t.TempDir() + "/layout"))
			t.Cleanup(func() { w.Abort() })
			var at []int64
			check(t, openRepository(t, f.ref(":1")).Fetch(ctx, w, desc, func(n int64) { at = append(at, n) }))
			if len(asked) != 3 || asked[0] != "" || !strings.HasPrefix(asked[1], "bytes=") || at[len(at)-1] != desc.Size {
				t.Errorf("asked for %q, at %d", asked, at[len(at)-1])
			}
		})
	}
	// A part of something else, announced as what it isn't.
	f := newFake(t)
	desc := f.blob("x/y", string(content))
	first := true
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		if first {
			first = false
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			_, _ = w.Write(content[:1<<20])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Range", "bytes 5-9/10")
		w.WriteHeader(http.StatusPartialContent)
		return true
	}
	w := must[*oci.Writer](t)(oci.Create(t.TempDir() + "/layout"))
	t.Cleanup(func() { w.Abort() })
	var format *oci.FormatError
	if err := openRepository(t, f.ref(":1")).Fetch(ctx, w, desc, nil); !errors.As(err, &format) {
		t.Errorf("got %v", err)
	}
}

// attached is a manifest that refers to subject.
func attached(t *testing.T, subject ocispec.Descriptor, content string) *Manifest {
	t.Helper()
	f := newFake(t)
	desc := f.bundle(subject, content)
	body := f.manifests[desc.Digest.String()].body
	desc.ArtifactType = ""
	return &Manifest{Descriptor: desc, Body: body, Content: must[*ocispec.Manifest](t)(oci.DecodeManifest("bundle", body))}
}

// attach brings manifests with their blobs into a repository.
func attach(t *testing.T, r *Repository, image ocispec.Descriptor, contents ...string) error {
	t.Helper()
	var all []*Manifest
	for _, c := range contents {
		check(t, r.putBytes(ctx, []byte(c)))
		all = append(all, attached(t, image, c))
	}
	check(t, r.putBytes(ctx, []byte("{}")))
	return r.Attach(ctx, image, all)
}

// TestAttach: with the referrers API, and with the tag that stands in for it.
func TestAttach(t *testing.T) {
	for kind, opts := range map[string][]registry.Option{"API": {registry.WithReferrersSupport(true)}, "tag": nil} {
		t.Run(kind, func(t *testing.T) {
			tagged := 0
			repo := realRegistry(t, func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/sha256-") {
					tagged++
				}
				return false
			}, opts...)
			ref, image := realImage(t, repo)
			r := openRepository(t, ref)
			check(t, attach(t, r, image, "one", "two"))
			check(t, attach(t, r, image, "two", "three"))
			check(t, attach(t, r, image))
			got := must[*Fetched](t)(Fetch(ctx, ref, "", t.TempDir()+"/release", options()))
			if got.Artifacts != 3 || len(got.Problems) != 0 {
				t.Errorf("got %+v", got)
			}
			if want := map[string]int{"API": 0, "tag": 2}[kind]; tagged != want {
				t.Errorf("the tag was written %d times, want %d", tagged, want)
			}
		})
	}
}

// TestAttachOverwritten: a list that somebody else writes at the same time, or that
// loses what it is given.
func TestAttachOverwritten(t *testing.T) {
	var lost atomic.Int32
	var tag string
	repo := realRegistry(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || !strings.HasSuffix(r.URL.Path, tag) || lost.Add(-1) < 0 {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusCreated) // and nothing is kept
		return true
	})
	ref, image := realImage(t, repo)
	tag = tagFor(image.Digest)
	r := openRepository(t, ref)
	lost.Store(2)
	check(t, attach(t, r, image, "one", "two"))
	got := must[*Fetched](t)(Fetch(ctx, ref, "", t.TempDir()+"/release", options()))
	if got.Artifacts != 2 {
		t.Errorf("got %+v", got)
	}
	lost.Store(1 << 20)
	var overwritten *OverwrittenError
	if err := attach(t, r, image, "three"); !errors.As(err, &overwritten) {
		t.Errorf("got %v", err)
	}

	// With the API, a registry that lists something else.
	repo = realRegistry(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/referrers/") {
			return false
		}
		w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
		_, _ = w.Write(index(t, ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("other"), Size: 5}).body)
		return true
	}, registry.WithReferrersSupport(true))
	ref, image = realImage(t, repo)
	if err := attach(t, openRepository(t, ref), image, "one"); !errors.As(err, &overwritten) {
		t.Errorf("got %v", err)
	}
	// A tag that is something else is left as it is.
	repo = realRegistry(t, nil)
	ref, image = realImage(t, repo)
	r = openRepository(t, ref)
	m := must[*Manifest](t)(r.Manifest(ctx, "1-r0"))
	_, err := r.PutManifest(ctx, m, tagFor(image.Digest))
	check(t, err)
	var format *oci.FormatError
	if err := attach(t, r, image, "one"); !errors.As(err, &format) {
		t.Errorf("got %v", err)
	}
}

// TestAttachTogether: sixteen who write one tag at the same time, and know nothing
// of each other, lose nothing.
func TestAttachTogether(t *testing.T) {
	const writers = 16
	ref, image := realImage(t, realRegistry(t, nil))
	start, errs := make(chan struct{}), make(chan error, writers)
	for i := range writers {
		opts := options()
		opts.pause = 0 // as it is for users
		r := must[*Repository](t)(OpenRepository(ctx, ref, true, nil, opts))
		t.Cleanup(r.Close)
		go func() {
			<-start
			errs <- attach(t, r, image, fmt.Sprint("by ", i))
		}()
	}
	close(start)
	for range writers {
		check(t, <-errs)
	}
	got := must[*Fetched](t)(Fetch(ctx, ref, "", t.TempDir()+"/release", options()))
	if got.Artifacts != writers || len(got.Problems) != 0 {
		t.Errorf("%d of %d are there: %+v", got.Artifacts, writers, got)
	}
}
