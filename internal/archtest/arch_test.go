// Package archtest holds the repository to its own rules: which package may use
// which, which heavy dependency is behind which door, and what code here never
// does. It has tests only.
package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "gitlab.com/tailsbuild/tailsbuild"
	root   = "../.."
)

// mayImport has each package, from the top down, and those below that it may use.
// A new package, or a new arrow, is a decision: write it down here.
var mayImport = map[string][]string{
	"cmd/tailsbuild": {"internal/cli", "builder", "internal/firstgc"},
	"bench":          {"builder", "internal/cli"},

	"internal/cli": {
		"internal/release", "builder", "diffoscope", "diffoscope/cause", "diffoscope/debian", "diffoscope/report", "internal/sign", "internal/inputs",
		"internal/lock", "internal/oci", "internal/progress", "internal/recipe",
		"internal/graph", "internal/git", "internal/apk", "internal/sandbox", "internal/trust", "internal/trustroot",
		"internal/kms", "internal/declared", "internal/evidence", "internal/ownership", "internal/privilege",
		"internal/hclschema", "internal/policy", "internal/verdict", "internal/acceptance", "internal/registry",
		"internal/enforce", "internal/failopen", "internal/engine",
		"internal/assess", "internal/rebuild", "internal/sigstore", "internal/transfer", "internal/proxy", "internal/regular",
	},
	"internal/transfer": {"internal/registry", "internal/oci"},
	"internal/assess": {
		"internal/release", "internal/rebuild", "internal/trust", "internal/policy", "internal/verdict", "internal/privilege",
		"internal/sign", "internal/declared", "internal/evidence", "internal/registry", "internal/oci", "internal/regular",
	},
	"internal/rebuild": {
		"internal/release", "internal/registry", "builder", "diffoscope", "internal/evidence", "internal/sign", "internal/trust",
		"internal/lock", "internal/oci",
	},
	"internal/release": {
		"builder", "diffoscope", "diffoscope/cause", "diffoscope/report", "internal/evidence", "internal/sign", "internal/inputs",
		"internal/lock", "internal/oci", "internal/recipe", "internal/declared", "internal/inventory",
	},
	"builder": {
		"internal/inputs", "internal/lock", "internal/oci", "internal/progress", "internal/recipe", "internal/sandbox",
		"internal/declared", "internal/apk",
	},
	"internal/declared":   {"internal/oci", "internal/recipe"},
	"internal/inventory":  {"internal/apk"},
	"diffoscope/debian":   {"diffoscope", "diffoscope/cause"},
	"diffoscope/report":   {"diffoscope", "diffoscope/cause"},
	"diffoscope":          {"internal/oci", "internal/lazyregexp", "diffoscope/cause", "diffoscope/filetype"},
	"diffoscope/cause":    {"internal/lazyregexp"},
	"diffoscope/filetype": {},
	"internal/evidence": {
		"internal/lock", "internal/recipe", "internal/declared", "internal/inventory", "internal/apk", "internal/privilege",
	},
	"internal/sign":      {"internal/kms", "internal/oci"},
	"internal/kms":       {"internal/hclschema", "internal/ownership"},
	"internal/ownership": {},
	"internal/sigstore":  {"internal/proxy", "internal/sign"},
	"internal/proxy":     {},
	"internal/trust":     {"internal/oci", "internal/proxy", "internal/regular"},
	"internal/regular":   {},
	"internal/inputs":    {"internal/lock", "internal/oci"},
	"internal/graph":     {"internal/lock", "internal/recipe"},
	"internal/git":       {},
	"internal/apk":       {},
	// For tests, of several packages.
	"internal/apk/apktest":     {},
	"internal/lock":            {"internal/recipe"},
	"internal/sandbox":         {"internal/recipe"},
	"internal/oci":             {},
	"internal/recipe":          {"internal/hclschema", "internal/regular"},
	"internal/progress":        {},
	"internal/archtest":        {},
	"internal/trustroot":       {"internal/trust", "internal/sign", "internal/oci", "internal/regular"},
	"internal/trust/trusttest": {"internal/trust"}, // for tests alone
	"internal/kms/kmstest":     {},                 // for tests alone
	"internal/hclschema":       {},
	"internal/lazyregexp":      {},
	"internal/firstgc":         {},
	"internal/privilege":       {},
	"internal/policy":          {"internal/hclschema", "internal/privilege", "internal/sign"},
	"internal/verdict":         {"internal/policy", "internal/privilege", "internal/sign"},
	"internal/enforce":         {"internal/policy"},
	"internal/engine":          {},
	"internal/failopen":        {"internal/ownership", "internal/policy"},
	"internal/acceptance":      {"internal/hclschema", "internal/progress", "internal/verdict"},
	"internal/registry":        {"internal/oci", "internal/proxy"},
	"internal/programtest":     {}, // for tests alone
	"internal/release/releasetest": {
		"builder", "internal/inputs", "internal/lock", "internal/oci", "internal/recipe", "internal/release", "internal/sign",
	},
}

