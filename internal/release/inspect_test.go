package release

import (
	"bytes"
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
)

func carried(i *Inspection) (predicates, signatures []string) {
	for _, c := range i.Statements {
		predicates, signatures = append(predicates, c.PredicateType), append(signatures, c.Signature)
	}
	return predicates, slices.Compact(signatures)
}

// inspect inspects a release of one image.
func inspect(t testing.TB, dir, called string) *Inspection {
	t.Helper()
	all := must[[]*Inspection](t)(Inspect(ctx, dir, called))
	if len(all) != 1 || all[0].Index != nil {
		t.Fatalf("%d images, index %v", len(all), all[0].Index)
	}
	return all[0]
}

func TestInspect(t *testing.T) {
	dir, b := released(t)
	i := inspect(t, dir, "")
	predicates, signatures := carried(i)
	if !slices.Equal(predicates, statementTypes) || !slices.Equal(signatures, []string{SignatureValid}) ||
		i.Image.Digest != b.A.Image.Digest || i.Claimed != "mqtt:2.7.9-r1" || i.Layers != 2 || len(i.Problems) > 0 || i.Dir != dir {
		t.Errorf("%+v", i)
	}
	if c := i.Statements[0]; c.Key != key(t, 0).Public().ID() || !bytes.Contains(c.Body, []byte(evidence.SignatureType)) {
		t.Errorf("%+v", c)
	}
	v := must[*Verification](t)(Verify(ctx, dir, key(t, 0).Public()))
	if n := len(i.By(v)); n != len(statementTypes) {
		t.Errorf("%d statements by the key", n)
	}
	// The layers may be missing.
	l := must[*oci.Layout](t)(oci.OpenLayout(dir))
	m, _, err := l.ReadManifest(b.A.Image)
	check(t, errors.Join(err, l.Close(), os.Remove(blobPath(dir, m.Layers[0].Digest))))
	inspect(t, dir, "called")
	// The config may not.
	flip(t, blobPath(dir, m.Config.Digest))
	var damaged *oci.DigestError
	if _, err := Inspect(ctx, dir, "called"); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "called") {
		t.Errorf("got %v", err)
	}
}

func TestInspectUnsigned(t *testing.T) {
	b, dist := pair(t, "same", "same")
	dir := filepath.Join(dist, "mqtt")
	must[*Release](t)(Create(ctx, b, Options{Dir: dir}))
	i := inspect(t, dir, "")
	predicates, signatures := carried(i)
	if !slices.Equal(predicates, statementTypes[1:]) || !slices.Equal(signatures, []string{SignatureNone}) || i.Statements[0].Key != "" {
		t.Errorf("%+v", i)
	}
}

// TestInspectSignatures: what is known of signatures is said, and decides nothing.
func TestInspectSignatures(t *testing.T) {
	dir, _ := released(t)
	rewrite(t, dir, func(m *ocispec.Manifest) { delete(m.Annotations, annotationSignerKey) })
	i := inspect(t, dir, "")
	if predicates, signatures := carried(i); !slices.Equal(signatures, []string{SignatureUnchecked}) || len(predicates) != len(statementTypes) {
		t.Errorf("without a key: %+v", i)
	}

	dir, _ = released(t)
	rewrite(t, dir, func(m *ocispec.Manifest) {
		b := must[[]byte](t)(os.ReadFile(blobPath(dir, m.Layers[0].Digest)))
		at := bytes.Index(b, []byte(`"sig":"`)) + 30
		if b[at] == 'A' {
			b[at]++
		} else {
			b[at] = 'A'
		}
		m.Layers[0].Digest = digest.FromBytes(b)
		check(t, os.WriteFile(blobPath(dir, m.Layers[0].Digest), b, 0o644))
	})
	i = inspect(t, dir, "")
	if predicates, signatures := carried(i); !slices.Equal(signatures, []string{SignatureBad}) || len(predicates) != len(statementTypes) {
		t.Errorf("other signatures: %+v", i)
	}

	// Of another image, and no statement at all.
	f := newForgery(t)
	f.add(key(t, 0), evidence.SignatureType, must[[]byte](t)(evidence.Signature(digest.FromString("elsewhere"))))
	f.add(nil, evidence.SBOMType, []byte(`{"spdxVersion":"SPDX-2.3"}`))
	f.add(nil, evidence.SBOMType, bytes.Repeat([]byte(" "), evidence.MaxStatement+1))
	if i := inspect(t, f.write(), ""); len(i.Statements) > 0 || len(i.Problems) != 3 {
		t.Errorf("%+v", i)
	}
}
