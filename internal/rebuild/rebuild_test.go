package rebuild_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/rebuild"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

var ctx = context.Background()

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var keys [3]*sign.Key

// The keys, always the same: scrypt takes its time.
const (
	signer = iota
	auditor
	other
)

func key(t testing.TB, n int) *sign.Key {
	t.Helper()
	if keys[n] == nil {
		keys[n] = must[*sign.Key](t)(releasetest.Key())
	}
	return keys[n]
}

var who = rebuild.Auditor{Builder: "https://rebuild.example/v1", Version: "0.1.0", At: time.Date(2026, 11, 23, 8, 0, 0, 5, time.UTC)}

// published returns a release with sealed inputs whose image has content.
func published(t testing.TB, content string) *rebuild.Published {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mqtt")
	rel := must[*release.Release](t)(releasetest.Sealed(ctx, dir, content, key(t, signer), lock.CurrentOutput()))
	p := must[*rebuild.Published](t)(rebuild.Open(ctx, dir, "", rel.Image.Digest, key(t, signer).Public()))
	must[digest.Digest](t)(p.Seal(ctx))
	return p
}

func built(t testing.TB, content string) *builder.Result {
	t.Helper()
	return must[*builder.Result](t)(releasetest.Rebuild(filepath.Join(t.TempDir(), "c"), content))
}

var now = madeFrom(func(*release.Build) {})

// madeFrom are the options of a rebuild from something else than the release.
func madeFrom(change func(*release.Build)) rebuild.Options {
	made := releasetest.Made(lock.CurrentOutput())
	change(made)
	return rebuild.Options{Made: made}
}

func compared(t testing.TB, content string, opts rebuild.Options) *rebuild.Attempt {
	t.Helper()
	return must[*rebuild.Attempt](t)(rebuild.Compare(ctx, published(t, "same"), built(t, content), opts))
}

// TestOutcomes: what came of it, and what the statements say.
func TestOutcomes(t *testing.T) {
	older := madeFrom(func(b *release.Build) { b.Output.Compatibility++ })
	version := madeFrom(func(b *release.Build) {
		other := *b.Closure[0]
		other.Version = "2.7.8"
		b.Closure = []*recipe.Recipe{&other, b.Closure[1]}
	})
	lacks := madeFrom(func(b *release.Build) {
		b.Inputs = append(slices.Clone(b.Inputs), lock.Input{Kind: lock.KindHTTP, Name: "more", URL: "https://example.org/more", SHA256: strings.Repeat("ab", 32), Size: 1})
	})
	names := madeFrom(func(b *release.Build) { b.Inputs = nil })
	against := now
	against.Against = []string{"the image sha256:… was expected"}
	lockDigest := now.Made.Lock.String()
	for name, test := range map[string]struct {
		content string
		opts    rebuild.Options
		want    evidence.Outcome
		reason  string
	}{
		"same":                    {"same", now, evidence.Reproduced, ""},
		"other":                   {"other", now, evidence.Different, "another image came out"},
		"another expected":        {"same", against, evidence.Different, "the image sha256:… was expected"},
		"other, another expected": {"other", against, evidence.Different, "another image came out; the image sha256:… was expected"},
		"another version":         {"same", version, evidence.Different, "its provenance is of service mqtt 2.7.9-r1 for x86_64, epoch 1714521600, lock " + lockDigest + ", and it was built from service mqtt 2.7.8-r1 for x86_64, epoch 1714521600, lock " + lockDigest},
		"an input more":           {"same", lacks, evidence.Different, `its provenance lacks http "more", https://example.org/more, which it was built from`},
		"an input less":           {"same", names, evidence.Different, `its provenance names rootfs "alpine-3.19", https://example.org/rootfs.tar.gz, which it wasn't built from`},
		"other toolchain":         {"other", older, evidence.ToolchainMismatch, "another image came out, of another toolchain: tailsbuild's output version is 1 in the release and 2 here, so that one plan gives other bytes"},
		"same, other toolchain":   {"same", older, evidence.Reproduced, ""},
	} {
		a := compared(t, test.content, test.opts)
		if a.Outcome() != test.want || a.Reason() != test.reason {
			t.Errorf("%s: %s, %q", name, a.Outcome(), a.Reason())
		}
		all := must[[]rebuild.Statement](t)(a.State(ctx, key(t, auditor), who, nil))
		if len(all) != 2 {
			t.Fatalf("%s: %d statements", name, len(all))
		}
		r := must[*evidence.Rebuild](t)(evidence.ParseRebuild(all[0].Body))
		s := must[*evidence.Summary](t)(evidence.ParseSummary(all[1].Body))
		image := s.Resource.Image
		must[*sign.Verified](t)(key(t, auditor).Public().Verify(all[0].Bundle, a.Rebuilt()))
		must[*sign.Verified](t)(key(t, auditor).Public().Verify(all[1].Bundle, image))
		if s.Outcome != test.want || s.Provenance != digest.FromBytes(all[0].Body) || s.Builder != who.Builder ||
			s.Resource.Name != "mqtt" || s.Resource.Tag != "2.7.9-r1" || !s.At.Equal(who.At.Truncate(time.Millisecond)) {
			t.Errorf("%s: %+v", name, s)
		}
		if r.Published != image || r.Image != a.Rebuilt() || r.Run.Builder != who.Builder ||
			r.Parameters != test.opts.Made.Parameters() || !slices.Equal(r.Dependencies, must[[]evidence.Dependency](t)(test.opts.Made.Dependencies())) {
			t.Errorf("%s: %+v", name, r)
		}
		raw := must[[]byte](t)(a.ComparisonJSON())
		if (s.Comparison == digest.FromBytes(raw)) != (a.Rebuilt() != image) {
			t.Errorf("%s: comparison %s", name, s.Comparison)
		}
		if strings.Contains(string(raw), os.TempDir()) {
			t.Errorf("%s: the comparison names this machine's folders: %s", name, raw)
		}
	}
}

