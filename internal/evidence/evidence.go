// Package evidence writes and reads the in-toto Statements v1 that a release
// carries about its image: SLSA provenance of each build, the comparison of the
// two, what is in it (an SBOM), which tests it passed, what it declares, and the
// signature that cosign looks for. docs/evidence.md is the reference.
//
// The same values always give the same bytes. Reading is strict: every statement
// has exactly one subject, no name twice, and exactly the parameters that its type
// defines. Whether a statement is true, or signed, is not decided here.
package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
)

// The types of predicate.
const (
	// ProvenanceType is SLSA provenance v1 (slsa.dev/spec/v1.1/provenance).
	ProvenanceType = "https://slsa.dev/provenance/v1"
	// ComparisonType is the comparison of two builds.
	ComparisonType = "https://gitlab.com/tailsbuild/tailsbuild/docs/evidence.md#comparison-v1"
	// SignatureType is what cosign sign makes and cosign verify asks for.
	SignatureType = "https://sigstore.dev/cosign/sign/v1"
	// SBOMType is an SPDX document, whose version it has inside: what cosign calls
	// spdxjson, BuildKit writes, and scanners look for.
	SBOMType = "https://spdx.dev/Document"
	// TestsType is in-toto's test result v0.1.
	TestsType = "https://in-toto.io/attestation/test-result/v0.1"
	// DeclarationType is what an image declares.
	DeclarationType = "https://gitlab.com/tailsbuild/tailsbuild/docs/evidence.md#declaration-v1"
)

const (
	// MediaType is that of a statement by itself.
	MediaType = "application/vnd.in-toto+json"
	// MaxStatement is the size, in bytes, of the largest statement that is read.
	MaxStatement = 4 << 20
	// maxDepth bounds the nesting of a statement; ours have 8 levels.
	maxDepth = 64
)

// A StatementError reports that a statement isn't one of the type PredicateType.
type StatementError struct {
	PredicateType string
	Err           error
}

func (e *StatementError) Error() string {
	return fmt.Sprintf("statement %s: %v", e.PredicateType, e.Err)
}
func (e *StatementError) Unwrap() error { return e.Err }

// A LimitError reports a statement of more bytes than Limit.
type LimitError struct{ Size, Limit int64 }

func (e *LimitError) Error() string {
	return fmt.Sprintf("%d bytes, more than the limit of %d", e.Size, e.Limit)
}

// Signature returns the statement that cosign sign would make for image: its
// subject has no name and its predicate is empty.
func Signature(image digest.Digest) ([]byte, error) {
	st := statement(SignatureType, "", image, struct{}{})
	b, err := encode(st)
	if err != nil {
		return nil, &StatementError{SignatureType, err}
	}
	if _, err := ParseSignature(b); err != nil {
		return nil, err
	}
	return b, nil
}

// ParseSignature returns the digest of the image that b, a statement as
// [Signature] makes it, signs. A predicate that isn't empty is refused.
func ParseSignature(b []byte) (digest.Digest, error) {
	st, err := parse(b, SignatureType)
	if err == nil && len(st.predicate.GetFields()) > 0 {
		err = errors.New("predicate is not empty")
	}
	if err != nil {
		return "", &StatementError{SignatureType, err}
	}
	return st.image, nil
}

// envelope is the in-toto Statement v1 as written: the order of the fields is the
// order in the JSON.
type envelope struct {
	Type          string       `json:"_type"`
	Subject       []descriptor `json:"subject"`
	PredicateType string       `json:"predicateType"`
	Predicate     any          `json:"predicate"`
}

// descriptor is an in-toto ResourceDescriptor.
type descriptor struct {
	Name             string            `json:"name,omitempty"`
	URI              string            `json:"uri,omitempty"`
	Digest           map[string]string `json:"digest,omitempty"`
	DownloadLocation string            `json:"downloadLocation,omitempty"`
	Annotations      map[string]any    `json:"annotations,omitempty"`
}

func statement(predicateType, name string, image digest.Digest, predicate any) envelope {
	return envelope{
		Type:          intoto.StatementTypeUri,
		Subject:       []descriptor{{Name: name, Digest: map[string]string{string(image.Algorithm()): image.Encoded()}}},
		PredicateType: predicateType,
		Predicate:     predicate,
	}
}

func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// parsed is a statement of which only the predicate is still to be read.
type parsed struct {
	name      string
	image     digest.Digest
	predicate *structpb.Struct
}

// Peek returns the type of a statement, and the image that it is about, of which its
// predicate is not read. One that isn't about exactly one image by its sha256 is
// refused.
func Peek(statement []byte) (predicateType string, image digest.Digest, err error) {
	st, predicateType, err := parseOutside(statement)
	if err != nil {
		return "", "", &StatementError{predicateType, err}
	}
	return predicateType, st.image, nil
}

func parse(b []byte, predicateType string) (*parsed, error) {
	st, got, err := parseOutside(b)
	if err != nil {
		return nil, err
	}
	if got != predicateType {
		return nil, fmt.Errorf("predicateType is %q", got)
	}
	return st, nil
}

// parseOutside reads the statement's outside with in-toto's own protobuf types,
// which, other than encoding/json, refuse a name that comes twice or in another case.
func parseOutside(b []byte) (*parsed, string, error) {
	if len(b) > MaxStatement {
		return nil, "", &LimitError{Size: int64(len(b)), Limit: MaxStatement}
	}
	var st intoto.Statement
	if err := (protojson.UnmarshalOptions{RecursionLimit: maxDepth}).Unmarshal(b, &st); err != nil {
		return nil, "", err
	}
	if err := st.Validate(); err != nil {
		return nil, "", err
	}
	if st.GetType() != intoto.StatementTypeUri {
		return nil, "", fmt.Errorf("_type is %q, want %q", st.GetType(), intoto.StatementTypeUri)
	}
	if n := len(st.GetSubject()); n != 1 {
		return nil, "", fmt.Errorf("%d subjects, want 1", n)
	}
	subject := st.GetSubject()[0]
	image, err := sha256Digest("sha256:" + subject.GetDigest()["sha256"])
	if err != nil {
		return nil, "", fmt.Errorf("subject: %w", err)
	}
	if len(subject.GetDigest()) != 1 {
		return nil, "", fmt.Errorf("subject has %d digests, want sha256 alone", len(subject.GetDigest()))
	}
	return &parsed{name: subject.GetName(), image: image, predicate: st.GetPredicate()}, st.GetPredicateType(), nil
}

// sha256Digest returns s, which has to be "sha256:" and 64 digits of lower-case hex.
func sha256Digest(s string) (digest.Digest, error) {
	d, err := digest.Parse(s)
	if err != nil {
		return "", fmt.Errorf("digest %q: %w", s, err)
	}
	if d.Algorithm() != digest.SHA256 {
		return "", fmt.Errorf("digest %q is not sha256", s)
	}
	return d, nil
}

// exact decodes s into a T and returns an error when s has a field that T hasn't,
// lacks one that T always has, or spells one in another case.
func exact[T any](s *structpb.Struct) (*T, error) {
	raw, err := json.Marshal(s.AsMap())
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var t T
	if err := dec.Decode(&t); err != nil {
		return nil, err
	}
	again, err := json.Marshal(&t)
	if err != nil {
		return nil, err
	}
	var back map[string]any
	if err := json.Unmarshal(again, &back); err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(back, s.AsMap()) {
		return nil, fmt.Errorf("fields %s, want %s", raw, again)
	}
	return &t, nil
}
