package recipe

import (
	"slices"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
)

// recipeTypes are the blocks that a recipe file has one of.
var recipeTypes = []*hclschema.BlockType{serviceType, baseType}

var serviceType = &hclschema.BlockType{
	Name:   string(Service),
	Labels: []hclschema.Label{recipeLabel},
	Doc:    "An application, packaged onto a base. The file has one such block, and its name is the name of the folder.",
	Example: `service "mqtt" {
  version = "2.7.9"
  base    = "alpine-${var.alpine}"
}`,
	Attrs: slices.Concat(identity, []hclschema.Attribute{
		{Name: "base", Type: hclschema.Text, Required: true, Check: checkName, Doc: "The recipe whose image the service is put on: a base."},
		{Name: "client", Type: hclschema.Text, Doc: "The application a person connects with."},
		{Name: "connect", Type: hclschema.Text, Doc: "How to connect, in a sentence."},
		packages, labels, annotations,
	}),
	Blocks: []*hclschema.BlockType{
		repositoryType, sourceType, toolchainType, buildType, fileType, userType, runtimeType, privilegeType, limitsType, testType,
	},
}

var baseType = &hclschema.BlockType{
	Name:   string(Base),
	Labels: []hclschema.Label{recipeLabel},
	Doc:    "What services are put on. A base has either a `rootfs` or another `base`. The file has one such block, and its name is the name of the folder.",
	Example: `base "alpine-3.19" {
  version        = "3.19.4"
  end_of_support = "2025-11-01"
  rootfs {
    url = "https://dl-cdn.alpinelinux.org/alpine/v3.19/releases/${arch}/alpine-minirootfs-3.19.4-${arch}.tar.gz"
  }
}`,
	Attrs: slices.Concat(identity, []hclschema.Attribute{
		{Name: "base", Type: hclschema.Text, Check: checkName, Doc: "The base to start from, when there is no `rootfs`."},
		{Name: "end_of_support", Type: hclschema.Text, Check: hclschema.CheckDate, Doc: "The date on which the distribution stops mending this version, as YYYY-MM-DD."},
		packages, labels, annotations,
	}),
	Blocks: []*hclschema.BlockType{rootfsType, repositoryType},
}

var recipeLabel = hclschema.Label{Name: "NAME", Check: checkName, Doc: "Lower-case letters, digits, and single `.` or `-` between them; at most 63 characters."}

// identity is what every recipe says about itself.
var identity = []hclschema.Attribute{
	{Name: "version", Type: hclschema.Text, Required: true, Check: checkVersion, Doc: "The version of what is packaged. It becomes part of the image's tag: letters, digits, `.`, `_` and `-`."},
	{Name: "release", Type: hclschema.Number, Default: "0", Max: 9999, Doc: "Counts packagings of one version."},
	{Name: "epoch", Type: hclschema.Number, Default: "0", Max: maxEpoch, Doc: "SOURCE_DATE_EPOCH in seconds: file times later than this are clamped to it."},
	{Name: "summary", Type: hclschema.Text, Doc: "What it is, in a line."},
	{Name: "homepage", Type: hclschema.Text, Check: checkURL, Doc: "URL of the project."},
	{Name: "license", Type: hclschema.Text, Check: checkLicense, Doc: "SPDX license expression. Its form is checked, not whether SPDX lists the names."},
	{Name: "documentation", Type: hclschema.Text, Check: checkURL, Doc: "URL of the documentation."},
	{Name: "arch", Type: hclschema.Texts, Default: DefaultArch, Filled: true, Check: checkArch, Doc: "Alpine architectures that it is built for: `x86_64`, `aarch64`."},
}

// maxEpoch is 9999-12-31T23:59:59Z, the last second that RFC 3339 can write.
const maxEpoch = 253402300799

var packages = hclschema.Attribute{Name: "packages", Type: hclschema.Texts, Check: checkPackage, Doc: "Alpine packages of the image, with constraints as apk writes them (`foo`, `foo=1.2-r0`, `foo>1.2`, `!foo`)."}

var labels = hclschema.Attribute{Name: "labels", Type: hclschema.Table, Key: checkLabelKey, Doc: "Labels of the image's config. `tailsbuild.*`, and those of `org.opencontainers.image.*` that follow from other attributes, can't be set here."}

