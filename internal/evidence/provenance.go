package evidence

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	"github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

const (
	// BuildType names the meaning of the parameters in our provenance.
	BuildType = "https://gitlab.com/tailsbuild/tailsbuild/docs/evidence.md#build-v1"
	// BuilderPrefix is followed by a builder's name in its id.
	BuilderPrefix = "https://gitlab.com/tailsbuild/tailsbuild/builder/embedded-"
)

// A Build is what SLSA provenance v1 says about one build of an image.
type Build struct {
	// Image is the digest of the image's manifest, sha256.
	Image      digest.Digest
	Parameters Parameters
	Output     Output
	// Dependencies is everything that was read, in the order of the lock.
	Dependencies []Dependency
	Run          Run
}

// Parameters are what decides the image, the externalParameters of the provenance.
// Two builds with the same Plan and Lock have to give the same bytes.
type Parameters struct {
	Recipe  string        `json:"recipe"`
	Kind    string        `json:"kind"` // "base" or "service"
	Version string        `json:"version"`
	Release int           `json:"release"`
	Arch    string        `json:"arch"`  // Alpine's name, "x86_64"
	Epoch   int64         `json:"epoch"` // SOURCE_DATE_EPOCH, seconds
	Plan    digest.Digest `json:"plan"`
	Lock    digest.Digest `json:"lock"`
}

// Common returns what the builds of one recipe and lock have in common, whatever
// they are for: p without Arch and Plan.
func (p Parameters) Common() Parameters {
	p.Arch, p.Plan = "", ""
	return p
}

// Output is the lock's toolchain record.
type Output struct {
	Compatibility         int    `json:"compatibility"`
	BuildKit              string `json:"buildkit"`
	BuildKitCompatibility int    `json:"buildkitCompatibility"`
	Compression           string `json:"compression"`
}

// NewOutput returns o as evidence writes it.
func NewOutput(o lock.Output) Output {
	return Output{
		Compatibility: o.Compatibility, BuildKit: o.BuildKit,
		BuildKitCompatibility: o.BuildKitCompatibility, Compression: o.Compression,
	}
}

// A Run is one execution of a plan.
type Run struct {
	// Builder is the builder's id, a URL.
	Builder string
	// Versions are those of the builder's parts, by name.
	Versions map[string]string
	// Invocation is a random identifier, in hex.
	Invocation        string
	Started, Finished time.Time
	// Variation is what the builder set, by name.
	Variation map[string]string
}

// provenance is SLSA's predicate as written.
type provenance struct {
	BuildDefinition buildDefinition `json:"buildDefinition"`
	RunDetails      runDetails      `json:"runDetails"`
}

type buildDefinition struct {
	BuildType            string       `json:"buildType"`
	ExternalParameters   any          `json:"externalParameters"` // Parameters, or with more
	InternalParameters   internal     `json:"internalParameters"`
	ResolvedDependencies []descriptor `json:"resolvedDependencies"`
}

type internal struct {
	Output    Output            `json:"output"`
	Variation map[string]string `json:"variation"`
}

type runDetails struct {
	Builder  builderID `json:"builder"`
	Metadata metadata  `json:"metadata"`
}

type builderID struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version,omitempty"`
}

type metadata struct {
	InvocationID string    `json:"invocationId"`
	StartedOn    time.Time `json:"startedOn"`
	FinishedOn   time.Time `json:"finishedOn"`
}

