package recipe

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"go/version"
	"strings"

	"golang.org/x/mod/module"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// RootUser is the user that needs no declaration.
const RootUser = "root"

// DefaultArch is the architecture of a recipe that names none.
const DefaultArch = "x86_64"

var architectures = []string{"x86_64", "aarch64"}

var (
	checkName = hclschema.Matches(`[a-z0-9]+([.-][a-z0-9]+)*`, 63, "Name is not allowed",
		"names a recipe, its folder and its image's repository: use lower-case letters, digits, and single dots or dashes between them, at most 63 characters.")
	checkVersion = hclschema.Matches(`[0-9A-Za-z_][0-9A-Za-z._-]*`, 100, "Version is not allowed",
		"becomes part of the image's tag: use letters, digits, dots, underscores and dashes, starting with a letter or digit, at most 100 characters.")
	checkIdentifier = hclschema.Matches(`[a-z][a-z0-9_]*`, 63, "Name is not allowed",
		"is used in references and in variables of the shell: use lower-case letters, digits and underscores, starting with a letter, at most 63 characters.")
	checkUserName = hclschema.Matches(`[a-z_][a-z0-9_-]{0,30}`, 31, "User name is not allowed",
		"would not be accepted by adduser: use lower-case letters, digits, underscores and dashes, starting with a letter, at most 31 characters.")
	checkDashName = hclschema.Matches(`[a-z0-9]+(-[a-z0-9]+)*`, 63, "Name is not allowed",
		"names something that people see: use lower-case letters, digits, and single dashes between them, at most 63 characters.")
	checkEnvName = hclschema.Matches(`[A-Za-z_][A-Za-z0-9_]*`, 128, "Variable name is not allowed",
		"can't be set by a shell: use letters, digits and underscores, not starting with a digit.")
	checkSHA256 = hclschema.Matches(`[0-9a-f]{64}`, 64, "Not a sha256",
		"is not 64 lower-case hexadecimal digits, as sha256sum prints them.")
	checkMode = hclschema.Matches(`[0-7]{3,4}`, 4, "Not a file mode",
		`is not three or four octal digits. Write "0644", or "0755" for a program.`)
	checkPackageName = hclschema.Matches(`[A-Za-z0-9][A-Za-z0-9+._-]*`, 200, "Not a package's name", "is no name such as openssl.")
	checkPackage     = hclschema.Matches(`!?[A-Za-z0-9][A-Za-z0-9+._:/-]*((=|<|>|<=|>=|~|=~)[0-9][0-9A-Za-z._-]*)?`, 200, "Not a package",
		`is no name of a package with a constraint, as in "openssh", "openssh=9.6_p1-r0", "openssh>9" or "!openssh".`)
	checkArch     = hclschema.OneOf(architectures, "Architecture is not supported", "architecture that recipes can be built for")
	checkProtocol = hclschema.OneOf([]string{"tcp", "udp"}, "Unknown protocol", "protocol of a port")
	checkSupport  = hclschema.OneOf([]string{"warn", "refuse"}, "Unknown answer", "end_of_support of a policy")
	checkSignal   = hclschema.OneOf([]string{"SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGKILL"},
		"Unknown signal", "signal that asks a service to stop")
	checkToolchain      = hclschema.OneOf([]string{"go"}, "Unknown toolchain", "toolchain")
	checkRepositoryName = checkDashName
	checkPortName       = checkDashName
	checkTestName       = checkDashName
	checkEnvKey         = checkEnvName
)

func checkUserOrRoot(s string) *hclschema.Problem {
	if s == RootUser {
		return nil
	}
	return checkUserName(s)
}

// checkBuildEnvKey refuses what tailsbuild itself sets for a build.
func checkBuildEnvKey(s string) *hclschema.Problem {
	if s == "OUT" || s == "PATH" || s == "SOURCE_DATE_EPOCH" || strings.HasPrefix(s, "SRC_") {
		return hclschema.Wrong("Variable is reserved", fmt.Sprintf("%s is set for every build. Choose another name, or change it in the script.", s))
	}
	return checkEnvName(s)
}

