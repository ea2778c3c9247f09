package lock

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/opencontainers/go-digest"
	"github.com/zclconf/go-cty/cty"
	"golang.org/x/mod/semver"
)

const header = "# Written by tailsbuild lock. Change the recipe, then run it again.\n\n"

// Encode returns the lock in its one form: sorted, with LF, as hclwrite formats it.
func (f *File) Encode() []byte {
	var b bytes.Buffer
	b.WriteString(header)
	fmt.Fprintf(&b, "recipe = %s\nversion = %d\n", quote(f.Recipe), Version)
	fmt.Fprintf(&b, "\noutput {\ncompatibility = %d\nbuildkit = %s\nbuildkit_compatibility = %d\ncompression = %s\n}\n",
		f.Output.Compatibility, quote(f.Output.BuildKit), f.Output.BuildKitCompatibility, quote(f.Output.Compression))
	for _, in := range sorted(f.Inputs) {
		encodeInput(&b, in)
	}
	for _, w := range slices.SortedFunc(slices.Values(f.Worlds), compareWorlds) {
		fmt.Fprintf(&b, "\nworld %s %s {\n", quote(w.Arch), quote(w.Use))
		encodeList(&b, "packages", w.Packages)
		encodeList(&b, "installs", w.Installs)
		b.WriteString("}\n")
	}
	for _, im := range slices.SortedFunc(slices.Values(f.Images), compareImages) {
		fmt.Fprintf(&b, "\nimage %s {\nplan = %s\ndigest = %s\n", quote(im.Arch), quote(im.Plan), quote(im.Digest))
		if im.Size > 0 {
			fmt.Fprintf(&b, "size = %d\n", im.Size)
		}
		b.WriteString("}\n")
	}
	return hclwrite.Format(b.Bytes())
}

func encodeInput(b *bytes.Buffer, in Input) {
	fmt.Fprintf(b, "\ninput %s %s {\n", quote(in.Kind), quote(in.Name))
	for _, name := range schemas[in.Kind] {
		switch name {
		case "size":
			fmt.Fprintf(b, "size = %d\n", in.Size)
		case "time":
			fmt.Fprintf(b, "time = %d\n", in.Time)
		case "modules":
			if len(in.Packages) > 0 {
				encodeList(b, "packages", in.Packages)
			}
			encodeModules(b, in.Modules)
		default:
			fmt.Fprintf(b, "%s = %s\n", name, quote(in.text(name)))
			if name == "key" && in.KeySHA256 != "" {
				fmt.Fprintf(b, "key_sha256 = %s\n", quote(in.KeySHA256))
			}
		}
	}
	b.WriteString("}\n")
}

func encodeList(b *bytes.Buffer, name string, list []string) {
	fmt.Fprintf(b, "%s = [", name)
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.Write(quote(s))
	}
	b.WriteString("]\n")
}

func encodeModules(b *bytes.Buffer, modules []Module) {
	b.WriteString("modules = [")
	if len(modules) > 0 {
		b.WriteString("\n")
	}
	for _, m := range modules {
		fmt.Fprintf(b, "%s,\n", quote(m.String()))
	}
	b.WriteString("]\n")
}

// text returns the string attribute called name.
func (in Input) text(name string) string {
	switch name {
	case "arch":
		return in.Arch
	case "url":
		return in.URL
	case "module":
		return in.Module
	case "version":
		return in.Version
	case "sum":
		return in.Sum
	case "repository":
		return in.Repository
	case "key":
		return in.Key
	case "sha256":
		return in.SHA256
	case "diff_id":
		return in.DiffID
	}
	return ""
}

func quote(s string) []byte {
	return hclwrite.TokensForValue(cty.StringVal(s)).Bytes()
}

// String returns the kind, the name in quotes, and the architecture if there is
// one: `rootfs "alpine-3.19" for x86_64`.
func (in Input) String() string {
	s := fmt.Sprintf("%s %q", in.Kind, in.Name)
	if in.Arch != "" {
		s += " for " + in.Arch
	}
	return s
}

// String returns "path version sum gomodsum", or "path version/go.mod gomodsum"
// for a module of which only the go.mod is read, as go.sum has it.
func (m Module) String() string {
	if m.Sum == "" {
		return fmt.Sprintf("%s %s/go.mod %s", m.Path, m.Version, m.GoModSum)
	}
	return fmt.Sprintf("%s %s %s %s", m.Path, m.Version, m.Sum, m.GoModSum)
}

// Digest returns the sha256 of what decides a build: the recipe's name, the
// output record, the inputs and the worlds. It depends neither on how the file is formatted
// nor on the images recorded in it.
func (f *File) Digest() digest.Digest {
	b, err := json.Marshal(struct {
		Version int
		Recipe  string
		Output  Output
		Inputs  []Input
		Worlds  []World `json:",omitempty"`
	}{Version, f.Recipe, f.Output, sorted(f.Inputs), slices.SortedFunc(slices.Values(f.Worlds), compareWorlds)})
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return digest.FromBytes(b)
}

// sorted returns inputs in the order of the lock, and so the modules in them.
func sorted(inputs []Input) []Input {
	out := slices.SortedFunc(slices.Values(inputs), compareKeys)
	for i, in := range out {
		out[i].Modules = slices.SortedFunc(slices.Values(in.Modules), compareModules)
	}
	return out
}

// compareKeys orders inputs by kind, name and architecture, what names one.
func compareKeys(a, b Input) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Arch, b.Arch))
}

func compareImages(a, b Image) int { return cmp.Compare(a.Arch, b.Arch) }

func compareModules(a, b Module) int {
	return cmp.Or(cmp.Compare(a.Path, b.Path), semver.Compare(a.Version, b.Version), cmp.Compare(a.Version, b.Version))
}
