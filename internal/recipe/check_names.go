package recipe

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"go/version"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/module"
)

// RootUser is the user that needs no declaration.
const RootUser = "root"

// DefaultArch is the architecture of a recipe that names none.
const DefaultArch = "x86_64"

var architectures = []string{"x86_64", "aarch64"}

// matches makes a check of a regular expression for the whole text, which is at
// most longest bytes.
func matches(expr string, longest int, summary, detail string) check {
	re := regexp.MustCompile(`^(?:` + expr + `)$`)
	return func(s string) *problem {
		if len(s) <= longest && re.MatchString(s) {
			return nil
		}
		return &problem{summary, quote(s) + " " + detail}
	}
}

// oneOf makes a check of a short list.
func oneOf(known []string, summary, what string) check {
	return func(s string) *problem {
		if slices.Contains(known, s) {
			return nil
		}
		return &problem{summary, fmt.Sprintf("%s is no %s; write %s.%s", quote(s), what, choices(known), suggest(s, known))}
	}
}

var (
	checkName = matches(`[a-z0-9]+([.-][a-z0-9]+)*`, 63, "Name is not allowed",
		"names a recipe, its folder and its image's repository: use lower-case letters, digits, and single dots or dashes between them, at most 63 characters.")
	checkVersion = matches(`[0-9A-Za-z_][0-9A-Za-z._-]*`, 100, "Version is not allowed",
		"becomes part of the image's tag: use letters, digits, dots, underscores and dashes, starting with a letter or digit, at most 100 characters.")
	checkIdentifier = matches(`[a-z][a-z0-9_]*`, 63, "Name is not allowed",
		"is used in references and in variables of the shell: use lower-case letters, digits and underscores, starting with a letter, at most 63 characters.")
	checkUserName = matches(`[a-z_][a-z0-9_-]{0,30}`, 31, "User name is not allowed",
		"would not be accepted by adduser: use lower-case letters, digits, underscores and dashes, starting with a letter, at most 31 characters.")
	checkDashName = matches(`[a-z0-9]+(-[a-z0-9]+)*`, 63, "Name is not allowed",
		"names something that people see: use lower-case letters, digits, and single dashes between them, at most 63 characters.")
	checkEnvName = matches(`[A-Za-z_][A-Za-z0-9_]*`, 128, "Variable name is not allowed",
		"can't be set by a shell: use letters, digits and underscores, not starting with a digit.")
	checkSHA256 = matches(`[0-9a-f]{64}`, 64, "Not a sha256",
		"is not 64 lower-case hexadecimal digits, as sha256sum prints them.")
	checkMode = matches(`[0-7]{3,4}`, 4, "Not a file mode",
		`is not three or four octal digits. Write "0644", or "0755" for a program.`)
	checkPackage = matches(`!?[A-Za-z0-9][A-Za-z0-9+._:/-]*((=|<|>|<=|>=|~|=~)[0-9][0-9A-Za-z._-]*)?`, 200, "Not a package",
		`is no name of a package with a constraint, as in "openssh", "openssh=9.6_p1-r0", "openssh>9" or "!openssh".`)
	checkArch     = oneOf(architectures, "Architecture is not supported", "architecture that recipes can be built for")
	checkProtocol = oneOf([]string{"tcp", "udp"}, "Unknown protocol", "protocol of a port")
	checkSupport  = oneOf([]string{"warn", "refuse"}, "Unknown answer", "end_of_support of a policy")
	checkSignal   = oneOf([]string{"SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGKILL"},
		"Unknown signal", "signal that asks a service to stop")
	checkToolchain      = oneOf([]string{"go"}, "Unknown toolchain", "toolchain")
	checkRepositoryName = checkDashName
	checkPortName       = checkDashName
	checkTestName       = checkDashName
	checkEnvKey         = checkEnvName
)

func checkUserOrRoot(s string) *problem {
	if s == RootUser {
		return nil
	}
	return checkUserName(s)
}

