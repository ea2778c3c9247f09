package evidence

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"
)

const (
	// SummaryType is SLSA's verification summary v1
	// (slsa.dev/spec/v1.2/verification_summary).
	SummaryType = "https://slsa.dev/verification_summary/v1"
	// RebuildPolicy is the policy of a rebuilder's summary: the image is what comes
	// out, bit for bit, when its release is built again.
	RebuildPolicy = "https://gitlab.com/tailsbuild/tailsbuild/docs/audit.md#rebuilt-bit-for-bit-v1"
	// LevelRebuilt is what one rebuilder can claim.
	LevelRebuilt = "TAILSBUILD_REBUILT_BIT_FOR_BIT"

	slsaVersion = "1.2"
	failed      = "FAILED" // and passed
	// maxReason is the length, in bytes, of the longest reason.
	maxReason = 2000
)

// An Outcome is what came of a rebuild.
type Outcome string

// The outcomes. Only Reproduced speaks for an image.
const (
	// Reproduced says that the same image came out, bit for bit, and that it is
	// what the auditor expected.
	Reproduced Outcome = "reproduced"
	// Different says that another image came out, or that another was expected.
	Different         Outcome = "different"
	BuildFailed       Outcome = "build-failed"
	InputsMissing     Outcome = "inputs-missing"
	ToolchainMismatch Outcome = "toolchain-mismatch"
	// Withdrawn takes back what was said before, whatever it was.
	Withdrawn Outcome = "withdrawn"
)

// Outcomes are all of them.
var Outcomes = []Outcome{Reproduced, Different, BuildFailed, InputsMissing, ToolchainMismatch, Withdrawn}

// A Summary is what a rebuilder says about a published image, in the form of SLSA's
// verification summary (VSA).
type Summary struct {
	// Builder is the rebuilder's id, and Versions those of its parts, by name.
	Builder  string
	Versions map[string]string
	// At is when it was found out, in UTC and whole milliseconds.
	At       time.Time
	Resource Resource
	Outcome  Outcome
	// Reason says why it isn't reproduced, in one line; "" when it is.
	Reason string
	// Provenance is the sha256 of the statement about the rebuild, and Rebuilt the
	// image that came out; both "" when none did.
	Provenance, Rebuilt digest.Digest
	// Comparison is the sha256 of the comparison of the two images, "" when they
	// are the same.
	Comparison digest.Digest
	// Reveal shows that the image was committed to, nil if it wasn't.
	Reveal *Reveal
}

// summary is the predicate as written.
type summary struct {
	Verifier     verifier  `json:"verifier"`
	TimeVerified time.Time `json:"timeVerified"`
	ResourceURI  string    `json:"resourceUri"`
	Policy       policy    `json:"policy"`
	Inputs       []input   `json:"inputAttestations,omitempty"`
	Result       string    `json:"verificationResult"`
	Levels       []string  `json:"verifiedLevels"`
	SLSAVersion  string    `json:"slsaVersion"`
	// The specification wants the names of extensions to be URIs.
	Rebuild *rebuilt `json:"https://gitlab.com/tailsbuild/tailsbuild/docs/audit.md#outcome-v1,omitempty"`
}

type verifier struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version,omitempty"`
}

type policy struct {
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest,omitempty"`
}

type input struct {
	Digest map[string]string `json:"digest"`
}

// rebuilt is what a rebuilder says beside yes or no.
type rebuilt struct {
	Outcome    Outcome       `json:"outcome"`
	Reason     string        `json:"reason,omitempty"`
	Rebuilt    digest.Digest `json:"rebuilt,omitempty"`
	Comparison digest.Digest `json:"comparison,omitempty"`
	Reveal     *Reveal       `json:"commitment,omitempty"`
}

