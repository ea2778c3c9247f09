package recipe

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
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
	body, diags := parse(filename, src)
	if body == nil {
		return nil, diags
	}
	e := &evaluator{scope: &scope{arch: env.Arch, vars: env.Vars, done: map[string]result{}}}
	if env.Arch == "" {
		e.scope.arch = DefaultArch
	}
	for _, a := range inOrder(body.Attributes) {
		e.fail(a.NameRange, "Attribute outside of the recipe", "Everything a recipe says stands in its block: service \"NAME\" { ... } or base \"NAME\" { ... }. Move %s there.", quote(a.Name))
	}
	found := e.recipeBlock(filename, body)
	if found == nil {
		return nil, sorted(e.diags)
	}
	b := e.recipeBody(found)
	if b == nil {
		return nil, sorted(e.diags)
	}
	r := e.recipe(b)
	r.Bytes = src
	return r, sorted(e.diags)
}

// recipeBlock returns the file's one block, and reports others.
func (e *evaluator) recipeBlock(filename string, body *hclsyntax.Body) *hclsyntax.Block {
	var found *hclsyntax.Block
	names := []string{string(Base), string(Service)}
	for _, b := range body.Blocks {
		switch {
		case !slices.Contains(names, b.Type):
			e.fail(b.TypeRange, "Unknown block", "A recipe file has one block, %s, and no %s.%s", choices(names), quote(b.Type), suggest(b.Type, names))
		case found != nil:
			e.fail(b.DefRange(), "Second recipe in a file", "There is one already, on line %d. A recipe has a folder of its own, with recipe.hcl and its lock.", found.TypeRange.Start.Line)
		default:
			found = b
		}
	}
	if found == nil && len(body.Blocks) == 0 {
		e.fail(startOf(filename), "No recipe in the file", "Write service \"NAME\" { ... }, or base \"NAME\" { ... }, with the name of the folder that the file is in.")
	}
	return found
}

func (e *evaluator) recipeBody(src *hclsyntax.Block) *block {
	typ := serviceType
	if src.Type == string(Base) {
		typ = baseType
	}
	e.scope.schema, e.scope.body = typ, src.Body
	if len(src.Labels) > 0 {
		e.scope.name = src.Labels[0]
	}
	return e.block(typ, src)
}

// recipe makes a Recipe of its block, and checks what more than one attribute
// decides.
func (e *evaluator) recipe(b *block) *Recipe {
	r := &Recipe{
		Kind:          Kind(b.typ.name),
		Name:          b.labels[0].text,
		Version:       b.text("version"),
		Release:       int(b.number("release")),
		Epoch:         b.number("epoch"),
		Summary:       b.text("summary"),
		Homepage:      b.text("homepage"),
		License:       b.text("license"),
		Documentation: b.text("documentation"),
		Arch:          b.texts("arch"),
		Base:          b.text("base"),
		BaseRange:     b.rangeOf("base"),
		Packages:      b.texts("packages"),
		PackagesRange: b.rangeOf("packages"),
		Labels:        b.table("labels"),
		Annotations:   b.table("annotations"),
		Range:         b.rng,
	}
	if !b.has("arch") {
		r.Arch = []string{DefaultArch}
	}
	e.distinct(b.items("arch"), "Architecture is there twice")
	e.distinct(b.items("packages"), "Package is there twice")
	e.labelled(b, "repository")
	for _, repo := range b.all("repository") {
		r.Repositories = append(r.Repositories, Repository{
			Name: repo.labels[0].text, URL: repo.text("url"), Key: repo.text("key"), Range: repo.rng,
		})
	}
	if r.Kind == Base {
		e.base(r, b)
	} else {
		e.service(r, b)
	}
	return r
}

func (e *evaluator) base(r *Recipe, b *block) {
	r.EndOfSupport = b.text("end_of_support")
	rootfs := b.one("rootfs")
	switch {
	case rootfs == nil && !b.has("base"):
		e.fail(b.rng, "Base has no start", "A base needs the archive that it is made of, rootfs { url = ... }, or base = ... to start from another base.")
	case rootfs != nil && b.has("base"):
		e.fail(rootfs.rng, "Base has two starts", "It has base on line %d as well. Remove one of the two.", b.rangeOf("base").Start.Line)
	}
	if rootfs != nil {
		r.Rootfs = &Rootfs{URL: rootfs.text("url"), SHA256: rootfs.text("sha256"), Range: rootfs.rng}
	}
}

// distinct reports elements of a list that are there twice.
func (e *evaluator) distinct(items []item, summary string) {
	seen := map[string]bool{}
	for _, it := range items {
		if seen[it.text] {
			e.fail(it.rng, summary, "The list has %s already. Remove one of the two.", quote(it.text))
		}
		seen[it.text] = true
	}
}

// labelled reports inner blocks of one type with the same last label, by which
// they are known.
func (e *evaluator) labelled(b *block, name string) {
	seen := map[string]hcl.Range{}
	for _, inner := range b.all(name) {
		l := inner.labels[len(inner.labels)-1]
		if first, again := seen[l.text]; again {
			e.fail(l.rng, "Name is there twice", "There is a %s %s already, on line %d. Rename or remove one of the two.", name, quote(l.text), first.Start.Line)
			continue
		}
		seen[l.text] = l.rng
	}
}

// sortedKeys returns m's keys in order, for output that is always the same.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