// checkBuildEnvKey refuses what tailsbuild itself sets for a build.
func checkBuildEnvKey(s string) *problem {
	if s == "OUT" || s == "PATH" || s == "SOURCE_DATE_EPOCH" || strings.HasPrefix(s, "SRC_") {
		return &problem{"Variable is reserved", fmt.Sprintf("%s is set for every build. Choose another name, or change it in the script.", s)}
	}
	return checkEnvName(s)
}

func checkDate(s string) *problem {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return &problem{"Not a date", quote(s) + ` is no day of the calendar. Write year, month and day, as in "2026-11-01".`}
	}
	return nil
}

// maxBytes bounds sizes: nothing that runs from RAM has a tebibyte.
const maxBytes = 1 << 40

var units = map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

// parseSize returns a size in bytes, and false when s isn't one.
func parseSize(s string) (int64, bool) {
	if len(s) < 4 {
		return 0, false
	}
	unit, ok := units[s[len(s)-3:]]
	n, err := strconv.ParseUint(s[:len(s)-3], 10, 31)
	if !ok || err != nil || n == 0 || int64(n) > maxBytes/unit {
		return 0, false
	}
	return int64(n) * unit, true
}

func checkSize(s string) *problem {
	if _, ok := parseSize(s); !ok {
		return &problem{"Not a size", quote(s) + ` is not a whole number with KiB, MiB or GiB, from "1KiB" to "1024GiB".`}
	}
	return nil
}

func checkModulePath(s string) *problem {
	if err := module.CheckPath(s); err != nil {
		return &problem{"Not a module path", fmt.Sprintf("%s can't be fetched: %v. Write the path as go.mod has it.", quote(s), err)}
	}
	return nil
}

func checkModuleVersion(s string) *problem {
	if module.CanonicalVersion(s) != s || s == "" {
		return &problem{"Not a module version", quote(s) + ` is not one exact version. Write it in full, as in "v1.2.3" or "v0.0.0-20240102030405-0123456789ab".`}
	}
	return nil
}

// checkGoPackage takes what the go command does as a pattern of packages below
// the main module (go help packages).
func checkGoPackage(s string) *problem {
	rest, ok := strings.CutPrefix(s, "./")
	if s == "." || ok && (rest == "..." || module.CheckImportPath(strings.TrimSuffix(rest, "/...")) == nil) {
		return nil
	}
	return &problem{"Not a package of the module", quote(s) + ` is not below the module's folder. Write it as the go command takes it there: ".", "./cmd/server" or "./...".`}
}

// checkModule judges a path and a version together (golang.org/ref/mod, section
// major version suffixes).
func checkModule(path, version string) *problem {
	if err := module.Check(path, version); err != nil {
		return &problem{"Module and version don't fit", fmt.Sprintf("%v. From v2 on, the path ends in the major version, as in \"example.org/app/v2\".", err)}
	}
	return nil
}

var goRelease = regexp.MustCompile(`^1\.(0|[1-9][0-9]*)(\.[1-9][0-9]*|\.0)?((rc|beta)[1-9][0-9]*)?$`)

// checkGoVersion asks for a release: since Go 1.21, "1.21" names the language and
// "1.21.0" the first release.
func checkGoVersion(s string) *problem {
	name := "go" + s
	exact := strings.Count(s, ".") == 2 || strings.ContainsAny(s, "rb") || version.Compare(name, "go1.21") < 0
	if !goRelease.MatchString(s) || !version.IsValid(name) || !exact {
		return &problem{"Not a Go release", quote(s) + ` names no release of Go. Write all three numbers without "go", as in "1.26.8".`}
	}
	return nil
}

func checkPublicKey(s string) *problem {
	bad := &problem{"Not a public key", "Write the RSA public key as apk's keys are: -----BEGIN PUBLIC KEY-----, base64, -----END PUBLIC KEY-----."}
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
