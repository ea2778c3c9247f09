package evidence

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
)

const (
	// AgreementPolicy is the policy of an agreement's summary: the policy file with
	// the digest beside it trusts the image, and two or more organisations of it have
	// rebuilt the image bit for bit.
	AgreementPolicy = "https://gitlab.com/tailsbuild/tailsbuild/docs/audit.md#agreement-v1"
	// LevelReproduced is SLSA's property of a build that independent builders agree on
	// (slsa.dev/spec/v1.2, verified properties).
	LevelReproduced = "SLSA_BUILD_REPRODUCED"
	// leastAgreed is how many independent rebuilds make an image reproduced.
	leastAgreed = 2
)

// An Agreement says that independent rebuilders got a published image, in the form
// of SLSA's verification summary. It is the only one that claims LevelReproduced.
type Agreement struct {
	// Verifier is the id of who has read and counted the statements, a URI, and
	// Versions those of its parts, by name.
	Verifier string
	Versions map[string]string
	// At is when it was found out, in UTC and whole milliseconds.
	At       time.Time
	Resource Resource
	// Policy is the sha256 of the policy file that the statements were judged by.
	Policy digest.Digest
	// Rebuilders are sorted by organisation. No organisation or builder is there
	// twice.
	Rebuilders []Agreed
}

// An Agreed is one of the rebuilders, and its statement.
type Agreed struct {
	// Organisation is what the policy calls it, Builder the id of its builder.
	Organisation string `json:"organisation"`
	Builder      string `json:"builder"`
	// Summary is the sha256 of its summary statement.
	Summary digest.Digest `json:"summary"`
}

// agreement is the predicate as written.
type agreement struct {
	Verifier     verifier  `json:"verifier"`
	TimeVerified time.Time `json:"timeVerified"`
	ResourceURI  string    `json:"resourceUri"`
	Policy       policy    `json:"policy"`
	Inputs       []input   `json:"inputAttestations"`
	Result       string    `json:"verificationResult"`
	Levels       []string  `json:"verifiedLevels"`
	SLSAVersion  string    `json:"slsaVersion"`
	Rebuilders   []Agreed  `json:"https://gitlab.com/tailsbuild/tailsbuild/docs/audit.md#rebuilders-v1"`
}

// Statement returns the summary statement. It is read again before it is returned,
// so what [ParseAgreement] would refuse is an error here, a *[StatementError].
func (a *Agreement) Statement() ([]byte, error) {
	p := agreement{
		Verifier:     verifier{ID: a.Verifier, Version: a.Versions},
		TimeVerified: a.At, ResourceURI: a.Resource.String(),
		Policy: policy{URI: AgreementPolicy, Digest: map[string]string{"sha256": a.Policy.Encoded()}},
		Inputs: []input{}, Result: passed, Levels: []string{LevelReproduced}, SLSAVersion: slsaVersion, Rebuilders: a.Rebuilders,
	}
	for _, r := range a.Rebuilders {
		p.Inputs = append(p.Inputs, input{map[string]string{"sha256": r.Summary.Encoded()}})
	}
	raw, err := encode(statement(SummaryType, a.Resource.Name, a.Resource.Image, p))
	if err != nil {
		return nil, &StatementError{SummaryType, err}
	}
	if _, err := ParseAgreement(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// ParseAgreement reads an agreement. It refuses, with a *[StatementError], any other
// verification summary, and one of fewer than two organisations and builders.
func ParseAgreement(statement []byte) (*Agreement, error) {
	a, err := parseAgreement(statement)
	if err != nil {
		return nil, &StatementError{SummaryType, err}
	}
	return a, nil
}

func parseAgreement(raw []byte) (*Agreement, error) {
	st, err := parse(raw, SummaryType)
	if err != nil {
		return nil, err
	}
	p, err := exact[agreement](st.predicate)
	if err != nil {
		return nil, err
	}
	if p.Policy.URI != AgreementPolicy || len(p.Policy.Digest) != 1 || p.SLSAVersion != slsaVersion {
		return nil, fmt.Errorf("policy is %q of SLSA %q, want %q of %q", p.Policy.URI, p.SLSAVersion, AgreementPolicy, slsaVersion)
	}
	if p.Result != passed || !slices.Equal(p.Levels, []string{LevelReproduced}) {
		return nil, fmt.Errorf("result is %s with %q", p.Result, p.Levels)
	}
	a := &Agreement{Verifier: p.Verifier.ID, Versions: p.Verifier.Version, At: p.TimeVerified, Rebuilders: p.Rebuilders}
	if a.Policy, err = sha256Digest("sha256:" + p.Policy.Digest["sha256"]); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	if a.Resource, err = parseResourceOf(st, p.ResourceURI); err != nil {
		return nil, err
	}
	if len(p.Inputs) != len(p.Rebuilders) {
		return nil, fmt.Errorf("%d inputAttestations of %d rebuilders", len(p.Inputs), len(p.Rebuilders))
	}
	for i, in := range p.Inputs {
		if len(in.Digest) != 1 || "sha256:"+in.Digest["sha256"] != string(p.Rebuilders[i].Summary) {
			return nil, fmt.Errorf("inputAttestations[%d] is not that of %s", i, p.Rebuilders[i].Organisation)
		}
	}
	return a, a.check()
}

// parseResourceOf reads the resourceUri of a statement, whose subject it has to name.
func parseResourceOf(st *parsed, uri string) (Resource, error) {
	r, err := ParseResource(uri)
	if err == nil && (r.Image != st.image || r.Name != st.name) {
		err = fmt.Errorf("resourceUri is %s, the subject %q, %s", r, st.name, st.image)
	}
	return r, err
}

// check checks that two or more, independent of each other, agree.
func (a *Agreement) check() error {
	if err := CheckBuilderID(a.Verifier); err != nil {
		return err
	}
	if err := checkTime(a.At); err != nil {
		return err
	}
	if len(a.Rebuilders) < leastAgreed {
		return fmt.Errorf("%d rebuilders agree, and %d have to", len(a.Rebuilders), leastAgreed)
	}
	builders := map[string]bool{}
	for i, r := range a.Rebuilders {
		if _, err := sha256Digest(string(r.Summary)); err != nil {
			return err
		}
		if err := CheckBuilderID(r.Builder); err != nil {
			return err
		}
		if err := checkReason(r.Organisation); err != nil {
			return err
		}
		if i > 0 && strings.Compare(a.Rebuilders[i-1].Organisation, r.Organisation) >= 0 {
			return errors.New("the organisations are not sorted, or one is there twice")
		}
		if builders[r.Builder] {
			return fmt.Errorf("the builder %s is there twice", r.Builder)
		}
		builders[r.Builder] = true
	}
	return nil
}