// Statement returns the summary statement, whose subject is the published image
// whatever the outcome is. It is read again before it is returned, so what
// [ParseSummary] would refuse is an error here, a *[StatementError].
func (s *Summary) Statement() ([]byte, error) {
	p := summary{
		Verifier:     verifier{ID: s.Builder, Version: s.Versions},
		TimeVerified: s.At, ResourceURI: s.Resource.String(), Policy: policy{URI: RebuildPolicy},
		Result: failed, Levels: []string{failed}, SLSAVersion: slsaVersion,
		Rebuild: &rebuilt{Outcome: s.Outcome, Reason: s.Reason, Rebuilt: s.Rebuilt, Comparison: s.Comparison, Reveal: s.Reveal},
	}
	if s.Outcome == Reproduced {
		p.Result, p.Levels = passed, []string{LevelRebuilt}
	}
	if s.Provenance != "" {
		p.Inputs = []input{{Digest: map[string]string{"sha256": s.Provenance.Encoded()}}}
	}
	raw, err := encode(statement(SummaryType, s.Resource.Name, s.Resource.Image, p))
	if err != nil {
		return nil, &StatementError{SummaryType, err}
	}
	if _, err := ParseSummary(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// IsRebuildSummary reports whether statement is a verification summary by the policy
// of rebuilders, whatever else it says.
func IsRebuildSummary(statement []byte) bool {
	st, err := parse(statement, SummaryType)
	if err != nil {
		return false
	}
	uri := st.predicate.GetFields()["policy"].GetStructValue().GetFields()["uri"]
	return uri.GetStringValue() == RebuildPolicy
}

// ParseSummary reads a rebuilder's summary. It refuses, with a *[StatementError],
// any other verification summary, and one that contradicts itself.
func ParseSummary(statement []byte) (*Summary, error) {
	s, err := parseSummary(statement)
	if err != nil {
		return nil, &StatementError{SummaryType, err}
	}
	return s, nil
}

func parseSummary(raw []byte) (*Summary, error) {
	st, err := parse(raw, SummaryType)
	if err != nil {
		return nil, err
	}
	p, err := exact[summary](st.predicate)
	if err != nil {
		return nil, err
	}
	if p.Policy.URI != RebuildPolicy || len(p.Policy.Digest) > 0 || p.SLSAVersion != slsaVersion {
		return nil, fmt.Errorf("policy is %q of SLSA %q, want %q of %q", p.Policy.URI, p.SLSAVersion, RebuildPolicy, slsaVersion)
	}
	if p.Rebuild == nil {
		return nil, errors.New("no outcome")
	}
	s := &Summary{
		Builder: p.Verifier.ID, Versions: p.Verifier.Version, At: p.TimeVerified,
		Outcome: p.Rebuild.Outcome, Reason: p.Rebuild.Reason, Rebuilt: p.Rebuild.Rebuilt, Comparison: p.Rebuild.Comparison,
		Reveal: p.Rebuild.Reveal,
	}
	if s.Resource, err = parseResourceOf(st, p.ResourceURI); err != nil {
		return nil, err
	}
	switch len(p.Inputs) {
	case 0:
	case 1:
		if s.Provenance, err = sha256Digest("sha256:" + p.Inputs[0].Digest["sha256"]); err != nil {
			return nil, fmt.Errorf("inputAttestations: %w", err)
		}
	default:
		return nil, fmt.Errorf("%d inputAttestations, want one", len(p.Inputs))
	}
	if err := s.checkResult(p); err != nil {
		return nil, err
	}
	return s, s.check()
}

// checkResult checks that p's result and levels say what the outcome does.
func (s *Summary) checkResult(p *summary) error {
	result, levels := failed, []string{failed}
	if s.Outcome == Reproduced {
		result, levels = passed, []string{LevelRebuilt}
	}
	if p.Result != result || !slices.Equal(p.Levels, levels) {
		return fmt.Errorf("result is %s with %q, but the outcome %q", p.Result, p.Levels, s.Outcome)
	}
	return nil
}

// check checks what the types leave open.
func (s *Summary) check() error {
	if err := CheckBuilderID(s.Builder); err != nil {
		return err
	}
	if err := checkTime(s.At); err != nil {
		return err
	}
	for _, d := range []digest.Digest{s.Rebuilt, s.Comparison} {
		if _, err := sha256Digest(string(d)); d != "" && err != nil {
			return err
		}
	}
	if (s.Provenance == "") != (s.Rebuilt == "") {
		return errors.New("there is an image without provenance, or provenance without an image")
	}
	if s.Comparison != "" && s.Rebuilt == "" {
		return errors.New("a comparison with no image")
	}
	if !slices.Contains(Outcomes, s.Outcome) {
		return fmt.Errorf("outcome is %q", s.Outcome)
	}
	if err := s.Reveal.check(s.Outcome); err != nil {
		return err
	}
	if s.Outcome == Reproduced {
		if s.Rebuilt != s.Resource.Image || s.Comparison != "" || s.Reason != "" {
			return fmt.Errorf("reproduced, but what came out is %q, and %q was found", s.Rebuilt, s.Reason)
		}
		return nil
	}
	return checkReason(s.Reason)
}

// checkTime accepts times that are written in one way only.
func checkTime(t time.Time) error {
	if t.Year() < 2000 || t.Year() > 9999 || t.Location() != time.UTC || t.Nanosecond()%int(time.Millisecond) != 0 {
		return fmt.Errorf("%s is not a time in UTC and whole milliseconds", t.Format(time.RFC3339Nano))
	}
	return nil
}

// checkReason accepts one line of text that can't mislead who reads it.
func checkReason(s string) error {
	if s == "" || len(s) > maxReason || !utf8.ValidString(s) ||
		strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("reason %.100q is not one line of 1 to %d printable bytes", s, maxReason)
	}
	return nil
}
