package sign

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestSignRebuild(t *testing.T) {
	key := newKey(t)
	of := func(predicateType, predicate string) []byte {
		s := strings.Replace(string(statementOf(image)), "https://example.org/p", predicateType, 1)
		return []byte(strings.Replace(s, `{"a":1}`, predicate, 1))
	}
	for name, good := range map[string][]byte{
		"summary":    of(summaryType, `{"a":1}`),
		"commitment": of(commitmentType, `{"a":1}`),
		"provenance": of(provenanceType, `{"buildDefinition":{"buildType":"`+rebuildType+`"}}`),
	} {
		b, err := key.SignRebuild(context.Background(), good)
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := key.Public().Verify(b, image); err != nil {
			t.Error(name, err)
		}
	}
	for name, bad := range map[string][]byte{
		"signature":               of("https://sigstore.dev/cosign/sign/v1", "{}"),
		"comparison":              of("https://gitlab.com/tailsbuild/tailsbuild/docs/evidence.md#comparison-v1", "{}"),
		"a release's provenance":  of(provenanceType, `{"buildDefinition":{"buildType":"https://gitlab.com/tailsbuild/tailsbuild/docs/evidence.md#build-v1"}}`),
		"provenance without type": of(provenanceType, "{}"),
		"provenance of text":      of(provenanceType, `{"buildDefinition":"`+rebuildType+`"}`),
		"anything":                statementOf(image),
		"type twice":              []byte(strings.Replace(string(of(summaryType, "{}")), `"predicateType"`, `"predicateType":"x","predicateType"`, 1)),
		"no statement":            []byte("{}"),
		"no subject":              []byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"` + summaryType + `","predicate":{}}`),
		"large":                   of(summaryType, `{"a":"`+strings.Repeat("x", MaxStatement)+`"}`),
	} {
		var want *StatementError
		if b, err := key.SignRebuild(context.Background(), bad); !errors.As(err, &want) {
			t.Errorf("%s: %s, %v", name, b, err)
		}
	}
}
