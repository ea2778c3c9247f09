package lock

import (
	"bytes"
	"cmp"
	"fmt"
	"math/big"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// MaxSize is the largest size, in bytes, that a lock may give an input.
const MaxSize = 8 << 30

// Decode decodes src, the content of the lock file called filename.
//
// It accepts exactly the bytes that Encode writes: unknown or repeated
// attributes, blocks out of order and other formatting are diagnostics, so that
// one lock has one form and a change by hand is seen. filename is not read and
// only appears in source ranges. The result holds what could be decoded; callers
// check diags.HasErrors before they use it.
func Decode(filename string, src []byte) (*File, hcl.Diagnostics) {
	diags := checkTokens(filename, src)
	if diags.HasErrors() {
		return &File{}, diags
	}
	parsed, diags := hclsyntax.ParseConfig(src, filename, hcl.InitialPos)
	if diags.HasErrors() {
		return &File{}, diags
	}
	d := &decoder{}
	f := d.file(parsed.Body)
	if !d.diags.HasErrors() {
		d.canonical(filename, src, f.Encode())
	}
	slices.SortStableFunc(d.diags, func(a, b *hcl.Diagnostic) int {
		return cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte)
	})
	return f, d.diags
}

// A decoder collects the diagnostics of one file.
type decoder struct {
	diags hcl.Diagnostics
	// inputs has where each input of the file stands.
	inputs []hcl.Range
}

func (d *decoder) add(rng hcl.Range, summary, format string, args ...any) {
	d.diags = append(d.diags, problem(rng, summary, fmt.Sprintf(format, args...)))
}

// required makes the schema of a block whose attributes must all be there.
func required(names ...string) *hcl.BodySchema {
	s := &hcl.BodySchema{}
	for _, name := range names {
		s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: name, Required: true})
	}
	return s
}

func fileSchema() *hcl.BodySchema {
	s := required("recipe", "version")
	s.Blocks = []hcl.BlockHeaderSchema{
		{Type: "output"},
		{Type: "input", LabelNames: []string{"kind", "name"}},
		{Type: "world", LabelNames: []string{"arch", "use"}},
		{Type: "image", LabelNames: []string{"arch"}},
	}
	return s
}

func (d *decoder) file(body hcl.Body) *File {
	content, diags := body.Content(fileSchema())
	d.diags = append(d.diags, diags...)
	f := &File{Recipe: d.match(content.Attributes["recipe"], isName, "a recipe's name")}
	if version := d.number(content.Attributes["version"]); version != Version && content.Attributes["version"] != nil {
		d.diags = nil // the rest may mean something else in that format
		d.add(content.Attributes["version"].Expr.Range(), "Lock has another format",
			"It has version %d and this tailsbuild reads version %d. Run tailsbuild lock again, or use the tailsbuild that wrote it.", version, Version)
		return f
	}
	outputs := 0
	for _, block := range content.Blocks {
		switch block.Type {
		case "output":
			outputs++
			if outputs > 1 {
				d.add(block.DefRange, "Second output block", "A lock has one output block.")
			}
			f.Output = d.output(block.Body)
		case "input":
			d.input(f, block)
		case "world":
			d.world(f, block)
		case "image":
			d.image(f, block)
		}
	}
	d.packagesFit(f)
	if outputs == 0 {
		d.add(body.MissingItemRange(), "No output block", "Without it the lock doesn't say what made its images. Run tailsbuild lock again.")
	}
	return f
}

func (d *decoder) output(body hcl.Body) Output {
	content, diags := body.Content(required("compatibility", "buildkit", "buildkit_compatibility", "compression"))
	d.diags = append(d.diags, diags...)
	return Output{
		Compatibility:         int(d.number(content.Attributes["compatibility"])),
		BuildKit:              d.match(content.Attributes["buildkit"], isVersion, "a version such as v1.2.3"),
		BuildKitCompatibility: int(d.number(content.Attributes["buildkit_compatibility"])),
		Compression:           d.match(content.Attributes["compression"], isName, "a compression's name"),
	}
}

// schemas has the attributes of each kind of input, in the order they are written.
var schemas = map[string][]string{
	KindRootfs:    {"arch", "url", "size", "sha256", "diff_id"},
	KindHTTP:      {"url", "size", "sha256"},
	KindGoModule:  {"module", "version", "sum", "modules", "size", "sha256"},
	KindToolchain: {"arch", "module", "version", "sum", "size", "sha256"},
	KindIndex:     {"arch", "url", "key", "time", "size", "sha256"},
	KindPackage:   {"arch", "repository", "version", "url", "size", "sha256"},
}

