package release

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// rewrite changes the manifests beside a release's image, which it is not signed
// to prevent.
func rewrite(t *testing.T, dir string, change func(*ocispec.Manifest)) {
	t.Helper()
	path := filepath.Join(dir, ocispec.ImageIndexFile)
	var index ocispec.Index
	check(t, json.Unmarshal(must[[]byte](t)(os.ReadFile(path)), &index))
	for i, desc := range index.Manifests {
		var m ocispec.Manifest
		check(t, json.Unmarshal(must[[]byte](t)(os.ReadFile(blobPath(dir, desc.Digest))), &m))
		if m.Subject == nil {
			continue
		}
		change(&m)
		raw := must[[]byte](t)(json.Marshal(m))
		index.Manifests[i].Digest, index.Manifests[i].Size = digest.FromBytes(raw), int64(len(raw))
		check(t, os.WriteFile(blobPath(dir, digest.FromBytes(raw)), raw, 0o644))
	}
	check(t, os.WriteFile(path, must[[]byte](t)(json.Marshal(index)), 0o644))
}

// statementTypes are those of a release's statements, in its order.
var statementTypes = []string{
	evidence.SignatureType, evidence.ComparisonType, evidence.ProvenanceType, evidence.ProvenanceType,
	evidence.SBOMType, evidence.DeclarationType, evidence.TestsType,
}

func predicates(c *Contents) []string {
	var all []string
	for _, s := range c.Statements {
		all = append(all, s.PredicateType)
	}
	return all
}

func TestRead(t *testing.T) {
	dir, b := released(t)
	mine, other := key(t, 0).Public(), key(t, 1).Public()

	c := must[*Contents](t)(Read(ctx, dir, Trusted{Keys: []*sign.PublicKey{other, mine}}))
	if got := predicates(c); !slices.Equal(got, statementTypes) || len(c.Problems) > 0 || c.Image.Digest != b.A.Image.Digest || c.Claimed != "mqtt:2.7.9-r1" {
		t.Errorf("%+v", c)
	}
	v := must[*Verification](t)(c.By(mine))
	all := must[*Verification](t)(Verify(ctx, dir, mine))
	if v.Name != all.Name || !slices.Equal(v.Bundles, all.Bundles) || v.Compressed != all.Compressed || v.Unpacked != all.Unpacked {
		t.Errorf("By: %+v\nVerify: %+v", v, all)
	}
	if _, err := c.By(other); !errors.Is(err, ErrNoSignature) {
		t.Errorf("By another key: %v", err)
	}

	// A stranger's signature is somebody's, and a trust root may name the manifest of
	// their declaration; what else they say is not kept.
	c = must[*Contents](t)(Read(ctx, dir, Trusted{Keys: []*sign.PublicKey{other}}))
	if !slices.Equal(predicates(c), []string{evidence.SignatureType, evidence.DeclarationType}) || len(c.Problems) != 5 {
		t.Fatalf("%+v", c)
	}
	if s := c.Statements[1]; s.Known || s.Body == nil || s.Key.ID() != mine.ID() {
		t.Errorf("%+v", s)
	}
	if s := c.Statements[0]; s.Known || !s.Signature() || s.Body != nil || s.Key.ID() != mine.ID() {
		t.Errorf("%+v", s)
	}
	if _, err := c.By(mine); err == nil {
		t.Error("a key that came with its own signature shows something")
	}
}

// TestReadClaims: a key that came with a bundle makes nothing of it that it isn't.
func TestReadClaims(t *testing.T) {
	other := key(t, 1).Public()
	for name, c := range map[string]struct {
		pem  string
		want string
	}{
		"none":    {"", "didn't come with it"},
		"another": {string(other.PEM()), "signed with the key"},
		"junk":    {"junk", "no PEM block"},
		"endless": {strings.Repeat("x", 100_000), "more than the limit"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := released(t)
			rewrite(t, dir, func(m *ocispec.Manifest) {
				delete(m.Annotations, annotationSignerKey)
				if c.pem != "" {
					m.Annotations[annotationSignerKey] = c.pem
				}
			})
			got := must[*Contents](t)(Read(ctx, dir, Trusted{}))
			if len(got.Statements) > 0 || len(got.Problems) != len(statementTypes) || !strings.Contains(got.Problems[0].Err.Error(), c.want) {
				t.Errorf("%+v", got)
			}
			// Who knows the key doesn't need the claim, and isn't misled by it.
			got = must[*Contents](t)(Read(ctx, dir, Trusted{Keys: []*sign.PublicKey{key(t, 0).Public()}}))
			must[*Verification](t)(got.By(key(t, 0).Public()))
		})
	}
}

// TestReadRefuses: other images' bundles, statements that are none, broken files.
func TestReadRefuses(t *testing.T) {
	mine := []*sign.PublicKey{key(t, 0).Public()}
	f := newForgery(t)
	f.add(key(t, 0), evidence.SignatureType, must[[]byte](t)(evidence.Signature(digest.FromString("elsewhere"))))
	f.signature(nil)
	f.signature(key(t, 1))
	f.items[2].body = []byte(strings.Replace(string(f.items[2].body), `"predicate":{}`, `"predicate":{"result":"FAILED"}`, 1))
	if c := must[*Contents](t)(Read(ctx, f.write(), Trusted{Keys: mine})); len(c.Statements) > 0 || len(c.Problems) != 3 {
		t.Errorf("%+v", c)
	}

	_, b := released(t)
	l := must[*oci.Layout](t)(oci.OpenLayout(b.A.Layout))
	defer l.Close()
	manifest, _, err := l.ReadManifest(b.A.Image)
	check(t, err)
	for _, d := range append(manifest.Layers, manifest.Config, b.A.Image) {
		dir, _ := released(t)
		flip(t, blobPath(dir, d.Digest))
		var damaged *oci.DigestError
		if _, err := Read(ctx, dir, Trusted{Keys: mine}); !errors.As(err, &damaged) {
			t.Errorf("damaged %s: %v", d.MediaType, err)
		}
		check(t, os.Remove(blobPath(dir, d.Digest)))
		if _, err := Read(ctx, dir, Trusted{Keys: mine}); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("missing %s: %v", d.MediaType, err)
		}
	}
}
