package assess

import (
	"slices"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
)

// support writes down when the support of the image's base ends, as declared by those
// who, in its scope, may say what the image is: the scope's signers or, where it names
// none, whose bundle the trust root lists. Nobody else could know, or be asked.
//
// Of several declarations the one counts that ends first; one that doesn't say when
// leaves the end unknown, as none at all does. A declaration that the image's own
// labels contradict might hide anything, and so is a problem.
func (s *Assessment) support(p *policy.Policy) {
	var first *evidence.Base
	for _, st := range s.Contents.Statements {
		if st.PredicateType != evidence.DeclarationType || !s.maySay(p, st) {
			continue
		}
		d, err := evidence.ParseDeclaration(st.Body)
		if err == nil {
			err = d.Check(s.Contents.Labels)
		}
		if err != nil {
			s.problem("%v", err)
			return
		}
		if first == nil || d.Base.EndsBefore(*first) {
			first = &d.Base
		}
	}
	if first != nil {
		s.Facts.EndOfSupport = first.Ends()
	}
}

// maySay reports whether who signed a statement may say what the image is, as the
// verdict has it of signatures.
func (s *Assessment) maySay(p *policy.Policy, st release.Statement) bool {
	name, err := policy.ImageName(s.Facts.Reference)
	if err != nil {
		return false
	}
	scope := p.Scope(name)
	if scope == nil {
		return false
	}
	if !hasMarks(&st, scope) {
		return false
	}
	if len(scope.Signers) == 0 {
		return s.Listed != nil && slices.Contains(s.Listed.Target.Bundles, st.Manifest)
	}
	signer := p.SignerOf(st.Key.ID(), st.Certificate)
	return signer != nil && slices.Contains(scope.Signers, signer.Name)
}
