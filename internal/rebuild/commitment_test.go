package rebuild_test

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/rebuild"
	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

var salt = evidence.Salt{7}

// blind returns the sealed inputs of [published], of which nobody knows the image.
func blind(t testing.TB) *inputs.Artifact {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "blind")
	check(t, releasetest.Blind(ctx, dir, lock.CurrentOutput()))
	s := must[*inputs.Sealed](t)(inputs.OpenSealed(dir))
	t.Cleanup(func() { s.Close() })
	return must[*inputs.Artifact](t)(s.Artifact("mqtt", "x86_64"))
}

// committed returns a commitment to the image with content, and its secret.
func committed(t testing.TB, content string) (rebuild.Statement, *rebuild.Secret) {
	t.Helper()
	a := blind(t)
	of := rebuild.Unpublished{
		Recipe: a.Recipe, Inputs: must[ocispec.Descriptor](t)(a.CheckBlind()), Lock: must[*lock.File](t)(a.Lock()).Digest(), Output: lock.CurrentOutput(),
	}
	c := must[*rebuild.Commitment](t)(rebuild.Commit(of, built(t, content), salt))
	st, secret, err := c.State(ctx, key(t, auditor), who)
	check(t, err)
	return st, secret
}

// TestCommitReveal: what was committed to is revealed with the same image, and
// reported with another.
func TestCommitReveal(t *testing.T) {
	st, secret := committed(t, "same")
	image := built(t, "same").Image.Digest
	c := must[*evidence.Commitment](t)(evidence.ParseCommitment(st.Body))
	must[*sign.Verified](t)(key(t, auditor).Public().Verify(st.Bundle, secret.Inputs))
	if c.Digest != c.To(image, salt) || c.Inputs != blind(t).Digest || st.Attachment.Subject.Digest != c.Inputs || c.Builder != who.Builder {
		t.Errorf("%+v", c)
	}
	if strings.Contains(string(st.Bundle)+string(st.Body), image.Encoded()) {
		t.Error("the commitment shows the image")
	}
	file := must[[]byte](t)(secret.Encode())
	again := must[*rebuild.Secret](t)(rebuild.OpenSecret("commitment.json", file))
	if string(must[[]byte](t)(again.Encode())) != string(file) {
		t.Errorf("%+v", again)
	}

	// What was made, and may not have been published, is made again from the secret.
	of := st.Attachment.Subject
	once := must[rebuild.Statement](t)(again.Statement(of, key(t, auditor).Public()))
	if !reflect.DeepEqual(once, st) {
		t.Errorf("another statement:\n%+v\n%+v", once, st)
	}
	if st, err := again.Statement(of, key(t, other).Public()); err == nil {
		t.Errorf("with another key: %+v", st)
	}
	of.Digest = digest.FromString("others")
	if st, err := again.Statement(of, key(t, auditor).Public()); err == nil {
		t.Errorf("about other inputs: %+v", st)
	}

	// The release's own sealed inputs say which image it is, and are the same but for
	// that.
	p := published(t, "same")
	sealed := must[*inputs.Sealed](t)(inputs.OpenSealedManifest(p.Dir, p.Verification.Sealed.Manifest))
	defer sealed.Close()
	artifact := must[*inputs.Artifact](t)(sealed.Artifact("mqtt", "x86_64"))
	var seen *inputs.NotBlindError
	if desc, err := artifact.CheckBlind(); !errors.As(err, &seen) {
		t.Errorf("those of a release are blind: %+v, %v", desc, err)
	}
	if desc, err := artifact.Blind(); err != nil || desc.Digest != c.Inputs {
		t.Errorf("%+v, %v, want %s", desc, err, c.Inputs)
	}

	opts := now
	opts.Committed = again
	a := compared(t, "same", opts)
	all := must[[]rebuild.Statement](t)(a.State(ctx, key(t, auditor), who, nil))
	s := must[*evidence.Summary](t)(evidence.ParseSummary(all[1].Body))
	if s.Reveal == nil || s.Reveal.Salt != salt || string(s.Reveal.Bundle) != string(st.Bundle) {
		t.Errorf("%+v", s)
	}

	// Another image came out before than was published, whatever comes out now.
	_, opts.Committed = committed(t, "other")
	other := opts.Committed.Image
	want := "before it was published, " + other.String() + " came out and was committed to, and not " + image.String()
	for content, reason := range map[string]string{"same": want, "other": "another image came out; " + want} {
		a := compared(t, content, opts)
		if a.Outcome() != evidence.Different || a.Reason() != reason {
			t.Errorf("%s: %s, %q", content, a.Outcome(), a.Reason())
		}
		all := must[[]rebuild.Statement](t)(a.State(ctx, key(t, auditor), who, nil))
		if s := must[*evidence.Summary](t)(evidence.ParseSummary(all[1].Body)); s.Reveal != nil {
			t.Errorf("%s: revealed %+v", content, s)
		}
	}
}

func TestSecretCheck(t *testing.T) {
	_, secret := committed(t, "same")
	inputs := blind(t).Digest
	check(t, secret.Check(inputs, who.Builder, key(t, auditor).Public()))
	for what, err := range map[string]error{
		"sealed inputs": secret.Check(digest.FromString("others"), who.Builder, key(t, auditor).Public()),
		"builder":       secret.Check(inputs, "https://other.example/v1", key(t, auditor).Public()),
		"key":           secret.Check(inputs, who.Builder, key(t, other).Public()),
	} {
		var refused *rebuild.OtherCommitmentError
		if !errors.As(err, &refused) || refused.What != what {
			t.Errorf("%s: %v", what, err)
		}
	}
	file := string(must[[]byte](t)(secret.Encode()))
	for name, edit := range map[string][2]string{
		"version":   {`"version": 1`, `"version": 2`},
		"inputs":    {`"inputs": "sha256:`, `"inputs": "sha256:0`},
		"image":     {`"image": "sha256:`, `"image": "md5:`},
		"salt":      {salt.String(), salt.String()[1:]},
		"twice":     {`"image":`, `"image": "", "image":`},
		"cut":       {`"bundle"`, ``},
		"uppercase": {`"image":`, `"Image":`},
	} {
		bad := strings.Replace(file, edit[0], edit[1], 1)
		if s, err := rebuild.OpenSecret("commitment.json", []byte(bad)); bad == file || err == nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if c, err := rebuild.Commit(rebuild.Unpublished{}, built(t, "same"), evidence.Salt{}); err == nil {
		t.Errorf("no salt: %+v", c)
	}
}
