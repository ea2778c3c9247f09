package evidence

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/apk"
	"gitlab.com/tailsbuild/tailsbuild/internal/inventory"
	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// A Bill is what an SBOM is made from. All of it is in a release: whoever has one can
// make the SBOM again, and gets the same bytes.
type Bill struct {
	// Image is the digest of the image's manifest, and Annotations are those in it.
	Image       digest.Digest
	Annotations map[string]string
	// Inventory is what is in the image's layers.
	Inventory *inventory.Inventory
	// Parameters and Dependencies are those of the provenance.
	Parameters   Parameters
	Dependencies []Dependency
}

const spdxComment = "The image's apk packages are those in its own package database, and Go modules those that its programs name. " +
	"What the builds read beside these sources, such as packages for a build step, is in the SLSA provenance."

// Statement returns the SBOM of the image. It is read again before it is returned, so
// what [ParseSBOM] would refuse is an error here, a *[StatementError].
func (b *Bill) Statement() ([]byte, error) {
	doc, err := b.document()
	if err != nil {
		return nil, &StatementError{SBOMType, err}
	}
	raw, err := encode(statement(SBOMType, b.Parameters.Recipe, b.Image, doc))
	if err != nil {
		return nil, &StatementError{SBOMType, err}
	}
	if _, err := ParseSBOM(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

func (b *Bill) document() (*SPDX, error) {
	w := &billWriter{Bill: b, licenses: licenses{}, goSources: map[string]string{}, linked: map[inventory.Module]string{}}
	w.image()
	w.sources()
	for _, p := range b.Inventory.Packages {
		w.relate(imageID, contains, w.apk(p))
	}
	for _, p := range b.Inventory.Programs {
		if err := w.program(p); err != nil {
			return nil, err
		}
	}
	w.modules()
	w.doc.Version, w.doc.DataLicense, w.doc.ID = spdxVersion, dataLicense, documentID
	w.doc.Name, w.doc.Comment = documentName(b.Parameters), spdxComment
	w.doc.Creation = spdxCreation{
		Created:  time.Unix(b.Parameters.Epoch, 0).UTC().Format(time.RFC3339),
		Creators: []string{spdxCreator}, LicenseList: licenseList(),
	}
	w.doc.Licenses = w.licenses.extracted()
	var err error
	w.doc.Namespace, err = w.doc.namespace(b.Image)
	return &w.doc, err
}

// A billWriter writes one document.
type billWriter struct {
	*Bill
	doc      SPDX
	licenses licenses
	// goSources are the IDs of sources, by their package URL without a version.
	goSources map[string]string
	// linked are the modules that programs are linked from, and their sums.
	linked map[inventory.Module]string
}

func (w *billWriter) relate(element, kind, related string) {
	w.doc.Relationships = append(w.doc.Relationships, spdxRelationship{element, kind, related})
}

// add adds p, with what is the same for all and with an ID of its own.
func (w *billWriter) add(kind string, p SPDXPackage) string {
	if p.ID == "" {
		p.ID = spdxID(kind, p.Name, p.Version)
	}
	for _, text := range []*string{&p.Supplier, &p.Location, &p.LicenseDeclared} {
		if *text == "" {
			*text = noAssertion
		}
	}
	p.LicenseConcluded, p.Copyright = noAssertion, noAssertion
	w.doc.Packages = append(w.doc.Packages, p)
	return p.ID
}

var notInID = lazyregexp.New(`[^A-Za-z0-9.]+`)

// spdxID makes an identifier that can be read, and that no other name or version has.
func spdxID(kind, name, version string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + name + "\x00" + version))
	readable := strings.Trim(notInID.ReplaceAllString(kind+"-"+name, "-"), "-")
	return "SPDXRef-" + readable[:min(len(readable), 64)] + "-" + hex.EncodeToString(sum[:8])
}

func purlRef(purl string) []spdxRef { return []spdxRef{{"PACKAGE-MANAGER", "purl", purl}} }

// ociArchs has the names that OCI images have for Alpine's architectures.
var ociArchs = map[string]string{"x86_64": "amd64", "aarch64": "arm64"}

// Platform returns what OCI images call the platform of one of Alpine's architectures,
// as linux/amd64.
func Platform(arch string) string { return "linux/" + cmp.Or(ociArchs[arch], arch) }

func (w *billWriter) image() {
	p, a := w.Parameters, w.Annotations
	purl := "pkg:oci/" + url.PathEscape(p.Recipe) + "@" + url.QueryEscape(w.Image.String())
	if arch, ok := ociArchs[p.Arch]; ok {
		purl += "?arch=" + arch
	}
	w.add("", SPDXPackage{
		ID: imageID, Name: p.Recipe, Version: imageVersion(p), Checksums: sha256Sum(w.Image.Encoded()),
		Homepage: homepage(a[ocispec.AnnotationURL]), SourceInfo: imageSource(p),
		LicenseDeclared: w.licenses.expression(a[ocispec.AnnotationLicenses]),
		Summary:         a[ocispec.AnnotationDescription], Refs: purlRef(purl), Purpose: "CONTAINER",
	})
	w.relate(documentID, describes, imageID)
}

// homepage returns what SPDX takes as one, or "".
func homepage(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return s
}

