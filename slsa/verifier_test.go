package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	serrors "github.com/slsa-framework/slsa-verifier/v2/errors"
	"github.com/slsa-framework/slsa-verifier/v2/options"
	"github.com/slsa-framework/slsa-verifier/v2/register"
	"github.com/slsa-framework/slsa-verifier/v2/verifiers"
)

const (
	ours      = "https://gitlab.com/tailsbuild/tailsbuild/builder/embedded-a"
	others    = "https://gitlab.com/tailsbuild/tailsbuild/builder/embedded-b"
	rebuilder = "https://rebuild.example/v1"
	source    = "pkg:golang/github.com/mochi-mqtt/server/v2@v2.7.9"
	toolchain = "pkg:golang/golang.org/toolchain@v0.0.1-go1.26.8.linux-amd64"
	module    = "pkg:golang/golang.org/x/net@v0.30.0"
)

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// buildOf is what a builder says of image; change changes it.
func buildOf(t *testing.T, builder string, change ...func(predicate map[string]any)) []byte {
	dependency := func(kind, uri string) map[string]any {
		return map[string]any{
			"name": "some", "uri": uri, "digest": map[string]string{"sha256": digest("input")},
			"annotations": map[string]any{"kind": kind, "size": 1},
		}
	}
	predicate := map[string]any{
		"buildDefinition": map[string]any{
			"buildType": buildType,
			"externalParameters": map[string]any{
				"recipe": "mqtt", "kind": "service", "version": "2.7.9", "release": 3, "arch": "x86_64", "epoch": 1740837169,
				"plan": "sha256:" + digest("plan"), "lock": "sha256:" + digest("lock"),
			},
			"internalParameters": map[string]any{"variation": map[string]string{"umask": "0022"}},
			"resolvedDependencies": []any{
				dependency("recipe", ""), dependency("go_module", source), dependency("toolchain", toolchain), dependency("module", module),
			},
		},
		"runDetails": map[string]any{
			"builder":  map[string]any{"id": builder},
			"metadata": map[string]any{"invocationId": "0a", "startedOn": "2026-11-22T09:00:00Z", "finishedOn": "2026-11-22T09:00:09Z"},
		},
	}
	for _, c := range change {
		c(predicate)
	}
	return must[[]byte](t)(json.Marshal(map[string]any{
		"_type": "https://in-toto.io/Statement/v1", "predicateType": predicateType, "predicate": predicate,
		"subject": []any{map[string]any{"name": "mqtt", "digest": map[string]string{"sha256": digest("image")}}},
	}))
}