func TestFail(t *testing.T) {
	p := published(t, "same")
	for _, o := range []evidence.Outcome{evidence.BuildFailed, evidence.InputsMissing, evidence.ToolchainMismatch, evidence.Withdrawn} {
		a := must[*rebuild.Attempt](t)(rebuild.Fail(p, o, "line 1\n\tline 2\x1b[31m "+strings.Repeat("x", 5000)))
		all := must[[]rebuild.Statement](t)(a.State(ctx, key(t, auditor), who, nil))
		s := must[*evidence.Summary](t)(evidence.ParseSummary(all[0].Body))
		if len(all) != 1 || s.Outcome != o || !strings.HasPrefix(s.Reason, "line 1 line 2?[31m xxx") {
			t.Errorf("%s: %d statements, %+v", o, len(all), s)
		}
	}
	for _, o := range []evidence.Outcome{evidence.Reproduced, evidence.Different} {
		if a, err := rebuild.Fail(p, o, "because"); err == nil {
			t.Errorf("%s without a comparison: %+v", o, a)
		}
	}
	a := must[*rebuild.Attempt](t)(rebuild.Fail(p, "fine", "because"))
	if all, err := a.State(ctx, key(t, auditor), who, nil); err == nil {
		t.Errorf("an outcome that isn't one: %+v", all)
	}
	if all, err := new(rebuild.Attempt).State(ctx, key(t, auditor), who, nil); err == nil {
		t.Errorf("no attempt: %+v", all)
	}
}

// TestCompareRefuses: what is no rebuild of the release is none.
func TestCompareRefuses(t *testing.T) {
	p := published(t, "same")
	b := built(t, "same")
	b.Plan = digest.FromString("another plan")
	var mismatch *rebuild.MismatchError
	if a, err := rebuild.Compare(ctx, p, b, now); !errors.As(err, &mismatch) {
		t.Errorf("another plan: %+v, %v", a, err)
	}
	b = built(t, "same")
	b.Image.Digest = digest.FromString("another image")
	if a, err := rebuild.Compare(ctx, p, b, now); err == nil {
		t.Errorf("another image in the layout: %+v", a)
	}
	b = built(t, "same")
	b.Layout = p.Dir
	if a, err := rebuild.Compare(ctx, p, b, now); err == nil || !strings.Contains(err.Error(), "same folder") {
		t.Errorf("the release itself: %+v, %v", a, err)
	}
	dir := filepath.Join(t.TempDir(), "mqtt")
	rel := must[*release.Release](t)(releasetest.Release(ctx, dir, "same", key(t, signer)))
	p = must[*rebuild.Published](t)(rebuild.Open(ctx, dir, "", rel.Image.Digest, key(t, signer).Public()))
	var sealed *inputs.SealedError
	if _, err := p.Seal(ctx); !errors.As(err, &sealed) || !errors.Is(err, inputs.ErrNotSealed) {
		t.Errorf("no sealed inputs: %v", err)
	}
	if a, err := rebuild.Compare(ctx, p, built(t, "same"), now); err == nil {
		t.Errorf("no sealed inputs: %+v", a)
	}
}

// TestReleaseKey: a key that signs releases signs no audit, since what it says
// would count for the release.
func TestReleaseKey(t *testing.T) {
	a := compared(t, "other", now)
	var refused *rebuild.ReleaseKeyError
	if all, err := a.State(ctx, key(t, signer), who, nil); !errors.As(err, &refused) {
		t.Errorf("the release's key: %+v, %v", all, err)
	}
	signers := []string{key(t, other).Public().ID(), key(t, auditor).Public().ID()}
	if all, err := a.State(ctx, key(t, auditor), who, signers); !errors.As(err, &refused) {
		t.Errorf("a signer's key: %+v, %v", all, err)
	}
	if all, err := a.State(ctx, nil, who, nil); err == nil {
		t.Errorf("no key: %+v", all)
	}
	wrong := who
	wrong.Builder = "nobody"
	if all, err := a.State(ctx, key(t, auditor), wrong, nil); err == nil {
		t.Errorf("no builder id: %+v", all)
	}
}

func TestDifferences(t *testing.T) {
	ours := evidence.NewOutput(lock.CurrentOutput())
	if d := rebuild.Differences(ours, ours); d != "" {
		t.Error(d)
	}
	theirs := evidence.Output{Compatibility: 7, BuildKit: "v0.9.0", BuildKitCompatibility: 3, Compression: "zstd"}
	for _, want := range []string{"output version is 7", "BuildKit is v0.9.0", "compatibility version is 3", "with zstd"} {
		if d := rebuild.Differences(theirs, ours); !strings.Contains(d, want) {
			t.Errorf("%q is not in %q", want, d)
		}
	}
}
