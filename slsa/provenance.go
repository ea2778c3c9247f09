package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	serrors "github.com/slsa-framework/slsa-verifier/v2/errors"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
)

// What docs/evidence.md and docs/audit.md call build-v1 and rebuild-v1.
const (
	predicateType = "https://slsa.dev/provenance/v1"
	buildType     = "https://gitlab.com/tailsbuild/tailsbuild/docs/evidence.md#build-v1"
	rebuildType   = "https://gitlab.com/tailsbuild/tailsbuild/docs/audit.md#rebuild-v1"
	// builderPrefix begins the ids of the builders of releases, which rebuild nothing.
	builderPrefix = "https://gitlab.com/tailsbuild/tailsbuild/builder/embedded-"
)

// A provenance is what a statement says of one image.
type provenance struct {
	image      string            // the sha256 of its manifest, in hex
	builder    string            // id
	parameters map[string]string // external; a number as its digits
	sources    []string          // URIs of what the image is made from
}

// parse reads provenance of a build or of a rebuild.
func parse(statement []byte) (*provenance, error) {
	var st intoto.Statement
	if err := protojson.Unmarshal(statement, &st); err != nil {
		return nil, err
	}
	if err := st.Validate(); err != nil {
		return nil, err
	}
	if st.GetPredicateType() != predicateType {
		return nil, fmt.Errorf("it is a %s", st.GetPredicateType())
	}
	if n := len(st.GetSubject()); n != 1 {
		return nil, fmt.Errorf("it is about %d images", n)
	}
	raw, err := protojson.Marshal(st.GetPredicate())
	if err != nil {
		return nil, err
	}
	var p slsa.Provenance
	if err := protojson.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	def := p.GetBuildDefinition()
	params, err := parameters(def.GetBuildType(), def.GetExternalParameters())
	if err != nil {
		return nil, err
	}
	builder := p.GetRunDetails().GetBuilder().GetId()
	if ours := strings.HasPrefix(builder, builderPrefix); ours != (def.GetBuildType() == buildType) {
		return nil, fmt.Errorf("%w: %q by %s", serrors.ErrorInvalidBuildType, def.GetBuildType(), builder)
	}
	return &provenance{
		image: st.GetSubject()[0].GetDigest()["sha256"], builder: builder,
		parameters: params, sources: sources(def.GetResolvedDependencies()),
	}, nil
}

// parameters returns the external parameters of a build type, all of which are known
// and there.
func parameters(of string, external *structpb.Struct) (map[string]string, error) {
	known := []string{"arch", "epoch", "kind", "lock", "plan", "recipe", "release", "version"}
	switch of {
	case buildType:
	case rebuildType:
		known = append(known, "published")
	default:
		return nil, fmt.Errorf("%w: %q", serrors.ErrorInvalidBuildType, of)
	}
	all := map[string]string{}
	for name, value := range external.GetFields() {
		switch v := value.GetKind().(type) {
		case *structpb.Value_StringValue:
			all[name] = v.StringValue
		case *structpb.Value_NumberValue:
			all[name] = strconv.FormatFloat(v.NumberValue, 'f', -1, 64)
		default:
			return nil, fmt.Errorf("the parameter %s is neither text nor a number", name)
		}
	}
	slices.Sort(known)
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, known) {
		return nil, fmt.Errorf("the parameters are %q, want %q", got, known)
	}
	return all, nil
}

// sources returns the URIs of what an image is made from. Toolchains and indexes are
// not, nor are the modules that another one may not even use.
func sources(deps []*intoto.ResourceDescriptor) []string {
	var all []string
	for _, d := range deps {
		switch d.GetAnnotations().GetFields()["kind"].GetStringValue() {
		case "http", "go_module", "apk", "rootfs":
			if d.GetUri() != "" {
				all = append(all, d.GetUri())
			}
		}
	}
	return all
}
