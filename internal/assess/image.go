package assess

import (
	"slices"

	"gitlab.com/tailsbuild/tailsbuild/internal/declared"
	"gitlab.com/tailsbuild/tailsbuild/internal/privilege"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

// signatures writes down who signed the image. Transparency logs and timestamps are
// not verified yet, so that no signature has either.
func (s *Assessment) signatures() {
	for _, st := range s.Contents.Statements {
		if !st.Signature() {
			continue
		}
		listed := s.Listed != nil && slices.Contains(s.Listed.Target.Bundles, st.Manifest)
		i := slices.IndexFunc(s.Facts.Signatures, func(f verdict.Signature) bool { return f.Key == st.Key.ID() })
		if i < 0 {
			s.Facts.Signatures = append(s.Facts.Signatures, verdict.Signature{Key: st.Key.ID(), Listed: listed})
			continue
		}
		s.Facts.Signatures[i].Listed = s.Facts.Signatures[i].Listed || listed
	}
}

// privileges writes down what a service asks for, from the image's own label, which
// its digest covers. An image without it asks for nothing.
func (s *Assessment) privileges() {
	label, ok := s.Contents.Labels[declared.LabelPrivileges]
	if !ok {
		s.Facts.Privileges.Known = true
		return
	}
	ids, err := parsePrivileges(label)
	if err != nil {
		s.problem("label %s: %v", declared.LabelPrivileges, err)
		return
	}
	s.Facts.Privileges = verdict.Privileges{Known: true, IDs: ids}
}

func parsePrivileges(label string) ([]privilege.ID, error) {
	all, err := declared.ParsePrivileges(label)
	if err != nil {
		return nil, err
	}
	ids := []privilege.ID{}
	for _, p := range all {
		id, err := privilege.Of(p.Kind, p.Name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
