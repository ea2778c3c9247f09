package release

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// signers are packages that can make a signature; only internal/sign imports them.
var signers = []string{
	"github.com/secure-systems-lab/go-securesystemslib/",
	"github.com/sigstore/sigstore-go/pkg/sign",
	"github.com/sigstore/sigstore/pkg/",
}

// signing are the names of functions that sign, in the standard library and in
// those packages.
var signing = []string{"SignASN1", "SignPKCS1v15", "SignPSS", "SignMessage", "SignData", "SignPayload"}

// testOnly are packages that no package but a test may use: archtest sees to it.
var testOnly = []string{"internal/trust/trusttest", "internal/kms/kmstest"}

// source calls visit with every Go file of the module that isn't for tests.
func source(t *testing.T, visit func(path string, file *ast.File)) {
	t.Helper()
	root, err := filepath.Abs("../..")
	check(t, err)
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, nested := os.Stat(filepath.Join(path, "go.mod"))
			if path != root && (nested == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			slices.Contains(testOnly, filepath.ToSlash(filepath.Dir(rel))) {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files++
		visit(filepath.ToSlash(rel), file)
		return nil
	})
	check(t, err)
	if files < 10 {
		t.Fatalf("only %d files below %s", files, root)
	}
}

// callers has the functions of package sign that sign, and the places that alone may
// call each: a statement by a method of reproduced, and one of platforms for their
// index, a reference by one of gatedImage, TUF metadata, which is all that the third
// takes, by package trustroot, and what a rebuilder says, which is all that the fourth
// takes, by methods of Attempt, of Agreement and of Commitment.
var callers = map[string][]string{
	"Sign":          {"internal/release/platforms.go platforms.sign", "internal/release/write.go reproduced.sign"},
	"SignReference": {"internal/release/reference.go gatedImage.sign"},
	"SignMetadata":  {"internal/trustroot/sign.go signWith"},
	"SignRebuild":   {"internal/rebuild/agreement.go Agreement.sign", "internal/rebuild/commitment.go Commitment.sign", "internal/rebuild/statement.go Attempt.sign"},
}

// TestOneSigner holds the source to what the package promises: one call of the
// signer in a method of reproduced, one in a method of what has nothing but those, one
// that signs what such calls have signed, and nothing else that could sign.
func TestOneSigner(t *testing.T) {
	calls := map[string][]string{}
	source(t, func(path string, file *ast.File) {
		for _, imp := range file.Imports {
			if imp.Name != nil && imp.Name.Name == "_" {
				continue // nothing of it can be called
			}
			name, _ := strconv.Unquote(imp.Path.Value)
			for _, s := range signers {
				if (name == s || strings.HasSuffix(s, "/") && strings.HasPrefix(name, s)) && !strings.HasPrefix(path, "internal/sign/") {
					t.Errorf("%s imports %s", path, name)
				}
			}
		}
		for _, decl := range file.Decls {
			where := path
			if f, ok := decl.(*ast.FuncDecl); ok {
				where += " " + funcName(f)
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					// Any type's: a Key may hide behind an interface.
					if callers[n.Sel.Name] != nil {
						calls[n.Sel.Name] = append(calls[n.Sel.Name], where)
					}
					if slices.Contains(signing, n.Sel.Name) && !strings.HasPrefix(path, "internal/sign/") {
						t.Errorf("%s calls %s", where, n.Sel.Name)
					}
					if n.Sel.Name == "MethodByName" {
						t.Errorf("%s uses reflection", where)
					}
				case *ast.InterfaceType:
					for _, m := range n.Methods.List {
						for _, name := range m.Names {
							if callers[name.Name] != nil {
								t.Errorf("%s declares an interface with %s", where, name.Name)
							}
						}
					}
				}
				return true
			})
		}
	})
	for name, want := range callers {
		if got := calls[name]; !slices.Equal(got, want) {
			t.Errorf("%s is called in %q, want only in %q", name, got, want)
		}
	}
}

// TestOneSignature: whatever a key signs, in memory or by a program that holds it,
// is signed in one place, which the methods of the signer alone lead to. Only
// internal/kms can ask a program.
func TestOneSignature(t *testing.T) {
	uses := map[string][]string{}
	source(t, func(path string, file *ast.File) {
		for _, decl := range file.Decls {
			where := path
			if f, ok := decl.(*ast.FuncDecl); ok {
				where += " " + funcName(f)
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if slices.Contains([]string{"SignASN1", "SignMessage", "signature"}, n.Sel.Name) &&
						(strings.HasPrefix(path, "internal/sign/") || strings.HasPrefix(path, "internal/kms/")) {
						uses[n.Sel.Name] = append(uses[n.Sel.Name], where)
					}
				case *ast.BasicLit:
					if n.Value == `"signMessage"` {
						uses["protocol"] = append(uses["protocol"], where)
					}
				case *ast.Ident:
					if n.Name == "methodSignMessage" {
						uses[n.Name] = append(uses[n.Name], where)
					}
				}
				return true
			})
		}
	})
	for name, want := range map[string][]string{
		"SignASN1":          {"internal/sign/sign.go Key.signature"},
		"SignMessage":       {"internal/sign/sign.go Key.signature"},
		"signature":         {"internal/sign/metadata.go Key.SignMetadata", "internal/sign/sign.go keypair.SignData", "internal/sign/simple.go Key.SignReference"},
		"protocol":          {"internal/kms/protocol.go"},
		"methodSignMessage": {"internal/kms/kms.go Key.SignMessage", "internal/kms/protocol.go", "internal/kms/protocol.go encodeArguments"},
	} {
		slices.Sort(uses[name])
		if got := slices.Compact(uses[name]); !slices.Equal(got, want) {
			t.Errorf("%s is used in %q, want %q", name, got, want)
		}
	}
}

