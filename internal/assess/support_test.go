package assess_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/declared"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

const refuseUnsupported = "\n  end_of_support   = \"refuse\""

// refusing is a policy that refuses what has no support.
func refusing(policy string) string {
	return strings.Replace(policy, "\n  end_of_support   = \"warn\"", refuseUnsupported, 1)
}

// manifests returns those of the declarations that a release has.
func manifests(t *testing.T, m made) []digest.Digest {
	t.Helper()
	var all []digest.Digest
	for _, s := range must[*release.Contents](t)(release.Read(ctx, m.dir, release.Trusted{})).Statements {
		if s.PredicateType == evidence.DeclarationType {
			all = append(all, s.Manifest)
		}
	}
	return all
}

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

// attach adds a declaration to a release, signed without a gate, as somebody may who
// has a key. It returns its manifest.
func attach(t *testing.T, m made, by *sign.Key, change func(d *evidence.Declaration)) digest.Digest {
	t.Helper()
	d := evidence.Declaration{
		Image: m.image.Digest,
		Parameters: evidence.Parameters{
			Recipe: "mqtt", Kind: "service", Version: "1.0", Arch: "x86_64",
			Plan: digest.FromString("plan"), Lock: digest.FromString("lock"),
		},
		Base: evidence.Base{Name: "alpine", Version: "3.19.4", EndOfSupport: "2030-01-01"},
	}
	d.Privileges = []declared.Privilege{}
	change(&d)
	return attachStatement(t, m, by, must[[]byte](t)(d.Statement()))
}

// attachStatement adds a statement to an image in a folder, signed without a gate. It
// returns its manifest.
func attachStatement(t *testing.T, m made, by *sign.Key, statement []byte) digest.Digest {
	t.Helper()
	bundle := must[[]byte](t)(by.Sign(ctx, statement))
	l := must[*oci.Layout](t)(oci.OpenLayout(m.dir))
	index := must[[]ocispec.Descriptor](t)(l.Images())
	check(t, l.Close())
	put := func(mediaType string, b []byte) ocispec.Descriptor {
		desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
		check(t, os.WriteFile(filepath.Join(m.dir, "blobs", "sha256", desc.Digest.Encoded()), b, 0o644))
		return desc
	}
	desc := put(ocispec.MediaTypeImageManifest, encoded(t, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: sign.BundleMediaType,
		Config: put(ocispec.MediaTypeEmptyJSON, []byte("{}")), Layers: []ocispec.Descriptor{put(sign.BundleMediaType, bundle)},
		Subject:     &ocispec.Descriptor{MediaType: m.image.MediaType, Digest: m.image.Digest, Size: m.image.Size},
		Annotations: map[string]string{"tailsbuild.signer-key": string(by.Public().PEM())},
	}))
	check(t, os.WriteFile(filepath.Join(m.dir, "index.json"), encoded(t, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: append(index, desc),
	}), 0o644))
	return desc.Digest
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	return must[[]byte](t)(json.Marshal(v))
}

func until(end string) func(*evidence.Declaration) {
	return func(d *evidence.Declaration) { d.Base.EndOfSupport = end }
}

// TestSupport: who has to sign the image says until when its base is supported.
func TestSupport(t *testing.T) {
	w := newWorld(t, refusing(signerPolicy(key(t, 0).Public())))
	m := makeRelease(t, "1.0", key(t, 0), none)
	if s := w.want(m, "mqtt", verdict.Trusted, verdict.Signed); !s.Facts.EndOfSupport.Equal(day("2027-05-01")) {
		t.Errorf("%v", s.Facts.EndOfSupport)
	}
	w.now = day("2027-05-01")
	w.want(m, "mqtt", verdict.Refused, verdict.SupportEnded)
	w.now = now
	w.want(makeReleaseOn(t, "1.0", key(t, 0), none, "2026-11-22"), "mqtt", verdict.Refused, verdict.SupportEnded)
	w.want(makeReleaseOn(t, "1.0", key(t, 0), none, ""), "mqtt", verdict.Refused, verdict.SupportUnknown)
	w.want(makeImage(t, "1.0", none), "mqtt", verdict.Refused, verdict.SupportUnknown)

	// A stranger's release, and a stranger's word about ours.
	w.want(makeRelease(t, "1.0", key(t, 1), none), "mqtt", verdict.Refused, verdict.SupportUnknown)
	attach(t, m, key(t, 1), until("2026-01-01"))
	w.want(m, "mqtt", verdict.Trusted, verdict.Signed)

	// Two that differ: the first counts, and not knowing is sooner than any day.
	attach(t, m, key(t, 0), until("2030-01-01"))
	if s := w.want(m, "mqtt", verdict.Trusted, verdict.Signed); !s.Facts.EndOfSupport.Equal(day("2027-05-01")) {
		t.Errorf("%v", s.Facts.EndOfSupport)
	}
	attach(t, m, key(t, 0), until("2026-11-01"))
	w.want(m, "mqtt", verdict.Refused, verdict.SupportEnded)
	attach(t, m, key(t, 0), until(""))
	w.want(m, "mqtt", verdict.Refused, verdict.SupportUnknown)
}

// TestSupportContradicts: a declaration of other privileges than the image has.
func TestSupportContradicts(t *testing.T) {
	w := newWorld(t, signerPolicy(key(t, 0).Public()))
	m := makeRelease(t, "1.0", key(t, 0), none)
	more := func(d *evidence.Declaration) {
		d.Privileges = []declared.Privilege{{Kind: "network", Name: "host", Reason: "x"}}
	}
	attach(t, m, key(t, 1), more) // nobody asks them
	w.want(m, "mqtt", verdict.Trusted, verdict.Signed)
	attach(t, m, key(t, 0), more)
	s := w.want(m, "mqtt", verdict.Refused, verdict.NotKnown)
	if !strings.Contains(strings.Join(s.Facts.Problems, "\n"), "tailsbuild.privileges") {
		t.Errorf("%q", s.Facts.Problems)
	}
}

// TestSupportListed: where the trust root alone vouches, it names the bundle.
func TestSupportListed(t *testing.T) {
	w := newWorld(t, refusing(strict))
	m := makeRelease(t, "1.0", key(t, 0), none)
	w.list(m, 1, nil)
	w.want(m, "mqtt", verdict.Refused, verdict.SupportUnknown)
	w.list(m, 1, func(target *trust.Target) { target.Bundles = manifests(t, m) })
	w.want(m, "mqtt", verdict.Trusted, verdict.Vouched)
	// Others lie beside it: nobody has listed them.
	attach(t, m, key(t, 1), until("2026-01-01"))
	attach(t, m, key(t, 0), until(""))
	w.want(m, "mqtt", verdict.Trusted, verdict.Vouched)
}

// TestSupportForeign: a foreign image is asked the same, and can't say it itself.
func TestSupportForeign(t *testing.T) {
	w := newWorld(t, refusing(open))
	m := makeRelease(t, "1.0", key(t, 0), none)
	w.want(m, "docker.example/app:1", verdict.Refused, verdict.SupportUnknown)
	w.policy = open
	w.want(m, "docker.example/app:1", verdict.Foreign, verdict.NotListed)
}