// optional has the attribute that an input of that kind may have beside them.
var optional = map[string]string{KindGoModule: "packages", KindIndex: "key_sha256"}

func (d *decoder) input(f *File, block *hcl.Block) {
	in := Input{Kind: block.Labels[0], Name: block.Labels[1]}
	names, ok := schemas[in.Kind]
	if !ok {
		d.add(block.LabelRanges[0], "Unknown kind of input", "%q is none of apk, apk_index, go_module, http, rootfs, toolchain.", in.Kind)
		return
	}
	if !isName(in.Name) && (in.Kind != KindPackage || !isAPK(in.Name)) {
		d.add(block.LabelRanges[1], "Not a name", "%q is not a name of letters, digits, dots, dashes and underscores.", in.Name)
	}
	schema := required(names...)
	if name, ok := optional[in.Kind]; ok {
		schema.Attributes = append(schema.Attributes, hcl.AttributeSchema{Name: name})
	}
	content, diags := block.Body.Content(schema)
	d.diags = append(d.diags, diags...)
	attrs := content.Attributes
	in.Arch = d.match(attrs["arch"], isArch, "an architecture: x86_64 or aarch64")
	in.URL = d.match(attrs["url"], isURL, "an http or https URL")
	in.Module = d.match(attrs["module"], isModule, "a Go module's path")
	if in.Kind == KindPackage {
		in.Version = d.match(attrs["version"], isAPK, "a package's version")
	} else {
		in.Version = d.match(attrs["version"], isVersion, "a Go module's version")
	}
	in.Repository = d.match(attrs["repository"], isName, "a repository's name")
	in.Key = d.match(attrs["key"], isKey, "a key's name")
	in.Time = d.number(attrs["time"])
	in.KeySHA256 = d.match(attrs["key_sha256"], isHex, "64 lowercase hex digits")
	in.Packages = d.packages(attrs["packages"])
	in.Sum = d.match(attrs["sum"], isSum, "an h1 sum as in go.sum")
	in.Modules = d.modules(attrs["modules"])
	in.Size = d.number(attrs["size"])
	in.SHA256 = d.match(attrs["sha256"], isHex, "64 lowercase hex digits")
	in.DiffID = d.match(attrs["diff_id"], isHex, "64 lowercase hex digits")
	if in.Size > MaxSize {
		d.add(attrs["size"].Expr.Range(), "Input is too large", "%d bytes are more than an input may have, %d.", in.Size, int64(MaxSize))
	}
	if n := len(f.Inputs); n > 0 {
		d.order(block, compareKeys(f.Inputs[n-1], in), "kind, name and architecture")
	}
	f.Inputs, d.inputs = append(f.Inputs, in), append(d.inputs, block.DefRange)
}

func (d *decoder) image(f *File, block *hcl.Block) {
	im := Image{Arch: block.Labels[0]}
	if !isArch(im.Arch) {
		d.add(block.LabelRanges[0], "Unknown architecture", "%q is neither x86_64 nor aarch64.", im.Arch)
	}
	schema := required("plan", "digest")
	schema.Attributes = append(schema.Attributes, hcl.AttributeSchema{Name: "size"})
	content, diags := block.Body.Content(schema)
	d.diags = append(d.diags, diags...)
	im.Plan = d.match(content.Attributes["plan"], isDigest, "a digest, sha256: and 64 hex digits")
	im.Digest = d.match(content.Attributes["digest"], isDigest, "a digest, sha256: and 64 hex digits")
	im.Size = d.number(content.Attributes["size"])
	if n := len(f.Images); n > 0 {
		d.order(block, compareImages(f.Images[n-1], im), "architecture")
	}
	f.Images = append(f.Images, im)
}

// order reports a block that repeats the one before it or belongs before it.
func (d *decoder) order(block *hcl.Block, c int, by string) {
	switch {
	case c == 0:
		d.add(block.DefRange, "Repeated "+block.Type, "The block before it is for the same %s.", block.Type)
	case c > 0:
		d.add(block.DefRange, "Unsorted "+block.Type, "Blocks are sorted by %s. Run tailsbuild lock again.", by)
	}
}

