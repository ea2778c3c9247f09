package cli

import (
	"bytes"
	"cmp"
	"fmt"
	goversion "go/version"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// A draft is what init is told about a recipe.
type draft struct {
	name, kind                string
	base, rootfs              string // templates
	version, summary, license string
	packages                  []string
	module, program           string // of Go; module is PATH@VERSION, or PATH for the newest
	goVersion                 string
	homepage                  string
	// offers are what the first package says of itself; they stand where nothing
	// else is said.
	offers struct{ version, summary, license, homepage string }
	// alpineLicense is what an index has for a license, where SPDX would write
	// something else.
	alpineLicense string
}

// check returns a usageError for flags that don't go together.
func (d *draft) check() error {
	path, v, ok := strings.Cut(d.module, "@")
	switch {
	case d.module != "" && (path == "" || ok && v == ""):
		return usagef("--go-module %q is neither PATH@VERSION nor PATH", d.module)
	case d.kind == string(recipe.Base) && d.module != "":
		return usagef("--go-module is for services: a base compiles nothing")
	case d.kind == string(recipe.Base) && d.base != "" && d.rootfs != "":
		return usagef("a base starts from --base or from --rootfs, not from both")
	case d.kind == string(recipe.Service) && d.rootfs != "":
		return usagef("--rootfs is for bases: a service starts from --base")
	}
	return nil
}

// recipe returns the recipe that file is going to have in its Bytes: valid, and in
// fmt's form. What is wrong is so because of a flag or an answer.
func (d *draft) recipe(file string, vars map[string]string) (*recipe.Recipe, error) {
	text := d.text()
	src, diags := recipe.Format(file, text)
	if diags.HasErrors() {
		return nil, d.wrong(text, diags)
	}
	r, diags := recipe.Decode(file, src, recipe.Env{Vars: vars})
	if diags.HasErrors() {
		return nil, d.wrong(src, diags)
	}
	return r, nil
}

// wrong returns diags as a usageError, with the lines of src that they are about.
func (d *draft) wrong(src []byte, diags hcl.Diagnostics) error {
	lines := bytes.Split(src, []byte("\n"))
	var b strings.Builder
	fmt.Fprintf(&b, "what %s is to be makes no recipe", d.name)
	for _, diag := range diags {
		if diag.Severity != hcl.DiagError {
			continue
		}
		fmt.Fprintf(&b, "\n%s: %s", diag.Summary, diag.Detail)
		if s := diag.Subject; s != nil && s.Start.Line <= len(lines) {
			fmt.Fprintf(&b, "\n  %s", bytes.TrimSpace(lines[s.Start.Line-1]))
		}
	}
	return &usageError{b.String()}
}

// text writes the recipe.
func (d *draft) text() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s {\n", d.kind, literal(d.name))
	path, moduleVersion, _ := strings.Cut(d.module, "@")
	plain := strings.TrimSuffix(strings.TrimPrefix(moduleVersion, "v"), "+incompatible")
	if d.version == "" {
		d.version = plain
	}
	d.takeOffers()
	for _, attr := range []struct{ name, value, text string }{
		{"version", d.version, literal(d.version)},
		{"summary", d.summary, literal(d.summary)},
		{"homepage", d.homepage, literal(d.homepage)},
		{"license", d.license, literal(d.license)},
		{"base", d.base, template(d.base)},
	} {
		if attr.value != "" {
			fmt.Fprintf(&b, "%s = %s\n", attr.name, attr.text)
		}
	}
	if d.license == "" && d.alpineLicense != "" {
		fmt.Fprintf(&b, "# Alpine calls the license %s, which SPDX doesn't: add license = \"...\"\n", strconv.QuoteToASCII(d.alpineLicense))
	}
	if len(d.packages) > 0 {
		var all []string
		for _, p := range d.packages {
			all = append(all, literal(p))
		}
		fmt.Fprintf(&b, "packages = [%s]\n", strings.Join(all, ", "))
	}
	if d.rootfs != "" {
		fmt.Fprintf(&b, "\nrootfs {\nurl = %s\n}\n", template(d.rootfs))
	}
	if d.module != "" {
		if d.version == plain {
			moduleVersion = strings.Replace(moduleVersion, plain, "${self.version}", 1)
		}
		d.goProgram(&b, path, moduleVersion)
	}
	b.WriteString("}\n")
	return []byte(b.String())
}

// takeOffers fills in what nobody has said.
func (d *draft) takeOffers() {
	d.version = cmp.Or(d.version, d.offers.version)
	d.summary = cmp.Or(d.summary, d.offers.summary)
	d.license = cmp.Or(d.license, d.offers.license)
	d.homepage = cmp.Or(d.homepage, d.offers.homepage)
}

// goProgram writes what compiles and runs a program of the Go module at path.
func (d *draft) goProgram(b *strings.Builder, path, version string) {
	source, user := sourceName(path), userName(d.name)
	fmt.Fprintf(b, "\nsource \"go_module\" %s {\nmodule = %s\nversion = %s\npackages = [%s]\n}\n",
		literal(source), literal(path), template(version), literal(d.program))
	fmt.Fprintf(b, "toolchain \"go\" {\nversion = %s\n}\n", literal(d.goVersion))
	fmt.Fprintf(b, `build {
run = <<-EOT
      cd "$SRC_%s"
      go build -trimpath -buildvcs=false -ldflags="-s -w -buildid=" -o "$OUT/usr/bin/%s" %s
    EOT
}
`, source, d.name, templateEscapes.Replace(d.program))
	fmt.Fprintf(b, "\nuser %s {\nuid = 1000\nhome = %s\nshell = \"/sbin/nologin\"\n}\n", literal(user), literal("/var/lib/"+d.name))
	fmt.Fprintf(b, "\nruntime {\nuser = %s\nentrypoint = [%s]\n}\n", literal(user), literal("/usr/bin/"+d.name))
}

var (
	templateEscapes = strings.NewReplacer("${", "$${", "%{", "%%{")
	quoteEscapes    = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
)

// literal returns s as an HCL string that stands for s.
func literal(s string) string { return template(templateEscapes.Replace(s)) }

// template returns s as an HCL string whose references are such.
func template(s string) string { return `"` + quoteEscapes.Replace(s) + `"` }

var (
	majorSuffix = lazyregexp.New(`[/.]v[0-9]+$`)
	notInSource = lazyregexp.New(`[^a-z0-9]+`)
)

// sourceName returns a name for the source that a Go module is: its path's last
// element, as an identifier.
func sourceName(path string) string {
	path = majorSuffix.ReplaceAllString(path, "")
	name := notInSource.ReplaceAllString(strings.ToLower(path[strings.LastIndex(path, "/")+1:]), "_")
	name = strings.Trim(name, "_")
	if name == "" || name[0] < 'a' || len(name) > 63 {
		return "module"
	}
	return name
}

// userName returns a user's name for the service called name.
func userName(name string) string {
	user := strings.ReplaceAll(name, ".", "-")
	if user == recipe.RootUser || len(user) > 31 || user[0] < 'a' {
		return "app"
	}
	return user
}

// newestGo returns the newest Go that the project's recipes are built with, and
// where there is none the one that made this program.
func (s *survey) newestGo() string {
	newest := ""
	for _, name := range slices.Sorted(maps.Keys(s.recipes)) {
		for _, t := range s.recipes[name].Toolchains {
			if t.Name == "go" && goversion.Compare("go"+t.Version, "go"+newest) > 0 {
				newest = t.Version
			}
		}
	}
	if newest == "" {
		newest, _, _ = strings.Cut(strings.TrimPrefix(runtime.Version(), "go"), " ")
	}
	return newest
}

// checkBase returns a usageError unless there is the base that r is built on.
func (s *survey) checkBase(r *recipe.Recipe) error {
	if r.Base == "" {
		return nil
	}
	bases := strings.Join(s.bases(), ", ")
	base := s.recipes[r.Base]
	if base == nil {
		_, diags := s.project.Closure(r.Base, "")
		return usagef("no base %s: %s The bases are: %s", r.Base, diags[0].Detail, bases)
	}
	if base.Kind != recipe.Base {
		return usagef("%s is a service, and only a base can be built upon: %s", r.Base, bases)
	}
	for _, arch := range r.Arch {
		if !slices.Contains(base.Arch, arch) {
			return usagef("base %s is not made for %s", r.Base, arch)
		}
	}
	return nil
}
