package assess

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
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

// rebuilds writes down what rebuilders say of the image. There is no statement yet
// that a rebuilder makes: a release's own provenance and comparison are its
// builders', and no second opinion. Those of others will be among
// s.Contents.Statements, by known keys.
func (s *Assessment) rebuilds() { s.Facts.Rebuilds = nil }

// labelPrivileges has what a service asks for, in the config, which the image's
// digest covers. An image without it asks for nothing.
const labelPrivileges = "tailsbuild.privileges"

const maxPrivileges = 256

func (s *Assessment) privileges() {
	label, ok := s.Contents.Labels[labelPrivileges]
	if !ok {
		s.Facts.Privileges.Known = true
		return
	}
	ids, err := parsePrivileges([]byte(label))
	if err != nil {
		s.problem("label %s: %v", labelPrivileges, err)
		return
	}
	s.Facts.Privileges = verdict.Privileges{Known: true, IDs: ids}
}

// parsePrivileges reads the label. What isn't understood might be a privilege, too.
func parsePrivileges(label []byte) ([]privilege.ID, error) {
	type declared struct {
		Kind   *string `json:"kind"`
		Name   *string `json:"name"`
		Reason *string `json:"reason"`
	}
	var all []*declared
	if err := oci.UnmarshalJSON("privileges", label, &all, "kind", "name", "reason"); err != nil {
		return nil, err
	}
	strict := json.NewDecoder(bytes.NewReader(label))
	strict.DisallowUnknownFields()
	all = nil
	if err := strict.Decode(&all); err != nil {
		return nil, err
	}
	if all == nil || len(all) > maxPrivileges {
		return nil, errors.New("it is no list of privileges, or too long")
	}
	ids := []privilege.ID{}
	for _, d := range all {
		if d == nil || d.Kind == nil || d.Name == nil {
			return nil, errors.New("a privilege without kind or name")
		}
		id, err := privilege.Of(*d.Kind, *d.Name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
