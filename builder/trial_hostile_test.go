package builder

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestUnpackStaysInside: whatever the entries of a layer are called, and wherever links
// in it lead, nothing is written, changed or removed beside the folder.
func TestUnpackStaysInside(t *testing.T) {
	for name, entries := range map[string][]tar.Header{
		"dots":            {{Name: "../outside/new"}, {Name: "a/../../outside/new"}, {Name: "../outside/kept"}},
		"absolute":        {{Name: "/OUTSIDE/new"}},
		"link to folder":  {{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "../outside"}, {Name: "link/new"}, {Name: "link/kept"}},
		"absolute link":   {{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "OUTSIDE"}, {Name: "link/new"}},
		"link to file":    {{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "../outside/kept"}, {Name: "link"}},
		"hard link":       {{Name: "link", Typeflag: tar.TypeLink, Linkname: "../outside/kept"}, {Name: "link"}},
		"whiteout":        {{Name: "../outside/.wh.kept"}, {Name: "link", Typeflag: tar.TypeSymlink, Linkname: "../outside"}, {Name: "link/.wh.kept"}},
		"opaque whiteout": {{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "../outside"}, {Name: "link/.wh..wh..opq"}},
		"link twice":      {{Name: "a", Typeflag: tar.TypeDir}, {Name: "a/up", Typeflag: tar.TypeSymlink, Linkname: ".."}, {Name: "a/out", Typeflag: tar.TypeSymlink, Linkname: "up/../outside"}, {Name: "a/out/new"}},
	} {
		t.Run(name, func(t *testing.T) {
			around := t.TempDir()
			outside := filepath.Join(around, "outside")
			if err := errors.Join(os.Mkdir(outside, 0o755), os.WriteFile(filepath.Join(outside, "kept"), []byte("kept"), 0o644)); err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			tw := tar.NewWriter(&b)
			for _, h := range entries {
				h.Name = string(bytes.ReplaceAll([]byte(h.Name), []byte("OUTSIDE"), []byte(outside)))
				h.Linkname = string(bytes.ReplaceAll([]byte(h.Linkname), []byte("OUTSIDE"), []byte(outside)))
				h.Mode, h.Uid, h.Gid = 0o755, os.Getuid(), os.Getgid()
				if h.Typeflag == 0 {
					h.Typeflag, h.Size = tar.TypeReg, 4
				}
				if err := tw.WriteHeader(&h); err != nil {
					t.Fatal(err)
				}
				if h.Size > 0 {
					if _, err := tw.Write([]byte("evil")); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := tw.Close(); err != nil {
				t.Fatal(err)
			}
			layer, err := jsonBlob(ocispec.MediaTypeImageLayer, nil)
			if err != nil {
				t.Fatal(err)
			}
			layer.data = b.Bytes()
			layer.desc.Digest, layer.desc.Size = layer.desc.Digest.Algorithm().FromBytes(layer.data), int64(b.Len())
			// An error is as good as an entry that went elsewhere.
			_, err = imageOf(t, layer).unpack(t.Context(), filepath.Join(around, "tree"))
			t.Logf("%v", err)
			found, globErr := filepath.Glob(filepath.Join(outside, "*"))
			kept, readErr := os.ReadFile(filepath.Join(outside, "kept"))
			if globErr != nil || readErr != nil || len(found) != 1 || string(kept) != "kept" {
				t.Errorf("outside are %q, and %q: %v", found, kept, readErr)
			}
			if all, err := os.ReadDir(around); err != nil || len(all) > 2 {
				t.Errorf("beside the tree are %v, %v", all, err)
			}
		})
	}
}