// sources adds what the image was made from, but for what is installed in it.
func (w *billWriter) sources() {
	for _, d := range w.Dependencies {
		p := SPDXPackage{Name: d.Name, Checksums: sha256Sum(d.SHA256), Purpose: "SOURCE"}
		relation, purl := generatedFrom, ""
		switch d.Kind {
		case KindRecipe:
		case lock.KindRootfs:
			p.Location, p.Purpose = d.URI, "ARCHIVE"
		case lock.KindHTTP:
			p.Location = d.URI
		case lock.KindToolchain:
			relation, purl, p.Purpose = buildToolOf, d.URI, "APPLICATION"
		case lock.KindGoModule:
			purl = d.URI
			p.Comment = "The checksum is that of the archive of the module and of all modules that it needs."
		default:
			continue
		}
		if purl != "" {
			p.Refs = purlRef(purl)
			p.Version, _ = url.QueryUnescape(purl[strings.LastIndex(purl, "@")+1:])
		}
		id := w.add(d.Kind, p)
		if relation == buildToolOf {
			w.relate(id, relation, imageID)
			continue
		}
		w.relate(imageID, relation, id)
		if d.Kind == lock.KindGoModule {
			w.goSources[purl[:strings.LastIndex(purl, "@")]] = id
		}
	}
}

// person is how a maintainer is written.
var person = lazyregexp.New(`^([^<>()]*[^<>() ]) *<([^<>() ]+)>$`)

// apk adds a package of the image's database.
func (w *billWriter) apk(p apk.Package) string {
	system := w.Inventory.System
	distro := ""
	if system.ID != "" && system.Version != "" {
		distro = system.ID + "-" + system.Version
	}
	out := SPDXPackage{
		Name: p.Name, Version: p.Version, Homepage: homepage(p.URL), Summary: p.Description,
		LicenseDeclared: w.licenses.expression(p.License), Purpose: "INSTALL",
		SourceInfo: fmt.Sprintf("origin %s, commit %s, apk checksum %s", orNone(p.Origin), orNone(p.Commit), p.Checksum),
	}
	if m := person.FindStringSubmatch(p.Maintainer); m != nil {
		out.Originator = fmt.Sprintf("Person: %s (%s)", m[1], m[2])
	}
	vendor := alpine
	if d := w.locked(p); d != nil {
		out.Location, out.Checksums = d.Location, sha256Sum(d.SHA256)
		vendor, _, _ = strings.Cut(strings.TrimPrefix(d.URI, "pkg:apk/"), "/")
	}
	if vendor == alpine {
		out.Supplier = "Organization: Alpine Linux"
	}
	out.Refs = purlRef(apkPURL(vendor, p.Name, p.Version, p.Arch, distro))
	return w.add("apk", out)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// locked returns the input that p was installed from, nil for a package of the root
// file system.
func (w *billWriter) locked(p apk.Package) *Dependency {
	version := purlVersion(p.Version) + "?"
	i := slices.IndexFunc(w.Dependencies, func(d Dependency) bool {
		return d.Kind == lock.KindPackage && d.Name == p.Name && strings.Contains(d.URI, version)
	})
	if i < 0 {
		return nil
	}
	return &w.Dependencies[i]
}

// program adds a Go program. The modules that it is linked from come later, once
// each.
func (w *billWriter) program(p inventory.Program) error {
	id := w.add("program", SPDXPackage{
		Name: p.Path, FileName: strings.TrimPrefix(p.Path, "/"), Checksums: sha256Sum(p.SHA256),
		Comment: "Go program of the package " + orNone(cmp.Or(p.Package, p.Main.Path)) + ".", Purpose: "APPLICATION",
	})
	w.relate(imageID, contains, id)
	modules := append([]inventory.Module{library(p.Go)}, p.Modules...)
	if source := w.goSources[modulePURL(p.Main.Path, "")]; source != "" {
		w.relate(id, generatedFrom, source)
	} else if p.Main.Path != "" {
		modules = append(modules, p.Main)
	}
	for _, m := range modules {
		key := inventory.Module{Path: m.Path, Version: m.Version}
		if m.Version == "(devel)" {
			key.Version = ""
		}
		if sum := w.linked[key]; sum != "" && m.Sum != "" && m.Sum != sum {
			return fmt.Errorf("programs in the image have two sums of %s %s", m.Path, m.Version)
		}
		w.linked[key] = cmp.Or(w.linked[key], m.Sum)
		w.relate(id, staticLink, spdxID("go", key.Path, key.Version))
	}
	return nil
}

// standardLibrary is what scanners call Go's.
const standardLibrary = "stdlib"

// library returns Go's standard library of a version as programs have it.
func library(version string) inventory.Module {
	version, _, _ = strings.Cut(version, " ")
	return inventory.Module{Path: standardLibrary, Version: strings.TrimPrefix(version, "go")}
}

func (w *billWriter) modules() {
	all := slices.SortedFunc(maps.Keys(w.linked), func(a, b inventory.Module) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Version, b.Version))
	})
	for _, m := range all {
		p := SPDXPackage{Name: m.Path, Version: m.Version, Refs: purlRef(modulePURL(m.Path, m.Version)), Purpose: "LIBRARY"}
		if m.Path == standardLibrary {
			p.LicenseDeclared = "BSD-3-Clause"
		}
		if sum := w.linked[m]; sum != "" {
			p.Refs = append(p.Refs, spdxRef{"OTHER", "go-sum", sum})
		}
		w.add("go", p)
	}
}