// Statement returns the provenance of b. It is read again before it is returned,
// so what [ParseBuild] would refuse is an error here, a *[StatementError].
func (b *Build) Statement() ([]byte, error) {
	raw, err := b.statement(BuildType, b.Parameters)
	if err != nil {
		return nil, &StatementError{ProvenanceType, err}
	}
	if _, err := ParseBuild(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// statement returns the provenance of b with a build type and its parameters.
func (b *Build) statement(buildType string, external any) ([]byte, error) {
	p := provenance{
		BuildDefinition: buildDefinition{
			BuildType:            buildType,
			ExternalParameters:   external,
			InternalParameters:   internal{Output: b.Output, Variation: b.Run.Variation},
			ResolvedDependencies: make([]descriptor, len(b.Dependencies)),
		},
		RunDetails: runDetails{
			Builder: builderID{ID: b.Run.Builder, Version: b.Run.Versions},
			Metadata: metadata{
				InvocationID: b.Run.Invocation,
				StartedOn:    b.Run.Started.UTC(),
				FinishedOn:   b.Run.Finished.UTC(),
			},
		},
	}
	for i, d := range b.Dependencies {
		p.BuildDefinition.ResolvedDependencies[i] = d.descriptor()
	}
	return encode(statement(ProvenanceType, b.Parameters.Recipe, b.Image, p))
}

// ParseBuild reads SLSA provenance v1 whose buildType is [BuildType]. Provenance
// of another build type is refused like anything else that isn't ours, with a
// *[StatementError].
func ParseBuild(statement []byte) (*Build, error) {
	b, err := parseBuild(statement)
	if err != nil {
		return nil, &StatementError{ProvenanceType, err}
	}
	return b, nil
}

func parseBuild(raw []byte) (*Build, error) {
	b, params, err := parseBuildAs[Parameters](raw, BuildType)
	if err != nil {
		return nil, err
	}
	return b, b.setParameters(*params)
}

// setParameters sets the parameters of b, whose recipe is so far the subject's name.
func (b *Build) setParameters(p Parameters) error {
	name := b.Parameters.Recipe
	b.Parameters = p
	if err := p.check(name); err != nil {
		return fmt.Errorf("externalParameters: %w", err)
	}
	return nil
}

// parseBuildAs reads provenance with a build type, whose parameters are P. For
// setParameters, the recipe of what it returns is the subject's name.
func parseBuildAs[P any](raw []byte, buildType string) (*Build, *P, error) {
	st, err := parse(raw, ProvenanceType)
	if err != nil {
		return nil, nil, err
	}
	p, err := parseProvenance(st.predicate)
	if err != nil {
		return nil, nil, err
	}
	def, run := p.GetBuildDefinition(), p.GetRunDetails()
	if def.GetBuildType() != buildType {
		return nil, nil, fmt.Errorf("buildType is %q, want %q", def.GetBuildType(), buildType)
	}
	b := &Build{Image: st.image, Parameters: Parameters{Recipe: st.name}}
	params, err := exact[P](def.GetExternalParameters())
	if err != nil {
		return nil, nil, fmt.Errorf("externalParameters: %w", err)
	}
	in, err := exact[internal](def.GetInternalParameters())
	if err != nil {
		return nil, nil, fmt.Errorf("internalParameters: %w", err)
	}
	b.Output, b.Run.Variation = in.Output, in.Variation
	for i, rd := range def.GetResolvedDependencies() {
		d, err := parseDependency(rd)
		if err != nil {
			return nil, nil, fmt.Errorf("resolvedDependencies[%d]: %w", i, err)
		}
		b.Dependencies = append(b.Dependencies, *d)
	}
	b.Run.Builder, b.Run.Versions = run.GetBuilder().GetId(), run.GetBuilder().GetVersion()
	if err := b.Run.parse(run.GetMetadata()); err != nil {
		return nil, nil, fmt.Errorf("runDetails: %w", err)
	}
	return b, params, nil
}

// parseProvenance reads the predicate with the protobuf types of the
// specification, whose Validate asks for what SLSA asks for. A field that they
// don't have is ignored, as in-toto's parsing rules want it; the parameters, whose
// fields are ours, are for exact.
func parseProvenance(s *structpb.Struct) (*slsa.Provenance, error) {
	raw, err := protojson.Marshal(s)
	if err != nil {
		return nil, err
	}
	var p slsa.Provenance
	opts := protojson.UnmarshalOptions{RecursionLimit: maxDepth, DiscardUnknown: true}
	if err := opts.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	return &p, p.Validate()
}

// check checks what the types leave open; name is that of the subject.
func (p *Parameters) check(name string) error {
	if p.Recipe == "" || p.Recipe != name {
		return fmt.Errorf("recipe is %q, the subject's name %q", p.Recipe, name)
	}
	if p.Kind == "" || p.Version == "" || p.Arch == "" {
		return fmt.Errorf("kind, version and arch of %s can't be empty", p.Recipe)
	}
	for _, d := range []digest.Digest{p.Plan, p.Lock} {
		if _, err := sha256Digest(string(d)); err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) parse(m *slsa.BuildMetadata) error {
	r.Invocation = m.GetInvocationId()
	if id, err := hex.DecodeString(r.Invocation); err != nil || len(id) < 16 {
		return fmt.Errorf("invocationId is %q, want 16 bytes or more in hex", r.Invocation)
	}
	if m.GetStartedOn() == nil || m.GetFinishedOn() == nil {
		return errors.New("startedOn and finishedOn are needed")
	}
	r.Started, r.Finished = m.GetStartedOn().AsTime(), m.GetFinishedOn().AsTime()
	if r.Finished.Before(r.Started) {
		return fmt.Errorf("finishedOn %s is before startedOn %s",
			r.Finished.Format(time.RFC3339Nano), r.Started.Format(time.RFC3339Nano))
	}
	return nil
}
