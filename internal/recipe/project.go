package recipe

import (
	"strings"

	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
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
	body, diags := hclschema.Parse(recipeLanguage, filename, src)
	if body == nil {
		return nil, diags
	}
	e := newEvaluator(nil)
	top := &hclschema.Block{Type: projectType, Range: hclschema.StartOf(filename)}
	e.Body(top, body)
	e.Labelled(top, "variable")
	p := &Project{}
	for _, policy := range top.All("policy") {
		p.RefuseUnsupported = policy.Text("end_of_support") == "refuse"
	}
	for _, v := range top.All("variable") {
		p.Variables = append(p.Variables, Variable{
			Name: v.Labels[0].Text, Default: v.Text("default"), Description: v.Text("description"), Range: v.Range,
		})
	}
	seen := map[string]int{}
	for _, m := range top.All("mirror") {
		upstream := strings.TrimRight(m.Labels[0].Text, "/")
		if line, again := seen[upstream]; again {
			e.Fail(m.Labels[0].Range, "Name is there twice", "There is a mirror of %s already, on line %d. Put all locations into that one.", hclschema.Quote(upstream), line)
		} else {
			seen[upstream] = m.Range.Start.Line
		}
		e.Distinct(m.Items("locations"), "Location is there twice")
		p.Mirrors = append(p.Mirrors, Mirror{Upstream: upstream, Locations: m.Texts("locations"), Range: m.Range})
	}
	return p, hclschema.Sorted(e.Diags)
}
