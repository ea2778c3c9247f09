package recipe

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
)

// Env is what a recipe's references stand for beside the recipe itself.
type Env struct {
	// Vars are the values of var.NAME.
	Vars map[string]string
	// Arch is the Alpine architecture that arch stands for. The default is
	// DefaultArch.
	Arch string
}

// Decode decodes src, the content of the recipe file called filename.
//
// It doesn't read filename, which only appears in source ranges. It reports every
// problem it finds, in source order, and returns what it could decode beside
// them, so callers check diags.HasErrors before they use the result. A file that
// breaks a limit or isn't HCL gives the diagnostics of that alone; the recipe is
// nil then, and when the file has none.
func Decode(filename string, src []byte, env Env) (*Recipe, hcl.Diagnostics) {
	body, diags := hclschema.Parse(recipeLanguage, filename, src)
	if body == nil {
		return nil, diags
	}
	e := newEvaluator(&scope{arch: env.Arch, vars: env.Vars, done: map[string]result{}})
	if env.Arch == "" {
		e.scope.arch = DefaultArch
	}
	for _, a := range hclschema.InOrder(body.Attributes) {
		e.Fail(a.NameRange, "Attribute outside of the recipe", "Everything a recipe says stands in its block: service \"NAME\" { ... } or base \"NAME\" { ... }. Move %s there.", hclschema.Quote(a.Name))
	}
	found := e.recipeBlock(filename, body)
	if found == nil {
		return nil, hclschema.Sorted(e.Diags)
	}
	b := e.recipeBody(found)
	if b == nil {
		return nil, hclschema.Sorted(e.Diags)
	}
	r := e.recipe(b)
	r.Bytes = src
	return r, hclschema.Sorted(e.Diags)
}

// recipeBlock returns the file's one block, and reports others.
func (e *evaluator) recipeBlock(filename string, body *hclsyntax.Body) *hclsyntax.Block {
	var found *hclsyntax.Block
	names := []string{string(Base), string(Service)}
	for _, b := range body.Blocks {
		switch {
		case !slices.Contains(names, b.Type):
			e.Fail(b.TypeRange, "Unknown block", "A recipe file has one block, %s, and no %s.%s", hclschema.Choices(names), hclschema.Quote(b.Type), hclschema.Suggest(b.Type, names))
		case found != nil:
			e.Fail(b.DefRange(), "Second recipe in a file", "There is one already, on line %d. A recipe has a folder of its own, with recipe.hcl and its lock.", found.TypeRange.Start.Line)
		default:
			found = b
		}
	}
	if found == nil && len(body.Blocks) == 0 {
		e.Fail(hclschema.StartOf(filename), "No recipe in the file", "Write service \"NAME\" { ... }, or base \"NAME\" { ... }, with the name of the folder that the file is in.")
	}
	return found
}

func (e *evaluator) recipeBody(src *hclsyntax.Block) *hclschema.Block {
	typ := serviceType
	if src.Type == string(Base) {
		typ = baseType
	}
	e.scope.schema, e.scope.body = typ, src.Body
	if len(src.Labels) > 0 {
		e.scope.name = src.Labels[0]
	}
	return e.Block(typ, src)
}

// recipe makes a Recipe of its block, and checks what more than one attribute
// decides.
func (e *evaluator) recipe(b *hclschema.Block) *Recipe {
	r := &Recipe{
		Kind:          Kind(b.Type.Name),
		Name:          b.Labels[0].Text,
		Version:       b.Text("version"),
		Release:       int(b.Number("release")),
		Epoch:         b.Number("epoch"),
		Summary:       b.Text("summary"),
		Homepage:      b.Text("homepage"),
		License:       b.Text("license"),
		Documentation: b.Text("documentation"),
		Arch:          b.Texts("arch"),
		Base:          b.Text("base"),
		BaseRange:     b.RangeOf("base"),
		Packages:      b.Texts("packages"),
		PackagesRange: b.RangeOf("packages"),
		Labels:        b.Table("labels"),
		Annotations:   b.Table("annotations"),
		Range:         b.Range,
	}
	if !b.Has("arch") {
		r.Arch = []string{DefaultArch}
	}
	e.Distinct(b.Items("arch"), "Architecture is there twice")
	e.distinctPackages(b.Items("packages"))
	e.Labelled(b, "repository")
	for _, repo := range b.All("repository") {
		e.Distinct(repo.Items("overrides"), "Package is there twice")
		if repo.Has("overrides") && !repo.Has("key") {
			e.Fail(repo.RangeOf("overrides"), "Repository needs no overrides", "It has no key of its own, so that Alpine signs it. Remove overrides.")
		}
		r.Repositories = append(r.Repositories, Repository{
			Name: repo.Labels[0].Text, URL: repo.Text("url"), Key: repo.Text("key"), Overrides: repo.Texts("overrides"), Range: repo.Range,
		})
	}
	if r.Kind == Base {
		e.base(r, b)
	} else {
		e.service(r, b)
	}
	return r
}

func (e *evaluator) base(r *Recipe, b *hclschema.Block) {
	r.EndOfSupport = b.Text("end_of_support")
	rootfs := b.One("rootfs")
	switch {
	case rootfs == nil && !b.Has("base"):
		e.Fail(b.Range, "Base has no start", "A base needs the archive that it is made of, rootfs { url = ... }, or base = ... to start from another base.")
	case rootfs != nil && b.Has("base"):
		e.Fail(rootfs.Range, "Base has two starts", "It has base on line %d as well. Remove one of the two.", b.RangeOf("base").Start.Line)
	}
	if rootfs != nil {
		r.Rootfs = &Rootfs{URL: rootfs.Text("url"), SHA256: rootfs.Text("sha256"), Range: rootfs.Range}
	}
}
