// Package recipe decodes tailsbuild recipes: HCL native syntax (hclsyntax/spec.md),
// one file for each reproducible Alpine image.
//
// Decoding uses no network, clock or environment: the same bytes always give the
// same recipe or the same diagnostics, in source order.
package recipe

import "github.com/hashicorp/hcl/v2"

// A Kind says what a recipe makes.
type Kind string

// The kinds of recipe, as the type of the file's one top-level block.
const (
	Base    Kind = "base"
	Service Kind = "service"
)

// A Recipe describes one image.
//
// Slices keep the order of the source. Every Range points into the file that
// the recipe was decoded from.
type Recipe struct {
	Kind Kind
	Name string

	Version string
	// Release counts packagings of one Version, from 0.
	Release int
	// Epoch is SOURCE_DATE_EPOCH, in seconds since 1970-01-01T00:00:00Z. File
	// times later than Epoch are clamped to it. The default is 0.
	Epoch int64

	Summary       string
	Homepage      string
	License       string // an SPDX license expression
	Documentation string // URL
	Client        string // the application a person connects with
	Connect       string // how to connect, in a sentence

	// Arch lists Alpine architectures, "x86_64" or "aarch64". The default is x86_64.
	Arch []string
	// EndOfSupport is a date, YYYY-MM-DD, on which support of a base ends.
	EndOfSupport string

	// Base names the recipe whose image a service starts from. A base has none.
	Base         string
	BaseRange    hcl.Range
	Rootfs       *Rootfs
	Repositories []Repository
	// Packages are constraints as apk writes them.
	Packages      []string
	PackagesRange hcl.Range

	Sources     []Source
	Toolchains  []Toolchain
	Build       *Build
	Files       []File
	Users       []User
	Runtime     *Runtime
	Privileges  []Privilege
	Limits      Limits
	Tests       []Test
	Labels      map[string]string
	Annotations map[string]string

	// Range is that of the block's header.
	Range hcl.Range
	// Bytes are the whole file's, for snippets and source maps.
	Bytes []byte
}

// Rootfs is the archive that a base starts from: a tar.gz that becomes the
// image's first layer byte for byte.
type Rootfs struct {
	URL string
	// SHA256 pins the file, in hex, when the recipe itself does so; the lock
	// always has it.
	SHA256 string
	Range  hcl.Range
}

// A Repository is an apk repository. Key is a PEM public key, needed when
// Alpine's own keys don't sign its index.
type Repository struct {
	Name string
	URL  string
	Key  string
	// Overrides are the packages that it may have although another repository has them.
	Overrides []string
	Range     hcl.Range
}

// The kinds of source.
const (
	SourceHTTP     = "http"
	SourceGoModule = "go_module"
)

// A Source is something a build step reads, at $SRC_<name>.
type Source struct {
	Kind string
	Name string
	// URL is that of an http source. An archive is unpacked.
	URL string
	// Strip leaves out that many leading elements of an archive's paths.
	Strip int
	// Module and Version are those of a go_module source.
	Module  string
	Version string
	// Packages are the module's packages that the build compiles, as patterns of
	// the go command; none means all.
	Packages []string
	Range    hcl.Range
}

// A Toolchain is a compiler that build steps find on their PATH. Name is "go".
type Toolchain struct {
	Name    string
	Version string
	Range   hcl.Range
}

// Build says how the service is made from its sources. Run is a script for
// /bin/sh -e; what it writes below $OUT becomes the service's layer.
type Build struct {
	Run      string
	RunRange hcl.Range
	Env      map[string]string
	// Packages are installed for the build only and never reach the image.
	Packages      []string
	PackagesRange hcl.Range
	Range         hcl.Range
}

// A File is put at Path, from the recipe's folder or from the recipe itself.
type File struct {
	Path string
	// Source is a path below the recipe's folder; when empty, Content is meant.
	Source  string
	Content string
	// Mode has permission bits and setuid, setgid, sticky as in chmod(1). The
	// default is 0644.
	Mode  uint32
	Owner string // name of a declared user, or "root"
	Range hcl.Range
}

// A User is added to the image's /etc/passwd and /etc/group with the same name
// and number in both, and no password.
type User struct {
	Name  string
	UID   uint32
	Home  string
	Shell string
	Range hcl.Range
}

// Runtime says how the service is run.
type Runtime struct {
	User       string // a declared user's name, or "root"
	Entrypoint []string
	Command    []string
	WorkingDir string
	Env        map[string]string
	StopSignal string
	Ports      []Port
	Volumes    []Volume
	Range      hcl.Range
}

// A Port is where the service listens. Protocol is "tcp" or "udp".
type Port struct {
	Name     string
	Number   uint16
	Protocol string
	// Onion is the virtual port of the onion service, 0 for none.
	Onion uint16
	Range hcl.Range
}

// A Volume is a folder whose content outlives the container when Persistent.
type Volume struct {
	Path       string
	Persistent bool
	Range      hcl.Range
}

// A Privilege is something beyond the strict default that a service asks for.
type Privilege struct {
	Kind   string // "capability", "device", "mount", "network", "namespace"
	Name   string
	Reason string
	Range  hcl.Range
}

// Limits bound an image and the service it holds, in bytes and counts. 0 is no limit.
type Limits struct {
	Size   int64 // compressed image
	Memory int64
	Pids   int64
	Range  hcl.Range
}

// A Test is run in a reproduced image, under exactly the declared privileges. It
// has either Run or Client.
type Test struct {
	Name string
	// Run is a program of the image and its arguments, run alone, instead of the
	// entrypoint.
	Run []string
	// Client is a script for /bin/sh -eu, run in a container beside the service:
	// the base with Packages, which are never in the image.
	Client        string
	ClientRange   hcl.Range
	Packages      []string
	PackagesRange hcl.Range
	// Setup is a script that runs where Client does, before the service starts.
	Setup      string
	SetupRange hcl.Range
	// Timeout is in seconds, for the whole test. The default is 60.
	Timeout int
	Range   hcl.Range
}