// rebuildOf is what a rebuilder says of image.
func rebuildOf(t *testing.T, builder string) []byte {
	return buildOf(t, builder, func(p map[string]any) {
		def := p["buildDefinition"].(map[string]any)
		def["buildType"] = rebuildType
		def["externalParameters"].(map[string]any)["published"] = "sha256:" + digest("image")
	})
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// A signer signs envelopes, as tailsbuild's keys do: ECDSA P-256 over the sha256.
type signer struct{ *ecdsa.PrivateKey }

func newSigner(t *testing.T) signer {
	return signer{must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
}

func (signer) KeyID() (string, error) { return "", nil }

func (s signer) Sign(_ context.Context, data []byte) ([]byte, error) {
	sum := sha256.Sum256(data)
	return ecdsa.SignASN1(rand.Reader, s.PrivateKey, sum[:])
}

func (s signer) pem(t *testing.T) []byte {
	der := must[[]byte](t)(x509.MarshalPKIXPublicKey(&s.PublicKey))
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// envelope returns the envelope of a statement, as cosign prints it.
func (s signer) envelope(t *testing.T, statement []byte) []byte {
	es := must[*dsse.EnvelopeSigner](t)(dsse.NewEnvelopeSigner(s))
	env := must[*dsse.Envelope](t)(es.SignPayload(t.Context(), "application/vnd.in-toto+json", statement))
	return must[[]byte](t)(json.Marshal(env))
}

// verifyImageOf has slsa-verifier verify provenance of a builder, which it registers.
func verifyImageOf(t *testing.T, builder string, key, provenance []byte, change func(*options.ProvenanceOpts)) ([]byte, error) {
	before := maps.Clone(register.SLSAVerifiers)
	t.Cleanup(func() { register.SLSAVerifiers = before })
	if err := registerBuilder(builder, key); err != nil {
		return nil, err
	}
	want := &options.ProvenanceOpts{ExpectedDigest: digest("image"), ExpectedSourceURI: source}
	if change != nil {
		change(want)
	}
	got, id, err := verifiers.VerifyImage(t.Context(), "", provenance, want, &options.BuilderOpts{ExpectedID: &builder})
	if err == nil && id.String() != builder {
		t.Errorf("the builder is %s, want %s", id, builder)
	}
	return got, err
}

// TestVerify: provenance of builds and rebuilds, as cosign prints it, in bundles and
// among others.
func TestVerify(t *testing.T) {
	key, other := newSigner(t), newSigner(t)
	statementA, statementB, rebuilt := buildOf(t, ours), buildOf(t, others), rebuildOf(t, rebuilder)
	bundle := func(statement []byte) []byte {
		return must[[]byte](t)(json.Marshal(map[string]any{
			"mediaType":    "application/vnd.dev.sigstore.bundle.v0.3+json",
			"dsseEnvelope": json.RawMessage(key.envelope(t, statement)),
		}))
	}
	both := append(append(key.envelope(t, statementB), '\n'), key.envelope(t, statementA)...)
	for name, test := range map[string]struct {
		builder          string
		provenance, want []byte
	}{
		"an envelope":       {ours, key.envelope(t, statementA), statementA},
		"a bundle":          {ours, bundle(statementA), statementA},
		"both builders'":    {ours, both, statementA},
		"a stranger's too":  {ours, append(other.envelope(t, statementA), bundle(statementA)...), statementA},
		"of a rebuild":      {rebuilder, key.envelope(t, rebuilt), rebuilt},
		"of a rebuild, too": {rebuilder, append(bundle(statementA), bundle(rebuilt)...), rebuilt},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := verifyImageOf(t, test.builder, key.pem(t), test.provenance, func(o *options.ProvenanceOpts) {
				o.ExpectedWorkflowInputs = map[string]string{
					"recipe": "mqtt", "release": "3", "epoch": "1740837169", "lock": "sha256:" + digest("lock"),
				}
			})
			if err != nil || string(got) != string(test.want) {
				t.Errorf("%v, %s", err, got)
			}
		})
	}
}

// TestRefused: whatever isn't as asked for.
func TestRefused(t *testing.T) {
	key, other := newSigner(t), newSigner(t)
	good := buildOf(t, ours)
	signed := key.envelope(t, good)
	edited := func(old, now string) []byte {
		s := strings.Replace(string(good), old, now, 1)
		if s == string(good) {
			t.Fatalf("no %s in %s", old, good)
		}
		return key.envelope(t, []byte(s))
	}
	var unsigned, tampered dsse.Envelope
	for _, env := range []*dsse.Envelope{&unsigned, &tampered} {
		if err := json.Unmarshal(signed, env); err != nil {
			t.Fatal(err)
		}
	}
	unsigned.Signatures = nil
	tampered.Payload = base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(good), "2.7.9", "2.7.8", 1)))
	for name, test := range map[string]struct {
		builder    string
		provenance []byte
		change     func(*options.ProvenanceOpts)
		want       error
	}{
		"no signature":                     {ours, must[[]byte](t)(json.Marshal(unsigned)), nil, serrors.ErrorNoValidSignature},
		"another's signature":              {ours, other.envelope(t, good), nil, serrors.ErrorNoValidSignature},
		"something else signed":            {ours, must[[]byte](t)(json.Marshal(tampered)), nil, serrors.ErrorNoValidSignature},
		"nothing":                          {ours, nil, nil, serrors.ErrorInvalidDssePayload},
		"junk":                             {ours, []byte("{"), nil, serrors.ErrorInvalidDssePayload},
		"half an envelope":                 {ours, signed[:len(signed)/2], nil, serrors.ErrorInvalidDssePayload},
		"another payload type":             {ours, []byte(strings.Replace(string(signed), "in-toto", "in-tata", 1)), nil, serrors.ErrorInvalidDssePayload},
		"another builder":                  {ours, key.envelope(t, buildOf(t, others)), nil, serrors.ErrorMismatchBuilderID},
		"another image":                    {ours, edited(digest("image"), digest("other")), nil, serrors.ErrorMismatchHash},
		"another build type":               {ours, edited("build-v1", "build-v2"), nil, serrors.ErrorInvalidDssePayload},
		"an unknown parameter":             {ours, edited(`"kind":"service"`, `"kind":"service","more":1`), nil, serrors.ErrorInvalidDssePayload},
		"a parameter less":                 {ours, edited(`"kind":"service",`, ""), nil, serrors.ErrorInvalidDssePayload},
		"a list as a parameter":            {ours, edited(`"kind":"service"`, `"kind":["service"]`), nil, serrors.ErrorInvalidDssePayload},
		"a name twice":                     {ours, edited(`"predicateType"`, `"predicateType":"x","predicateType"`), nil, serrors.ErrorInvalidDssePayload},
		"two images":                       {ours, edited(`"subject":[`, `"subject":[{"name":"x","digest":{"sha256":"`+digest("image")+`"}},`), nil, serrors.ErrorInvalidDssePayload},
		"a rebuild by a release's builder": {ours, key.envelope(t, rebuildOf(t, ours)), nil, serrors.ErrorInvalidBuildType},
		"a rebuilder's release":            {rebuilder, key.envelope(t, buildOf(t, rebuilder)), nil, serrors.ErrorInvalidBuildType},
		"another statement":                {ours, edited("https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v2"), nil, serrors.ErrorInvalidDssePayload},
		"another source":                   {ours, signed, func(o *options.ProvenanceOpts) { o.ExpectedSourceURI = source + "0" }, serrors.ErrorMismatchSource},
		"no source":                        {ours, signed, func(o *options.ProvenanceOpts) { o.ExpectedSourceURI = "" }, serrors.ErrorMismatchSource},
		"a tool as the source":             {ours, signed, func(o *options.ProvenanceOpts) { o.ExpectedSourceURI = toolchain }, serrors.ErrorMismatchSource},
		"a module as the source":           {ours, signed, func(o *options.ProvenanceOpts) { o.ExpectedSourceURI = module }, serrors.ErrorMismatchSource},
		"another parameter": {ours, signed, func(o *options.ProvenanceOpts) {
			o.ExpectedWorkflowInputs = map[string]string{"version": "2.7.8"}
		}, serrors.ErrorMismatchWorkflowInputs},
		"no such parameter": {ours, signed, func(o *options.ProvenanceOpts) {
			o.ExpectedWorkflowInputs = map[string]string{"Recipe": "mqtt"}
		}, serrors.ErrorMismatchWorkflowInputs},
		"GitHub's": {"https://github.com/slsa-framework/slsa-github-generator/x", signed, nil, serrors.ErrorInvalidBuilderID},
		"Google's": {"https://cloudbuild.googleapis.com/GoogleHostedWorker@v1", signed, nil, serrors.ErrorInvalidBuilderID},
		"nobody's": {"", signed, nil, serrors.ErrorInvalidBuilderID},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := verifyImageOf(t, test.builder, key.pem(t), test.provenance, test.change); !errors.Is(err, test.want) || got != nil {
				t.Errorf("%v, want %v\n%s", err, test.want, got)
			}
		})
	}
	if err := registerBuilder(ours, []byte("no key")); !errors.Is(err, serrors.ErrorInvalidPEM) {
		t.Errorf("no key: %v", err)
	}
}

