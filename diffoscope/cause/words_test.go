package cause

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

// TestWords: every cause has words.
func TestWords(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "cause.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Type == nil {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != "Name" {
			return true
		}
		found++
		lit, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			t.Fatalf("%s has no literal", spec.Names[0])
		}
		name := Name(lit.Value[1 : len(lit.Value)-1])
		if _, ok := nameWords[name]; !ok {
			t.Errorf("%s has no words", name)
		}
		return true
	})
	if found < 20 {
		t.Errorf("found %d causes", found)
	}
	if got := Name("new").Words(); got != "new" {
		t.Errorf("an unknown name has the words %q", got)
	}
}
