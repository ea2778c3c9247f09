package recipe

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// ProjectFile is the name of the project file in the folder of recipes.
const ProjectFile = "tailsbuild.hcl"

// A Project is what all recipes of a folder share.
type Project struct {
	Mirrors   []Mirror
	Variables []Variable
	// RefuseUnsupported is whether a build on a base past its end of support is
	// refused, rather than warned of.
	RefuseUnsupported bool
}

// A Mirror gives other places for the inputs whose URL starts with Upstream.
type Mirror struct {
	// Upstream is a URL without a slash at its end.
	Upstream string
	// Locations are URLs and folders, in the order in which they are tried.
	Locations []string
	Range     hcl.Range
}

// A Variable has a value that recipes refer to as var.Name.
type Variable struct {
	Name        string
	Default     string
	Description string
	Range       hcl.Range
}

// DecodeProject decodes src, the content of the project file called filename.
// Folders in Locations stay as they are written. Everything else is as with
// Decode.
func DecodeProject(filename string, src []byte) (*Project, hcl.Diagnostics) {
	body, diags := parse(filename, src)
	if body == nil {
		return nil, diags
	}
	e := &evaluator{}
	top := &block{typ: projectType, rng: startOf(filename)}
	e.body(top, body)
	e.labelled(top, "variable")
	p := &Project{}
	for _, policy := range top.all("policy") {
		p.RefuseUnsupported = policy.text("end_of_support") == "refuse"
	}
	for _, v := range top.all("variable") {
		p.Variables = append(p.Variables, Variable{
			Name: v.labels[0].text, Default: v.text("default"), Description: v.text("description"), Range: v.rng,
		})
	}
	seen := map[string]int{}
	for _, m := range top.all("mirror") {
		upstream := strings.TrimRight(m.labels[0].text, "/")
		if line, again := seen[upstream]; again {
			e.fail(m.labels[0].rng, "Name is there twice", "There is a mirror of %s already, on line %d. Put all locations into that one.", quote(upstream), line)
		} else {
			seen[upstream] = m.rng.Start.Line
		}
		e.distinct(m.items("locations"), "Location is there twice")
		p.Mirrors = append(p.Mirrors, Mirror{Upstream: upstream, Locations: m.texts("locations"), Range: m.rng})
	}
	return p, sorted(e.diags)
}