// TestFlags: what can't be checked is refused, and nothing but a verification passes.
func TestFlags(t *testing.T) {
	key := newSigner(t)
	dir := t.TempDir()
	for name, content := range map[string][]byte{"key": key.pem(t), "provenance": key.envelope(t, buildOf(t, ours))} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	good := []string{
		"registry.example/tails/mqtt@sha256:" + digest("image"), "--builder-id", ours, "--source-uri", source,
		"--public-key-path", filepath.Join(dir, "key"), "--provenance-path", filepath.Join(dir, "provenance"),
	}
	for name, test := range map[string]struct {
		args []string
		want string // in the error, or "" for none
		out  string
	}{
		"as asked":     {good, "", passed},
		"help":         {[]string{"--help"}, "", "IMAGE@DIGEST"},
		"nothing":      {nil, "arg(s)", ""},
		"a tag":        {append([]string{"registry.example/tails/mqtt:1"}, good[1:]...), "mutable", ""},
		"no key":       {good[:5], "public-key-path", ""},
		"a branch":     {append(good, "--source-branch", "main"), "--source-branch", ""},
		"a source tag": {append(good, "--source-tag", "v1"), "--source-tag", ""},
		"a version":    {append(good, "--source-versioned-tag", "v1"), "--source-versioned-tag", ""},
		"a repository": {append(good, "--provenance-repository", "registry.example/other"), "--provenance-repository", ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := maps.Clone(register.SLSAVerifiers)
			defer func() { register.SLSAVerifiers = before }()
			cmd, out := verifyImage(), &bytes.Buffer{}
			cmd.SilenceErrors, cmd.SilenceUsage = true, true
			cmd.SetArgs(test.args)
			cmd.SetOut(out)
			cmd.SetErr(out)
			err := cmd.ExecuteContext(t.Context())
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if !strings.Contains(out.String(), test.out) || strings.Contains(out.String(), passed) != (name == "as asked") {
				t.Errorf("it printed %q", out)
			}
		})
	}
}
