package evidence

import (
	"errors"
	"fmt"

	testresult "github.com/in-toto/attestation/go/predicates/test_result/v0"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
)

// The kinds of what tests were run with, beside those of dependencies.
const (
	kindPlan = "plan"
	kindLock = "lock"
)

// passed is the only result that a release's statement has: what failed is never
// signed with its key.
const passed = "PASSED"

// Tests says that a recipe's tests passed in an image.
type Tests struct {
	Recipe string
	// Image is the digest of the image's manifest, sha256.
	Image digest.Digest
	// Plan and Lock are those of the image.
	Plan, Lock digest.Digest
	// Configuration is what decided the tests: the recipe's file, and what the
	// clients of tests had.
	Configuration []Dependency
	// Passed are the names of the tests, in the recipe's order, at least one.
	Passed []string
}

// testResult is the predicate as written.
type testResult struct {
	Result        string       `json:"result"`
	Configuration []descriptor `json:"configuration"`
	Passed        []string     `json:"passedTests"`
}

// Statement returns the test result. It is read again before it is returned, so what
// [ParseTests] would refuse is an error here, a *[StatementError].
func (t *Tests) Statement() ([]byte, error) {
	p := testResult{Result: passed, Passed: t.Passed}
	for _, d := range []struct {
		kind   string
		digest digest.Digest
	}{{kindPlan, t.Plan}, {kindLock, t.Lock}} {
		p.Configuration = append(p.Configuration, descriptor{
			Name: d.kind, Digest: map[string]string{"sha256": d.digest.Encoded()}, Annotations: map[string]any{"kind": d.kind},
		})
	}
	for _, d := range t.Configuration {
		p.Configuration = append(p.Configuration, d.descriptor())
	}
	raw, err := encode(statement(TestsType, t.Recipe, t.Image, p))
	if err != nil {
		return nil, &StatementError{TestsType, err}
	}
	if _, err := ParseTests(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// ParseTests reads a test result as [Tests.Statement] makes it. It refuses, with a
// *[StatementError], one with another result, without a test, or without the plan and
// the lock.
func ParseTests(statement []byte) (*Tests, error) {
	t, err := parseTests(statement)
	if err != nil {
		return nil, &StatementError{TestsType, err}
	}
	return t, nil
}

func parseTests(raw []byte) (*Tests, error) {
	st, err := parse(raw, TestsType)
	if err != nil {
		return nil, err
	}
	p, err := parseTestResult(st.predicate)
	if err != nil {
		return nil, err
	}
	t := &Tests{Recipe: st.name, Image: st.image, Passed: p.GetPassedTests()}
	switch {
	case p.GetResult() != passed || len(p.GetFailedTests()) > 0 || len(p.GetWarnedTests()) > 0:
		return nil, fmt.Errorf("result is %q with %d failed and %d warned, want %q alone",
			p.GetResult(), len(p.GetFailedTests()), len(p.GetWarnedTests()), passed)
	case len(t.Passed) == 0:
		return nil, errors.New("no test passed")
	case t.Recipe == "":
		return nil, errors.New("the subject has no name")
	case len(p.GetConfiguration()) < 3:
		return nil, errors.New("configuration has to have the plan, the lock and the recipe")
	}
	seen := map[string]bool{}
	for _, name := range t.Passed {
		if name == "" || seen[name] {
			return nil, fmt.Errorf("passedTests has %q twice, or a test without a name", name)
		}
		seen[name] = true
	}
	return t, t.parseConfiguration(p.GetConfiguration())
}

// parseTestResult reads the predicate with the types of the specification, which
// ignores fields that they don't have.
func parseTestResult(s *structpb.Struct) (*testresult.TestResult, error) {
	raw, err := protojson.Marshal(s)
	if err != nil {
		return nil, err
	}
	var p testresult.TestResult
	opts := protojson.UnmarshalOptions{RecursionLimit: maxDepth, DiscardUnknown: true}
	if err := opts.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	for i, rd := range p.GetConfiguration() {
		if err := rd.Validate(); err != nil {
			return nil, fmt.Errorf("configuration[%d]: %w", i, err)
		}
	}
	return &p, nil
}

func (t *Tests) parseConfiguration(all []*intoto.ResourceDescriptor) (err error) {
	if t.Plan, err = parseNamed(all[0], kindPlan); err != nil {
		return fmt.Errorf("configuration[0]: %w", err)
	}
	if t.Lock, err = parseNamed(all[1], kindLock); err != nil {
		return fmt.Errorf("configuration[1]: %w", err)
	}
	for i, rd := range all[2:] {
		d, err := parseDependency(rd)
		if err != nil {
			return fmt.Errorf("configuration[%d]: %w", i+2, err)
		}
		t.Configuration = append(t.Configuration, *d)
	}
	if t.Configuration[0].Kind != KindRecipe {
		return fmt.Errorf("configuration[2] is of kind %q, want %q", t.Configuration[0].Kind, KindRecipe)
	}
	return nil
}

// parseNamed returns the digest of what is called kind.
func parseNamed(rd *intoto.ResourceDescriptor, kind string) (digest.Digest, error) {
	a, err := exact[annotations](&structpb.Struct{Fields: rd.GetAnnotations().GetFields()})
	if err != nil {
		return "", fmt.Errorf("annotations: %w", err)
	}
	if rd.GetName() != kind || *a != (annotations{Kind: kind}) || len(rd.GetDigest()) != 1 {
		return "", fmt.Errorf("it is %q of kind %q, want %q with a sha256", rd.GetName(), a.Kind, kind)
	}
	return sha256Digest("sha256:" + rd.GetDigest()["sha256"])
}

// Agrees checks that the tests are those of what a build with parameters p and these
// dependencies made.
func (t *Tests) Agrees(p Parameters, deps []Dependency) error {
	switch {
	case t.Recipe != p.Recipe:
		return fmt.Errorf("the tests are of %q, the builds of %q", t.Recipe, p.Recipe)
	case t.Plan != p.Plan || t.Lock != p.Lock:
		return errors.New("the tests are of another plan or lock than the builds")
	}
	for _, d := range deps {
		if d == t.Configuration[0] {
			return nil
		}
	}
	return fmt.Errorf("the tests are of another %s than the builds", t.Configuration[0].Name)
}