var annotations = hclschema.Attribute{Name: "annotations", Type: hclschema.Table, Key: checkLabelKey, Doc: "Annotations of the image's manifest. The same keys as in `labels` can't be set here."}

var rootfsType = &hclschema.BlockType{
	Name: "rootfs",
	Doc:  "The archive that a base starts from: a tar.gz, which becomes the image's first layer byte for byte.",
	Example: `rootfs {
  url = "https://dl-cdn.alpinelinux.org/alpine/v3.19/releases/${arch}/alpine-minirootfs-3.19.4-${arch}.tar.gz"
}`,
	Attrs: []hclschema.Attribute{
		{Name: "url", Type: hclschema.Text, Required: true, Check: checkInputURL, Doc: "Where the archive is published. Mirrors may serve it."},
		{Name: "sha256", Type: hclschema.Text, Check: checkSHA256, Doc: "sha256 of the whole file, in hex, for a recipe that pins it by itself; the lock always does."},
	},
}

var repositoryType = &hclschema.BlockType{
	Name:   "repository",
	Labels: []hclschema.Label{{Name: "NAME", Check: checkRepositoryName, Doc: "Lower-case letters, digits and `-`."}},
	Doc:    "An apk repository that packages come from: those of a service, or those of a base and of the services on it.",
	Example: `repository "main" {
  url = "https://dl-cdn.alpinelinux.org/alpine/v3.19/main"
}`,
	Many: true,
	Attrs: []hclschema.Attribute{
		{Name: "url", Type: hclschema.Text, Required: true, Check: checkInputURL, Doc: "The repository, without the architecture."},
		{Name: "key", Type: hclschema.Content, Check: checkPublicKey, Doc: "RSA public key in PEM that signs its index and packages, when it is none of those in the rootfs. It is good for this repository alone, and those in the rootfs aren't good for it."},
		{Name: "overrides", Type: hclschema.Texts, Check: checkPackageName, Doc: "Names of packages that may come from this repository although another one has them. Without it, such a package is refused when locking, since whoever has the key could put anything in the place of Alpine's packages."},
	},
}

// projectType describes the project file's top level.
var projectType = &hclschema.BlockType{
	Name: "project file",
	Blocks: []*hclschema.BlockType{
		{
			Name:   "mirror",
			Labels: []hclschema.Label{{Name: "URL", Check: checkInputURL, Doc: "What the URLs of inputs start with."}},
			Doc:    "Other places for the inputs whose URL starts with this one. They are tried in order, and never trusted: every byte is checked against the lock.",
			Example: `mirror "https://dl-cdn.alpinelinux.org/alpine" {
  locations = ["../shared/mirror/alpine", "https://dl-cdn.alpinelinux.org/alpine"]
}`,
			Many: true,
			Attrs: []hclschema.Attribute{
				{Name: "locations", Type: hclschema.Texts, Required: true, Filled: true, Check: checkLocation, Doc: "http or https URLs, and folders, relative to the folder that holds the recipes' folder. A folder that doesn't exist is skipped."},
			},
		},
		{
			Name:   "variable",
			Labels: []hclschema.Label{{Name: "NAME", Check: checkIdentifier, Doc: "Lower-case letters, digits and `_`, starting with a letter."}},
			Doc:    "A value that recipes refer to as `var.NAME`, and `--var NAME=VALUE` changes.",
			Example: `variable "alpine" {
  default     = "3.19"
  description = "Alpine branch that services are built on"
}`,
			Many: true,
			Attrs: []hclschema.Attribute{
				{Name: "default", Type: hclschema.Text, Required: true, Doc: "Its value unless `--var` gives another."},
				{Name: "description", Type: hclschema.Text, Doc: "What it is for, in a line."},
			},
		},
		{
			Name: "policy",
			Doc:  "What may be built.",
			Example: `policy {
  end_of_support = "refuse"
}`,
			Attrs: []hclschema.Attribute{
				{Name: "end_of_support", Type: hclschema.Text, Default: "warn", Check: checkSupport, Doc: "Whether a build on a base past its end of support gets a warning, `warn`, or is refused, `refuse`."},
			},
		},
	},
}
