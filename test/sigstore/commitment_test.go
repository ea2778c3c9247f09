package sigstore

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/rebuild"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// TestCommitment: an auditor who has committed to an image before it was signed counts,
// and one who has done so after that doesn't, whatever time is written there: both are
// by timestamps.
func TestCommitment(t *testing.T) {
	s := setup(t)
	signer, auditor := must[*sign.Key](t)(releasetest.Key()), must[*sign.Key](t)(releasetest.Key())
	pub := auditor.Public()
	signer, auditor = signer.With(s.open(t)), auditor.With(s.open(t))
	// What the statement says is years ago.
	who := rebuild.Auditor{Builder: "https://rebuild.example/v1", At: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}
	blind := filepath.Join(t.TempDir(), "blind")
	check(t, releasetest.Blind(ctx, blind, lock.CurrentOutput()))
	sealed := must[*inputs.Sealed](t)(inputs.OpenSealed(blind))
	defer sealed.Close()
	artifact := must[*inputs.Artifact](t)(sealed.Artifact("mqtt", "x86_64"))
	built := func() *builder.Result {
		return must[*builder.Result](t)(releasetest.Rebuild(filepath.Join(t.TempDir(), "c"), "same"))
	}
	commit := func() *rebuild.Secret {
		t.Helper()
		c := must[*rebuild.Commitment](t)(rebuild.Commit(rebuild.Unpublished{
			Recipe: artifact.Recipe, Inputs: must[ocispec.Descriptor](t)(artifact.CheckBlind()),
			Lock: must[*lock.File](t)(artifact.Lock()).Digest(), Output: lock.CurrentOutput(),
		}, built(), evidence.Salt{1}))
		_, secret, err := c.State(ctx, auditor, who)
		check(t, err)
		return secret
	}

	early := commit()
	time.Sleep(1100 * time.Millisecond) // authorities count seconds
	dir := filepath.Join(t.TempDir(), "mqtt")
	rel := must[*release.Release](t)(releasetest.Sealed(ctx, dir, "same", signer, lock.CurrentOutput()))
	late := commit()

	p := must[*rebuild.Published](t)(rebuild.Open(ctx, dir, "", rel.Image.Digest, signer.Public()))
	_, err := p.Seal(ctx)
	check(t, err)
	for name, test := range map[string]struct {
		secret *rebuild.Secret
		code   int
		words  []string
	}{
		"early": {early, 0, []string{"is trusted", "Rebuilt bit for bit by one."}},
		"late":  {late, 4, []string{"too-few-rebuilds", "it was committed to at 20", "and the image signed at 20"}},
		"never": {nil, 4, []string{"too-few-rebuilds", "it was not committed to before the image was signed"}},
	} {
		a := must[*rebuild.Attempt](t)(rebuild.Compare(ctx, p, built(), rebuild.Options{Made: releasetest.Made(lock.CurrentOutput()), Committed: test.secret}))
		now := who
		now.At = time.Now()
		statements := filepath.Join(t.TempDir(), "statements")
		check(t, rebuild.Publish(statements, must[[]rebuild.Statement](t)(a.State(ctx, auditor, now, nil))))
		policy := s.file(t, name+".hcl", []byte("sigstore \"ours\" {\n  trusted_root = \"trusted_root.json\"\n}\n"+signerWith("", signer.Public())+
			fmt.Sprintf("rebuilder \"one\" {\n  organisation = \"one\"\n  builder = %q\n  statements = [%q]\n  key \"k\" {\n    public = <<-EOT\n%s    EOT\n  }\n}\n", who.Builder, statements, pub.PEM())+
			"scope \"**\" {\n  signers = [\"us\"]\n  sigstore = \"ours\"\n  end_of_support = \"warn\"\n  rebuilders {\n    minimum = 1\n    committed = true\n  }\n}\n"))
		s.wants(t, test.code, dir, policy, test.words...)
	}
}