// anyMayImport has what is below everything.
var anyMayImport = []string{"internal/lazyregexp"}

// doors has heavy dependencies and the packages that may use them.
var doors = map[string][]string{
	"github.com/moby/buildkit":               {"builder", "internal/progress"},
	"github.com/containerd":                  {"builder", "internal/sandbox"},
	"github.com/opencontainers/runtime-spec": {"builder", "internal/sandbox"},
	"github.com/tonistiigi":                  {"builder"},
	"go.etcd.io/bbolt":                       {"builder"},
	"google.golang.org/grpc":                 {"builder"},
	"github.com/sigstore":                    {"internal/sign"},
	"github.com/secure-systems-lab":          {"internal/sign", "internal/trust/trusttest"},
	"github.com/theupdateframework":          {"internal/trust", "internal/trustroot", "internal/trust/trusttest"},
	"github.com/in-toto":                     {"internal/evidence", "internal/sign"},
	"github.com/google/go-containerregistry": {"internal/registry"},
	"github.com/klauspost/compress":          {"internal/oci", "internal/inputs", "internal/apk", "diffoscope/filetype"},
	"github.com/github/go-spdx":              {"internal/evidence"},
	"debug/buildinfo":                        {"internal/inventory", "internal/failopen"},
	"github.com/hashicorp/hcl/v2":            {"internal/hclschema", "internal/recipe", "internal/lock", "internal/policy", "internal/acceptance", "internal/kms", "builder", "internal/cli"},
	"github.com/hashicorp/hcl/v2/hclsyntax":  {"internal/hclschema", "internal/recipe", "internal/lock"},
	"github.com/hashicorp/hcl/v2/hclwrite":   {"internal/hclschema", "internal/recipe", "internal/lock"},
	"github.com/zclconf/go-cty":              {"internal/hclschema", "internal/recipe", "internal/lock"},
	"github.com/pelletier/go-toml":           {"internal/failopen"},
	"go.yaml.in/yaml":                        {"internal/failopen"},
	"github.com/spf13/cobra":                 {"internal/cli"},
	"golang.org/x/term":                      {"internal/cli", "internal/progress", "internal/acceptance"},
	"golang.org/x/net":                       {"internal/proxy"},
	"golang.org/x/mod":                       {"internal/recipe", "internal/lock", "internal/inputs"},
	"github.com/ulikunitz/xz":                {"diffoscope/filetype"},
	"net/http":                               {"internal/inputs", "internal/trust", "internal/registry", "internal/sigstore"},
	"github.com/moby/buildkit/util/progress": {"internal/progress"},
	"github.com/google/go-cmp":               {},
	"github.com/rogpeppe/go-internal":        {},
	"testing":                                {},
}

// A source is one Go file that is not a test.
type source struct {
	pkg  string // its folder, from the module's root
	path string
	file *ast.File
	fset *token.FileSet
	text []byte
}

// sources parses the module's files, without the modules inside its folder.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, nested := os.Stat(filepath.Join(p, "go.mod"))
			if p != root && (nested == nil || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(fset, rel, text, parser.ParseComments)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		all = append(all, source{path.Dir(rel), rel, file, fset, text})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("found %d files below %s, which can't be all", len(all), root)
	}
	return all
}

func imports(t *testing.T, f *ast.File) []string {
	t.Helper()
	var all []string
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestArrowsPointDown(t *testing.T) {
	for _, s := range sources(t) {
		allowed, known := mayImport[s.pkg]
		if !known {
			t.Errorf("%s: package %s is not in mayImport", s.path, s.pkg)
			continue
		}
		for _, p := range imports(t, s.file) {
			rel, ours := strings.CutPrefix(p, module+"/")
			if ours && !slices.Contains(allowed, rel) && !slices.Contains(anyMayImport, rel) {
				t.Errorf("%s: %s may not use %s", s.path, s.pkg, rel)
			}
		}
	}
}

// TestNoCircles: mayImport itself has an order.
func TestNoCircles(t *testing.T) {
	var visit func(pkg string, above []string)
	visit = func(pkg string, above []string) {
		if slices.Contains(above, pkg) {
			t.Fatalf("packages use each other: %s", strings.Join(append(above, pkg), " → "))
		}
		for _, below := range mayImport[pkg] {
			visit(below, append(slices.Clone(above), pkg))
		}
	}
	for pkg := range mayImport {
		visit(pkg, nil)
	}
}

func TestDoors(t *testing.T) {
	for _, s := range sources(t) {
		for _, p := range imports(t, s.file) {
			door, behind := "", []string(nil)
			for prefix, packages := range doors {
				// The longest prefix is the most particular rule.
				if (p == prefix || strings.HasPrefix(p, prefix+"/")) && len(prefix) > len(door) {
					door, behind = prefix, packages
				}
			}
			if door != "" && !slices.Contains(behind, s.pkg) {
				t.Errorf("%s: %s may not use %s, only %v may", s.path, s.pkg, p, behind)
			}
		}
	}
}
