package release

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/declared"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
)

// An SBOM is what a release says is in its image.
type SBOM struct {
	// Packages is how many apk packages are in the image, Programs how many Go
	// programs, and Modules how many modules these were linked from.
	Packages int `json:"packages"`
	Programs int `json:"programs"`
	Modules  int `json:"modules"`
	// Checked says that the same SBOM was made again from the image's layers. If not,
	// the layers were not read.
	Checked bool `json:"checked"`
}

// What releases of before may lack, as Verification.Missing has it.
const (
	MissingSBOM        = "sbom"
	MissingDeclaration = "declaration"
	MissingTests       = "tests"
)

// A said is a statement about the image, beside those that show that it was
// reproduced, and the manifest it came with.
type said struct {
	manifest      digest.Digest
	predicateType string
	body          []byte
	sbom          *evidence.SBOM
	declaration   *evidence.Declaration
	tests         *evidence.Tests
}

// parseSaid reads such a statement. A type that isn't one of them gives nil.
func parseSaid(predicateType string, body []byte, manifest digest.Digest) (s *said, err error) {
	s = &said{manifest: manifest, predicateType: predicateType, body: body}
	switch predicateType {
	case evidence.SBOMType:
		s.sbom, err = evidence.ParseSBOM(body)
	case evidence.DeclarationType:
		s.declaration, err = evidence.ParseDeclaration(body)
	case evidence.TestsType:
		s.tests, err = evidence.ParseTests(body)
	default:
		return nil, nil
	}
	return s, err
}

// consistent fills v from what else its key signed, which has to be about the same
// builds. What isn't is a problem, but for a declaration that the image's own labels
// contradict: somebody would be shown other privileges than those that it has.
func (v *Verification) consistent(e *signedEvidence, img *image) error {
	for _, s := range e.said {
		problem := v.addSaid(s, img)
		var contradiction *declared.ContradictionError
		if errors.As(problem, &contradiction) {
			return &RefusedError{Dir: v.Dir, Image: v.Image.Digest, Reason: problem, Problems: v.Problems}
		}
		if problem != nil {
			v.note(s.manifest, problem)
			v.Bundles = slices.DeleteFunc(v.Bundles, func(d digest.Digest) bool { return d == s.manifest })
		}
	}
	for name, there := range map[string]bool{
		MissingSBOM: v.SBOM != nil, MissingDeclaration: v.Declaration != nil, MissingTests: v.Tests != nil,
	} {
		if !there {
			v.Missing = append(v.Missing, name)
		}
	}
	slices.Sort(v.Missing)
	return nil
}

func (v *Verification) addSaid(s *said, img *image) error {
	switch s.predicateType {
	case evidence.SBOMType:
		return v.addSBOM(s, img)
	case evidence.DeclarationType:
		return v.addDeclaration(s.declaration, img.labels)
	}
	return v.addTests(s.tests)
}

// addSBOM checks an SBOM by making it again, if the image's layers were read.
func (v *Verification) addSBOM(s *said, img *image) error {
	if err := s.sbom.Agrees(v.Parameters); err != nil {
		return err
	}
	checked := false
	switch {
	case img.notListed != nil:
		return &InventoryError{img.notListed}
	case img.inventory != nil:
		again, err := bill(img, v.Parameters, v.Dependencies).Statement()
		if err != nil {
			return &InventoryError{err}
		}
		if !bytes.Equal(again, s.body) {
			return errors.New("the SBOM is not what is in the image")
		}
		checked = true
	}
	if v.SBOM != nil {
		return nil // the same, or another key's of the same
	}
	v.SBOM = &SBOM{Modules: len(s.sbom.Document.Linked()), Checked: checked}
	for _, p := range s.sbom.Document.Contained() {
		if strings.HasPrefix(p.PURL(), "pkg:apk/") {
			v.SBOM.Packages++
		} else {
			v.SBOM.Programs++
		}
	}
	return nil
}

// addDeclaration keeps the declaration whose support ends first, one that doesn't say
// when before all others.
func (v *Verification) addDeclaration(d *evidence.Declaration, labels map[string]string) error {
	if err := d.Agrees(v.Parameters, labels); err != nil {
		return err
	}
	if v.Declaration == nil || d.Base.EndsBefore(v.Declaration.Base) {
		v.Declaration = d
	}
	return nil
}

func (v *Verification) addTests(t *evidence.Tests) error {
	if err := t.Agrees(v.Parameters, v.Dependencies); err != nil {
		return err
	}
	if v.Tests != nil && !slices.Equal(v.Tests, t.Passed) {
		return fmt.Errorf("another statement has other tests: %q and %q", v.Tests, t.Passed)
	}
	v.Tests = t.Passed
	return nil
}
