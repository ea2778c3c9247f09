// Package lock reads and writes recipe.lock.hcl: every input of a recipe's whole
// closure with its size and the sha256 of the whole file.
package lock

import "fmt"

// Version is that of the lock's format.
const Version = 1

// FileName is the lock's name in the recipe's folder.
const FileName = "recipe.lock.hcl"

// A File is the content of a recipe's lock.
type File struct {
	// Recipe is the name of the recipe that the lock belongs to.
	Recipe string
	Output Output
	// Inputs are sorted by kind, name and architecture.
	Inputs []Input
	// Worlds are sorted by architecture and use.
	Worlds []World
	// Images are sorted by architecture.
	Images []Image
}

// Output is the toolchain record: what, beside the inputs, decides the bytes of
// an image.
type Output struct {
	// Compatibility is tailsbuild's own output version. It is raised when the
	// same plan gives other bytes than before.
	Compatibility int
	// BuildKit is the version that made the recorded images.
	BuildKit string
	// BuildKitCompatibility is BuildKit's compatibility-version.
	BuildKitCompatibility int
	// Compression is that of the service's layer: "gzip".
	Compression string
}

func (o Output) String() string {
	return fmt.Sprintf("output version %d, BuildKit %s with compatibility version %d, %s", o.Compatibility, o.BuildKit, o.BuildKitCompatibility, o.Compression)
}

// The kinds of input.
const (
	KindRootfs    = "rootfs"
	KindHTTP      = "http"
	KindGoModule  = "go_module"
	KindToolchain = "toolchain"
	KindIndex     = "apk_index"
	KindPackage   = "apk"
)

// An Input is one file that a build reads beside the recipe.
type Input struct {
	Kind string
	// Name is the label in the recipe: that of the source or toolchain, or the
	// base's name for a rootfs.
	Name string
	// Arch is an Alpine architecture, or "" for an input that all share.
	Arch string

	// URL is where a rootfs or http input comes from.
	URL string
	// Module and Version are those of a go_module or toolchain input; an apk has
	// a Version, too.
	Module  string
	Version string
	// Packages are the packages of a go_module that are compiled, as patterns of
	// the go command. Only what these need is in Modules; none means all.
	Packages []string `json:",omitempty"`
	// Sum is the module's h1 sum (golang.org/ref/mod, section go.sum files).
	Sum string
	// Modules are the other modules that building Module needs, sorted by path
	// and version.
	Modules []Module

	// Repository is the name of the apk repository that an apk comes from. An
	// apk_index has it as its Name.
	Repository string `json:",omitempty"`
	// Key is the name of the key that signed an apk_index.
	Key string `json:",omitempty"`
	// Time is when an apk_index was made, in seconds since 1970, as it says
	// itself. It follows from the file, so that the lock's digest leaves it out.
	Time int64 `json:"-"`
	// KeySHA256 is that, in hex, of the key that the recipe gives an apk_index of
	// its own, as it stands there; "" when the keys of the rootfs are meant.
	KeySHA256 string `json:",omitempty"`

	// Size is in bytes.
	Size int64
	// SHA256 is that of the whole file, in hex: for go_module and toolchain, of
	// the tar archive that package inputs packs.
	SHA256 string
	// DiffID is the sha256, in hex, of the uncompressed rootfs.
	DiffID string
}

// A Module is one module of a Go module's closure.
type Module struct {
	Path    string
	Version string
	// Sum is the h1 sum of the module's content, "" when only its go.mod is read.
	Sum string
	// GoModSum is the h1 sum of its go.mod.
	GoModSum string
}

// An Image is the digest last reproduced for one architecture.
type Image struct {
	Arch string
	// Plan is the digest of the plan that made it, "sha256:…".
	Plan string
	// Digest is that of the image manifest, "sha256:…".
	Digest string
	// Size is that of the image manifest, in bytes; 0 in a lock that was recorded
	// without it.
	Size int64
}
