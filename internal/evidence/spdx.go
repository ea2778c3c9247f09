package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// SBOMVersion is that of how SBOMs are made. It is raised when the same image and
// inputs give other bytes than before, with a newer list of licenses for one.
const SBOMVersion = 1

// Fixed values of documents.
const (
	spdxVersion   = "SPDX-2.3"
	dataLicense   = "CC0-1.0"
	documentID    = "SPDXRef-DOCUMENT"
	imageID       = "SPDXRef-image"
	spdxNamespace = "https://gitlab.com/tailsbuild/tailsbuild/spdx/"
)

// The kinds of relationship between packages (SPDX 2.3, 11.1).
const (
	describes     = "DESCRIBES"
	contains      = "CONTAINS"
	generatedFrom = "GENERATED_FROM"
	buildToolOf   = "BUILD_TOOL_OF"
	staticLink    = "STATIC_LINK"
)

var spdxCreator = fmt.Sprintf("Tool: tailsbuild-sbom-%d", SBOMVersion)

// An SPDX is a document (SPDX 2.3) as tailsbuild makes it, with what it has of the
// specification and nothing else.
type SPDX struct {
	Version       string             `json:"spdxVersion"`
	DataLicense   string             `json:"dataLicense"`
	ID            string             `json:"SPDXID"`
	Name          string             `json:"name"`
	Namespace     string             `json:"documentNamespace"`
	Creation      spdxCreation       `json:"creationInfo"`
	Comment       string             `json:"comment"`
	Packages      []SPDXPackage      `json:"packages"`
	Licenses      []extractedLicense `json:"hasExtractedLicensingInfos,omitempty"`
	Relationships []spdxRelationship `json:"relationships"`
}

type spdxCreation struct {
	Created     string   `json:"created"`
	Creators    []string `json:"creators"`
	LicenseList string   `json:"licenseListVersion"`
}

// An SPDXPackage is one package of an [SPDX] (SPDX 2.3, 7).
type SPDXPackage struct {
	ID               string         `json:"SPDXID"`
	Name             string         `json:"name"`
	Version          string         `json:"versionInfo,omitempty"`
	FileName         string         `json:"packageFileName,omitempty"`
	Supplier         string         `json:"supplier"`
	Originator       string         `json:"originator,omitempty"`
	Location         string         `json:"downloadLocation"`
	FilesAnalyzed    bool           `json:"filesAnalyzed"`
	Checksums        []spdxChecksum `json:"checksums,omitempty"`
	Homepage         string         `json:"homepage,omitempty"`
	SourceInfo       string         `json:"sourceInfo,omitempty"`
	LicenseConcluded string         `json:"licenseConcluded"`
	LicenseDeclared  string         `json:"licenseDeclared"`
	Copyright        string         `json:"copyrightText"`
	Summary          string         `json:"summary,omitempty"`
	Comment          string         `json:"comment,omitempty"`
	Refs             []spdxRef      `json:"externalRefs,omitempty"`
	Purpose          string         `json:"primaryPackagePurpose"`
}

type spdxChecksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type spdxRef struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type spdxRelationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

// PURL returns the package URL of p, "" if it has none.
func (p *SPDXPackage) PURL() string {
	for _, r := range p.Refs {
		if r.Type == "purl" {
			return r.Locator
		}
	}
	return ""
}

// Encode returns the document as the statement has it, always the same bytes.
func (d *SPDX) Encode() ([]byte, error) { return encode(d) }

// Contained returns the packages that are in the image: apk's, and programs.
func (d *SPDX) Contained() []SPDXPackage { return d.related(imageID, contains) }

// Linked returns the packages that programs in the image were linked from, each once.
func (d *SPDX) Linked() []SPDXPackage { return d.related("", staticLink) }

// related returns the packages that element, or any, relates to by kind.
func (d *SPDX) related(element, kind string) []SPDXPackage {
	ids := map[string]bool{}
	for _, r := range d.Relationships {
		if r.Type == kind && (element == "" || r.Element == element) {
			ids[r.Related] = true
		}
	}
	var found []SPDXPackage
	for _, p := range d.Packages {
		if ids[p.ID] {
			found = append(found, p)
		}
	}
	return found
}

// namespace returns the one that d has to have: it follows from everything else in it.
func (d *SPDX) namespace(image digest.Digest) (string, error) {
	without := *d
	without.Namespace = ""
	b, err := without.Encode()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return fmt.Sprintf("%s%d/%s/%s", spdxNamespace, SBOMVersion, image.Encoded(), hex.EncodeToString(sum[:16])), nil
}

