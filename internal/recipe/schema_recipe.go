package recipe

import "slices"

// recipeTypes are the blocks that a recipe file has one of.
var recipeTypes = []*blockType{serviceType, baseType}

var serviceType = &blockType{
	name:   string(Service),
	labels: []label{recipeLabel},
	doc:    "An application, packaged onto a base. The file has one such block, and its name is the name of the folder.",
	example: `service "mqtt" {
  version = "2.7.9"
  base    = "alpine-${var.alpine}"
}`,
	attrs: slices.Concat(identity, []attribute{
		{name: "base", typ: text, required: true, check: checkName, doc: "The recipe whose image the service is put on: a base."},
		{name: "client", typ: text, doc: "The application a person connects with."},
		{name: "connect", typ: text, doc: "How to connect, in a sentence."},
		packages, labels, annotations,
	}),
	blocks: []*blockType{
		repositoryType, sourceType, toolchainType, buildType, fileType, userType, runtimeType, privilegeType, limitsType, testType,
	},
}

var baseType = &blockType{
	name:   string(Base),
	labels: []label{recipeLabel},
	doc:    "What services are put on. A base has either a `rootfs` or another `base`. The file has one such block, and its name is the name of the folder.",
	example: `base "alpine-3.19" {
  version        = "3.19.4"
  end_of_support = "2025-11-01"
  rootfs {
    url = "https://dl-cdn.alpinelinux.org/alpine/v3.19/releases/${arch}/alpine-minirootfs-3.19.4-${arch}.tar.gz"
  }
}`,
	attrs: slices.Concat(identity, []attribute{
		{name: "base", typ: text, check: checkName, doc: "The base to start from, when there is no `rootfs`."},
		{name: "end_of_support", typ: text, check: checkDate, doc: "The date on which the distribution stops mending this version, as YYYY-MM-DD."},
		packages, labels, annotations,
	}),
	blocks: []*blockType{rootfsType, repositoryType},
}

var recipeLabel = label{name: "NAME", check: checkName, doc: "Lower-case letters, digits, and single `.` or `-` between them; at most 63 characters."}

// identity is what every recipe says about itself.
var identity = []attribute{
	{name: "version", typ: text, required: true, check: checkVersion, doc: "The version of what is packaged. It becomes part of the image's tag: letters, digits, `.`, `_` and `-`."},
	{name: "release", typ: number, def: "0", max: 9999, doc: "Counts packagings of one version."},
	{name: "epoch", typ: number, def: "0", max: maxEpoch, doc: "SOURCE_DATE_EPOCH in seconds: file times later than this are clamped to it."},
	{name: "summary", typ: text, doc: "What it is, in a line."},
	{name: "homepage", typ: text, check: checkURL, doc: "URL of the project."},
	{name: "license", typ: text, check: checkLicense, doc: "SPDX license expression. Its form is checked, not whether SPDX lists the names."},
	{name: "documentation", typ: text, check: checkURL, doc: "URL of the documentation."},
	{name: "arch", typ: texts, def: DefaultArch, filled: true, check: checkArch, doc: "Alpine architectures that it is built for: `x86_64`, `aarch64`."},
}

// maxEpoch is 9999-12-31T23:59:59Z, the last second that RFC 3339 can write.
const maxEpoch = 253402300799

var packages = attribute{name: "packages", typ: texts, check: checkPackage, doc: "Alpine packages of the image, with constraints as apk writes them (`foo`, `foo=1.2-r0`, `foo>1.2`, `!foo`)."}

var labels = attribute{name: "labels", typ: table, key: checkLabelKey, doc: "Labels of the image's config. `tailsbuild.*`, and those of `org.opencontainers.image.*` that follow from other attributes, can't be set here."}

var annotations = attribute{name: "annotations", typ: table, key: checkLabelKey, doc: "Annotations of the image's manifest. The same keys as in `labels` can't be set here."}

var rootfsType = &blockType{
	name: "rootfs",
	doc:  "The archive that a base starts from: a tar.gz, which becomes the image's first layer byte for byte.",
	example: `rootfs {
  url = "https://dl-cdn.alpinelinux.org/alpine/v3.19/releases/${arch}/alpine-minirootfs-3.19.4-${arch}.tar.gz"
}`,
	attrs: []attribute{
		{name: "url", typ: text, required: true, check: checkInputURL, doc: "Where the archive is published. Mirrors may serve it."},
		{name: "sha256", typ: text, check: checkSHA256, doc: "sha256 of the whole file, in hex, for a recipe that pins it by itself; the lock always does."},
	},
}

var repositoryType = &blockType{
	name:   "repository",
	labels: []label{{name: "NAME", check: checkRepositoryName, doc: "Lower-case letters, digits and `-`."}},
	doc:    "An apk repository that packages come from: those of a service, or those of a base and of the services on it.",
	example: `repository "main" {
  url = "https://dl-cdn.alpinelinux.org/alpine/v3.19/main"
}`,
	many: true,
	attrs: []attribute{
		{name: "url", typ: text, required: true, check: checkInputURL, doc: "The repository, without the architecture."},
		{name: "key", typ: content, check: checkPublicKey, doc: "RSA public key in PEM that signs its index and packages, when it is none of those in the rootfs. It is good for this repository alone, and those in the rootfs aren't good for it."},
	},
}

// projectType describes the project file's top level.
var projectType = &blockType{
	name: "project file",
	blocks: []*blockType{
		{
			name:   "mirror",
			labels: []label{{name: "URL", check: checkInputURL, doc: "What the URLs of inputs start with."}},
			doc:    "Other places for the inputs whose URL starts with this one. They are tried in order, and never trusted: every byte is checked against the lock.",
			example: `mirror "https://dl-cdn.alpinelinux.org/alpine" {
  locations = ["../shared/mirror/alpine", "https://dl-cdn.alpinelinux.org/alpine"]
}`,
			many: true,
			attrs: []attribute{
				{name: "locations", typ: texts, required: true, filled: true, check: checkLocation, doc: "http or https URLs, and folders, relative to the folder that holds the recipes' folder. A folder that doesn't exist is skipped."},
			},
		},
		{
			name:   "variable",
			labels: []label{{name: "NAME", check: checkIdentifier, doc: "Lower-case letters, digits and `_`, starting with a letter."}},
			doc:    "A value that recipes refer to as `var.NAME`, and `--var NAME=VALUE` changes.",
			example: `variable "alpine" {
  default     = "3.19"
  description = "Alpine branch that services are built on"
}`,
			many: true,
			attrs: []attribute{
				{name: "default", typ: text, required: true, doc: "Its value unless `--var` gives another."},
				{name: "description", typ: text, doc: "What it is for, in a line."},
			},
		},
		{
			name: "policy",
			doc:  "What may be built.",
			example: `policy {
  end_of_support = "refuse"
}`,
			attrs: []attribute{
				{name: "end_of_support", typ: text, def: "warn", check: checkSupport, doc: "Whether a build on a base past its end of support gets a warning, `warn`, or is refused, `refuse`."},
			},
		},
	},
}