func checkModulePath(s string) *hclschema.Problem {
	if err := module.CheckPath(s); err != nil {
		return hclschema.Wrong("Not a module path", fmt.Sprintf("%s can't be fetched: %v. Write the path as go.mod has it.", hclschema.Quote(s), err))
	}
	return nil
}

func checkModuleVersion(s string) *hclschema.Problem {
	if module.CanonicalVersion(s) != s || s == "" {
		return hclschema.Wrong("Not a module version", hclschema.Quote(s)+` is not one exact version. Write it in full, as in "v1.2.3" or "v0.0.0-20240102030405-0123456789ab".`)
	}
	return nil
}

// checkGoPackage takes what the go command does as a pattern of packages below
// the main module (go help packages).
func checkGoPackage(s string) *hclschema.Problem {
	rest, ok := strings.CutPrefix(s, "./")
	if s == "." || ok && (rest == "..." || module.CheckImportPath(strings.TrimSuffix(rest, "/...")) == nil) {
		return nil
	}
	return hclschema.Wrong("Not a package of the module", hclschema.Quote(s)+` is not below the module's folder. Write it as the go command takes it there: ".", "./cmd/server" or "./...".`)
}

// checkModule judges a path and a version together (golang.org/ref/mod, section
// major version suffixes).
func checkModule(path, version string) *hclschema.Problem {
	if err := module.Check(path, version); err != nil {
		return hclschema.Wrong("Module and version don't fit", fmt.Sprintf("%v. From v2 on, the path ends in the major version, as in \"example.org/app/v2\".", err))
	}
	return nil
}

var goRelease = lazyregexp.New(`^1\.(0|[1-9][0-9]*)(\.[1-9][0-9]*|\.0)?((rc|beta)[1-9][0-9]*)?$`)

// checkGoVersion asks for a release: since Go 1.21, "1.21" names the language and
// "1.21.0" the first release.
func checkGoVersion(s string) *hclschema.Problem {
	name := "go" + s
	exact := strings.Count(s, ".") == 2 || strings.ContainsAny(s, "rb") || version.Compare(name, "go1.21") < 0
	if !goRelease.MatchString(s) || !version.IsValid(name) || !exact {
		return hclschema.Wrong("Not a Go release", hclschema.Quote(s)+` names no release of Go. Write all three numbers without "go", as in "1.26.8".`)
	}
	return nil
}

func checkPublicKey(s string) *hclschema.Problem {
	bad := hclschema.Wrong("Not a public key", "Write the RSA public key as apk's keys are: -----BEGIN PUBLIC KEY-----, base64, -----END PUBLIC KEY-----.")
	block, rest := pem.Decode([]byte(s))
	if block == nil || block.Type != "PUBLIC KEY" || strings.TrimSpace(string(rest)) != "" {
		return bad
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if _, ok := key.(*rsa.PublicKey); err != nil || !ok {
		return bad
	}
	return nil
}

// packageName returns what a constraint is about: apk keeps one for each name, the last.
func packageName(constraint string) string {
	name := strings.TrimPrefix(constraint, "!")
	if i := strings.IndexAny(name, "=<>~"); i >= 0 {
		name = name[:i]
	}
	return name
}

// distinctPackages reports packages of which there are two constraints.
func (e *evaluator) distinctPackages(items []hclschema.Item) {
	seen := map[string]string{}
	for _, it := range items {
		if checkPackage(it.Text) != nil {
			continue // which was said already
		}
		name := packageName(it.Text)
		if first, again := seen[name]; again {
			e.Fail(it.Range, "Package is there twice", "The list has %s already, and apk takes one constraint for a name. Remove one of the two.", hclschema.Quote(first))
		}
		seen[name] = it.Text
	}
}
