// Package declared is what a recipe declares about the service that it makes, in
// the form in which images carry it: as labels of their config, whose values are
// JSON, and which an image's digest covers.
package declared

import (
	"encoding/json"
	"fmt"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// The labels.
const (
	LabelPrivileges = "tailsbuild.privileges"
	LabelLimits     = "tailsbuild.limits"
	LabelPorts      = "tailsbuild.ports"
	LabelVolumes    = "tailsbuild.volumes"
)

// labels are all of them.
var labels = []string{LabelPrivileges, LabelLimits, LabelPorts, LabelVolumes}

// A Service is what is declared. A list that is nil isn't declared at all, as for
// bases, and has no label; one that is empty is a promise.
type Service struct {
	Privileges []Privilege `json:"privileges,omitzero"`
	Limits     *Limits     `json:"limits,omitempty"` // nil when there are none
	Ports      []Port      `json:"ports,omitzero"`
	Volumes    []Volume    `json:"volumes,omitzero"`
}

// A Privilege is something beyond the strict default, and why it is needed.
type Privilege struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Limits bound the compressed image and the service's memory, in bytes, and its
// processes. 0 is no limit.
type Limits struct {
	Size   int64 `json:"size,omitempty"`
	Memory int64 `json:"memory,omitempty"`
	Pids   int64 `json:"pids,omitempty"`
}

// A Port is where the service listens. Onion is the virtual port of its onion
// service, 0 for none.
type Port struct {
	Name     string `json:"name"`
	Number   uint16 `json:"number"`
	Protocol string `json:"protocol"` // "tcp" or "udp"
	Onion    uint16 `json:"onion,omitempty"`
}

// A Volume is a folder for data. It outlives the container when it is persistent.
type Volume struct {
	Path       string `json:"path"`
	Persistent bool   `json:"persistent"`
}

// Of returns what r declares.
func Of(r *recipe.Recipe) Service {
	var s Service
	if r.Kind == recipe.Service {
		s.Privileges = []Privilege{} // "none" is a promise
	}
	for _, p := range r.Privileges {
		s.Privileges = append(s.Privileges, Privilege{p.Kind, p.Name, p.Reason})
	}
	if l := r.Limits; l.Size != 0 || l.Memory != 0 || l.Pids != 0 {
		s.Limits = &Limits{l.Size, l.Memory, l.Pids}
	}
	if rt := r.Runtime; rt != nil {
		s.Ports, s.Volumes = []Port{}, []Volume{}
		for _, p := range rt.Ports {
			s.Ports = append(s.Ports, Port{p.Name, p.Number, p.Protocol, p.Onion})
		}
		for _, v := range rt.Volumes {
			s.Volumes = append(s.Volumes, Volume{v.Path, v.Persistent})
		}
	}
	return s
}

// Labels returns the labels of an image that declares s, always the same bytes.
func (s Service) Labels() (map[string]string, error) {
	values := map[string]any{}
	if s.Privileges != nil {
		values[LabelPrivileges] = s.Privileges
	}
	if s.Limits != nil {
		values[LabelLimits] = s.Limits
	}
	if s.Ports != nil {
		values[LabelPorts] = s.Ports
	}
	if s.Volumes != nil {
		values[LabelVolumes] = s.Volumes
	}
	out := make(map[string]string, len(values))
	for name, value := range values {
		b, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("label %s: %w", name, err)
		}
		out[name] = string(b)
	}
	return out, nil
}

// A ContradictionError reports that an image's own Label isn't what is said of it.
// Image or Said are "" where there is no such label.
type ContradictionError struct{ Label, Image, Said string }

func (e *ContradictionError) Error() string {
	return fmt.Sprintf("the image's label %s is %q, what is declared of it %q", e.Label, e.Image, e.Said)
}

// Check checks that an image with these labels declares exactly s, to the byte.
// Otherwise it returns a *[ContradictionError].
func (s Service) Check(image map[string]string) error {
	said, err := s.Labels()
	if err != nil {
		return err
	}
	for _, name := range labels {
		is, has := image[name]
		want, declared := said[name]
		if is != want || has != declared {
			return &ContradictionError{Label: name, Image: is, Said: want}
		}
	}
	return nil
}
