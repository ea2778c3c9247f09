package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	serrors "github.com/slsa-framework/slsa-verifier/v2/errors"
	"github.com/slsa-framework/slsa-verifier/v2/options"
	"github.com/slsa-framework/slsa-verifier/v2/register"
	"github.com/slsa-framework/slsa-verifier/v2/verifiers/utils"
)

// A verifier verifies provenance of one builder, signed with one key. It is a
// [register.SLSAVerifier], slsa-verifier's own way to learn of a builder.
type verifier struct {
	builder string // its id
	key     *dsse.EnvelopeVerifier
}

// registerBuilder has slsa-verifier verify the provenance of a builder with its public
// key, in PEM. A builder that slsa-verifier knows already stays with who verifies it
// there.
func registerBuilder(id string, key []byte) error {
	name, _, err := utils.ParseBuilderID(id, false)
	if err != nil || name == "" {
		return fmt.Errorf("%w: %q", serrors.ErrorInvalidBuilderID, id)
	}
	for _, known := range slices.Sorted(maps.Keys(register.SLSAVerifiers)) {
		if register.SLSAVerifiers[known].IsAuthoritativeFor(name) {
			return fmt.Errorf("%w: slsa-verifier verifies %s without a key, as one of %s's", serrors.ErrorInvalidBuilderID, id, known)
		}
	}
	k, err := utils.DsseVerifierNew(key, utils.KeyFormatPEM, "", nil)
	if err != nil {
		return err
	}
	register.RegisterVerifier("tailsbuild", &verifier{id, k})
	return nil
}

func (v *verifier) IsAuthoritativeFor(name string) bool {
	own, _, err := utils.ParseBuilderID(v.builder, false)
	return err == nil && name == own
}

// VerifyImage returns the first statement in provenance that is signed with the key and
// says what the options ask for. Provenance is JSON: envelopes, as cosign prints them,
// or bundles, one or many.
func (v *verifier) VerifyImage(
	ctx context.Context, provenance []byte, _ string, want *options.ProvenanceOpts, by *options.BuilderOpts,
) ([]byte, *utils.TrustedBuilderID, error) {
	if by.ExpectedID == nil || *by.ExpectedID != v.builder {
		return nil, nil, serrors.ErrorMismatchBuilderID
	}
	envelopes, err := readEnvelopes(provenance)
	if err != nil {
		return nil, nil, err
	}
	var refused []error
	for i, env := range envelopes {
		statement, err := v.verify(ctx, env, want)
		if err == nil {
			id, err := utils.TrustedBuilderIDNew(v.builder, false)
			return statement, id, err
		}
		refused = append(refused, fmt.Errorf("envelope %d: %w", i+1, err))
	}
	return nil, nil, errors.Join(refused...)
}

// readEnvelopes reads a stream of bundles and envelopes, of which there is at least one.
func readEnvelopes(provenance []byte) ([]*dsse.Envelope, error) {
	var all []*dsse.Envelope
	for d := json.NewDecoder(bytes.NewReader(provenance)); ; {
		var raw json.RawMessage
		if err := d.Decode(&raw); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("%w: %w", serrors.ErrorInvalidDssePayload, err)
		}
		var bundle struct{ DSSEEnvelope json.RawMessage }
		if err := json.Unmarshal(raw, &bundle); err == nil && bundle.DSSEEnvelope != nil {
			raw = bundle.DSSEEnvelope
		}
		env, err := utils.EnvelopeFromBytes(raw)
		if err != nil {
			return nil, err
		}
		all = append(all, env)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: no provenance; --provenance-path is a file with that of the image", serrors.ErrorInvalidDssePayload)
	}
	return all, nil
}

// verify returns the statement in env if it is what was asked for.
func (v *verifier) verify(ctx context.Context, env *dsse.Envelope, want *options.ProvenanceOpts) ([]byte, error) {
	if _, err := v.key.Verify(ctx, env); err != nil {
		return nil, fmt.Errorf("%w: %w", serrors.ErrorNoValidSignature, err)
	}
	statement, err := utils.PayloadFromEnvelope(env)
	if err != nil {
		return nil, err
	}
	p, err := parse(statement)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", serrors.ErrorInvalidDssePayload, err)
	case p.builder != v.builder:
		return nil, fmt.Errorf("%w: it is %s's", serrors.ErrorMismatchBuilderID, p.builder)
	case p.image != want.ExpectedDigest:
		return nil, fmt.Errorf("%w: it is about sha256:%s", serrors.ErrorMismatchHash, p.image)
	case !slices.Contains(p.sources, want.ExpectedSourceURI):
		return nil, fmt.Errorf("%w: %q is not among what it was made from, %q", serrors.ErrorMismatchSource, want.ExpectedSourceURI, p.sources)
	}
	for _, name := range slices.Sorted(maps.Keys(want.ExpectedWorkflowInputs)) {
		if got, ok := p.parameters[name]; !ok || got != want.ExpectedWorkflowInputs[name] {
			return nil, fmt.Errorf("%w: %s is %q", serrors.ErrorMismatchWorkflowInputs, name, got)
		}
	}
	return statement, nil
}

// VerifyArtifact refuses: tailsbuild's provenance is about images.
func (*verifier) VerifyArtifact(
	context.Context, []byte, string, *options.ProvenanceOpts, *options.BuilderOpts,
) ([]byte, *utils.TrustedBuilderID, error) {
	return nil, nil, serrors.ErrorNotSupported
}

// VerifyGithubAttestation refuses: tailsbuild's provenance is not GitHub's.
func (*verifier) VerifyGithubAttestation(
	context.Context, []byte, *options.ProvenanceOpts, *options.BuilderOpts,
) ([]byte, *utils.TrustedBuilderID, error) {
	return nil, nil, serrors.ErrorNotSupported
}

// VerifyNpmPackage refuses: tailsbuild's provenance is about images.
func (*verifier) VerifyNpmPackage(
	context.Context, []byte, string, *options.ProvenanceOpts, *options.BuilderOpts,
) ([]byte, *utils.TrustedBuilderID, error) {
	return nil, nil, serrors.ErrorNotSupported
}