// harmless are the other methods of a key: none of them signs.
var harmless = []string{"Public", "With", "Services"}

// TestSignerIsWhole: what package sign exports for signing is what this file knows.
func TestSignerIsWhole(t *testing.T) {
	source(t, func(path string, file *ast.File) {
		if filepath.Dir(path) != "internal/sign" {
			return
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() || !strings.HasPrefix(funcName(f), "Key.") {
				continue
			}
			if callers[f.Name.Name] == nil && !slices.Contains(harmless, f.Name.Name) {
				t.Errorf("%s: %s may sign, and nothing here says who may call it", path, funcName(f))
			}
		}
	})
}

// TestOneMaker checks that only compare makes a reproduced, only compareAll a platforms,
// and only gated a gatedImage, after Verify with the key that will sign, and that
// signAll, attach and BindReference alone call their sign. By its type, nothing is in a
// platforms but what compare made.
func TestOneMaker(t *testing.T) {
	makers, signed := map[string][]string{}, []string(nil)
	source(t, func(path string, file *ast.File) {
		if filepath.Dir(path) != "internal/release" {
			return
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(f.Body, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.Ident:
					// A literal, new(), a variable, a conversion: any mention.
					if slices.Contains([]string{"reproduced", "platforms", "gatedImage"}, n.Name) {
						makers[n.Name] = append(makers[n.Name], funcName(f))
					}
				case *ast.SelectorExpr:
					if n.Sel.Name == "sign" {
						signed = append(signed, funcName(f))
					}
				}
				return true
			})
		}
	})
	for name, want := range map[string]string{"reproduced": "compare", "platforms": "compareAll", "gatedImage": "gated"} {
		if got := makers[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is named in %q, want %s alone", name, got, want)
		}
	}
	slices.Sort(signed)
	if want := []string{"BindReference", "platforms.attach", "reproduced.signAll"}; !slices.Equal(signed, want) {
		t.Errorf("sign is called in %q, want %q alone", signed, want)
	}
}

// TestOneAttempt checks that only Compare and Fail make an auditor's attempt, that
// only the comparison's judge makes one that speaks for an image, that only Agree,
// for package assess, makes an agreement, that only Commit makes a commitment, and that
// little calls their sign.
func TestOneAttempt(t *testing.T) {
	makers, praised, signed := []string(nil), []string(nil), []string(nil)
	agreements, agreeing, commitments := []string(nil), []string(nil), []string(nil)
	source(t, func(path string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Agree" {
				agreeing = append(agreeing, path)
			}
			return true
		})
		if filepath.Dir(path) != "internal/rebuild" {
			return
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(f.Body, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.Ident:
					switch n.Name {
					case "Attempt":
						makers = append(makers, funcName(f))
					case "Agreement": // that of package evidence has the same name
						agreements = append(agreements, funcName(f))
					case "Commitment": // that, too
						commitments = append(commitments, funcName(f))
					}
				case *ast.SelectorExpr:
					if n.Sel.Name == "sign" {
						signed = append(signed, funcName(f))
					}
				case *ast.AssignStmt:
					for i, left := range n.Lhs {
						if sel, ok := left.(*ast.SelectorExpr); ok && sel.Sel.Name == "outcome" {
							praised = append(praised, funcName(f)+" "+selected(n.Rhs[min(i, len(n.Rhs)-1)]))
						}
					}
				}
				return true
			})
		}
	})
	for what, list := range map[string][2][]string{
		"Attempt is named":    {makers, {"Compare", "Fail"}},
		"Agreement is named":  {agreements, {"Agree", "Agree"}},
		"Commitment is named": {commitments, []string{"Commit", "Commitment.State"}},
		"Agree is called":     {agreeing, {"internal/assess/agreement.go"}},
		"sign is called":      {signed, {"Agreement.State", "Commitment.State", "Attempt.attach"}},
		"an outcome is set":   {praised, {"Attempt.judge Reproduced", "Attempt.judge Different", "Attempt.judge ToolchainMismatch", "Attempt.judge Different"}},
	} {
		if !slices.Equal(list[0], list[1]) {
			t.Errorf("%s in %q, want %q alone", what, list[0], list[1])
		}
	}
}

// selected returns the name of what is selected, "" if nothing is.
func selected(e ast.Expr) string {
	if sel, ok := e.(*ast.SelectorExpr); ok {
		return sel.Sel.Name
	}
	return ""
}

// TestNoWayIn checks that the package reads nothing that could lead around the
// comparison: no environment, no flags, no file of a report.
func TestNoWayIn(t *testing.T) {
	source(t, func(path string, file *ast.File) {
		dirs := []string{"internal/release", "internal/rebuild", "internal/sign", "internal/evidence"}
		if !slices.Contains(dirs, filepath.Dir(path)) {
			return
		}
		for _, imp := range file.Imports {
			switch name, _ := strconv.Unquote(imp.Path.Value); name {
			case "flag", "net", "net/http", "os/exec", "plugin", "reflect", "unsafe":
				if path != "internal/evidence/evidence.go" || name != "reflect" {
					t.Errorf("%s imports %s", path, name)
				}
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch sel.Sel.Name {
			case "Getenv", "LookupEnv", "Environ", "ExpandEnv", "Args", "ReadFile":
				t.Errorf("%s uses %s", path, sel.Sel.Name)
			}
			return true
		})
	})
}

// funcName returns "f" or "Type.f".
func funcName(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	t := f.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "." + f.Name.Name
	}
	return f.Name.Name
}
