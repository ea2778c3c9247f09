package assess

import (
	"slices"

	"gitlab.com/tailsbuild/tailsbuild/internal/declared"
	"gitlab.com/tailsbuild/tailsbuild/internal/privilege"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

// signatures writes down who signed the image, and what the logs and timestamp
// authorities of a sigstore say of that. What they say of one signature is not said
// of another by the same key.
func (s *Assessment) signatures(sigstore string) {
	s.Facts.Sigstore = sigstore
	for _, st := range s.Contents.Statements {
		if !st.Signature() {
			continue
		}
		f := verdict.Signature{Key: st.Key.ID(), Certificate: st.Certificate}
		f.Listed = s.Listed != nil && slices.Contains(s.Listed.Target.Bundles, st.Manifest)
		if m := marks(&st, sigstore); m.Root != "" {
			f.Logged, f.Timestamped, f.Time = m.Logged, m.Timestamped(), m.Time
		}
		s.Facts.Signatures = append(s.Facts.Signatures, f)
	}
}

// marks returns what a sigstore says of a statement.
func marks(st *release.Statement, sigstore string) sign.Marks {
	for _, m := range st.Marks {
		if m.Root == sigstore {
			return m
		}
	}
	return sign.Marks{}
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
