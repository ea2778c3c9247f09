package hclschema

import (
	"fmt"
	"strings"
)

// Describe writes a block, its variants and the blocks inside, as Markdown: a
// heading at level, for example "###", and below it headings of the fourth level.
func Describe(b *strings.Builder, typ *BlockType, level string) {
	describe(b, typ, 0, "", level)
}

func describe(b *strings.Builder, typ *BlockType, depth int, outer, level string) {
	name := typ.Header()
	if typ.Of != "" {
		name = typ.Of + ` "` + typ.Name + `" "NAME"`
	}
	fmt.Fprintf(b, "%s `%s`%s\n\n%s", level, name, outer, typ.Doc)
	if typ.Many {
		b.WriteString(" May be repeated.")
	}
	b.WriteString("\n\n")
	if typ.Example != "" {
		fmt.Fprintf(b, "```hcl\n%s\n```\n\n", typ.Example)
	}
	for _, l := range typ.Labels {
		fmt.Fprintf(b, "- `%s`: %s\n", l.Name, l.Doc)
	}
	if len(typ.Labels) > 0 {
		b.WriteString("\n")
	}
	if len(typ.Attrs) > 0 {
		b.WriteString("| attribute | type | default | meaning |\n|---|---|---|---|\n")
	}
	for _, a := range typ.Attrs {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", a.Name, a.Type, whenLeftOut(a), a.Doc+bounds(a))
	}
	if len(typ.Attrs) > 0 {
		b.WriteString("\n")
	}
	inner := ""
	if depth > 0 {
		inner = " in `" + typ.Name + "`"
	}
	for _, v := range typ.Variants {
		describe(b, v, depth, "", "####")
	}
	for _, block := range typ.Blocks {
		describe(b, block, depth+1, inner, "####")
	}
}

func whenLeftOut(a Attribute) string {
	switch {
	case a.Required:
		return "required"
	case a.Default != "":
		return "`" + a.Default + "`"
	}
	return ""
}

func bounds(a Attribute) string {
	if a.Type != Number {
		return ""
	}
	return fmt.Sprintf(" From %d to %d.", a.Min, a.Max)
}
