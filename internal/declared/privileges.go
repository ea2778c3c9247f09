package declared

import (
	"bytes"
	"encoding/json"
	"errors"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// MaxPrivileges is how many privileges an image may declare.
const MaxPrivileges = 256

// ParsePrivileges reads the value of [LabelPrivileges], strictly: what isn't
// understood might be a privilege, too.
func ParsePrivileges(label string) ([]Privilege, error) {
	type declared struct {
		Kind   *string `json:"kind"`
		Name   *string `json:"name"`
		Reason *string `json:"reason"`
	}
	var all []*declared
	if err := oci.UnmarshalJSON("privileges", []byte(label), &all, "kind", "name", "reason"); err != nil {
		return nil, err
	}
	strict := json.NewDecoder(bytes.NewReader([]byte(label)))
	strict.DisallowUnknownFields()
	all = nil
	if err := strict.Decode(&all); err != nil {
		return nil, err
	}
	if all == nil || len(all) > MaxPrivileges {
		return nil, errors.New("it is no list of privileges, or too long")
	}
	out := make([]Privilege, 0, len(all))
	for _, d := range all {
		if d == nil || d.Kind == nil || d.Name == nil {
			return nil, errors.New("a privilege without kind or name")
		}
		p := Privilege{Kind: *d.Kind, Name: *d.Name}
		if d.Reason != nil {
			p.Reason = *d.Reason
		}
		out = append(out, p)
	}
	return out, nil
}