// value returns the value of attr, a literal since checkTokens passed.
func (d *decoder) value(attr *hcl.Attribute) (cty.Value, bool) {
	if attr == nil {
		return cty.NilVal, false
	}
	v, diags := attr.Expr.Value(nil)
	d.diags = append(d.diags, diags...)
	return v, !diags.HasErrors() && v.IsWhollyKnown() && !v.IsNull()
}

// match returns the string of attr, which must satisfy valid. Without attr, it
// returns "": that is the schema's to report.
func (d *decoder) match(attr *hcl.Attribute, valid func(string) bool, what string) string {
	v, ok := d.value(attr)
	if attr == nil {
		return ""
	}
	if !ok || v.Type() != cty.String || !valid(v.AsString()) {
		d.add(attr.Expr.Range(), "Wrong value", "%s must be %s.", attr.Name, what)
		return ""
	}
	return v.AsString()
}

func (d *decoder) number(attr *hcl.Attribute) int64 {
	v, ok := d.value(attr)
	if attr == nil {
		return 0
	}
	if ok && v.Type() == cty.Number {
		if n, acc := v.AsBigFloat().Int64(); acc == big.Exact {
			return n
		}
	}
	d.add(attr.Expr.Range(), "Wrong value", "%s must be a whole number.", attr.Name)
	return 0
}

// list returns the elements of attr, each a string, and where they stand.
func (d *decoder) list(attr *hcl.Attribute) ([]string, []hcl.Range) {
	v, ok := d.value(attr)
	if attr == nil {
		return nil, nil
	}
	if !ok || !v.Type().IsTupleType() {
		d.add(attr.Expr.Range(), "Wrong value", "%s must be a list of strings.", attr.Name)
		return nil, nil
	}
	ranges := elementRanges(attr)
	var out []string
	for i, e := range v.AsValueSlice() {
		if e.IsNull() || e.Type() != cty.String {
			d.add(ranges[i], "Wrong value", "%s must be a list of strings.", attr.Name)
			return nil, nil
		}
		out = append(out, e.AsString())
	}
	return out, ranges
}

func (d *decoder) packages(attr *hcl.Attribute) []string {
	out, ranges := d.list(attr)
	for i, s := range out {
		if !isPackage(s) {
			d.add(ranges[i], "Not a package of the module", `A package is ".", or starts with "./".`)
		}
	}
	return out
}

func (d *decoder) modules(attr *hcl.Attribute) []Module {
	var out []Module
	list, ranges := d.list(attr)
	for i, s := range list {
		m, ok := parseModule(s)
		switch {
		case !ok:
			d.add(ranges[i], "Not a module", `A module is "path version h1:… h1:…", or "path version/go.mod h1:…" when only its go.mod is read.`)
		case len(out) > 0 && compareModules(out[len(out)-1], m) >= 0:
			d.add(ranges[i], "Modules are not sorted", "Modules are sorted by path and version, and each is there once. Run tailsbuild lock again.")
		}
		if len(d.diags) >= maxErrors {
			break
		}
		out = append(out, m)
	}
	return out
}

func elementRanges(attr *hcl.Attribute) []hcl.Range {
	exprs, _ := hcl.ExprList(attr.Expr)
	ranges := make([]hcl.Range, len(exprs))
	for i, e := range exprs {
		ranges[i] = e.Range()
	}
	return ranges
}

// canonical reports the first line at which got differs from want.
func (d *decoder) canonical(filename string, got, want []byte) {
	if bytes.Equal(got, want) {
		return
	}
	pos := hcl.InitialPos
	for {
		g, gotRest, gotMore := bytes.Cut(got, []byte("\n"))
		w, wantRest, wantMore := bytes.Cut(want, []byte("\n"))
		if !bytes.Equal(g, w) || gotMore != wantMore {
			end := pos
			end.Byte += len(g)
			end.Column += len(g)
			detail := fmt.Sprintf("Line %d is %q and tailsbuild lock writes %q.", pos.Line, clip(g), clip(w))
			if bytes.Equal(g, w) {
				detail = fmt.Sprintf("tailsbuild lock ends each line, and writes nothing after line %d.", pos.Line-1)
			}
			d.add(hcl.Range{Filename: filename, Start: pos, End: end}, "Lock was changed by hand", "%s Run tailsbuild lock again.", detail)
			return
		}
		pos = hcl.Pos{Line: pos.Line + 1, Column: 1, Byte: pos.Byte + len(g) + 1}
		got, want = gotRest, wantRest
	}
}

func clip(line []byte) []byte {
	const most = 200
	if len(line) > most {
		return line[:most]
	}
	return line
}