// An SBOM is a statement of what is in an image.
type SBOM struct {
	// Image is the digest of the image's manifest, sha256.
	Image    digest.Digest
	Recipe   string
	Document SPDX
}

// ParseSBOM reads an SBOM as [Bill.Statement] makes it. Another SPDX document, or one
// whose parts don't fit together, is refused with a *[StatementError].
func ParseSBOM(statement []byte) (*SBOM, error) {
	s, err := parseSBOM(statement)
	if err != nil {
		return nil, &StatementError{SBOMType, err}
	}
	return s, nil
}

func parseSBOM(raw []byte) (*SBOM, error) {
	st, err := parse(raw, SBOMType)
	if err != nil {
		return nil, err
	}
	doc, err := exact[SPDX](st.predicate)
	if err != nil {
		return nil, err
	}
	s := &SBOM{Image: st.image, Recipe: st.name, Document: *doc}
	return s, s.check()
}

func (s *SBOM) check() error {
	d := &s.Document
	switch {
	case d.Version != spdxVersion || d.DataLicense != dataLicense || d.ID != documentID:
		return fmt.Errorf("not a document of %s", spdxVersion)
	case !slices.Equal(d.Creation.Creators, []string{spdxCreator}):
		return fmt.Errorf("made by %q, want %q", d.Creation.Creators, spdxCreator)
	case s.Recipe == "" || d.Name == "":
		return errors.New("the subject or the document has no name")
	}
	want, err := d.namespace(s.Image)
	if err != nil {
		return err
	}
	if d.Namespace != want {
		return fmt.Errorf("documentNamespace is %q, want %q", d.Namespace, want)
	}
	if err := d.checkElements(); err != nil {
		return err
	}
	return s.checkImage()
}

var elementID = lazyregexp.New(`^SPDXRef-[A-Za-z0-9.-]+$`)

// checkElements checks that relationships are between elements that there are.
func (d *SPDX) checkElements() error {
	known := map[string]bool{documentID: true}
	for _, p := range d.Packages {
		if !elementID.MatchString(p.ID) || known[p.ID] {
			return fmt.Errorf("package %q has the SPDXID %q, which is none or is there twice", p.Name, p.ID)
		}
		if p.Name == "" {
			return fmt.Errorf("package %s has no name", p.ID)
		}
		known[p.ID] = true
	}
	for _, r := range d.Relationships {
		if !known[r.Element] || !known[r.Related] {
			return fmt.Errorf("relationship %s %s %s: there is no such element", r.Element, r.Type, r.Related)
		}
	}
	return nil
}

// checkImage checks that the document describes the subject, and it alone.
func (s *SBOM) checkImage() error {
	described := s.Document.related(documentID, describes)
	if len(described) != 1 || described[0].ID != imageID {
		return errors.New("it doesn't describe exactly one image")
	}
	if got := described[0]; got.Name != s.Recipe || !slices.Equal(got.Checksums, sha256Sum(s.Image.Encoded())) {
		return fmt.Errorf("it describes %q %v, which is not its subject", got.Name, got.Checksums)
	}
	return nil
}

// image returns the package that stands for the image.
func (d *SPDX) image() SPDXPackage {
	i := slices.IndexFunc(d.Packages, func(p SPDXPackage) bool { return p.ID == imageID })
	return d.Packages[i] // checkImage has found it
}

// Agrees checks that the SBOM is of what the builds with parameters p made.
func (s *SBOM) Agrees(p Parameters) error {
	got := s.Document.image()
	switch {
	case s.Recipe != p.Recipe || s.Document.Name != documentName(p) || got.Version != imageVersion(p):
		return fmt.Errorf("the SBOM is of %q, the builds of %q", s.Document.Name, documentName(p))
	case got.SourceInfo != imageSource(p):
		return fmt.Errorf("the SBOM is of other builds: %s", got.SourceInfo)
	}
	return nil
}

func sha256Sum(hex string) []spdxChecksum { return []spdxChecksum{{"SHA256", hex}} }

func imageVersion(p Parameters) string { return fmt.Sprintf("%s-r%d", p.Version, p.Release) }

func documentName(p Parameters) string { return p.Recipe + "-" + imageVersion(p) + "-" + p.Arch }

func imageSource(p Parameters) string { return fmt.Sprintf("plan %s, lock %s", p.Plan, p.Lock) }
