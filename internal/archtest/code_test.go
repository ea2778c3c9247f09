package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/types"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestNames: a package is called after what it is about.
func TestNames(t *testing.T) {
	for _, s := range sources(t) {
		for _, name := range []string{s.file.Name.Name, path.Base(s.pkg)} {
			if slices.Contains([]string{"util", "utils", "common", "types", "pkg", "helper", "helpers", "misc"}, name) {
				t.Errorf("%s: a package called %s says nothing", s.path, name)
			}
		}
	}
}

// TestSizes: files and functions that can be read at once.
func TestSizes(t *testing.T) {
	const maxLines, maxFunc = 450, 60
	for _, s := range sources(t) {
		if n := bytes.Count(s.text, []byte("\n")); n >= maxLines {
			t.Errorf("%s has %d lines, want fewer than %d: split it by noun", s.path, n, maxLines)
		}
		for _, decl := range s.file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			from, to := s.fset.Position(fn.Pos()), s.fset.Position(fn.End())
			if n := to.Line - from.Line + 1; n > maxFunc {
				t.Errorf("%s: %s has %d lines, want %d at most", from, fn.Name.Name, n, maxFunc)
			}
		}
	}
}

// A ban is a selector, as "os.Exit", that only some packages may use.
type ban struct {
	selector string
	allowed  []string
	why      string
}

// Where an image's bytes, or what is signed, are decided there is no clock,
// random source or environment.
var pure = []string{
	"internal/hclschema", "internal/recipe", "internal/lock", "internal/graph", "internal/evidence", "diffoscope",
	"diffoscope/cause", "diffoscope/filetype",
	"internal/privilege", "internal/policy", "internal/verdict", "internal/enforce",
}

func bans() []ban {
	all := []ban{
		{"os.Exit", []string{"cmd/tailsbuild", "bench"}, "only main exits"},
		{"log.Fatal", nil, "only main exits"},
		{"log.Fatalf", nil, "only main exits"},
		{"log.Printf", nil, "there is no global logger"},
		{"log.Println", nil, "there is no global logger"},
		{"slog.Info", nil, "there is no global logger"},
		{"slog.Warn", nil, "there is no global logger"},
		{"slog.Error", nil, "there is no global logger"},
		{"fmt.Print", nil, "only a command's result goes to stdout"},
		{"fmt.Printf", []string{"bench"}, "only a command's result goes to stdout"},
		{"fmt.Println", []string{"bench"}, "only a command's result goes to stdout"},
		{"sign.StatementUnsafe", []string{"internal/release"}, "nothing of it is verified"},
		{"ioutil.ReadAll", nil, "io/ioutil is deprecated"},
	}
	return all
}

func TestBans(t *testing.T) {
	for _, s := range sources(t) {
		imported := imports(t, s.file)
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if !ok || pkg.Obj != nil { // a variable, not a package
				return true
			}
			name := pkg.Name + "." + sel.Sel.Name
			at := s.fset.Position(sel.Pos())
			for _, b := range bans() {
				if name == b.selector && !slices.Contains(b.allowed, s.pkg) {
					t.Errorf("%s: %s: %s", at, name, b.why)
				}
			}
			clock := slices.Contains([]string{"time.Now", "time.Since", "os.Getenv", "os.LookupEnv", "os.Environ", "os.Hostname"}, name)
			if clock && slices.Contains(pure, s.pkg) {
				t.Errorf("%s: %s: the same bytes in must give the same bytes out", at, name)
			}
			return true
		})
		for _, p := range imported {
			if slices.Contains([]string{"math/rand", "math/rand/v2", "crypto/rand"}, p) && slices.Contains(pure, s.pkg) {
				t.Errorf("%s: %s: the same bytes in must give the same bytes out", s.path, p)
			}
		}
	}
}

// TestRegularExpressions: those of packages are compiled when they are used, since
// every command would pay for all of them, and they are valid.
func TestRegularExpressions(t *testing.T) {
	found := 0
	for _, s := range sources(t) {
		for _, decl := range s.file.Decls {
			_, inFunc := decl.(*ast.FuncDecl)
			ast.Inspect(decl, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				at := s.fset.Position(call.Pos())
				switch name := types.ExprString(call.Fun); name {
				case "regexp.MustCompile":
					if !inFunc {
						t.Errorf("%s: it is compiled by every command: use lazyregexp", at)
					}
				case "lazyregexp.New", "hclschema.Matches":
					literal, ok := call.Args[0].(*ast.BasicLit)
					if !ok {
						break
					}
					found++
					if expr, err := strconv.Unquote(literal.Value); err != nil {
						t.Errorf("%s: %v", at, err)
					} else if _, err := regexp.Compile(expr); err != nil {
						t.Errorf("%s: %v", at, err)
					}
				}
				return true
			})
		}
	}
	if found < 40 {
		t.Errorf("found %d regular expressions, which can't be all", found)
	}
}

// TestWords: messages name the object, and the code names no host that serves
// packages: the go command knows it.
func TestWords(t *testing.T) {
	for _, s := range sources(t) {
		for _, word := range []string{"failed" + " to ", "proxy." + "golang.org", "sum." + "golang.org"} {
			for i, line := range strings.Split(string(s.text), "\n") {
				if strings.Contains(line, word) {
					t.Errorf("%s:%d: says %q", s.path, i+1, word)
				}
			}
		}
	}
}

// TestExportedHaveDocs: every exported name of a package says what it is.
func TestExportedHaveDocs(t *testing.T) {
	for _, s := range sources(t) {
		for _, decl := range s.file.Decls {
			for _, missing := range undocumented(decl) {
				t.Errorf("%s: %s has no doc comment", s.fset.Position(decl.Pos()), missing)
			}
		}
	}
}

// undocumented returns the exported names that decl declares without a comment.
// Error, Unwrap and the like do what their interface says.
func undocumented(decl ast.Decl) []string {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if !d.Name.IsExported() || d.Doc != nil || d.Recv != nil && !exportedReceiver(d) {
			return nil
		}
		if d.Recv != nil && slices.Contains([]string{"Error", "Unwrap", "String", "Close", "Read", "Write"}, d.Name.Name) {
			return nil
		}
		return []string{d.Name.Name}
	case *ast.GenDecl:
		var names []string
		for _, spec := range d.Specs {
			if t, ok := spec.(*ast.TypeSpec); ok && t.Name.IsExported() && d.Doc == nil && t.Doc == nil {
				names = append(names, t.Name.Name)
			}
		}
		return names
	}
	return nil
}

func exportedReceiver(d *ast.FuncDecl) bool {
	return ast.IsExported(strings.TrimLeft(fmt.Sprint(receiver(d.Recv.List[0].Type)), "*"))
}

func receiver(e ast.Expr) string {
	switch t := e.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}
