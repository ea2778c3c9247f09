package assess

import (
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
)

// named holds an image to its name and version where no trust root knows them: what it
// was asked for as has to be what one of the scope's signers signed that it is.
// Otherwise it is a problem, if one has signed it at all; where none has, the image is
// foreign or unsigned, and nobody vouches for its name either.
func (a *Assessor) named(s *Assessment) {
	scope := a.scope(s.Facts.Reference)
	if scope.TrustRoot != "" {
		return
	}
	var others []string
	for _, signer := range scope.Signers {
		by := func(st *release.Statement) bool {
			is := a.opts.Policy.SignerOf(st.Key.ID(), st.Certificate)
			return is != nil && is.Name == signer && hasMarks(st, scope)
		}
		if !slices.ContainsFunc(s.Contents.Statements, func(st release.Statement) bool { return st.Signature() && by(&st) }) {
			continue
		}
		switch name := signedName(s.Contents, by); {
		case s.asked.called(name):
			return
		case name == "":
			others = append(others, signer+" has signed it under no name")
		default:
			others = append(others, signer+" has signed it as "+name)
		}
	}
	if len(others) > 0 {
		s.problem("it was asked for as %q, but %s", s.Facts.Reference, strings.Join(others, ", and "))
	}
}

// signedName returns what those who by takes have signed that the image is,
// NAME:VERSION-rN: in their evidence or, when they have signed the image alone, in the
// image's own annotations. It is "" when neither says so.
func signedName(c *release.Contents, by func(*release.Statement) bool) string {
	if v, err := c.Of(by); err == nil {
		return v.Name
	}
	name, version := c.Annotations[ocispec.AnnotationTitle], c.Annotations[ocispec.AnnotationVersion]
	if w := parse(name + ":" + version); name == "" || version == "" || w.name != name || w.tag != version {
		return ""
	}
	return name + ":" + version
}

// called reports whether a name, NAME:VERSION-rN, is what was asked for.
func (w wanted) called(name string) bool {
	own, version, _ := strings.Cut(name, ":")
	return own != "" && w.name == own && (w.tag == "" || w.tag == version)
}

// hasMarks reports whether a statement is in a log and has a timestamp, as far as a
// scope asks for these.
func hasMarks(st *release.Statement, scope *policy.Scope) bool {
	m := marks(st, scope.Sigstore)
	return (!scope.Log || m.Logged) && (!scope.Timestamp || m.Timestamped())
}
